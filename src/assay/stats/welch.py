"""The difference of two independent means, for a handful of blocks a side: Welch's t.

With ``in_order`` the values of each side are blocks along time, and their noise is read off the differences of
neighbours: a trend inside a side is part of what is measured, and not noise. Blocks must be long against the dependence
of rows.

Sources: B. L. Welch, "The generalization of Student's problem when several different population variances are
involved", Biometrika 34 (1947) 28; J. von Neumann, R. H. Kent, H. R. Bellinson and B. I. Hart, "The mean square
successive difference", Annals of Mathematical Statistics 12 (1941) 153: 2 (n - 1)^2 / (3 n - 4) degrees of freedom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]


def welch_above(a: ArrayLike, b: ArrayLike, m: float, in_order: bool = False) -> float:
    """p-value against H0: mean(a) - mean(b) <= m; 1 where a side has fewer than two values.

    Sides without any spread carry no estimate of their noise: the p-value is then that of the sign test.
    """
    from scipy.special import stdtr

    gap, error, freedom, n = _seen(a, b, in_order)
    if n < 2:
        return 1.0
    if error == 0.0:
        return 0.5**n if gap > m else 1.0
    return float(stdtr(freedom, -(gap - m) / error))


def welch_interval(a: ArrayLike, b: ArrayLike, alpha: float, in_order: bool = False) -> tuple[float, float]:
    """Two-sided interval of mean(a) - mean(b) at level 1 - alpha."""
    from scipy.special import stdtrit

    gap, error, freedom, n = _seen(a, b, in_order)
    if n < 2 or (error == 0.0 and alpha / 2 < 0.5**n):
        return -np.inf, np.inf
    if error == 0.0:
        return gap, gap
    half = float(-stdtrit(freedom, alpha / 2)) * error
    return gap - half, gap + half


def _seen(a: ArrayLike, b: ArrayLike, in_order: bool) -> tuple[float, float, float, int]:
    """Difference, its standard error, degrees of freedom, and the size of the smaller side."""
    x, y = np.ravel(np.asarray(a, np.float64)), np.ravel(np.asarray(b, np.float64))
    n = min(len(x), len(y))
    if n < 2:
        return 0.0, 0.0, 0.0, n
    (va, da), (vb, db) = (_noise(v, in_order) for v in (x, y))
    gap = float(np.mean(x) - np.mean(y))
    if va + vb == 0.0:
        return gap, 0.0, 0.0, n
    return gap, float(np.sqrt(va + vb)), (va + vb) ** 2 / (va**2 / da + vb**2 / db), n


def _noise(x: F64, in_order: bool) -> tuple[float, float]:
    """Squared standard error of a mean, and its degrees of freedom."""
    n = len(x)
    if np.ptp(x) == 0:
        return 0.0, float(n - 1)
    if in_order:
        return float(np.mean(np.diff(x) ** 2)) / 2 / n, 2 * (n - 1) ** 2 / (3 * n - 4)
    return float(np.var(x, ddof=1)) / n, float(n - 1)
