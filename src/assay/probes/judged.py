"""The model's predictions beside the truth: per-row losses, and the units in which they may be called independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import Aim
from assay.core.challenge import probe
from assay.core.errors import NotApplicable
from assay.core.subject import BUILD, JUDGE, Subject
from assay.core.table import F64, I64, Sample, SampleSpec

from .order import moments

TIME_BLOCKS = 30  # enough for a t interval with 29 degrees of freedom, each block long against the memory of a stream
ENOUGH = 5_000  # rows of the shared sample with a prediction: more would not change a verdict
FEWEST, FEWEST_OTHERS, FEWEST_NUMBERS = 30, 10, 100  # rows: see ``Judged.enough``
FLOOR = 1e-6  # a probability of exactly 0 or 1 costs 13.8 nats where it is wrong, not infinity

MEAN = Aim("mean")
Units = Literal["rows", "time blocks", "groups"]


@dataclass(frozen=True)
class Judged:
    """Predictions with a known target beside their rows, sorted by row_id.

    ``output`` (n, classes) probabilities, or (n,) values for regression; ``y`` class index or value; ``part`` is what
    the model made of a row and ``fold`` what the table's own partition makes of it (they differ for a foreign model).
    ``order`` is NaN and ``group`` -1 where there is none.
    """

    rows: Sample
    output: F64
    y: F64
    part: NDArray[np.int8]
    fold: NDArray[np.int8]
    order: F64
    group: I64
    sets: NDArray[Any] | None = None
    given_group: NDArray[Any] | None = None  # the grouping that came with the predictions, as it came
    aim: Aim = MEAN  # what a value is meant to be

    @property
    def classes(self) -> int:
        return self.output.shape[1] if self.output.ndim == 2 else 0

    @property
    def judge(self) -> I64:
        """Indices of the rows that chose nothing, neither for the model nor for what it is compared with."""
        return np.flatnonzero((self.part == JUDGE) & (self.fold == JUDGE))

    @property
    def build(self) -> I64:
        """Indices of the rows that what the model is compared with may learn from."""
        return np.flatnonzero(self.fold == BUILD)

    def quadratic(self, output: F64 | None = None, index: I64 | None = None) -> F64:
        """Per-row Brier loss (all classes, 0 to 2) or squared error of ``output``, by default the model's own; for a
        quantile or a count what its aim loses by: pinball loss or Poisson deviance.

        ``output`` answers the rows ``index``, by default all of them; NaN where it has no answer.
        """
        output = self.output if output is None else output
        y = self.y if index is None else self.y[index]
        if not self.classes:
            return self.aim.losses(output, y)
        return np.asarray(((output - np.eye(self.classes)[y.astype(int)]) ** 2).sum(1), np.float64)

    def log(self, output: F64 | None = None) -> F64:
        """Per-row log-loss in nats, probabilities clipped at 1e-6."""
        output = self.output if output is None else output
        p = output[np.arange(len(output)), self.y.astype(int)]
        return np.asarray(-np.log(np.clip(p, FLOOR, 1.0)), np.float64)

    def usual(self) -> F64:
        """What knowing nothing answers for every row: class shares, or the mean (quantile), of the build rows."""
        known = self.y[self.build]
        if not self.classes:
            return np.full(len(self.y), self.aim.constant(known, 1)[0] if len(known) else 0.0)
        share = np.bincount(known.astype(int), minlength=self.classes) + 1.0  # an absent class is rare, not impossible
        return np.tile(share / share.sum(), (len(self.y), 1))

    def enough(self, index: I64) -> bool:
        """Whether a t test may be asked for the mean loss of the rows ``index``.

        Classes: 30 rows, 10 of them outside the commonest class, since a rare class that happens not to occur leaves
        losses that hardly vary, and a t test sure of anything. Numbers: 100 rows, since their losses have no bound.
        The limits are those at which the level holds on rare classes and log-normal numbers: ``benchmarks/nulls.py``.
        """
        if not self.classes:
            return len(index) >= FEWEST_NUMBERS
        most = int(np.bincount(self.y[index].astype(int)).max(initial=0))
        return len(index) >= FEWEST and len(index) - most >= FEWEST_OTHERS

    @property
    def units(self) -> Units:
        """Time blocks where rows are ordered, groups where they are grouped, else single rows."""
        if np.isfinite(self.order).any():
            return "time blocks"
        return "groups" if (self.group >= 0).any() else "rows"

    def unit_of(self, index: I64) -> I64:
        """The unit that each of the rows ``index`` belongs to, numbered from 0."""
        if self.units == "rows":
            return np.arange(len(index))
        if self.units == "groups":
            fresh = self.group.max(initial=-1) + 1 + np.arange(len(index))
            return np.unique(np.where(self.group[index] < 0, fresh, self.group[index]), return_inverse=True)[1]
        rank = np.empty(len(index), np.int64)
        rank[np.lexsort((self.rows.row_id[index], self.order[index]))] = np.arange(len(index))
        return rank * min(TIME_BLOCKS, len(index)) // max(1, len(index))

    def by_unit(self, index: I64, values: F64) -> F64:
        """Sums of ``values`` (one for each of the rows ``index``) over units, in the order of units."""
        if self.units == "rows":
            return values
        unit = self.unit_of(index)
        return np.asarray(np.bincount(unit, values, int(unit.max(initial=-1)) + 1), np.float64)

    def means_by_unit(self, index: I64, values: F64) -> F64:
        """One value a unit, whose mean is the mean of ``values`` and whose spread is that of the units (linearised)."""
        if self.units == "rows" or not len(index):
            return values
        count = self.by_unit(index, np.ones(len(index)))
        mean = float(values.mean())
        return np.asarray(mean + (self.by_unit(index, values) - mean * count) * len(count) / len(index), np.float64)


@probe(needs=("target", "predictions"), cost="sample")
def judged(subject: Subject, rows: Sample) -> Judged:
    """Join predictions to their rows by row_id. Rows whose target is unknown are left out.

    The shared sample is used where it holds all the rows or at least 5,000 of them, else the whole table.
    """
    given = subject.predictions
    assert given is not None
    if not (given.part == JUDGE).any():
        raise NotApplicable("the model has seen every row of this table: judge it on rows that it never saw")
    known = np.flatnonzero(np.isfinite(given.y))
    known = known[np.argsort(given.row_id[known], kind="stable")]
    at = positions(rows, given.row_id[known])
    if not (at >= 0).all() and (at >= 0).sum() < ENOUGH:
        rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
        at = positions(rows, given.row_id[known])
    known, rows = known[at >= 0], rows.take(at[at >= 0])
    order, group = np.full(rows.n, np.nan), np.full(rows.n, -1, np.int64)
    if subject.roles.order is not None:
        order = moments(subject, rows)
    if subject.roles.group is not None:
        group = rows.codes(subject.roles.group.column)[0].astype(np.int64)
    sets = None if given.sets is None else given.sets[known]
    given_group = None if given.group is None else given.group[known]
    fold = subject.partition.part(rows)
    aim = subject.roles.aim or MEAN
    output, y, part = given.output[known], given.y[known], given.part[known]
    return Judged(rows, output, y, part, fold, order, group, sets, given_group, aim)


def positions(sample: Sample, row_id: NDArray[np.uint64]) -> I64:
    """Where in the sample each row stands, -1 for nowhere."""
    if not sample.n:
        return np.full(len(row_id), -1, np.int64)
    at = np.minimum(np.searchsorted(sample.row_id, row_id), sample.n - 1)
    return np.where(sample.row_id[at] == row_id, at, -1)
