"""Statistics that follow from counts and sums, in exact integers as long as it matters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from assay.core.facts import Moments
from assay.core.table import F64, I64

if TYPE_CHECKING:
    from .scans import Sums


def moments(got: Sums, infinite: int) -> Moments:
    """Mean, variance (n - 1), skewness g1 and excess kurtosis g2 from power sums about a shift.

    Central moments are formed in rationals, so that nothing cancels.
    """
    from .scans import SCALE

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


def quantiles_of_values(values: Mapping[float, int], asked: Sequence[float]) -> tuple[float, ...]:
    """Exact quantiles (inverse of the distribution function) of a value table."""
    if not values:
        return tuple(math.nan for _ in asked)
    keys = np.array(sorted(values))
    steps = np.cumsum([values[k] for k in keys.tolist()])
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
