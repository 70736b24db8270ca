"""Area under the ROC curve: estimate, interval, minimum-effect test, and the paired difference.

The p-value of a single AUC is the largest of up to three, so that it keeps its level whatever the shape of the scores:
  always          DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837, on the logit scale, with Welch's degrees of
                  freedom; computed in O(n log n) as in Sun & Xu (2014), IEEE Signal Processing Letters 21:1389;
  small classes   Newcombe (2006), Statistics in Medicine 25:559, method 5: under 100 rows in the rarer class, or fewer
                  than 50 expected misplaced rows at m. Alone it is too sure where the classes spread unequally (level
                  .13 for .05 at a ratio of 3), and DeLong alone where hardly any row is misplaced (up to .16);
  hardly a miss   Clopper-Pearson with the rarer class as sample size, which is the worst case of any shape (Birnbaum &
                  Klose 1957, Annals of Mathematical Statistics 28:933), where under 10 misplaced rows are expected.
The two limits were set by simulation over seven shapes of scores: ``tests/stats/test_auc.py`` repeats it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.stats.invert import p_from_interval

F64 = NDArray[np.float64]

FEW = 100  # rows of the rarer class
FEW_MISPLACED, HARDLY_ANY = 50, 10  # rows of the rarer class times (1 - m)


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
    """Interval of the AUC; (0, 1) where a class is empty. Arguments as ``auc``, sources as the module."""
    seen = _single(y, s)
    mirror = Seen(1.0 - seen.area, seen.error, seen.degrees, seen.positives, seen.negatives)
    return _lower(seen, alpha / 2), 1.0 - _lower(mirror, alpha / 2)


def auc_above(y: ArrayLike, s: ArrayLike, m: float) -> float:
    """p-value against H0: AUC <= m. Arguments as ``auc``, sources as the module."""
    return _tail(_single(y, s), m)


def auc_difference_interval(y: ArrayLike, s1: ArrayLike, s2: ArrayLike, alpha: float) -> tuple[float, float]:
    """Interval of AUC(s1) - AUC(s2) on the same rows. Arguments as ``auc``.

    Where a score separates the classes perfectly, DeLong's variance is nil: the bounds are then the difference of the
    two single intervals, each at half of alpha.

    Source: DeLong, DeLong & Clarke-Pearson (1988), with Student's t at (rarer class - 1) degrees of freedom.
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


def auc_influence(y: ArrayLike, s: ArrayLike) -> F64:
    """What each row adds to the AUC beyond its share: shape (n,), sum nil; squares of sums over independent parts add
    up to the squared error. Both classes must be present. Arguments as ``auc``.

    Source: DeLong, DeLong & Clarke-Pearson (1988): the structural components, each over the size of its class.
    """
    positive, score = _pair(y, s)
    v, w = _placements(positive, score)
    out = np.empty(len(positive))
    out[positive] = (v - v.mean()) / len(v)
    out[~positive] = (w - w.mean()) / len(w)
    return out


def midranks(s: F64) -> F64:
    """Ranks 1 .. n, tied values share the mean of theirs."""
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


class Seen(NamedTuple):
    """All that a single AUC's interval depends on. ``error`` is 0 where the variance cannot be estimated."""

    area: float
    error: float
    degrees: float
    positives: int
    negatives: int


def _single(y: ArrayLike, s: ArrayLike) -> Seen:
    positive, score = _pair(y, s)
    m = int(positive.sum())
    n = len(positive) - m
    if m == 0 or n == 0:
        return Seen(float("nan"), 0.0, 0.0, m, n)
    v, w = _placements(positive, score)
    area = float(np.mean(v))
    if m < 2 or n < 2 or not 0.0 < area < 1.0:
        return Seen(area, 0.0, 0.0, m, n)
    a, b = float(np.var(v, ddof=1)) / m, float(np.var(w, ddof=1)) / n
    degrees = (a + b) ** 2 / (a * a / (m - 1) + b * b / (n - 1)) if a + b > 0 else 0.0
    return Seen(area, float(np.sqrt(a + b)), degrees, m, n)


def counted(positives: ArrayLike, negatives: ArrayLike, s: ArrayLike) -> Seen:
    """The same as from single rows, where many share a score: how many of each class stand at each of ``s``.

    Args:
        positives, negatives: counts, shape (groups,).  s: their score, shape (groups,); groups may repeat one.
    """
    own, inverse = np.unique(np.ravel(np.asarray(s, np.float64)), return_inverse=True)
    p, q = (
        np.bincount(inverse.ravel(), weights=np.ravel(np.asarray(c)), minlength=len(own))
        for c in (positives, negatives)
    )
    m, n = float(p.sum()), float(q.sum())
    if m == 0 or n == 0:
        return Seen(float("nan"), 0.0, 0.0, int(m), int(n))
    v, w = (np.cumsum(q) - q / 2) / n, 1.0 - (np.cumsum(p) - p / 2) / m
    area = float(p @ v) / m
    if m < 2 or n < 2 or not 0.0 < area < 1.0:
        return Seen(area, 0.0, 0.0, int(m), int(n))
    a, b = float(p @ (v - area) ** 2) / (m - 1) / m, float(q @ (w - area) ** 2) / (n - 1) / n
    degrees = (a + b) ** 2 / (a * a / (m - 1) + b * b / (n - 1)) if a + b > 0 else 0.0
    return Seen(area, float(np.sqrt(a + b)), degrees, int(m), int(n))


def lower(seen: Seen, alpha: float) -> float:
    """One-sided lower bound of the AUC at level 1 - alpha."""
    return _lower(seen, alpha)


def _tail(seen: Seen, m: float) -> float:
    from scipy.special import betainc, logit, ndtr, stdtr

    area, rarer = seen.area, min(seen.positives, seen.negatives)
    if np.isnan(area) or m >= 1.0 or area <= m:
        return 1.0
    if m <= 0.0:
        return 0.0
    p, misplaced = 0.0, rarer * (1.0 - m)
    if seen.error > 0.0:
        p = float(stdtr(seen.degrees, -(logit(area) - logit(m)) * area * (1 - area) / seen.error))
    if seen.error == 0.0 or rarer < FEW or misplaced < FEW_MISPLACED:
        p = max(p, float(ndtr(-(area - m) / _newcombe_error(m, seen.positives, seen.negatives))))
    if seen.error == 0.0 or misplaced < HARDLY_ANY:
        p = max(p, float(betainc(rarer * area, rarer * (1 - area) + 1, m)))
    return p


def _lower(seen: Seen, tail: float) -> float:
    if not seen.area > 0.0:
        return 0.0
    lo, hi = 0.0, seen.area
    for _ in range(50):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if _tail(seen, middle) <= tail else (lo, middle)
    return lo


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


def _same_order(s1: ArrayLike, s2: ArrayLike) -> bool:
    first, second = (midranks(np.ravel(np.asarray(s, np.float64))) for s in (s1, s2))
    return bool(np.array_equal(first, second))


def _pair(y: ArrayLike, s: ArrayLike) -> tuple[NDArray[np.bool_], F64]:
    positive, score = np.ravel(np.asarray(y)).astype(np.bool_), np.ravel(np.asarray(s, np.float64))
    if len(positive) != len(score) or np.isnan(score).any():
        raise ValueError("labels and scores must have one length, and scores no NaN")
    return positive, score
