"""Area under the ROC curve: estimate, interval, minimum-effect test, and the paired difference.

Under 100 rows in the rarer class: Newcombe (2006), Statistics in Medicine 25:559, method 5. From there on: the variance
of DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837, on the logit scale, computed in O(n log n) as in
Sun & Xu (2014), IEEE Signal Processing Letters 21:1389.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.stats.invert import p_from_interval

F64 = NDArray[np.float64]

FEW = 100


def auc(y: ArrayLike, s: ArrayLike) -> float:
    """P(score of a positive > score of a negative), ties half; NaN where a class is empty.

    Args:
        y: 0/1 (or bool), shape (n,).  s: scores, shape (n,), any scale, no NaN.
    """
    positive, score = _pair(y, s)
    m = int(positive.sum())
    n = len(positive) - m
    if m == 0 or n == 0:
        return float("nan")
    return float((midranks(score)[positive].sum() - m * (m + 1) / 2) / (m * n))


def auc_ovr(y: ArrayLike, p: ArrayLike) -> float:
    """Unweighted mean over classes of the one-against-rest AUC; classes that are absent (or alone) are left out.

    Args:
        y: class indices, shape (n,).  p: class probabilities, shape (n, K).

    Source: Provost & Domingos (2001), unweighted.
    """
    labels, scores = np.ravel(np.asarray(y)), np.asarray(p, np.float64)
    each = [auc(labels == c, scores[:, c]) for c in range(scores.shape[1])]
    known = [a for a in each if not np.isnan(a)]
    return float(np.mean(known)) if known else float("nan")


def auc_interval(y: ArrayLike, s: ArrayLike, alpha: float) -> tuple[float, float]:
    """Interval of the AUC; (0, 1) where a class is empty. Arguments as ``auc``."""
    from scipy.special import expit, logit, ndtri

    z = float(-ndtri(alpha / 2))
    area, error, m, n = _single(y, s)
    if np.isnan(area):
        return 0.0, 1.0
    if error == 0.0 or min(m, n) < FEW:
        return _newcombe_lower(area, m, n, z), 1.0 - _newcombe_lower(1.0 - area, m, n, z)
    half = z * error / (area * (1 - area))
    return float(expit(logit(area) - half)), float(expit(logit(area) + half))


def auc_above(y: ArrayLike, s: ArrayLike, m: float) -> float:
    """p-value against H0: AUC <= m. Arguments as ``auc``."""
    from scipy.special import logit, ndtr

    area, error, pos, neg = _single(y, s)
    if np.isnan(area) or m >= 1.0 or area <= m:
        return 1.0
    if m <= 0.0:
        return 0.0
    if error == 0.0 or min(pos, neg) < FEW:
        return float(ndtr(-(area - m) / _newcombe_error(m, pos, neg)))
    return float(ndtr(-(logit(area) - logit(m)) * area * (1 - area) / error))


def auc_difference_interval(y: ArrayLike, s1: ArrayLike, s2: ArrayLike, alpha: float) -> tuple[float, float]:
    """Interval of AUC(s1) - AUC(s2) on the same rows. Arguments as ``auc``.

    Where a score separates the classes perfectly, DeLong's variance is nil: the bounds are then the difference of the
    two single intervals, each at half of alpha.

    Source: DeLong, DeLong & Clarke-Pearson (1988); small classes by Student's t with (rarer class - 1) degrees.
    """
    from scipy.special import stdtrit

    gap, error, degrees = _paired(y, s1, s2)
    if np.isnan(gap):
        return -1.0, 1.0
    if error == 0.0:
        a, b = auc_interval(y, s1, alpha / 2), auc_interval(y, s2, alpha / 2)
        return (gap, gap) if _same_order(s1, s2) else (a[0] - b[1], a[1] - b[0])
    half = float(-stdtrit(degrees, alpha / 2)) * error
    return max(gap - half, -1.0), min(gap + half, 1.0)


def auc_difference_above(y: ArrayLike, s1: ArrayLike, s2: ArrayLike, m: float) -> float:
    """p-value against H0: AUC(s1) - AUC(s2) <= m, paired. Arguments and source as ``auc_difference_interval``."""
    from scipy.special import stdtr

    gap, error, degrees = _paired(y, s1, s2)
    if np.isnan(gap) or gap <= m:
        return 1.0
    if error == 0.0:
        return p_from_interval(lambda alpha: auc_difference_interval(y, s1, s2, alpha), m)
    return float(stdtr(degrees, -(gap - m) / error))


def midranks(s: F64) -> F64:
    """Ranks 1 .. n, tied values share the mean of theirs."""
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def _single(y: ArrayLike, s: ArrayLike) -> tuple[float, float, int, int]:
    positive, score = _pair(y, s)
    m = int(positive.sum())
    n = len(positive) - m
    if m == 0 or n == 0:
        return float("nan"), 0.0, m, n
    v, w = _placements(positive, score)
    area = float(np.mean(v))
    if m < 2 or n < 2 or not 0.0 < area < 1.0:
        return area, 0.0, m, n
    return area, float(np.sqrt(np.var(v, ddof=1) / m + np.var(w, ddof=1) / n)), m, n


def _paired(y: ArrayLike, s1: ArrayLike, s2: ArrayLike) -> tuple[float, float, int]:
    positive, first = _pair(y, s1)
    _, second = _pair(y, s2)
    m = int(positive.sum())
    n = len(positive) - m
    if m == 0 or n == 0:
        return float("nan"), 0.0, 0
    v1, w1 = _placements(positive, first)
    v2, w2 = _placements(positive, second)
    gap, degrees = float(np.mean(v1) - np.mean(v2)), min(m, n) - 1
    sharp = any(a in (0.0, 1.0) for a in (float(np.mean(v1)), float(np.mean(v2))))
    if degrees < 1 or sharp:
        return gap, 0.0, degrees
    return gap, float(np.sqrt(np.var(v1 - v2, ddof=1) / m + np.var(w1 - w2, ddof=1) / n)), degrees


def _placements(positive: NDArray[np.bool_], score: F64) -> tuple[F64, F64]:
    """Share of negatives below each positive, and of positives above each negative: two sorts, no pairs."""
    x, z = score[positive], score[~positive]
    joint = midranks(score)
    v = (joint[positive] - midranks(x)) / len(z)
    w = 1.0 - (joint[~positive] - midranks(z)) / len(x)
    return v, w


def _newcombe_error(area: float, m: int, n: int) -> float:
    """Standard error at a given area: Hanley & McNeil's with both m - 1 and n - 1 replaced by (m + n) / 2 - 1."""
    middle = (m + n) / 2 - 1
    inner = 1 + middle * (1 - area) / (2 - area) + middle * area / (1 + area)
    return float(np.sqrt(area * (1 - area) * inner / (m * n)))


def _newcombe_lower(area: float, m: int, n: int, z: float) -> float:
    lo, hi = 0.0, area
    for _ in range(60):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if area - middle > z * _newcombe_error(middle, m, n) else (lo, middle)
    return lo


def _same_order(s1: ArrayLike, s2: ArrayLike) -> bool:
    first, second = (midranks(np.ravel(np.asarray(s, np.float64))) for s in (s1, s2))
    return bool(np.array_equal(first, second))


def _pair(y: ArrayLike, s: ArrayLike) -> tuple[NDArray[np.bool_], F64]:
    positive, score = np.ravel(np.asarray(y)).astype(np.bool_), np.ravel(np.asarray(s, np.float64))
    if len(positive) != len(score) or np.isnan(score).any():
        raise ValueError("labels and scores must have one length, and scores no NaN")
    return positive, score
