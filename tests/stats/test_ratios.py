"""Ratios of means: coverage and level against simulation, with a stated Monte-Carlo tolerance."""

from __future__ import annotations

import numpy as np
import pytest

from assay.stats.ratios import independent_ratio_above, independent_ratio_interval, ratio_above, ratio_interval

RUNS = 2_000
TOLERANCE = 3 * (0.05 * 0.95 / RUNS) ** 0.5  # three standard errors of a share of 5 % over the runs


def skewed(rng: np.random.Generator, n: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Losses as they come: squared, skewed, strongly paired."""
    shared = rng.gamma(1.0, 1.0, n)
    return ratio * (shared + 0.3 * rng.gamma(1.0, 1.0, n)), shared + 0.3 * rng.gamma(1.0, 1.0, n)


@pytest.mark.parametrize(("n", "slack"), [(30, 0.02), (300, 0.0)])
def test_paired_level_and_coverage(n: int, slack: float) -> None:
    rng = np.random.default_rng(7)
    rejected = covered = 0
    for _ in range(RUNS):
        a, b = skewed(rng, n, 1.2)
        rejected += ratio_above(a, b, 1.2) <= 0.05
        lo, hi = ratio_interval(a, b, 0.05)
        covered += lo <= 1.2 <= hi
    assert rejected / RUNS <= 0.05 + TOLERANCE + slack
    assert covered / RUNS >= 0.95 - TOLERANCE - slack


def test_independent_level_and_coverage() -> None:
    rng = np.random.default_rng(8)
    rejected = covered = 0
    for _ in range(RUNS):
        a, b = 1.5 * rng.gamma(2.0, 0.5, 80), rng.gamma(2.0, 0.5, 300)
        rejected += independent_ratio_above(a, b, 1.5) <= 0.05
        lo, hi = independent_ratio_interval(a, b, 0.05)
        covered += lo <= 1.5 <= hi
    assert rejected / RUNS <= 0.05 + TOLERANCE + 0.01  # Welch's t on skewed samples of 80
    assert covered / RUNS >= 0.95 - TOLERANCE - 0.01


def test_interval_and_test_agree() -> None:
    rng = np.random.default_rng(9)
    for _ in range(50):
        a, b = skewed(rng, 100, 1.1)
        p = ratio_above(a, b, 1.05)
        assert (p <= 0.025) == (ratio_interval(a, b, 0.05)[0] >= 1.05)


def test_edges() -> None:
    one = np.ones(1)
    assert ratio_above(one, one, 1.0) == 1.0 and ratio_interval(one, one, 0.05) == (-np.inf, np.inf)
    same = np.ones(10)
    assert ratio_above(same, same, 1.0) == 1.0 and ratio_above(2 * same, same, 1.0) == 0.0
    assert ratio_interval(np.random.default_rng(0).normal(size=50), np.random.default_rng(1).normal(size=50), 0.05) == (
        -np.inf,
        np.inf,
    )
