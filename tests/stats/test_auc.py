"""AUC: scikit-learn and brute force as oracles; levels by simulation over shapes that break Newcombe and DeLong."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_auc_score

from assay.stats.auc import (
    _newcombe_error,
    auc,
    auc_above,
    auc_difference_above,
    auc_difference_interval,
    auc_interval,
    auc_ovr,
    counted,
    lower,
    midranks,
)

Draw = tuple[np.ndarray, np.ndarray]


def _draw(shape: str, area: float, m: int, n: int, rng: np.random.Generator) -> Draw:
    """Scores of m positives and n negatives whose true AUC is ``area``."""
    if shape == "coins":
        return (rng.random(m) < area) * 1.0, (rng.random(n) < 1 - area) * 1.0
    if shape == "sparse":
        return (rng.random(m) < 2 * area - 1) * 1.0, np.zeros(n)
    if shape == "mixture":
        return rng.random(m) + 2.0 * (rng.random(m) < 2 * area - 1), rng.random(n)
    wide = {"equal": (1.0, 1.0), "wide": (3.0, 1.0), "very wide": (10.0, 1.0), "narrow": (1.0, 3.0)}[shape]
    return rng.normal(ndtri(area) * np.hypot(*wide), wide[0], m), rng.normal(0, wide[1], n)


def _p(shape: str, area: float, m: int, n: int, runs: int, seed: int) -> list[float]:
    rng, y = np.random.default_rng(seed), np.r_[np.ones(m), np.zeros(n)]
    return [auc_above(y, np.concatenate(_draw(shape, area, m, n, rng)), area) for _ in range(runs)]


SHAPES = ("equal", "wide", "very wide", "narrow", "mixture", "coins", "sparse")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("m", "n", "area"), [(5, 50, 0.75), (30, 120, 0.9), (120, 400, 0.95)])
def test_level(shape: str, m: int, n: int, area: float, at_most: Callable[..., None]) -> None:
    at_most(_p(shape, area, m, n, 400, m), note=(shape, m, n, area))


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("m", "n"), [(8, 8), (10, 300), (300, 10), (60, 60), (60, 900), (150, 150), (150, 1500)])
def test_level_widely(shape: str, m: int, n: int, at_most: Callable[..., None]) -> None:
    for area in (0.52, 0.75, 0.9, 0.95, 0.98):
        # 490 checks at once: the tolerance is four Monte-Carlo errors (3e-5 each) instead of the folder's 1 %.
        p = np.array(_p(shape, area, m, n, 2_000, 1))
        for level in (0.05, 0.01):
            assert (p <= level).mean() <= level + 4 * np.sqrt(level / 2_000), (shape, m, n, area, level)


def test_simulated_shapes_have_the_stated_auc() -> None:
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x, z = _draw(shape, 0.8, 40_000, 40_000, rng)
        assert auc(np.r_[np.ones(40_000), np.zeros(40_000)], np.r_[x, z]) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("area", "m", "n"), [(0.7, 12, 40), (0.55, 90, 300), (0.93, 30, 30)])
def test_newcombe_is_the_root_of_his_quartic(area: float, m: int, n: int) -> None:
    """m n (t - area)^2 (2 - t)(1 + t) = z^2 t (1 - t) [(2 - t)(1 + t) + N (1 - t)(1 + t) + N t (2 - t)]."""
    t, one = np.poly1d([1.0, 0.0]), np.poly1d([1.0])
    z, middle = 1.96, (m + n) / 2 - 1
    inner = (2 - t) * (one + t) + middle * (one - t) * (one + t) + middle * t * (2 - t)
    roots = (m * n * (t - area) ** 2 * (2 - t) * (one + t) - z**2 * t * (one - t) * inner).roots
    low, high = sorted(float(r.real) for r in roots if abs(r.imag) < 1e-9 and 1e-9 < r.real < 1 - 1e-9)
    assert (area - low) / _newcombe_error(low, m, n) == pytest.approx(z)
    assert (high - area) / _newcombe_error(high, m, n) == pytest.approx(z)


def test_newcombe_alone_would_fail() -> None:
    rng = np.random.default_rng(9)
    m, n, area = 50, 500, 0.75
    y = np.r_[np.ones(m), np.zeros(n)]
    seen = np.array([auc(y, np.concatenate(_draw("wide", area, m, n, rng))) for _ in range(800)])
    middle = (m + n) / 2 - 1
    error = np.sqrt(area * (1 - area) * (1 + middle * (1 - area) / (2 - area) + middle * area / (1 + area)) / (m * n))
    assert (ndtr(-(seen - area) / error) <= 0.05).mean() > 0.08


def test_delong_alone_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("FEW", "FEW_MISPLACED", "HARDLY_ANY"):
        monkeypatch.setattr(f"assay.stats.auc.{limit}", 0)
    assert (np.array(_p("wide", 0.97, 50, 500, 500, 4)) <= 0.05).mean() > 0.08


@pytest.mark.parametrize("ties", [False, True])
def test_auc_and_delong_match_their_definitions(ties: bool) -> None:
    rng = np.random.default_rng(1)
    y = rng.random(400) < 0.4
    s1, s2 = y + rng.normal(0, 1, 400), y + rng.normal(0, 1.5, 400)
    if ties:
        s1, s2 = np.round(s1), np.round(s2)
    assert auc(y, s1) == pytest.approx(roc_auc_score(y, s1), abs=1e-12)
    psi = [(a[y][:, None] > a[~y]) + 0.5 * (a[y][:, None] == a[~y]) for a in (s1, s2)]
    gap = psi[0] - psi[1]
    error = np.sqrt(gap.mean(1).var(ddof=1) / y.sum() + gap.mean(0).var(ddof=1) / (~y).sum())
    lo, hi = auc_difference_interval(y, s1, s2, 0.05)
    assert (lo + hi) / 2 == pytest.approx(gap.mean(), abs=1e-12)
    from scipy.stats import t

    assert (hi - lo) / 2 == pytest.approx(t.ppf(0.975, min(y.sum(), (~y).sum()) - 1) * error, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-3, 1e-6])
def test_tests_and_intervals_agree(alpha: float) -> None:
    rng = np.random.default_rng(2)
    for m, n, shift in [(3, 4, 1), (20, 300, 0.2), (90, 90, 3), (300, 500, 0.5), (300, 500, 2), (40, 40, 30)]:
        y, s = np.r_[np.ones(m), np.zeros(n)], np.r_[rng.normal(shift, 1, m), rng.normal(0, 1, n)]
        other = s + rng.normal(0, 1, m + n)
        lo, hi = auc_interval(y, s, alpha)
        assert 0 <= lo <= auc(y, s) <= hi <= 1
        assert auc_above(y, s, lo - 1e-7) <= alpha / 2 + 1e-12 and auc_above(y, s, lo + 1e-7) > alpha / 2 - 1e-12
        low, high = auc_difference_interval(y, s, other, alpha)
        assert -1 <= low <= high <= 1
        if low > -1:
            assert auc_difference_above(y, s, other, low - 1e-6) <= alpha / 2 + 1e-12
            assert auc_difference_above(y, s, other, low + 1e-6) > alpha / 2 - 1e-12
        back = auc_interval(1 - y, s, alpha)
        assert (1 - back[1], 1 - back[0]) == pytest.approx((lo, hi), abs=1e-9)


@pytest.mark.parametrize(("m", "n"), [(20, 100), (150, 300)])
def test_difference_keeps_its_level(m: int, n: int, at_most: Callable[..., None]) -> None:
    rng, y, p, q = np.random.default_rng(3), np.r_[np.ones(m), np.zeros(n)], [], []
    for _ in range(1_000):
        s = rng.normal(0, 1, m + n) + y
        p.append(auc_difference_above(y, s, s + rng.normal(0, 1, m + n), float(ndtr(1 / np.sqrt(2)) - ndtr(0.5))))
        q.append(auc_difference_above(y, s, rng.normal(0, 1, m + n) + y, 0.0))
    at_most(p)
    at_most(q)


def test_degenerate_scores() -> None:
    y, s = np.r_[np.ones(10), np.zeros(10)], np.arange(20.0)
    assert np.isnan(auc(np.ones(5), np.arange(5))) and auc_interval(np.ones(5), np.arange(5), 0.05) == (0.0, 1.0)
    assert auc_above([], [], 0.5) == 1.0 and auc_difference_interval([], [], [], 0.05) == (-1.0, 1.0)
    lo, hi = auc_interval(y, -s, 0.05)
    assert 0.5 < lo < 1.0 == hi
    assert auc_interval(y, s, 0.05)[0] == 0.0
    assert auc_interval(y, np.zeros(20), 0.05)[0] < 0.5 < auc_interval(y, np.zeros(20), 0.05)[1]
    assert auc_difference_interval(y, s, 2 * s, 0.05) == (0.0, 0.0)
    low, high = auc_difference_interval(y, -s, np.zeros(20), 0.05)
    assert -1 < low < 0.5 < high <= 1.0
    assert auc_difference_above(y, -s, np.zeros(20), low + 1e-6) > 0.025 - 1e-9
    with pytest.raises(ValueError, match="no NaN"):
        auc(y, np.full(20, np.nan))


def test_scale_of_a_hundred_thousand_rows_and_classes() -> None:
    rng = np.random.default_rng(4)
    y = rng.random(100_000) < 0.1
    s = y + rng.normal(0, 1, 100_000)
    start = time.process_time()
    auc_interval(y, s, 0.05)
    assert time.process_time() - start < 2.0  # 0.05 s measured; the limit catches the quadratic form
    assert midranks(np.array([3.0, 1.0, 3.0])).tolist() == [2.5, 1.0, 2.5]
    p = rng.dirichlet(np.ones(3), 500)
    labels = rng.integers(0, 3, 500)
    assert auc_ovr(labels, p) == pytest.approx(roc_auc_score(labels, p, multi_class="ovr"), abs=1e-12)
    assert np.isnan(auc_ovr(np.zeros(5, int), p[:5]))


def test_counts_of_groups_say_what_single_rows_say():
    rng = np.random.default_rng(11)
    for _ in range(100):
        n = int(rng.integers(5, 400))
        group, score, y = rng.integers(0, 12, n), np.round(rng.random(12), 1), rng.random(n) < rng.random()
        seen = counted(np.bincount(group, y, 12), np.bincount(group, ~y, 12), score)
        if y.all() or not y.any():
            assert np.isnan(seen.area)
            continue
        assert seen.area == pytest.approx(auc(y, score[group]))
        assert lower(seen, 0.001) == pytest.approx(auc_interval(y, score[group], 0.002)[0], abs=1e-9)
