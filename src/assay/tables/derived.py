"""Statistics that follow from counts and sums, in exact integers as long as it matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from assay.core.facts import Moments
from assay.core.table import F64, I64

SCALE = 2**60


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact integer sums of ((x - shift) / unit) ** k * 2**60, k = 1..4, over the finite values of a column."""

    n: int
    shift: float
    unit: float
    sums: tuple[int, int, int, int]
    zeros: int
    negatives: int


def shift_of(values: F64, lo: float | None, hi: float | None) -> tuple[float, float, float]:
    """Shift, unit, and a power of two that keeps the arithmetic clear of overflow and underflow."""
    if lo is None or hi is None:
        return 0.0, 1.0, 1.0
    top = max(abs(lo), abs(hi))
    p = 2.0**-8 if top > 1e290 else 2.0**300 if 0 < top < 1e-200 else 1.0
    shift = float(np.mean(values * p)) / p if len(values) else lo / 2 + hi / 2
    shift = min(max(shift, lo), hi)
    unit = max(hi * p - shift * p, shift * p - lo * p) / p
    return shift, (unit if unit > 0 else 1.0), p


def sums_of_values(values: tuple[F64, I64]) -> Sums:
    """The sums of a column whose whole value table is known."""
    keys, rows = values
    n = int(rows.sum())
    if n == 0:
        return Sums(0, 0.0, 1.0, (0, 0, 0, 0), 0, 0)
    lo, hi = float(keys[0]), float(keys[-1])
    _, _, p = shift_of(np.empty(0), lo, hi)
    mean = math.fsum((keys * p * (rows / n)).tolist()) / p
    shift, unit, p = shift_of(np.array([mean]), lo, hi)
    v = (keys * p - shift * p) * (1.0 / (unit * p))
    weights = rows.tolist()
    sums = [
        sum(int(q) * w for q, w in zip(np.rint(u * SCALE).tolist(), weights, strict=True))
        for u in (v, v * v, v * v * v, (v * v) * (v * v))
    ]
    zeros, negatives = int(rows[keys == 0].sum()), int(rows[keys < 0].sum())
    return Sums(n, shift, unit, (sums[0], sums[1], sums[2], sums[3]), zeros, negatives)


def moments(got: Sums, infinite: int) -> Moments:
    """Mean, variance (n - 1), skewness g1 and excess kurtosis g2 from power sums about a shift.

    Central moments are formed in rationals, so that nothing cancels.
    """
    n, nan = got.n, math.nan
    if n == 0:
        return Moments(0, nan, nan, nan, nan, got.zeros, got.negatives, infinite)
    m1, m2, m3, m4 = (Fraction(s, n * SCALE) for s in got.sums)
    mean = got.shift + float(m1) * got.unit
    c2 = m2 - m1 * m1
    c3 = m3 - 3 * m1 * m2 + 2 * m1**3
    c4 = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    variance = float(max(c2, Fraction(0)) * n / (n - 1)) * got.unit * got.unit if n > 1 else nan
    # Below this the spread is the rounding of the sums, not the column's.
    flat = c2 <= Fraction(4, SCALE)
    skewness = nan if flat else float(c3) / float(c2) ** 1.5
    kurtosis = nan if flat else float(c4 / (c2 * c2)) - 3.0
    return Moments(n, mean, 0.0 if flat and n > 1 else variance, skewness, kurtosis, got.zeros, got.negatives, infinite)


def quantiles_of_values(values: tuple[F64, I64], asked: Sequence[float]) -> tuple[float, ...]:
    """Exact quantiles (inverse of the distribution function) of a value table."""
    keys, rows = values
    if len(keys) == 0:
        return tuple(math.nan for _ in asked)
    steps = np.cumsum(rows)
    at = [min(len(keys) - 1, int(np.searchsorted(steps, q * steps[-1] - 1e-9))) for q in asked]
    return tuple(float(keys[i]) for i in at)


def quantiles_of_ladder(edges: F64, counts: I64, asked: Sequence[float]) -> tuple[float, ...]:
    """Quantiles by straight lines between rungs; ``counts[i]`` rows lie in (edges[i-1], edges[i]]."""
    total = int(counts.sum())
    if total == 0:
        return tuple(math.nan for _ in asked)
    steps = np.cumsum(counts)
    out = []
    for q in asked:
        want = q * total
        i = min(len(edges) - 1, int(np.searchsorted(steps, want - 1e-9)))
        before = int(steps[i] - counts[i])
        low = edges[i - 1] if i else edges[0]
        share = (want - before) / counts[i] if counts[i] else 1.0
        out.append(float(low + (edges[i] - low) * min(1.0, max(0.0, share))))
    return tuple(out)
