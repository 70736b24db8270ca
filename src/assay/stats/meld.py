"""Tails of differences and means of independent Beta variables: the engine of melded intervals.

Beta(k, n - k + 1) is the lower and Beta(k + 1, n - k) the upper Clopper-Pearson confidence distribution of a share;
a shape of 0 stands for the point mass at 0 (first shape) or at 1 (second shape).
Source: Fay, Proschan & Brittain (2015), Biometrics 71:146.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

NODES = 128
FAR = 1e-40  # mass beyond the range that is integrated: far below any p-value that is printed
CELLS = 4096
TAIL = 1e-20  # the same for convolutions
AT_ONCE = 4096  # pairs in memory together: 4 MB a matrix


def melded_tail(a1: F64, b1: F64, a2: F64, b2: F64, d: F64) -> F64:
    """P(U - W <= d) for independent U ~ Beta(a1, b1), W ~ Beta(a2, b2); arrays that broadcast, any length."""
    return _in_parts(_tail, a1, b1, a2, b2, d)


def melded_quantile(a1: F64, b1: F64, a2: F64, b2: F64, tail: float) -> F64:
    """The d with P(U - W <= d) = tail; shapes as ``melded_tail``."""
    return _in_parts(partial(_quantile, tail), a1, b1, a2, b2)


def mean_tail(a: F64, b: F64, m: float) -> float:
    """P(mean of K independent Beta(a, b) <= m); a, b of shape (K,). K up to 2 by quadrature, above by convolution."""
    if len(a) == 0:
        return 1.0
    if len(a) == 1:
        return float(_cdf(a, b, np.array([m]))[0])
    if len(a) == 2:
        return float(melded_tail(a[:1], b[:1], b[1:], a[1:], np.array([2.0 * m - 1.0]))[0])
    edges, total = _convolved(a, b)
    return float(np.interp(m * len(a), edges, total, left=total[0], right=1.0))


def mean_quantile(a: F64, b: F64, tail: float) -> float:
    """The m with P(mean <= m) = tail; arguments as ``mean_tail``."""
    from scipy.special import betaincinv

    if len(a) == 0:
        return 0.0
    if len(a) == 1:
        return float(betaincinv(a[0], b[0], tail)) if a[0] > 0 else 0.0
    if len(a) == 2:
        return (float(melded_quantile(a[:1], b[:1], b[1:], a[1:], tail)[0]) + 1.0) / 2
    edges, total = _convolved(a, b)
    return float(np.interp(tail, total, edges)) / len(a) if tail > total[0] else 0.0


def _in_parts(work: Callable[..., F64], *arrays: F64) -> F64:
    flat = [np.ravel(v) for v in np.broadcast_arrays(*(np.asarray(v, np.float64) for v in arrays))]
    parts = [work(*(v[i : i + AT_ONCE] for v in flat)) for i in range(0, len(flat[0]), AT_ONCE)]
    out = np.concatenate(parts) if parts else np.zeros(0)
    return np.asarray(out.reshape(np.broadcast_shapes(*(np.shape(v) for v in arrays))))


def _tail(a1: F64, b1: F64, a2: F64, b2: F64, d: F64) -> F64:
    # U - W and (1 - W) - (1 - U) are one variable: integrate over the narrower, on whose scale the other is smooth.
    flip = _spread(a1, b1) < _spread(a2, b2)
    au, bu = np.where(flip, b2, a1), np.where(flip, a2, b1)
    aw, bw = np.where(flip, b1, a2), np.where(flip, a1, b2)
    start, stop = _range(aw, bw, FAR)
    # Beyond w = 1 - d the other factor is 1: that mass is known in closed form, and the kink there left out.
    stop = np.clip(1.0 - d, start, stop)
    start = np.clip(-d, start, stop)
    points, weights = _nodes(aw, bw, start, stop)
    inner = np.sum(weights * _cdf(au[:, None], bu[:, None], points + d[:, None]), axis=1)
    tail = np.where((aw <= 0) | (bw <= 0), _cdf(au, bu, np.where(aw <= 0, 0.0, 1.0) + d), inner + _cdf(bw, aw, d))
    return np.asarray(np.clip(tail, 0.0, 1.0))


def _quantile(level: float, a1: F64, b1: F64, a2: F64, b2: F64) -> F64:
    """Bracketed secant (Illinois rule) on the normal scale, where a tail is nearly straight in d."""
    from scipy.special import ndtri

    z = float(ndtri(level))
    root = np.full(len(a1), -1.0)
    left = np.flatnonzero((a1 > 0) | (b2 > 0))  # else U - W is the point -1
    shapes = np.stack([v[left] for v in (a1, b1, a2, b2)])
    guess = shapes[0] / (shapes[0] + shapes[1]) - shapes[2] / (shapes[2] + shapes[3])
    guess += z * np.sqrt(_spread(*shapes[:2]) + _spread(*shapes[2:]))
    one = np.ones(len(left))
    lo, hi, at_lo, at_hi, side = -one, one, -8 * one, 8 * one, 0 * one
    for turn in range(80):
        guess = np.where((guess > lo) & (guess < hi) & (turn % 5 != 4), guess, (lo + hi) / 2)
        value = ndtri(np.clip(_tail(shapes[0], shapes[1], shapes[2], shapes[3], guess), 1e-300, 1 - 1e-16)) - z
        up = value > 0
        at_lo = np.where(up, np.where(side > 0, at_lo / 2, at_lo), value)
        at_hi = np.where(up, value, np.where(side < 0, at_hi / 2, at_hi))
        lo, hi, side = np.where(up, lo, guess), np.where(up, guess, hi), np.where(up, 1.0, -1.0)
        root[left] = guess
        go = (np.abs(value) > 1e-10) & (hi - lo > 1e-13)
        if not go.any():
            break
        left, shapes = left[go], shapes[:, go]
        lo, hi, at_lo, at_hi, side = (v[go] for v in (lo, hi, at_lo, at_hi, side))
        guess = (lo * at_hi - hi * at_lo) / (at_hi - at_lo)
    return root


def _convolved(a: F64, b: F64) -> tuple[F64, F64]:
    """Edges of cells, and P(sum <= edge); the first value holds the mass that was cut off below."""
    free = a > 0
    a, b = a[free], b[free]
    if len(a) == 0:
        return np.array([0.0, 1e-12]), np.ones(2)
    start, stop = _range(a, b, TAIL)
    step = max(float(np.sum(stop - start)) / CELLS, 1e-12)
    mass = np.ones(1)
    for i in range(len(a)):
        edges = start[i] + step * np.arange(int(np.ceil((stop[i] - start[i]) / step)) + 1)
        ends = _cdf(a[i : i + 1], b[i : i + 1], edges)
        ends[0], ends[-1] = 0.0, 1.0
        mass = np.convolve(mass, np.diff(ends))
    # Every factor's mass stands in the middle of its cell: cell j of the sum is centred at start + (j + K / 2) steps.
    edges = float(np.sum(start)) + step * (np.arange(len(mass) + 1) + (len(a) - 1) / 2)
    total = np.minimum(np.concatenate(([0.0], np.cumsum(mass))) + len(a) * TAIL, 1.0)
    return np.asarray(edges), np.asarray(total)


def _nodes(a: F64, b: F64, start: F64, stop: F64) -> tuple[F64, F64]:
    """Gauss-Legendre points between start and stop, and their weights under Beta(a, b)."""
    from scipy.special import betaln, xlog1py, xlogy

    x, w = _legendre(NODES)
    half = (stop - start)[:, None] / 2
    points = start[:, None] + half * (x + 1)
    a, b = np.maximum(a, 1.0)[:, None], np.maximum(b, 1.0)[:, None]
    density = np.exp(xlogy(a - 1, points) + xlog1py(b - 1, -points) - betaln(a, b))
    return points, np.asarray(half * w * density)


@lru_cache(maxsize=4)
def _legendre(n: int) -> tuple[F64, F64]:
    return np.polynomial.legendre.leggauss(n)


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
    return np.asarray(a * b / ((a + b) ** 2 * (a + b + 1)))
