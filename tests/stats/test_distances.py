"""Distances between two samples: levels at the boundary, coverage, duality, and SciPy as oracle."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import beta, ks_2samp

from assay.stats.distances import (
    ks,
    ks_above,
    ks_interval,
    tv,
    tv_above,
    tv_interval,
    tv_or_bin_above,
    tv_or_bin_interval,
)


def _pair(bins: int, gap: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two distributions over ``bins`` whose total variation is ``gap``."""
    p = np.full(bins, 1 / bins)
    q = p.copy()
    q[: bins // 2] *= 1 - 2 * gap
    q[bins // 2 :] += (1 - q.sum()) / (bins - bins // 2)
    assert 0.5 * np.abs(p - q).sum() == pytest.approx(gap * (bins // 2) * 2 / bins)
    return p, q


@pytest.mark.parametrize("bins", [2, 4, 20, 64])
@pytest.mark.parametrize("gap", [0.0, 0.1])
@pytest.mark.parametrize("split", [False, True])
def test_total_variation_keeps_its_level_and_covers(
    bins: int, gap: float, split: bool, at_most: Callable[..., None]
) -> None:
    rng = np.random.default_rng(bins)
    p, q = _pair(bins, gap, rng)
    tests, missed, runs = [], 0, 80 if bins == 2 else 400
    for _ in range(runs):
        a, b = rng.multinomial(300, p), rng.multinomial(500, q)
        tests.append(tv_above(a, b, gap, np.random.default_rng(rng.integers(2**32)) if split else None))
        lo, hi = tv_interval(a, b, 0.1)
        missed += not lo - 1e-12 <= gap <= hi
    at_most(tests)
    assert (beta.ppf(0.01, missed, runs - missed + 1) if missed else 0.0) <= 0.1


def test_total_variation_finds_what_is_there() -> None:
    rng = np.random.default_rng(1)
    p, q = _pair(20, 0.25, rng)
    a, b = rng.multinomial(3_000, p), rng.multinomial(3_000, q)
    assert tv_above(a, b, 0.1) < 1e-6 and tv_above(a, b, 0.1, np.random.default_rng(0)) < 1e-6
    assert tv_interval(a, b, 0.05)[0] > 0.1 and tv_interval(a, b, 0.05)[1] < 0.35
    assert tv([5, 5], [10, 0]) == 0.5


@pytest.mark.parametrize("gap", [0.0, 0.1])
@pytest.mark.parametrize("split", [False, True])
def test_kolmogorov_smirnov_keeps_its_level_and_covers(gap: float, split: bool, at_most: Callable[..., None]) -> None:
    rng = np.random.default_rng(2)
    tests, missed, runs = [], 0, 400
    for _ in range(runs):
        x, y = rng.random(300), rng.random(500)
        y = np.where(rng.random(500) < 2 * gap, 0.5 + y / 2, y)
        tests.append(ks_above(x, y, gap, np.random.default_rng(rng.integers(2**32)) if split else None))
        lo, hi = ks_interval(x, y, 0.1)
        missed += not lo <= gap <= hi
    at_most(tests)
    assert (beta.ppf(0.01, missed, runs - missed + 1) if missed else 0.0) <= 0.1


def test_kolmogorov_smirnov_matches_scipy_with_ties() -> None:
    rng = np.random.default_rng(3)
    x, y = np.round(rng.normal(0, 3, 200)), np.round(rng.normal(1, 3, 150))
    assert ks(x, y) == pytest.approx(ks_2samp(x, y).statistic)
    assert ks_above(x, y + 4, 0.1) < 1e-3 and ks_above(x, y + 4, 0.1, np.random.default_rng(0)) < 1e-6


@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-3, 1e-6])
def test_tests_and_intervals_agree(alpha: float) -> None:
    rng = np.random.default_rng(4)
    for bins, n in [(2, 40), (2, 4_000), (5, 900), (30, 5_000)]:
        a, b = rng.multinomial(n, rng.dirichlet(np.ones(bins))), rng.multinomial(n, rng.dirichlet(np.ones(bins)))
        x, y = np.repeat(np.arange(bins), a), np.repeat(np.arange(bins), b)
        for seed in (None, 5):
            fresh = (lambda s: lambda: None if s is None else np.random.default_rng(s))(seed)
            for test, bound, one, two in ((tv_above, tv_interval, a, b), (ks_above, ks_interval, x, y)):
                lo, hi = bound(one, two, alpha, fresh())
                assert 0 <= lo <= hi <= 1
                if lo > 0 and lo < (tv(a, b) if test is tv_above else ks(x, y)) - 1e-6:
                    assert test(one, two, lo - 1e-7, fresh()) <= alpha / 2 * (1 + 1e-3)
                    assert test(one, two, lo + 1e-7, fresh()) >= alpha / 2 * (1 - 1e-3)
                elif lo == 0:
                    assert test(one, two, 1e-7, fresh()) >= alpha / 2 * (1 - 1e-3)


def test_empty_samples_prove_nothing() -> None:
    assert tv_interval([0, 0], [3, 4], 0.05) == (0.0, 1.0) and tv_above([0, 0, 0], [3, 4, 1], 0.1) == 1.0
    assert tv_interval([1], [1], 0.05)[0] == 0.0 and tv_interval([], [], 0.05) == (0.0, 1.0)
    assert ks_interval([], [1.0], 0.05) == (0.0, 1.0) and ks_above([], [], 0.1) == 1.0
    assert tv_above([1, 0, 0], [0, 1, 0], 0.1, np.random.default_rng(0)) > 0.1
    assert ks_above([1.0], [2.0], 0.1, np.random.default_rng(0)) > 0.1
    with pytest.raises(ValueError, match="same bins"):
        tv([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="no NaN"):
        ks([np.nan], [1.0])


@pytest.mark.parametrize("bins", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_one_bin_or_all_keeps_the_level_and_sees_one_bin(bins: int, at_most: Callable[..., None]) -> None:
    rng = np.random.default_rng(bins)
    p = np.full(bins, 1 / bins)
    q = np.append((1 - p[-1] - 0.1) / (bins - 1) * np.ones(bins - 1), p[-1] + 0.1)
    tests = []
    for _ in range(300):
        a, b, seed = rng.multinomial(300, p), rng.multinomial(500, q), int(rng.integers(2**32))
        tests.append(tv_or_bin_above(a, b, 0.1, np.random.default_rng(seed)))
        lo, hi = tv_or_bin_interval(a, b, 0.1, np.random.default_rng(seed))
        assert lo <= tv(a, b) <= hi
        assert (lo > 0.1) == (tests[-1] < 0.05) or abs(tests[-1] - 0.05) < 1e-6
    at_most(tests)
    far = rng.multinomial(500, np.append(np.full(bins - 1, 0.3 / (bins - 1)), 0.7))
    seed = np.random.default_rng(1)
    assert tv_or_bin_above(rng.multinomial(300, p), far, 0.1, seed) < 1e-9
