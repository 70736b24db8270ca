"""Intervals whose width follows the row: tried on the choose rows, kept only where they are better there.

Two small boosters give a low and a high quantile; their band is made wider or narrower by one conformal quantile, so
that coverage is as good as that of a constant width (Romano, Patterson & Candes 2019). Whether it is worth its trees
is asked on the choose rows: each half calibrates both ways, the other half scores them by the interval score (width,
plus 2 / (1 - coverage) for each unit by which a value lies outside; Gneiting & Raftery 2007, section 6.2), paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.aim import Aim
from assay.core.table import F64, I64
from assay.learn.calibration import Z_KEEP, paired
from assay.learn.conformal import DEFAULT, ends, fit_conformal, middle_and_half
from assay.learn.forms import Forest
from assay.learn.learners import Config, Data, Trained, train

from .clock import Budget
from .material import Material

LEAST_CHOOSE = 200  # half of them must carry a quantile of .9 and a test
LEVELS = ((1 - DEFAULT) / 2, (1 + DEFAULT) / 2)
LEAF = (20, 100)  # a leaf of a .05 quantile must hold more than a handful of rows
FITS = 5.0  # fits on all rows that the trial and what follows from it cost, of small trees at a fast rate
LEAST_ROUNDS, MORE_ROUNDS = 5, 1.1


@dataclass(frozen=True)
class Band:
    """A band that was tried: how it is trained again, and what it said of the choose rows."""

    config: Config
    rounds: tuple[int, int]
    choose: F64  # (rows, 2) middle and half width
    gain: float
    error: float
    kept: bool

    @property
    def says(self) -> str:
        shown = f"interval score {'better' if self.gain > 0 else 'worse'} by {abs(self.gain):.2g} of its mean"
        shown += f" (standard error {self.error:.2g}) on the choose rows"
        kept = "widths follow the row" if self.kept else "one width for all rows"
        return f"{kept}: a band of two quantiles has its {shown}"

    def train(self, m: Material, data: Data) -> tuple[Forest, tuple[Trained, ...]]:
        """The band on new training rows, as one form of two outputs, and the two boosters."""
        two = tuple(
            train(self.config, replace(data, said=Aim("quantile", level)), seed=m.seed, threads=m.threads,
                  rounds=max(LEAST_ROUNDS, round(rounds * MORE_ROUNDS)))
            for level, rounds in zip(LEVELS, self.rounds, strict=True)
        )  # fmt: skip
        return joined([t.form() for t in two]), two


def pairs(two: Sequence[Trained], X: object) -> F64:
    """(n, 2) middle and half width that two trained quantiles give."""
    return middle_and_half(np.column_stack([t.predict(X) for t in two]))  # type: ignore[arg-type]


def joined(forms: Sequence[object]) -> Forest:
    """Two one-output forests as one of two outputs: a single node of the graph."""
    low, high = forms
    assert isinstance(low, Forest) and isinstance(high, Forest)
    output = np.repeat([0, 1], [len(low.trees), len(high.trees)]).astype(np.int32)
    return Forest(low.trees + high.trees, output, np.concatenate((low.base, high.base)), "identity")


def try_band(
    m: Material, own: F64, fold: tuple[I64, I64], cap: int, seconds: float, budget: Budget, notes: list[str]
) -> Band | None:
    """Train a band on build, stopped early in one fold, and hold it against constant width on choose.

    Args:
        own: (choose rows,) what the model that was chosen predicts there.
        fold: training and validation rows inside build.  cap: most training rows of a fit, 0 for all.
        seconds: CPU seconds that one fit of a booster takes.
    """
    if m.labels.task != "regression" or len(m.choose) < LEAST_CHOOSE or not len(fold[1]):
        return None
    if FITS * seconds > budget.left:
        budget.bound = True
        notes.append("no time was left to try widths that follow the row")
        return None
    budget.say("trying widths that follow the row", 0.66)
    leaf = int(np.clip(len(m.build) // 50, *LEAF))
    config = Config(
        "band", "lightgbm",
        {"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": leaf, "feature_fraction": 0.8, "lambda_l2": 1.0},
    )  # fmt: skip
    spec, data = m.encoded(fold[0], cap)
    valid = (m.encode(spec, fold[1]), m.y[fold[1]])
    rounds = [
        train(config, replace(data, said=Aim("quantile", level)), seed=m.seed, threads=m.threads, valid=valid).rounds
        for level in LEVELS
    ]
    low, high = (max(LEAST_ROUNDS, r) for r in rounds)
    tried = Band(config, (low, high), np.empty((0, 2)), 0.0, 0.0, False)
    spec, data = m.encoded(m.build, cap)
    said = pairs(tried.train(m, data)[1], m.encode(spec, m.choose))
    y, unit = m.y[m.choose], m.units(m.choose)
    gain, error = compared(own, said, y, unit)
    return Band(config, (low, high), said, gain, error, gain > Z_KEEP * error)


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
