"""Shares: oracles, duality, and levels by full enumeration of every outcome (no Monte-Carlo error)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, fisher_exact

from assay.stats import meld
from assay.stats.shares import (
    balanced_above,
    balanced_interval,
    difference_above,
    difference_interval,
    share_above,
    share_interval,
)

LEVELS = (0.05, 0.025, 0.01, 1e-3, 1e-5)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 40), (3, 10), (40, 40), (1_234, 98_765)])
def test_share_matches_scipy(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(0.99, "exact")
    assert share_interval(k, n, 0.01) == pytest.approx((expected.low, expected.high), abs=1e-12)
    for m in (0.001, 0.05, 0.5):
        assert share_above(k, n, m) == pytest.approx(binomtest(k, n, m, "greater").pvalue, rel=1e-9, abs=1e-300)


def test_share_broadcasts_and_knows_nothing_about_no_rows() -> None:
    lo, hi = share_interval(np.array([0, 1, 2]), np.array([0, 1, 4]), 0.05)
    assert (lo[0], hi[0]) == (0.0, 1.0) and share_above(0, 0, 0.5) == 1.0
    assert (lo[2], hi[2]) == share_interval(2, 4, 0.05)
    assert share_above(np.array([0, 3]), 4, np.array([0.5, 0.5])).shape == (2,)
    with pytest.raises(ValueError, match="0 <= k <= n"):
        share_interval(5, 4, 0.05)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.001, 0.999), st.sampled_from([0.2, 0.05, 1e-3, 1e-6]))
def test_share_test_and_interval_agree(k: int, n: int, m: float, alpha: float) -> None:
    k = min(k, n)
    p, lo = share_above(k, n, m), share_interval(k, n, alpha)[0]
    assert (p <= alpha / 2) == (lo > m) or abs(lo - m) < 1e-9


@pytest.mark.parametrize("n", [1, 7, 40, 300])
def test_share_level_is_exact(n: int) -> None:
    k = np.arange(n + 1)
    for m in (0.01, 0.05, 0.3, 0.9):
        for level in LEVELS:
            assert binom.pmf(k, n, m) @ (share_above(k, n, m) <= level) <= level


def test_difference_at_zero_is_fishers_exact_test() -> None:
    for a, na, b, nb in [(9, 12, 3, 12), (1, 300, 0, 20), (90_000, 10**6, 88_000, 10**6), (30, 40, 2, 4_000)]:
        expected = fisher_exact([[a, na - a], [b, nb - b]], "greater").pvalue
        assert difference_above(a, na, b, nb, 0.0) == pytest.approx(expected, rel=1e-7)


def test_difference_quadrature_does_not_depend_on_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        (9, 12, 3, 12),
        (1, 1000, 0, 30),
        (500, 1000, 3, 5),
        (90_000, 10**6, 3, 10),
        (12, 12, 0, 12),
        (0, 50, 0, 50),
    ]
    a, na, b, nb = (np.repeat(v, 5) for v in np.array(cases).T)
    m = np.tile([-0.3, -0.01, 0.0, 0.01, 0.6], len(cases))
    few = difference_above(a, na, b, nb, m)
    monkeypatch.setattr(meld, "NODES", 600)
    assert few == pytest.approx(difference_above(a, na, b, nb, m), rel=1e-9, abs=1e-35)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.tuples(*[st.integers(0, 60)] * 4), st.floats(-0.9, 0.9), st.sampled_from([0.2, 0.05, 1e-3, 1e-6]))
def test_difference_test_and_interval_agree(counts: tuple[int, int, int, int], m: float, alpha: float) -> None:
    a, more_a, b, more_b = counts
    p = difference_above(a, a + more_a, b, b + more_b, m)
    lo, hi = difference_interval(a, a + more_a, b, b + more_b, alpha)
    assert -1 <= lo <= hi <= 1
    assert (p <= alpha / 2) == (lo > m) or abs(lo - m) < 1e-8


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (5, 20), (20, 5), (40, 7), (40, 40)])
def test_difference_level_by_enumeration(n1: int, n2: int) -> None:
    k1, k2 = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    for m in (-0.2, 0.0, 0.05, 0.3, 0.7):
        p = difference_above(k1, n1, k2, n2, m)
        second = np.linspace(max(0.0, -m), min(1.0, 1.0 - m), 60)[:, None]
        chance1, chance2 = binom.pmf(np.arange(n1 + 1), n1, second + m), binom.pmf(np.arange(n2 + 1), n2, second)
        for level in LEVELS:
            assert np.einsum("gi,ij,gj->g", chance1, p <= level, chance2).max() <= level


def test_difference_interval_ends() -> None:
    assert difference_interval(0, 12, 12, 12, 0.05)[0] == -1.0
    assert difference_interval(0, 0, 0, 0, 0.05) == pytest.approx((-1.0, 1.0), abs=1e-9)
    lo, hi = difference_interval(9, 12, 3, 12, 0.05)
    back = difference_interval(3, 12, 9, 12, 0.05)
    assert (lo, hi) == pytest.approx((-back[1], -back[0]), abs=1e-9)


@pytest.mark.parametrize("sizes", [(3, 3), (5, 20), (25, 7), (2, 2, 2), (4, 4, 6), (2, 2, 2, 3)])
def test_balanced_level_by_enumeration(sizes: tuple[int, ...]) -> None:
    n = np.array(sizes)
    outcomes = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(s + 1) for s in sizes], indexing="ij")], 1)
    rng = np.random.default_rng(0)
    for m in (0.1, 0.5, 0.9):
        p = np.array([balanced_above(k, n, m) for k in outcomes])
        shares = rng.random((400, len(n)))
        shares[::2] = np.round(shares[::2])
        shares += m - shares.mean(1, keepdims=True)
        shares = np.vstack([shares[((shares >= 0) & (shares <= 1)).all(1)], np.full(len(n), m)])
        chance = np.ones((len(shares), len(outcomes)))
        for i, size in enumerate(sizes):
            chance *= binom.pmf(outcomes[:, i][None], size, shares[:, i][:, None])
        for level in LEVELS:
            assert (chance @ (p <= level)).max() <= level


def test_balanced_convolution_agrees_with_quadrature_and_interval() -> None:
    a, b = np.array([5.0, 70.0]), np.array([6.0, 31.0])
    edges, total = meld._convolved(a, b)
    for m in (0.2, 0.3, 0.5, 0.7):
        assert np.interp(2 * m, edges, total) == pytest.approx(meld.mean_tail(a, b, m), rel=1e-3)
    for k, n in [((5, 7), (10, 10)), ((5, 7, 4), (10, 10, 9)), ((0, 0, 0), (4, 4, 4)), ((4, 2, 0, 9), (4, 3, 0, 9))]:
        lo, hi = balanced_interval(np.array(k), np.array(n), 0.05)
        assert 0 <= lo <= hi <= 1
        assert balanced_above(np.array(k), np.array(n), lo) == pytest.approx(0.025, rel=1e-6) or lo == 0.0


def test_balanced_of_one_share_is_clopper_pearson() -> None:
    assert balanced_interval(np.array([3]), np.array([10]), 0.05) == pytest.approx(
        share_interval(3, 10, 0.05), abs=1e-12
    )
    assert balanced_interval(np.array([0, 3]), np.array([0, 10]), 0.05)[1] < 1.0
    assert balanced_interval(np.array([]), np.array([]), 0.05) == (0.0, 1.0)
