"""Means: betting against simulation, a plain transcription as oracle, and Student's t against SciPy."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import beta, ttest_1samp

from assay.stats.means import (
    STAKE,
    TUNED_FOR,
    _scramble,
    blocks_above,
    blocks_interval,
    bounded_mean_above,
    bounded_mean_interval,
    mean_above,
    mean_interval,
)

DRAWS = {
    "coin": (lambda r, n: (r.random(n) < 0.3) * 1.0, 0.3),
    "rare": (lambda r, n: (r.random(n) < 0.02) * 1.0, 0.02),
    "skewed": (lambda r, n: r.beta(0.3, 3, n), 0.3 / 3.3),
    "narrow": (lambda r, n: 0.5 + 0.01 * r.uniform(-1, 1, n), 0.5),
    "mostly one": (lambda r, n: 1.0 - (r.random(n) < 0.05) * r.random(n), 0.975),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n", [20, 300])
def test_betting_keeps_its_level(name: str, n: int, at_most: Callable[..., None]) -> None:
    draw, mean = DRAWS[name]
    rng = np.random.default_rng(n)
    samples = [draw(rng, n) for _ in range(1_000)]
    at_most([bounded_mean_above(x, mean) for x in samples], note=(name, "above"))
    at_most([bounded_mean_above(1 - x, 1 - mean) for x in samples], note=(name, "below"))


@pytest.mark.parametrize("name", DRAWS)
def test_betting_covers(name: str) -> None:
    draw, mean = DRAWS[name]
    rng = np.random.default_rng(1)
    ends = np.array([bounded_mean_interval(draw(rng, 150), 0.1) for _ in range(250)])
    missed = int(((ends[:, 0] > mean) | (ends[:, 1] < mean)).sum())
    assert (beta.ppf(0.01, missed, 250 - missed + 1) if missed else 0.0) <= 0.1


def test_betting_is_the_product_of_its_bets() -> None:
    x = np.random.default_rng(2).beta(2, 5, 60)
    capital, best, total, squares, spread = 1.0, 1.0, 0.5, 0.25, 0.25
    for t, value in enumerate(x[_scramble(60)], start=1):
        stake = min(np.sqrt(2 * np.log(2 / TUNED_FOR) / (60 * spread)), STAKE / 0.2)
        capital *= 1 + stake * (value - 0.2)
        best = max(best, capital)
        total += value
        squares += (value - total / (t + 1)) ** 2
        spread = squares / (t + 1)
    assert bounded_mean_above(x, 0.2) == pytest.approx(1 / best, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-3, 1e-6])
def test_betting_test_and_interval_agree(alpha: float) -> None:
    rng = np.random.default_rng(3)
    for n in (5, 40, 900):
        x = rng.beta(1, 3, n) * 4 - 1
        lo, hi = bounded_mean_interval(x, alpha, -1, 3)
        assert -1 <= lo <= x.mean() <= hi <= 3
        if lo > -1:
            assert bounded_mean_above(x, lo - 1e-6, -1, 3) <= alpha / 2 < bounded_mean_above(x, lo + 1e-6, -1, 3)
        assert bounded_mean_above(x, lo + 1e-6, -1, 3) > alpha / 2


def test_betting_is_no_wider_than_hoeffding_where_the_spread_is_small() -> None:
    x = np.random.default_rng(4).beta(0.3, 3, 1_000)
    lo, hi = bounded_mean_interval(x, 0.05)
    assert hi - lo < 0.5 * 2 * np.sqrt(np.log(2 / 0.05) / (2 * 1_000))


def test_sorted_values_are_no_danger(at_most: Callable[..., None]) -> None:
    rng = np.random.default_rng(5)
    at_most([bounded_mean_above(np.sort(rng.random(200)), 0.5) for _ in range(600)])
    at_most([bounded_mean_above(np.sort(rng.random(200))[::-1], 0.5) for _ in range(600)])


def test_betting_is_fast_and_takes_the_extremes() -> None:
    x = np.random.default_rng(6).random(100_000)
    start = time.process_time()
    lo, hi = bounded_mean_interval(x, 0.05)
    assert time.process_time() - start < 2.0  # 0.05 s measured; the limit catches a loop over rows
    assert 0.49 < lo < 0.5 < hi < 0.51
    assert bounded_mean_interval([], 0.05) == (0.0, 1.0) and bounded_mean_above([], 0.5) == 1.0
    assert bounded_mean_interval(np.ones(50), 0.05)[1] == 1.0
    assert bounded_mean_interval(np.zeros(50), 0.05)[0] == 0.0
    with pytest.raises(ValueError, match="every value"):
        bounded_mean_above([0.5, np.nan], 0.1)
    with pytest.raises(ValueError, match="every value"):
        bounded_mean_above([0.5, 1.5], 0.1)


def test_t_matches_scipy_and_agrees_with_its_interval(at_most: Callable[..., None]) -> None:
    x = np.random.default_rng(7).normal(0.4, 1, 25)
    assert mean_above(x, 0.1) == pytest.approx(ttest_1samp(x, 0.1, alternative="greater").pvalue)
    expected = ttest_1samp(x, 0).confidence_interval(0.95)
    assert mean_interval(x, 0.05) == pytest.approx((expected.low, expected.high))
    assert mean_above(x, mean_interval(x, 0.01)[0]) == pytest.approx(0.005)
    draws = np.random.default_rng(8).normal(0.2, 1, (3_000, 5))
    at_most([blocks_above(d, 0.2) for d in draws])


def test_too_few_or_equal_blocks_prove_nothing() -> None:
    assert blocks_interval([0.3], 0.05) == (-np.inf, np.inf) and blocks_above([0.3], 0.0) == 1.0
    assert blocks_above([], 0.0) == 1.0
    assert blocks_above([0.3] * 4, 0.0) == 0.5**4
    assert blocks_interval([0.3] * 4, 0.05) == (-np.inf, np.inf)
    assert blocks_interval([0.3] * 9, 0.05) == (0.3, 0.3)
