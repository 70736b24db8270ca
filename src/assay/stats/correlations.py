"""Size of a correlation: interval and minimum-effect test that hold for heavy tails too.

On the scale of Fisher's z, with the larger of two standard errors: Fisher's for normal pairs (1921, Metron 1:3) and the
distribution-free one from fourth moments (Steiger & Hakstian 1982, British Journal of Mathematical and Statistical
Psychology 35:208), which outliers widen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
NEAREST = 1.0 - 1e-13  # a correlation of one is kept this far from it, so that z is finite


def correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's r over the rows where both are finite; 0 where one of them does not vary."""
    return _parts(x, y)[0]


def correlation_interval(x: ArrayLike, y: ArrayLike, alpha: float) -> tuple[float, float]:
    """Interval of r, coverage about 1 - alpha; (-1, 1) below four rows. Arguments as ``correlation_above``."""
    from scipy.special import ndtri

    r, error, n = _parts(x, y)
    if n < 4:
        return -1.0, 1.0
    z, half = float(np.arctanh(r)), float(-ndtri(alpha / 2)) * error
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def correlation_above(x: ArrayLike, y: ArrayLike, m: float) -> float:
    """p-value against H0: r <= m.

    Args:
        x, y: shape (n,); rows where either is not finite are left out. To ask for |r|, turn one of them.

    Source: Fisher (1921), Steiger & Hakstian (1982).
    """
    from scipy.special import ndtr

    r, error, n = _parts(x, y)
    return float(ndtr(-(np.arctanh(r) - np.arctanh(min(m, NEAREST))) / error)) if n >= 4 else 1.0


def _parts(x: ArrayLike, y: ArrayLike) -> tuple[float, float, int]:
    """r, the standard error of its z, and the number of rows."""
    a, b = np.ravel(np.asarray(x, np.float64)), np.ravel(np.asarray(y, np.float64))
    fine = np.isfinite(a) & np.isfinite(b)
    u, v, n = _unit(a[fine]), _unit(b[fine]), int(fine.sum())
    if n < 4 or not u.any() or not v.any():
        return 0.0, np.inf, 0
    r = float(np.clip((u * v).mean(), -NEAREST, NEAREST))
    free = float(np.std(u * v - r * (u**2 + v**2) / 2)) / (1 - r**2) / float(np.sqrt(n))
    return r, max(free, 1 / float(np.sqrt(n - 3))), n


def _unit(x: F64) -> F64:
    """Mean 0, deviation 1; all 0 where nothing varies. Scaled first, so that huge values do not overflow."""
    if not len(x):
        return x
    top = float(np.abs(x).max()) or 1.0
    x = x / top
    x = x - x.mean()
    spread = float(np.std(x))
    return x / spread if spread > 1e-12 else np.zeros(len(x))
