"""Tails of differences and means of independent Beta variables: the engine of melded intervals.

Beta(k, n - k + 1) is the lower and Beta(k + 1, n - k) the upper Clopper-Pearson confidence distribution of a share;
a shape of 0 stands for the point mass at 0 (first shape) or at 1 (second shape).
Source: Fay, Proschan & Brittain (2015), Biometrics 71:146.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

NODES = 192
FAR = 1e-40  # mass beyond the range that is integrated: far below any p-value that is printed
CELLS = 4096
TAIL = 1e-17


def melded_tail(a1: F64, b1: F64, a2: F64, b2: F64, d: F64) -> F64:
    """P(U - W <= d) for independent U ~ Beta(a1, b1), W ~ Beta(a2, b2); arrays of one shape, any length."""
    shape = np.shape(d)
    a1, b1, a2, b2, d = (np.ravel(np.asarray(v, np.float64)) for v in (a1, b1, a2, b2, d))
    # U - W and (1 - W) - (1 - U) are one variable: integrate over the narrower, on whose scale the other is smooth.
    flip = _spread(a1, b1) < _spread(a2, b2)
    au, bu = np.where(flip, b2, a1), np.where(flip, a2, b1)
    aw, bw = np.where(flip, b1, a2), np.where(flip, a1, b2)
    points, weights = _nodes(aw, bw)
    tail = np.sum(weights * _cdf(au[:, None], bu[:, None], points + d[:, None]), axis=1)
    return np.asarray(np.clip(tail, 0.0, 1.0).reshape(shape))


def melded_quantile(a1: F64, b1: F64, a2: F64, b2: F64, tail: float) -> F64:
    """The d with P(U - W <= d) = tail, from below; shapes as ``melded_tail``."""
    lo, hi = np.full(np.shape(a1), -1.0), np.ones(np.shape(a1))
    for _ in range(46):
        middle = (lo + hi) / 2
        below = melded_tail(a1, b1, a2, b2, middle) <= tail
        lo, hi = np.where(below, middle, lo), np.where(below, hi, middle)
    return lo


def mean_tail(a: F64, b: F64, m: float) -> float:
    """P(mean of K independent Beta(a, b) <= m); a, b of shape (K,). K up to 2 by quadrature, above by convolution."""
    if len(a) == 0:
        return 1.0
    if len(a) == 1:
        return float(_cdf(a, b, np.array([m]))[0])
    if len(a) == 2:
        return float(melded_tail(a[:1], b[:1], b[1:], a[1:], np.array([2.0 * m - 1.0]))[0])
    return _convolved(a, b, m * len(a))


def _convolved(a: F64, b: F64, total: float) -> float:
    from scipy.signal import fftconvolve

    start, stop = _range(a, b, TAIL)
    step = max(float(np.sum(stop - start)) / CELLS, 1e-12)
    mass, origin = np.ones(1), 0.0
    for i in range(len(a)):
        cells = int(np.ceil((stop[i] - start[i]) / step)) + 1
        edges = start[i] + step * np.arange(cells + 1)
        ends = _cdf(a[i : i + 1], b[i : i + 1], edges)
        ends[0], ends[-1] = 0.0, 1.0
        mass = np.maximum(fftconvolve(mass, np.diff(ends)), 0.0)
        origin += float(start[i]) + step / 2
    reach = (total - origin) / step
    if reach < 0:
        return 10 * TAIL
    whole = int(min(np.floor(reach + 0.5), len(mass)))
    part = mass[whole] * (reach + 0.5 - whole) if whole < len(mass) else 0.0
    return float(min(np.sum(mass[:whole]) + part + 10 * TAIL, 1.0))


def _nodes(a: F64, b: F64) -> tuple[F64, F64]:
    from scipy.special import betaln, xlog1py, xlogy

    x, w = np.polynomial.legendre.leggauss(NODES)
    start, stop = _range(a, b, FAR)
    points = start[:, None] + (stop - start)[:, None] * (x + 1) / 2
    # The last clip keeps a node of a point mass inside the open interval, where its weight is replaced below.
    inside = np.clip(points, 1e-300, 1 - 1e-16)
    safe_a, safe_b = np.maximum(a, 1.0)[:, None], np.maximum(b, 1.0)[:, None]
    density = np.exp(xlogy(safe_a - 1, inside) + xlog1py(safe_b - 1, -inside) - betaln(safe_a, safe_b))
    weights = density * w
    point = ((a <= 0) | (b <= 0))[:, None]
    weights = np.where(point, 1.0 / NODES, weights)
    return points, weights / np.sum(weights, axis=1, keepdims=True)


def _range(a: F64, b: F64, tail: float) -> tuple[F64, F64]:
    from scipy.special import betainccinv, betaincinv

    safe_a, safe_b = np.maximum(a, 1.0), np.maximum(b, 1.0)
    start, stop = betaincinv(safe_a, safe_b, tail), betainccinv(safe_a, safe_b, tail)
    start, stop = np.where(a <= 0, 0.0, start), np.where(a <= 0, 0.0, stop)
    return np.where((b <= 0) & (a > 0), 1.0, start), np.where((b <= 0) & (a > 0), 1.0, stop)


def _cdf(a: F64, b: F64, x: F64) -> F64:
    from scipy.special import betainc

    value = betainc(np.where(a > 0, a, 1.0), np.where(b > 0, b, 1.0), np.clip(x, 0.0, 1.0))
    value = np.where(a <= 0, np.asarray(x >= 0, np.float64), value)
    return np.where((b <= 0) & (a > 0), np.asarray(x >= 1, np.float64), value)


def _spread(a: F64, b: F64) -> F64:
    return a * b / ((a + b) ** 2 * (a + b + 1))
