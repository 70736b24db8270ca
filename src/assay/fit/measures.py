"""Measures of predictions on judged rows: the score that people read and those beside it, each with its interval.

Every measure takes weights: a row then counts as often as its weight says. Intervals come from what each row adds to
the measure (its influence), from shares of the effective sample, (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965,
section 11.7; Korn and Graubard, Survey Methodology 24 (1998) 193), or from leaving out blocks of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import TINY, Aim
from assay.core.table import F64, I64

ALPHA = 0.05
LEAST = 10  # rows below which no interval is given
BUNDLES = 20  # of independent rows, where a measure has no influence in closed form
FEWEST_BLOCKS = 5
RARE = 0.10  # share of the positive class under which AUC hides what average precision shows


@dataclass(frozen=True)
class Judged:
    """Rows that made no part of what is judged on them, in the order of their hash.

    ``output`` (n, classes) probabilities or (n,) values, ``y`` (n,) class index or value, ``weight`` (n,) or None,
    ``block`` (n,) numbers of blocks of dependent rows, None where rows are independent. ``alpha``: 1 less the coverage
    that intervals are made at.
    """

    output: F64
    y: F64
    aim: Aim
    weight: F64 | None = None
    block: I64 | None = None
    alpha: float = ALPHA

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: NDArray[Any]) -> Judged:
        part: dict[str, Any] = {
            name: None if (v := getattr(self, name)) is None else v[index] for name in ("weight", "block")
        }
        return replace(self, output=self.output[index], y=self.y[index], **part)

    @property
    def w(self) -> F64:
        return np.ones(len(self.y)) if self.weight is None else self.weight

    @property
    def two(self) -> bool:
        """Two classes, both of them there."""
        return not self.aim.values and self.output.shape[1] == 2 and 0 < self.y.sum() < len(self.y)

    @property
    def losses(self) -> F64:
        return self.aim.losses(self.output, self.y)

    @property
    def decided(self) -> I64:
        """(n,) the class that is named."""
        return self.aim.decided(self.output)


Measure = Callable[[Judged], float]


def headline_metric(rows: Judged) -> str:
    """AUC, log-loss for more classes, R2 or D2 for values."""
    if rows.aim.values:
        return rows.aim.metric
    return "AUC" if rows.two else "log-loss"


def measured(rows: Judged, metric: str) -> tuple[float, tuple[float, float] | None]:
    """The value of ``metric`` and its 95 % interval; None where there are too few rows for one."""
    measure = measure_of(metric)
    value = measure(rows)
    if len(rows) < LEAST:
        return value, None
    if rows.block is not None:
        return value, jackknife(rows, measure)
    return value, _independent(rows, metric, value)


def measure_of(metric: str) -> Measure:
    return MEASURES.get(metric, _saved)


def _independent(rows: Judged, metric: str, value: float) -> tuple[float, float] | None:
    from assay.stats.auc import auc_interval
    from assay.stats.shares import share_interval

    w = rows.w
    if metric == "AUC":
        if rows.weight is not None:
            return _weighted_auc(rows, value)
        return auc_interval(rows.y, rows.output[:, 1], rows.alpha)
    if metric == "accuracy":
        effective = float(w.sum() ** 2 / (w**2).sum())
        lo, hi = share_interval(value * effective, effective, rows.alpha)
        return float(lo), float(hi)
    if metric in EACH:
        return mean_interval_of(rows, EACH[metric](rows), value)
    if metric in MEASURES:
        dealt = np.empty(len(rows), np.int64)
        dealt[np.argsort(-rows.y, kind="stable")] = np.arange(len(rows)) % BUNDLES  # as many positives in each
        return jackknife(replace(rows, block=dealt), measure_of(metric), share=metric == AP)
    own, usual = rows.losses, _usual(rows)
    spread = float(np.average(usual, weights=w))
    if spread == 0:
        return None
    # delta method for a ratio of means: residual of the numerator on the denominator, row by row
    error = w * (own - (1.0 - value) * usual) / (w.mean() * spread)
    half = NormalDist().inv_cdf(1 - rows.alpha / 2) * float(error.std(ddof=1) / np.sqrt(len(rows)))
    return value - half, value + half


def mean_interval_of(rows: Judged, each: F64, value: float) -> tuple[float, float]:
    """Interval of the weighted mean ``value`` of ``each`` (n,), for independent rows: linearised, Student's t."""
    from assay.stats.means import mean_interval

    return mean_interval(value + rows.w * (each - value) / rows.w.mean(), rows.alpha)


