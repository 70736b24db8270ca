"""The mean over blocks of one stretch of time, each with an error of its own: a t test in which the blocks are fixed.

How far the blocks lie apart is what is measured, and not noise, as in a stratified sample; only the error within each
block counts, and ``common``, an error that all blocks share. Degrees of freedom by Welch and Satterthwaite.

Sources: W. G. Cochran, Sampling Techniques, 3rd edition (1977), sections 5.3 and 5.4; F. E. Satterthwaite, "An
approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946) 110.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
Noise = tuple[float, float]  # a squared error, and the degrees of freedom that it was estimated with


def strata_above(d: ArrayLike, squared: ArrayLike, freedom: float, m: float, common: Noise = (0.0, 1.0)) -> float:
    """p-value against H0: mean of the K true block values <= m; never below that of a sign test of blocks, 2^-K.

    Args:
        d: (K,) block values.  squared: (K,) squared errors, each estimated with ``freedom`` degrees of freedom.
        common: squared error of the mean that no number of blocks makes smaller, and its degrees of freedom.
    """
    from scipy.special import stdtr

    centre, error, degrees, k = _seen(d, squared, freedom, common)
    if k < 2 or (centre <= m and error == 0.0):
        return 1.0
    if error == 0.0:
        return 0.5**k
    return max(float(stdtr(degrees, -(centre - m) / error)), 0.5**k)


def strata_interval(
    d: ArrayLike, squared: ArrayLike, freedom: float, alpha: float, common: Noise = (0.0, 1.0)
) -> tuple[float, float]:
    """Two-sided interval in agreement with ``strata_above``, whose arguments it has."""
    from scipy.special import stdtrit

    centre, error, degrees, k = _seen(d, squared, freedom, common)
    if k < 2 or alpha / 2 < 0.5**k:
        return -np.inf, np.inf
    half = float(-stdtrit(degrees, alpha / 2)) * error if error > 0.0 else 0.0
    return centre - half, centre + half


def capped(d: ArrayLike, squared: ArrayLike, most: float) -> tuple[F64, F64]:
    """Block values of at most ``most``, and their squared errors: a value far above its cap is sure to be the cap.

    The mean of capped values is at most that of the values, in expectation too, so a test of it is one of theirs. The
    error is that of a capped normal variable whose mean is the value seen less one standard error, which is never more
    sure of the cap than what was seen.

    Source: N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions 1 (1994), section 13.10.
    """
    from scipy.special import ndtr

    value, own = np.ravel(np.asarray(d, np.float64)), np.ravel(np.asarray(squared, np.float64))
    error = np.sqrt(own)
    z = np.divide(most - value + error, error, out=np.full(len(value), np.inf), where=error > 0)
    z = np.clip(z, -30.0, 30.0)
    above, height = ndtr(-z), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    mean = z * above - height
    left = 1.0 - above - z * height + z**2 * above - mean**2
    return np.minimum(value, most), own * np.clip(left, 0.0, 1.0)


def _seen(d: ArrayLike, squared: ArrayLike, freedom: float, common: Noise) -> tuple[float, float, float, int]:
    """Mean, its standard error, degrees of freedom, number of blocks."""
    value, own = np.ravel(np.asarray(d, np.float64)), np.ravel(np.asarray(squared, np.float64))
    k = len(value)
    if k < 2:
        return 0.0, 0.0, 1.0, k
    own = own / k**2
    total = float(own.sum()) + common[0]
    spent = float((own**2).sum()) / freedom + common[0] ** 2 / common[1]
    return float(value.mean()), float(np.sqrt(total)), total**2 / spent if spent > 0 else 1.0, k
