"""Distances between two samples, both with their own error: total variation and Kolmogorov-Smirnov.

Plug-in distances are biased upwards: two samples of one population differ. Ways out that keep the level:
  without ``rng``  the expected noise is subtracted, then a concentration bound (deterministic, conservative);
  of two bins      it is a difference of two shares, either way round, each tested exactly;
  with ``rng``     search on one random half where the two differ, then test a difference of shares there on the other.
The upper ends never need the halves: plug-in distances err upwards, and a concentration bound suffices.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from assay.stats.shares import difference_above, difference_interval

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def tv(counts_a: ArrayLike, counts_b: ArrayLike) -> float:
    """Total variation of two histograms over the same bins: half the sum of absolute differences of shares, 0 to 1."""
    a, b = _histograms(counts_a, counts_b)
    if a.sum() == 0 or b.sum() == 0:
        return 0.0
    return float(0.5 * np.sum(np.abs(a / a.sum() - b / b.sum())))


def tv_interval(
    counts_a: ArrayLike, counts_b: ArrayLike, alpha: float, rng: Generator | None = None
) -> tuple[float, float]:
    """Interval of the total variation between the two populations; bins must not have been chosen by looking at both.

    Args:
        counts_a, counts_b: whole counts per bin, shape (K,), independent rows.
        rng: see the module; the same generator state must be used for interval and test.

    Source: McDiarmid (1989) for the deviation from the mean, Jensen for the bias; with ``rng`` as
    ``shares.difference_interval``.
    """
    a, b = _histograms(counts_a, counts_b)
    v = _noise(a.sum(), b.sum())
    if not np.isfinite(v):
        return 0.0, 1.0
    reach = float(np.sqrt(np.log(2 / alpha) * v / 2))
    size = tv(a, b)
    if len(a) == 2:
        (under, _), (_, over) = _two_bins(a, b, alpha / 2), _two_bins(a, b, alpha)
        return max(under, 0.0), over
    if rng is None:
        lo = size - _tv_bias(a, b) - reach
    else:
        lo = difference_interval(*_tv_halves(a, b, rng), alpha)[0]
    return min(max(lo, 0.0), size), min(size + reach, 1.0)


def tv_above(counts_a: ArrayLike, counts_b: ArrayLike, m: float, rng: Generator | None = None) -> float:
    """p-value against H0: total variation <= m. Arguments and source as ``tv_interval``."""
    a, b = _histograms(counts_a, counts_b)
    v = _noise(a.sum(), b.sum())
    if not np.isfinite(v) or tv(a, b) <= m:
        return 1.0
    if len(a) == 2:
        counts = (int(a[0]), int(a.sum()), int(b[0]), int(b.sum()))
        return min(1.0, 2 * min(difference_above(*counts, m), difference_above(*counts[2:], *counts[:2], m)))
    if rng is not None:
        return difference_above(*_tv_halves(a, b, rng), m)
    return _deviation(tv(a, b) - m - _tv_bias(a, b), v)


def tv_or_bin_above(counts_a: ArrayLike, counts_b: ArrayLike, m: float, rng: Generator) -> float:
    """p-value against H0: total variation <= m, from the halves of ``tv_above`` or from a single bin, whichever is
    surer (twice the smaller p): the total variation is at least the difference of any one share, and where one bin
    moved, all rows of it testify. Arguments as ``tv_above``."""
    a, b = _histograms(counts_a, counts_b)
    if len(a) <= 2 or min(a.sum(), b.sum()) == 0:
        return tv_above(a, b, m, rng)
    up = difference_above(a, int(a.sum()), b, int(b.sum()), m)
    down = difference_above(b, int(b.sum()), a, int(a.sum()), m)
    single = 2 * len(a) * min(float(np.min(up)), float(np.min(down)))
    return min(1.0, 2 * min(tv_above(a, b, m, rng), single))


def tv_or_bin_interval(
    counts_a: ArrayLike, counts_b: ArrayLike, alpha: float, rng: Generator
) -> tuple[float, float]:  # fmt: skip
    """Interval that agrees with ``tv_or_bin_above``."""
    a, b = _histograms(counts_a, counts_b)
    if len(a) <= 2 or min(a.sum(), b.sum()) == 0:
        return tv_interval(a, b, alpha, rng)
    lo, _ = tv_interval(a, b, alpha / 2, rng)
    under, over = difference_interval(a, int(a.sum()), b, int(b.sum()), alpha / (4 * len(a)))
    return max(lo, float(np.max(under)), float(np.max(-over))), tv_interval(a, b, alpha)[1]


def ks(x: ArrayLike, y: ArrayLike) -> float:
    """Largest gap between the two empirical distribution functions, 0 to 1; NaN is an error."""
    a, b = _values(x, y)
    if len(a) == 0 or len(b) == 0:
        return 0.0
    return float(np.max(np.abs(_gaps(a, b)[1])))


def ks_interval(x: ArrayLike, y: ArrayLike, alpha: float, rng: Generator | None = None) -> tuple[float, float]:
    """Interval of the largest gap between the two distribution functions.

    Args:
        x, y: samples, shapes (n,) and (m,), ties allowed.  rng: see the module.

    Source: Dvoretzky, Kiefer & Wolfowitz with the constant of Massart (1990), Annals of Probability 18:1269,
    once per sample; with ``rng`` as ``shares.difference_interval``.
    """
    a, b = _values(x, y)
    if len(a) == 0 or len(b) == 0:
        return 0.0, 1.0
    size, scale = ks(a, b), len(a) ** -0.5 + len(b) ** -0.5
    reach = scale * float(np.sqrt(np.log(8 / alpha) / 2))
    lo = size - reach if rng is None else difference_interval(*_ks_halves(a, b, rng), alpha)[0]
    return min(max(lo, 0.0), size), min(size + reach, 1.0)


def ks_above(x: ArrayLike, y: ArrayLike, m: float, rng: Generator | None = None) -> float:
    """p-value against H0: largest gap <= m. Arguments and source as ``ks_interval``."""
    a, b = _values(x, y)
    gap = ks(a, b) - m
    if gap <= 0:
        return 1.0
    if rng is not None:
        return difference_above(*_ks_halves(a, b, rng), m)
    scale = len(a) ** -0.5 + len(b) ** -0.5
    return float(min(1.0, 4 * np.exp(-2 * (gap / scale) ** 2)))


def _tv_bias(a: I64, b: I64) -> float:
    """Upper bound of E(plug-in) - TV: half the summed standard errors, at most half sqrt((K - 1) v) by Cauchy-Schwarz.

    One count is added to each bin, so that rare bins do not pass for noiseless.
    """
    p, q = (a + 1) / (a.sum() + len(a)), (b + 1) / (b.sum() + len(b))
    plug = float(np.sum(np.sqrt(p * (1 - p) / a.sum() + q * (1 - q) / b.sum())))
    return 0.5 * min(plug, float(np.sqrt((len(a) - 1) * _noise(a.sum(), b.sum()))))


def _two_bins(a: I64, b: I64, alpha: float) -> tuple[float, float]:
    """Bounds of the absolute difference of two shares."""
    lo, hi = difference_interval(int(a[0]), int(a.sum()), int(b[0]), int(b.sum()), alpha)
    return max(lo, -hi), max(abs(lo), abs(hi))


def _tv_halves(a: I64, b: I64, rng: Generator) -> tuple[int, int, int, int]:
    half_a = rng.multivariate_hypergeometric(a, int(a.sum()) // 2, method="marginals")
    half_b = rng.multivariate_hypergeometric(b, int(b.sum()) // 2, method="marginals")
    more = half_a * max(int(half_b.sum()), 1) > half_b * max(int(half_a.sum()), 1)
    rest_a, rest_b = a - half_a, b - half_b
    return int(rest_a[more].sum()), int(rest_a.sum()), int(rest_b[more].sum()), int(rest_b.sum())


def _ks_halves(a: F64, b: F64, rng: Generator) -> tuple[int, int, int, int]:
    pick_a, pick_b = rng.permutation(len(a)) < len(a) // 2, rng.permutation(len(b)) < len(b) // 2
    rest_a, rest_b = a[~pick_a], b[~pick_b]
    if pick_a.sum() == 0 or pick_b.sum() == 0:
        return 0, len(rest_a), 0, len(rest_b)
    grid, gaps = _gaps(np.sort(a[pick_a]), np.sort(b[pick_b]))
    at = int(np.argmax(np.abs(gaps)))
    below = gaps[at] > 0
    hit_a, hit_b = ((rest <= grid[at]) == below for rest in (rest_a, rest_b))
    return int(hit_a.sum()), len(rest_a), int(hit_b.sum()), len(rest_b)


def _gaps(a: F64, b: F64) -> tuple[F64, F64]:
    grid = np.concatenate((a, b))
    gaps = np.searchsorted(a, grid, side="right") / len(a) - np.searchsorted(b, grid, side="right") / len(b)
    return grid, gaps


def _deviation(excess: float, v: float) -> float:
    return float(np.exp(-2 * excess**2 / v)) if excess > 0 else 1.0


def _noise(na: int, nb: int) -> float:
    return 1 / na + 1 / nb if na > 0 and nb > 0 else float("inf")


def _histograms(counts_a: ArrayLike, counts_b: ArrayLike) -> tuple[I64, I64]:
    a, b = np.ravel(np.asarray(counts_a)).astype(np.int64), np.ravel(np.asarray(counts_b)).astype(np.int64)
    if len(a) != len(b) or np.any(a < 0) or np.any(b < 0):
        raise ValueError("histograms must have the same bins and counts of 0 or more")
    return a, b


def _values(x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
    a, b = np.sort(np.ravel(np.asarray(x, np.float64))), np.sort(np.ravel(np.asarray(y, np.float64)))
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("samples must hold no NaN")
    return a, b
