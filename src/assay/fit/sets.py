"""How the prediction sets of a fit are made: from which rows, by which groups, with which widths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import SettingsError, did_you_mean
from assay.core.subject import BUILD, CHOOSE, JUDGE, Predictions
from assay.core.table import F64, I64, Mask
from assay.learn.conformal import fit_conformal, prediction_sets
from assay.learn.encoder import with_raw_columns
from assay.learn.forms import Conformal, EncoderSpec, Forest, Steps
from assay.learn.learners import F32, Data
from assay.stats.conformal import coverage_interval, enough
from assay.stats.venn_abers import bins, intervals

from .bands import SAYS, Band
from .coverage import ALPHA, FEWEST
from .material import Material

MOST_GROUPS = 50
LEAST_OF_CLASS = 100  # choose rows of the rarest class from which choose alone makes the prediction sets
LEAST_STEPS = 100  # rows of two classes under which an interval of a probability says next to nothing


@dataclass(frozen=True)
class Sets:
    """``column`` is what sets are made by, empty for classes alone; ``band`` is there where it was kept."""

    m: Material
    column: str = ""
    band: Band | None = None

    def rows(self, dev: I64) -> tuple[Mask, str]:
        """Which of the rows ``dev`` make the quantiles: choose rows alone where they suffice, since they stopped no
        booster and come last; else all cross-fitted."""
        m = self.m
        on_choose = np.isin(dev, m.choose)
        if self.band is not None:
            return on_choose, f"split conformal on the choose rows, widths by {SAYS[self.band.kind]}"
        y, whole = m.y[m.choose], m.labels.task == "regression"
        rarest = len(y) if whole else int(np.bincount(y.astype(int), minlength=m.labels.outputs).min())
        if rarest >= LEAST_OF_CLASS:
            return on_choose, "split conformal on the choose rows"
        return np.ones(len(dev), dtype=np.bool_), "cross-fitted over build and choose (CV+)"

    def fit(self, output: F64, index: I64, form: Forest | None = None, said: F64 | None = None) -> Conformal:
        """Quantiles from held-out predictions of the rows ``index``; ``said`` is the band of each."""
        codes, levels = self.m.raw.codes(self.column) if self.column else (None, ())
        group = None if codes is None else codes[index].astype(np.int64)
        y, task = self.m.y[index], self.m.labels.task
        return fit_conformal(output, y, task, band=said, form=form, column=self.column, group=group, levels=levels)

    def trained(self, data: Data, index: I64, X: F32, output: F64) -> tuple[Forest | None, F64 | None]:
        """The band trained on the rows ``index``, and what it says of the rows ``X``; None where there is none."""
        if self.band is None:
            return None, None
        form, boosters = self.band.train(self.m, data, index)
        return form, self.band.widths(boosters, X, output) if len(output) else None

    def of(self, conformal: Conformal, output: F64, index: I64, said: F64 | None = None) -> NDArray[Any]:
        """The sets of the rows ``index``."""
        texts = self.texts(self.column)[index] if self.column else None
        return prediction_sets(conformal, output, self.m.labels.task, band=said, texts=texts)

    def predictions(self, rows: I64, output: F64, conformal: Conformal, said: F64 | None) -> Predictions:
        """What was predicted of the rows, in their order in the sample, with sets and parts; ``said`` is their band."""
        m, rank = self.m, np.argsort(rows, kind="stable")
        part = np.full(m.sample.n, JUDGE, dtype=np.int8)
        part[m.build], part[m.choose] = BUILD, CHOOSE
        rows, output, said = rows[rank], output[rank], None if said is None else said[rank]
        return Predictions(
            m.sample.row_id[rows], output, m.y[rows], part[rows], m.labels.classes,
            self.of(conformal, output, rows, said), conformal.coverage, self.labels(rows),
        )  # fmt: skip

    def labels(self, index: I64) -> NDArray[Any] | None:
        """(len(index),) the group of each row as text, for who judges the sets; None where sets go by class alone."""
        if not self.column:
            return None
        return np.array([f"{self.column} unknown" if t is None else t for t in self.texts(self.column)[index].tolist()])

    def texts(self, column: str) -> NDArray[Any]:
        codes, levels = self.m.raw.codes(column)
        return np.array([*levels, None], object)[codes]

    def steps(self, output: F64, index: I64) -> Steps | None:
        """Venn-Abers intervals of the positive class from held-out predictions; None for other tasks and few rows."""
        if self.m.labels.task != "binary" or len(index) < LEAST_STEPS:
            return None
        edges = bins(output[:, 1])
        low, high = intervals(output[:, 1], self.m.y[index], edges)
        return Steps((0.0, *edges[1:].tolist()), tuple(low.tolist()), tuple(high.tolist()))

    def spec(self, spec: EncoderSpec) -> EncoderSpec:
        """The spec with the column that sets are made by among the graph's inputs."""
        if not self.column or self.column in dict(spec.columns):
            return spec
        kind = next(c.kind for c in self.m.raw.columns if c.name == self.column)
        return with_raw_columns(spec, sorted([*spec.columns, (self.column, kind)]))

    def groups(self, index: I64) -> tuple[tuple[str, Mask], ...]:
        """Name and rows of every group whose coverage is reported: of ``column``, else of protected columns."""
        columns = (self.column,) if self.column else self.m.roles.named("protected")
        out: list[tuple[str, Mask]] = []
        for column in columns:
            codes, levels = self.m.raw.codes(column)
            here = codes[index]
            if len(levels) <= MOST_GROUPS:
                out += [(f"{column} {level}", here == i) for i, level in enumerate(levels)]
        return tuple((name, rows) for name, rows in out if rows.sum() >= FEWEST)

    def says(self, conformal: Conformal, index: I64) -> list[str]:
        """Sentences for the limits of a dossier; ``index`` are the rows behind the quantiles."""
        return self._spread(conformal, index) + self._cells(conformal)

    def _spread(self, conformal: Conformal, index: I64) -> list[str]:
        """How far the coverage of one such model is from the promise, by chance of the rows that made its sets."""
        y, classes = self.m.y[index], self.m.labels.classes
        n, of = len(y), "of all rows"
        if classes and n:
            count = np.bincount(y.astype(int), minlength=len(classes))
            n, of = int(count.min()), f"of class {classes[int(count.argmin())]}"
        if n < enough(conformal.coverage):
            return [f"prediction sets: {n:,} rows {of} made them, too few to leave anything out for {of[3:]}"]
        lo, hi = coverage_interval(n, conformal.coverage, ALPHA)
        return [f"prediction sets: {n:,} rows {of} made them; the coverage of one such model is {lo:.1%} to {hi:.1%}"]

    def _cells(self, conformal: Conformal) -> list[str]:
        cells = conformal.cells
        if cells is None:
            return []
        count = len(np.unique(self.m.raw.codes(self.column)[1]))
        some = f"{len(cells.levels)} of {count} groups of {self.column!r} have quantiles of their own"
        return [f"prediction sets are made by {self.column!r}: {some}; the others, and unknown ones, take those of all"]

    def with_band(self, band: Band | None) -> Sets:
        return replace(self, band=band if band is not None and band.kept else None)


def sets_by(m: Material, column: str) -> Sets:
    """Sets by the groups of ``column`` (empty: by class alone).

    Raises:
        SettingsError: no such column, the target, a date, or one of more than 50 values.
    """
    if not column:
        return Sets(m)
    kinds = {c.name: c.kind for c in m.raw.columns}
    if column not in kinds or column in m.roles.named("target"):
        near = did_you_mean(column, sorted(kinds))
        raise SettingsError(f"sets are made by a column of the table other than the target; got {column!r}{near}")
    count = len(m.raw.codes(column)[1])
    if kinds[column] in ("date", "clock") or count > MOST_GROUPS:
        what = "holds times" if kinds[column] in ("date", "clock") else f"has {count} values"
        raise SettingsError(f"sets are made by a column of at most {MOST_GROUPS} groups; {column!r} {what}")
    return Sets(m, column)