def jackknife(rows: Judged, measure: Measure, *, share: bool = False) -> tuple[float, float] | None:
    """Delete-a-block jackknife (Künsch 1989), t quantile: rows inside a block may depend on each other.

    ``share``: the measure lies between 0 and 1, and the interval is made on the logit scale.
    """
    from scipy.special import expit, logit, stdtrit

    assert rows.block is not None
    values = np.array([measure(rows.take(np.flatnonzero(rows.block != b))) for b in np.unique(rows.block)])
    values = logit(np.clip(values, TINY, 1 - TINY)) if share else values
    values = values[np.isfinite(values)]
    g = len(values)
    if g < FEWEST_BLOCKS:
        return None
    error = float(np.sqrt((g - 1) / g * np.sum((values - values.mean()) ** 2)))
    middle = measure(rows)
    half = float(stdtrit(g - 1, 1 - rows.alpha / 2)) * error
    if share:
        middle = float(logit(np.clip(middle, TINY, 1 - TINY)))
        return float(expit(middle - half)), float(expit(middle + half))
    return middle - half, middle + half


def _auc(rows: Judged) -> float:
    from assay.stats.auc import auc

    if not rows.two:
        return float("nan")
    if rows.weight is None:
        return float(auc(rows.y, rows.output[:, 1]))
    return float(np.average(_placements(rows, rows.y == 1), weights=rows.w[rows.y == 1]))


def _placements(rows: Judged, of: NDArray[np.bool_]) -> F64:
    """For each of the rows ``of``, the weighted share of the other class that it stands above, ties half."""
    score, w = rows.output[:, 1], rows.w
    order = np.argsort(score[~of], kind="stable")
    there, cumulated = score[~of][order], np.concatenate(([0.0], np.cumsum(w[~of][order])))
    below = cumulated[np.searchsorted(there, score[of], side="left")]
    up_to = cumulated[np.searchsorted(there, score[of], side="right")]
    return np.asarray((below + up_to) / (2.0 * cumulated[-1]))


def _weighted_auc(rows: Judged, value: float) -> tuple[float, float]:
    """DeLong's components (Biometrics 44 (1988) 837) with weights, on the logit scale."""
    from scipy.special import expit, stdtrit

    if not 0.0 < value < 1.0:
        return 0.0, 1.0
    variance, effective = 0.0, np.inf
    for of, mean in ((rows.y == 1, value), (rows.y == 0, 1.0 - value)):
        w = rows.w[of] / rows.w[of].sum()
        n = 1.0 / float((w**2).sum())
        if n <= 1.5:
            return 0.0, 1.0
        variance += float((w**2 * (_placements(rows, of) - mean) ** 2).sum()) * n / (n - 1.0)
        effective = min(effective, n)
    half = float(stdtrit(max(effective - 1.0, 1.0), 1 - rows.alpha / 2)) * np.sqrt(variance) / (value * (1.0 - value))
    middle = float(np.log(value / (1.0 - value)))
    return float(expit(middle - half)), float(expit(middle + half))


def _usual(rows: Judged) -> F64:
    """Losses of the best one answer for all of these rows."""
    answer = rows.aim.constant(rows.y, 1, rows.weight)
    return rows.aim.losses(rows.aim.everywhere(answer, len(rows)), rows.y)


def _saved(rows: Judged) -> float:
    usual = float(np.average(_usual(rows), weights=rows.w))
    return 1.0 - float(np.average(rows.losses, weights=rows.w)) / usual if usual > 0 else 0.0


def _average_precision(rows: Judged) -> float:
    """Mean precision over the positives, from the highest score down; ties share one cut (no interpolation)."""
    if not rows.two:
        return float("nan")
    order = np.argsort(-rows.output[:, 1], kind="stable")
    score, hit, w = rows.output[order, 1], rows.y[order], rows.w[order]
    last = np.append(score[1:] != score[:-1], True)
    found, taken = np.cumsum(w * hit)[last], np.cumsum(w)[last]
    return float((np.diff(found, prepend=0.0) * found / taken).sum() / found[-1])


def _kappa(rows: Judged) -> float:
    """Cohen's kappa with quadratic weights (Psychological Bulletin 70 (1968) 213) of the decided classes."""
    k = rows.output.shape[1]
    pairs = np.bincount(rows.y.astype(np.int64) * k + rows.decided, weights=rows.w, minlength=k * k).reshape(k, k)
    far = (np.arange(k)[:, None] - np.arange(k)) ** 2.0
    chance = float((far * np.outer(pairs.sum(1), pairs.sum(0))).sum()) / float(pairs.sum())
    return 1.0 - float((far * pairs).sum()) / chance if chance > 0 else float("nan")


AP, DISTANCE, KAPPA = "average precision", "mean class distance", "quadratic kappa"
EACH: dict[str, Callable[[Judged], F64]] = {
    "log-loss": lambda rows: rows.losses,
    "MAE": lambda rows: np.abs(rows.output - rows.y),
    "pinball loss": lambda rows: rows.losses,
    "accuracy": lambda rows: (rows.decided == rows.y).astype(np.float64),
    DISTANCE: lambda rows: np.abs(rows.decided - rows.y),
}


def _mean(metric: str) -> Measure:
    return lambda rows: float(np.average(EACH[metric](rows), weights=rows.w))


MEASURES: dict[str, Measure] = {
    **{metric: _mean(metric) for metric in EACH}, "AUC": _auc, AP: _average_precision, KAPPA: _kappa
}  # fmt: skip
