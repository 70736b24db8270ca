"""Directions held against what is shipped: rows asked again with one column swept over its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.remedy import Op
from assay.core.subject import Model
from assay.core.table import F64, Sample

MOST_ROWS, MOST_VALUES = 500, 25
ROUNDING = 1e-6  # of the largest answer: what float32 graphs lose between two equal sums


@dataclass(frozen=True, slots=True)
class Swept:
    """``rows`` were asked at each of ``values`` values of a column, in order; ``breaks`` of the steps went against
    ``sign`` (1: may only rise), the worst of them by ``worst``, in the unit of the answers."""

    column: str
    sign: int
    rows: int
    values: int
    breaks: int
    worst: float

    def says(self, what: str) -> str:
        """One sentence; ``what`` is predicted."""
        way = "falls" if self.sign > 0 else "rises"
        held = f"checked on {self.rows:,} rows at {self.values:,} values each, on the graph in this file"
        if self.values < 2:
            return f"{what} never {way} as {self.column} grows: the rows hold one value, so nothing could be checked"
        broken = f"{self.breaks:,} break{'' if self.breaks == 1 else 's'}"
        return f"{what} never {way} as {self.column} grows: {held}: {broken}"


def sweep(model: Model, rows: Sample, ops: Sequence[Op], directions: Mapping[str, int]) -> tuple[Swept, ...]:
    """Ask ``model`` about the first 500 raw ``rows`` with each column of ``directions`` at up to 25 of its values.

    Values are cells of the rows themselves, from the smallest to the largest as the recipe ``ops`` reads them; a cell
    that it reads as missing has no place in the order and is left out. Of two classes the second is asked about.
    """
    made = []
    some = rows.take(np.arange(min(rows.n, MOST_ROWS)))
    for column, sign in sorted(directions.items()):
        line = in_order(rows, ops, column)
        if not some.n or len(line) < 2:
            made.append(Swept(column, sign, some.n, len(line), 0, 0.0))
            continue
        answers = np.stack([asked(model, at_value(some, rows, column, int(at))) for at in line])
        steps = sign * np.diff(answers, axis=0)
        broken = steps < -ROUNDING * max(1e-12, float(np.abs(answers).max()))
        made.append(Swept(column, sign, some.n, len(line), int(broken.sum()), float(max(0.0, -steps.min()))))
    return tuple(made)


def in_order(rows: Sample, ops: Sequence[Op], column: str) -> np.ndarray:
    """Positions of rows whose cells are different values of the column, smallest first; spread over its quantiles."""
    from assay.tables.recipe import apply

    name = column
    for op in ops:
        if op.name == "rename" and op.columns[0] == name:
            name = str(op.args["name"])
    value = apply(ops, rows).numbers(name)
    known = np.flatnonzero(np.isfinite(value))
    known = known[np.argsort(value[known], kind="stable")]
    if not len(known):
        return known
    picked = known[np.unique(np.linspace(0, len(known) - 1, MOST_VALUES).round().astype(np.int64))]
    return np.asarray(picked[np.unique(value[picked], return_index=True)[1]])


def at_value(some: Sample, rows: Sample, column: str, at: int) -> Sample:
    """The rows with the cell that row ``at`` of ``rows`` has in the column."""
    import pyarrow as pa

    return some.replace({column: rows.arrow[column].take(pa.array(np.full(some.n, at)))})


def asked(model: Model, rows: Sample) -> F64:
    output = np.asarray(model.predict_rows(rows), np.float64)
    return output[:, 1] if output.ndim == 2 else output
