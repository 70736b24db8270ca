"""Multiplicity: SciPy as oracle, false discovery rates under dependence, and inversion of intervals."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm

from assay.stats.invert import p_from_interval
from assay.stats.multiplicity import by, by_adjusted, combine, ebh, harmonic, interval_level, selected
from assay.stats.shares import share_above, share_interval


def test_by_matches_scipy() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 17, 300):
        p = rng.beta(0.3, 3, n)
        adjusted = false_discovery_control(p, method="by")
        assert by_adjusted(p) == pytest.approx(adjusted)
        for q in (0.01, 0.05, 0.3):
            assert (by(p, q) == (adjusted <= q)).all()
    assert by([], 0.05).shape == (0,) and not by([np.nan, np.nan], 0.99).any()
    assert combine([]) == 1.0 and combine([0.01, 0.5, np.nan]) == pytest.approx(0.03)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_false_discovery_rates_under_dependence(rho: float) -> None:
    rng, q, runs, m, real = np.random.default_rng(1), 0.1, 1_000, 20, 5
    shift = np.r_[np.full(real, 3.0), np.zeros(m - real)]
    found = {"by": [], "ebh": []}
    for _ in range(runs):
        z = shift + np.sqrt(rho) * rng.normal() + np.sqrt(1 - rho) * rng.normal(size=m)
        for name, mask in (("by", by(norm.sf(z), q)), ("ebh", ebh(np.exp(3 * z - 4.5), q))):
            found[name].append(mask[real:].sum() / max(mask.sum(), 1))
            found.setdefault(name + " power", []).append(mask[:real].mean())
    for name in ("by", "ebh"):
        assert np.mean(found[name]) <= q + 2.33 * np.std(found[name]) / np.sqrt(runs)
        assert np.mean(found[name + " power"]) > 0.2


def test_ebh_by_definition() -> None:
    assert ebh([40.0, 20.0, 1.0], 0.1).tolist() == [True, True, False]
    assert ebh([29.0, 10.0, 1.0], 0.1).tolist() == [False, False, False]
    assert ebh([np.inf, 0.0, np.nan], 0.1).tolist() == [True, False, False]


def test_selected_families_by_hand() -> None:
    masks, levels = selected([[1e-5, 0.5], [0.2, 0.9], [1e-4]], 0.06)
    assert levels == pytest.approx([0.04, 0.0, 0.04])
    assert [m.tolist() for m in masks] == [[True, False], [False, False], [True]]
    assert selected([], 0.05)[0] == [] and selected([[], [1e-9]], 0.05)[0][1].tolist() == [True]


def test_selected_families_keep_the_average_rate() -> None:
    rng, q, runs, rates = np.random.default_rng(2), 0.1, 300, []
    for _ in range(runs):
        families = []
        for j in range(12):
            shift = np.r_[np.full(3, 4.0), np.zeros(12)] if j < 4 else np.zeros(15)
            families.append(norm.sf(shift + 0.7 * rng.normal() + 0.714 * rng.normal(size=15)))
        masks, levels = selected(families, q)
        false = [m[3 if j < 4 else 0 :].sum() / max(m.sum(), 1) for j, m in enumerate(masks) if levels[j] > 0]
        rates.append(np.mean(false) if false else 0.0)
    assert np.mean(rates) <= q + 2.33 * np.std(rates) / np.sqrt(runs)


def test_interval_level_agrees_with_by() -> None:
    p = np.array([1e-6, 2e-3, 4e-3, 0.3, 0.7, 0.9])
    mask = by(p, 0.05)
    alpha = interval_level(len(p), int(mask.sum()), 0.05)
    assert ((p <= alpha / 2) == mask).all()
    assert harmonic(3) == pytest.approx(11 / 6) and interval_level(0, 0, 0.5) == 1.0


def test_p_from_interval_is_the_test() -> None:
    for k, n, m in [(9, 10, 0.3), (60, 100, 0.5), (990, 1000, 0.97)]:
        assert p_from_interval(lambda alpha, k=k, n=n: share_interval(k, n, alpha), m) == pytest.approx(
            share_above(k, n, m), rel=1e-6
        )
    assert p_from_interval(lambda alpha: share_interval(3, 10, alpha), 0.9) == 1.0
    assert p_from_interval(lambda alpha: (0.5, 0.5), 0.1) == 1e-15
