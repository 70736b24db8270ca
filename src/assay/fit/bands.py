"""Intervals whose width follows the row: tried on the choose rows, kept only where they are better there.

Two ways are tried. *Quantiles*: two small boosters give a low and a high quantile of the target (conformalised quantile
regression, Romano, Patterson & Candes 2019). *Scale*: one gives the .9 quantile of the absolute error that the model
makes on rows it did not learn from, and the interval lies about the prediction (after Lei et al. 2018, section 5.2).
Either band is made wider or narrower by one conformal quantile, so that coverage is as good as that of a constant
width. Whether it is worth its trees is asked on the choose rows: each half calibrates, the other half scores by the
interval score (width, plus 2 / (1 - coverage) for each unit by which a value lies outside; Gneiting & Raftery 2007,
section 6.2), paired against one width for all. Two are tried, so each must win at half the level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.aim import Aim
from assay.core.table import F64, I64
from assay.learn.calibration import paired
from assay.learn.conformal import DEFAULT, ends, fit_conformal, middle_and_half
from assay.learn.forms import Forest
from assay.learn.learners import F32, Config, Data, Trained, train

from .clock import Budget
from .material import Material

LEAST_CHOOSE = 200  # half of them must carry a quantile of .9 and a test
Z_KEPT = 1.96  # one-sided 5 %, shared by two tries
LEVELS = {"quantiles": ((1 - DEFAULT) / 2, (1 + DEFAULT) / 2), "scale": (DEFAULT,)}
SAYS = {"quantiles": "a band of two quantiles", "scale": "a band as wide as the error expected of the row"}
LEAF = (20, 100)  # a leaf of a .05 quantile must hold more than a handful of rows
FITS = 6.0  # fits on all rows that the trial and what follows from it cost, of small trees at a fast rate
LEAST_ROUNDS, MORE_ROUNDS = 5, 1.1


@dataclass(frozen=True)
class Band:
    """A band that was tried: how it is trained again, and what it said of the choose rows.

    ``errors`` (rows of the sample,) are absolute errors of predictions that the row had no part in, NaN where there are
    none; the judge rows are filled in once they are judged, for a refit on all rows.
    """

    kind: str
    config: Config
    rounds: tuple[int, ...]
    errors: F64
    choose: F64  # (rows, 2) middle and half width
    gain: float
    error: float
    kept: bool

    @property
    def says(self) -> str:
        shown = f"interval score {'better' if self.gain > 0 else 'worse'} by {abs(self.gain):.2g} of its mean"
        shown += f" (standard error {self.error:.2g}) on the choose rows"
        kept = "widths follow the row" if self.kept else "one width for all rows"
        return f"{kept}: {SAYS[self.kind]} has its {shown}"

    def train(self, m: Material, data: Data, index: I64) -> tuple[Forest, tuple[Trained, ...]]:
        """The band from the rows ``index`` (``data`` holds the first of them), as one form, and its boosters."""
        if self.kind == "scale":
            data = about_errors(data, self.errors[index[: len(data.y)]])
        boosters = tuple(
            train(self.config, replace(data, said=Aim("quantile", level)), seed=m.seed, threads=m.threads,
                  rounds=max(LEAST_ROUNDS, round(rounds * MORE_ROUNDS)))
            for level, rounds in zip(LEVELS[self.kind], self.rounds, strict=True)
        )  # fmt: skip
        return joined([t.form() for t in boosters]), boosters

    def widths(self, boosters: Sequence[Trained], X: F32, output: F64) -> F64:
        """(n, 2) middle and half width; ``output`` is what the model predicts of the rows."""
        return middle_and_half(np.column_stack([t.predict(X) for t in boosters]), output)


def about_errors(data: Data, errors: F64) -> Data:
    """The same rows, to learn absolute errors from; without those that have none."""
    known = np.flatnonzero(np.isfinite(errors))
    weight = None if data.weight is None else data.weight[known]
    return replace(data, X=data.X[known], y=errors[known], weight=weight)


def joined(forms: Sequence[object]) -> Forest:
    """One-output forests as one with an output for each: a single node of the graph."""
    parts = [f for f in forms if isinstance(f, Forest)]
    output = np.repeat(np.arange(len(parts)), [len(f.trees) for f in parts]).astype(np.int32)
    trees = tuple(t for f in parts for t in f.trees)
    return Forest(trees, output, np.concatenate([f.base for f in parts]), "identity")


def try_bands(
    m: Material,
    own: F64,
    crossed: F64,
    fold: tuple[I64, I64],
    cap: int,
    seconds: float,
    budget: Budget,
    notes: list[str],
) -> Band | None:
    """Train bands on build, stopped early in one fold, and hold them against constant width on choose.

    Args:
        own: (choose rows,) what the model that was chosen predicts there.
        crossed: (build rows,) its out-of-fold predictions, NaN where there is none.
        fold: training and validation rows inside build.  cap: most training rows of a fit, 0 for all.
        seconds: CPU seconds that one fit of a booster takes.

    Returns:
        The better of the two, kept or not; None where nothing was tried.
    """
    if m.labels.task != "regression" or len(m.choose) < LEAST_CHOOSE or not len(fold[1]):
        return None
    if FITS * seconds > budget.left:
        budget.bound = True
        notes.append("no time was left to try widths that follow the row")
        return None
    budget.say("trying widths that follow the row", 0.66)
    errors = np.full(m.sample.n, np.nan)
    errors[m.build], errors[m.choose] = np.abs(m.y[m.build] - crossed), np.abs(m.y[m.choose] - own)
    leaf = int(np.clip(len(m.build) // 50, *LEAF))
    config = Config(
        "band", "lightgbm",
        {"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": leaf, "feature_fraction": 0.8, "lambda_l2": 1.0},
    )  # fmt: skip
    tried = [Band(kind, config, (), errors, np.empty((0, 2)), 0.0, np.inf, False) for kind in LEVELS]
    spec, data = m.encoded(fold[0], cap)
    X = m.encode(spec, fold[1])
    tried = [replace(band, rounds=_rounds(band, m, data, fold, X)) for band in tried]
    spec, data = m.encoded(m.build, cap)
    X, y, unit = m.encode(spec, m.choose), m.y[m.choose], m.units(m.choose)
    found = []
    for band in tried:
        said = band.widths(band.train(m, data, m.build)[1], X, own)
        gain, error = compared(own, said, y, unit)
        found.append(replace(band, choose=said, gain=gain, error=error, kept=gain > Z_KEPT * error))
    return max(found, key=lambda band: (band.kept, band.gain))


def _rounds(band: Band, m: Material, data: Data, fold: tuple[I64, I64], X: F32) -> tuple[int, ...]:
    """Where each booster of the band stops on the fold's other rows."""
    y = m.y[fold[1]]
    if band.kind == "scale":
        data, y = about_errors(data, band.errors[fold[0][: len(data.y)]]), band.errors[fold[1]]
    known = np.isfinite(y)
    if not known.any() or len(data.y) < 2 * LEAF[0]:
        return tuple(LEAST_ROUNDS for _ in LEVELS[band.kind])
    valid = (X[known], y[known])
    return tuple(
        max(LEAST_ROUNDS, train(band.config, replace(data, said=Aim("quantile", level)), seed=m.seed,
                                threads=m.threads, valid=valid).rounds)
        for level in LEVELS[band.kind]
    )  # fmt: skip


