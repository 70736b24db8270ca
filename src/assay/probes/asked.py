"""Asking the model itself: about rows as they are, with cells swapped between rows, and with cells gone.

How much it moves when a column is swapped between rows is what the model relies on (Breiman's permutation importance
without the outcome, so that columns may be chosen by it before an outcome is looked at).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.challenge import probe
from assay.core.errors import InputError
from assay.core.subject import Model, Subject
from assay.core.table import F64, I64, Mask, Sample

from .judged import Judged

MOST_ROWS = 500  # judged rows that are asked again and again: more would not change what the model relies on
WORK = 20_000  # rows times calls: a thousand trees take a tenth of a millisecond a row
FEWEST = 100
SINGLY, BLOCKS, KEPT = 64, 32, 8  # columns that are swapped one by one; above, blocks of them are, and the best kept


@dataclass(frozen=True)
class Reliance:
    """``columns`` that were swapped one by one, sorted by name. ``index``: the judged rows asked; ``base``: answers to
    them as they are. ``moved`` (columns,): mean squared change of the answers. ``lost`` (rows, columns): quadratic loss
    with the column swapped less the loss as it is."""

    columns: tuple[str, ...]
    index: I64
    base: F64
    moved: F64
    lost: F64

    @property
    def leading(self) -> tuple[str, ...]:
        """Columns, the one that moves answers most first; ties by name."""
        return tuple(self.columns[j] for j in np.argsort(-self.moved, kind="stable"))


def answers(model: Model, rows: Sample) -> F64:
    """(n, classes) or (n,) answers.

    Raises:
        InputError: it fails, or gives something else than one finite answer a row.
    """
    with np.errstate(all="ignore"):  # a model that overflows on a slipped unit says so by what it answers
        made = np.asarray(model.predict_rows(rows), np.float64)
    if len(made) != rows.n or not np.isfinite(made).all():
        raise InputError(f"the model must give a finite answer for each of {rows.n:,} rows; it does not")
    return made


def apart(a: F64, b: F64) -> F64:
    """(n,) squared distances of answers, in the unit of the quadratic loss."""
    squares = (a - b) ** 2
    return np.asarray(squares if squares.ndim == 1 else squares.sum(1), np.float64)


def swapped(rows: Sample, columns: Sequence[str], at: I64) -> Sample:
    """The rows with the cells of some columns taken from the rows ``at``."""
    import pyarrow as pa

    place = pa.array(at)
    return rows.replace({c: rows.arrow[c].take(place) for c in columns})


def blanked(rows: Sample, where: Mapping[str, Mask | None]) -> Sample:
    """The rows with cells gone: of each column those that its mask names, all of them where it is None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    made: dict[str, Any] = {}
    for column, mask in where.items():
        cells = rows.arrow[column]
        gone = pa.nulls(rows.n, cells.type)
        made[column] = gone if mask is None else pc.if_else(pa.array(mask), gone, cells)
    return rows.replace(made)


@probe(needs=("target", "predictions", "model", "feature"), cost="sample")
def reliance(subject: Subject, judged: Judged) -> Reliance:
    """What the model relies on, over judged rows. Of more than 64 columns the ones that move it most are found by
    swapping blocks of columns together."""
    assert subject.model is not None
    return relied(subject.model, judged, subject.features, subject.rng("reliance", "swap"))


def relied(
    model: Model, judged: Judged, columns: Sequence[str], rng: np.random.Generator, rows_asked: int = MOST_ROWS
) -> Reliance:
    """As the probe, of any model, over at most so many rows."""
    names = sorted(c for c in columns if c in judged.rows.names)
    work = WORK * rows_asked // MOST_ROWS
    most = int(np.clip(work // max(1, min(len(names), SINGLY)), FEWEST, rows_asked))
    index = judged.judge[:most]  # sorted by hash, so the first are a random draw
    rows = judged.rows.take(index)
    if not rows.n or not names:
        return Reliance((), index, judged.output[index], np.zeros(0), np.zeros((rows.n, 0)))
    base = answers(model, rows)
    while len(names) > SINGLY:
        blocks = [[names[j] for j in block] for block in np.array_split(rng.permutation(len(names)), BLOCKS)]
        moves = [apart(answers(model, swapped(rows, block, rng.permutation(rows.n))), base).mean() for block in blocks]
        names = sorted(c for k in np.argsort(moves, kind="stable")[::-1][:KEPT] for c in blocks[k])
    own = judged.quadratic(base, index)
    moved, lost = np.zeros(len(names)), np.zeros((rows.n, len(names)))
    for j, name in enumerate(names):
        made = answers(model, swapped(rows, (name,), rng.permutation(rows.n)))
        moved[j] = apart(made, base).mean()
        lost[:, j] = judged.quadratic(made, index) - own
    return Reliance(tuple(names), index, base, moved, lost)
