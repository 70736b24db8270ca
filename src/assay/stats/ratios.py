"""The ratio of two means, paired by unit (row, time block or group): interval and one-sided test.

Losses are compared as shares ("3 % more loss than"), so the effect of interest is mean(a) / mean(b). Fieller's
method tests mean(a - r b) = 0 for each r and keeps the r that are not rejected: no delta method, and no trouble
where the denominator is noisy. Sums over clusters may be passed as units, which makes the test honest about rows
that move together.

Source: E. C. Fieller, "Some problems in interval estimation", JRSS B 16 (1954) 175-185; for cluster sums
W. G. Cochran, Sampling Techniques (1977), section 6.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

Interval = tuple[float, float]
NOTHING: Interval = (-math.inf, math.inf)


def ratio_above(a: F64, b: F64, m: float) -> float:
    """One-sided p-value against H0: mean(a) <= m * mean(b), by a t test on ``a - m b``.

    Losses are lopsided: where a few rows carry them, Student's t is too sure that the ones that did not occur do not
    exist. The p-value is therefore the larger of Student's and that of Hall's t, from which skewness is removed
    (P. Hall, JRSS B 54 (1992) 221-228); for values that are not skewed the two are one.

    Args:
        a: (n,) values of n independent units. b: (n,) their partners, not negative. m: the ratio to exceed.
    """
    from scipy.special import stdtr

    n = len(a)
    if n < 2:
        return 1.0
    d = np.asarray(a, np.float64) - m * np.asarray(b, np.float64)
    mean, spread = float(d.mean()), float(d.std(ddof=1)) / math.sqrt(n)
    if spread == 0.0:
        return 1.0 if mean <= 0 else 0.0
    width = float(d.std())
    size, skew = mean / width, float((((d - mean) / width) ** 3).mean())
    straight = size + skew * size**2 / 3 + skew**2 * size**3 / 27 + skew / (6 * n)
    return float(max(stdtr(n - 1, -mean / spread), stdtr(n - 1, -math.sqrt(n) * straight)))


def ratio_interval(a: F64, b: F64, alpha: float) -> Interval:
    """Two-sided interval of mean(a) / mean(b) at level 1 - alpha; everything where b cannot be told from zero."""
    n = len(a)
    if n < 2:
        return NOTHING
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    covariance = np.cov(a, b) / n
    return _fieller(
        float(a.mean()), float(b.mean()), covariance[0, 0], covariance[1, 1], covariance[0, 1], n - 1, alpha
    )


def independent_ratio_above(a: F64, b: F64, m: float) -> float:
    """One-sided p-value against H0: mean(a) <= m * mean(b) for two independent samples (Welch's t)."""
    from scipy.special import stdtr

    if len(a) < 2 or len(b) < 2:
        return 1.0
    va, vb = float(np.var(a, ddof=1)) / len(a), m * m * float(np.var(b, ddof=1)) / len(b)
    mean = float(np.mean(a)) - m * float(np.mean(b))
    if va + vb == 0.0:
        return 1.0 if mean <= 0 else 0.0
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    return float(stdtr(freedom, -mean / math.sqrt(va + vb)))


def independent_ratio_interval(a: F64, b: F64, alpha: float) -> Interval:
    """Two-sided interval of mean(a) / mean(b) for two independent samples; degrees of freedom of the smaller one."""
    if len(a) < 2 or len(b) < 2:
        return NOTHING
    va, vb = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    return _fieller(float(np.mean(a)), float(np.mean(b)), va, vb, 0.0, min(len(a), len(b)) - 1, alpha)


def _fieller(a: float, b: float, va: float, vb: float, cov: float, freedom: int, alpha: float) -> Interval:
    from scipy.special import stdtrit

    t2 = float(stdtrit(freedom, 1 - alpha / 2)) ** 2
    square, half, rest = b * b - t2 * vb, a * b - t2 * cov, a * a - t2 * va
    if square <= 0:
        return NOTHING
    root = math.sqrt(max(half * half - square * rest, 0.0))
    return float((half - root) / square), float((half + root) / square)
