"""Rows of a table written once more over others, with tiny differences: the fault that D08 and K04 plant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.subject import Subject
from assay.core.table import F64, I64, Sample, SampleSpec
from assay.probes.near_copies import FEW_VALUES, TOLERANCE, spread
from assay.probes.one_apart import WIDE

JITTER = 0.001  # of the spread


@dataclass(frozen=True, slots=True)
class Again:
    """``columns`` in the order of the sample ``rows``, of which those at ``over`` are copies; ``moved``: how many cells
    of numbers differ from the original in each of them."""

    rows: Sample
    columns: dict[str, Any]
    over: I64
    moved: I64

    def table(self, subject: Subject) -> Subject:
        """The subject over the new table, its rows where they were."""
        import pyarrow as pa

        back = pa.array(np.argsort(self.rows.position))
        names = subject.table.arrow().column_names
        made = pa.table({name: self.columns[name].take(back) for name in names})
        return subject.with_table(subject.table.derive(made))


def written_again(subject: Subject, dose: float, rng: np.random.Generator) -> Again:
    """A share ``dose`` of the rows over as many others; ids stay, and all numbers move by 0.1 % of their spread."""
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    n, count = rows.n, min(round(dose * rows.n), rows.n // 2)
    picked = rng.permutation(n)
    origin, over = picked[:count], picked[count : 2 * count]
    source = np.arange(n)
    source[over] = origin
    kept = {*subject.roles.named("id")}
    numbers = [c for c in rows.arrow.column_names if c not in kept and is_number(rows.arrow[c])]
    numbers = [c for c in numbers if distinct(rows.arrow[c]) > FEW_VALUES] or numbers  # codes are not measured
    columns, moved = {}, np.zeros(count, np.int64)
    for name in sorted(rows.arrow.column_names):
        column = rows.arrow[name] if name in kept else rows.arrow[name].take(pa.array(source))
        if name in numbers:
            move = moves(column, over, pa.types.is_integer(column.type), rng)
            column, moved = shifted(column, over, move), moved + (move != 0)
        columns[name] = column
    return Again(rows, columns, over, moved)


def moves(column: Any, over: I64, whole: bool, rng: np.random.Generator) -> F64:
    """By how much the values at ``over`` move. Whole numbers stay whole, and move by one at least where one lies within
    the tolerance of a near copy: where it does not, they would move out of it."""
    x = placed(column)
    known = x[np.isfinite(x)]
    width = spread(known) if len(known) else 0.0
    move = rng.normal(0, JITTER * width, len(over))
    if whole:
        least = np.where(move < 0, -1.0, 1.0) * (TOLERANCE * width >= 1)
        move = np.where(np.abs(move) < 1, least, np.rint(move))
    return np.where(np.isfinite(x[over]), move, 0.0)


def one_off(column: Any, over: I64, rng: np.random.Generator) -> Any:
    """Whole numbers, those at ``over`` off by one."""
    return shifted(column, over, rng.choice((-1.0, 1.0), len(over)))


def shifted(column: Any, over: I64, move: F64) -> Any:
    """The values at ``over`` moved, back from the ends of the column: a move out of its range goes the other way."""
    import pyarrow as pa
    import pyarrow.compute as pc

    x = placed(column)
    if not np.isfinite(x).any():
        return column
    to = x[over] + move
    move = np.where((to < np.nanmin(x)) | (to > np.nanmax(x)), -move, move)
    by = np.zeros(len(x))
    by[over] = move
    if pa.types.is_integer(column.type):
        return pc.add(column.cast(pa.int64()), pa.array(by.astype(np.int64))).cast(column.type)
    return pa.array(x + by, from_pandas=True).cast(column.type)


def placed(column: Any) -> F64:
    return np.array(column.to_numpy(zero_copy_only=False), np.float64)


def is_number(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def distinct(column: Any) -> int:
    x = placed(column)
    return len(np.unique(x[np.isfinite(x)]))


def many_whole(column: Any) -> bool:
    """Whole numbers of a range in which one unit is little."""
    import pyarrow as pa

    x = placed(column) if pa.types.is_integer(column.type) else np.empty(0)
    x = x[np.isfinite(x)]
    return bool(len(x)) and float(np.std(x)) >= WIDE
