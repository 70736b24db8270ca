"""Welch's t agrees with scipy's, test and interval with each other."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from assay.stats.welch import welch_above, welch_interval


@pytest.mark.parametrize("seed", range(5))
def test_as_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, 2, 12), rng.normal(0, 1, 9)
    assert welch_above(a, b, 0.1) == pytest.approx(ttest_ind(a - 0.1, b, equal_var=False, alternative="greater").pvalue)
    lo, hi = welch_interval(a, b, 0.1)
    assert welch_above(a, b, lo) == pytest.approx(0.05)
    assert welch_above(b, a, -hi) == pytest.approx(0.05)


def test_without_spread_or_rows():
    assert welch_above([1.0] * 10, [0.0] * 12, 0.5) == 0.5**10
    assert welch_above([0.0] * 10, [0.0] * 12, 0.5) == 1.0
    assert welch_above([1.0], [0.0, 1.0], 0.0) == 1.0
    assert welch_interval([1.0], [0.0], 0.05) == (-np.inf, np.inf)
    assert welch_interval([1.0] * 30, [0.0] * 30, 0.05) == (1.0, 1.0)


def test_a_trend_is_no_noise_and_the_level_holds():
    rng = np.random.default_rng(0)
    trend = np.linspace(0, 1, 10)
    assert welch_above(1 + trend, trend, 0.5, in_order=True) < 1e-3 < welch_above(1 + trend, trend, 0.5)
    tests = [welch_above(rng.normal(0.5, 1, 10), rng.normal(0, 1, 10), 0.5, in_order=True) for _ in range(4000)]
    assert np.mean(np.array(tests) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 4000)