def compared(own: F64, band: F64, y: F64, unit: I64) -> tuple[float, float]:
    """Gain in interval score of a band over a constant width, and its standard error, as shares of the latter's mean.

    Units alternate between two halves; each half is scored with the quantiles of the other.
    """
    half = np.unique(unit, return_inverse=True)[1] % 2
    plain, wide = np.empty(len(y)), np.empty(len(y))
    for h in (0, 1):
        here, there = half == h, half != h
        if here.sum() < LEAST_CHOOSE // 4 or there.sum() < LEAST_CHOOSE // 4:
            return 0.0, float("inf")
        for scores, given in ((plain, None), (wide, band)):
            q = fit_conformal(own[there], y[there], "regression", band=None if given is None else given[there]).q[0]
            middle, width = (own[here], None) if given is None else (given[here, 0], given[here, 1])
            scores[here] = interval_score(ends(middle, width, np.full(int(here.sum()), q)), y[here])
    scale = float(plain.mean()) or 1.0
    gain, error = paired(plain, wide, np.unique(unit, return_inverse=True)[1])
    return gain / scale, error / scale


def interval_score(interval: F64, y: F64, coverage: float = DEFAULT) -> F64:
    """(n,) width plus 2 / (1 - coverage) for each unit outside. Source: Gneiting & Raftery, JASA 102 (2007) 359."""
    outside = np.maximum(interval[:, 0] - y, 0.0) + np.maximum(y - interval[:, 1], 0.0)
    return np.asarray(interval[:, 1] - interval[:, 0] + 2.0 / (1.0 - coverage) * outside)
