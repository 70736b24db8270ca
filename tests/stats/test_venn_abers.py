"""Venn-Abers against brute force, and its promise on fresh rows."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from assay.stats.venn_abers import LEAST_ROWS, bins, intervals, merged, place


def drawn(n, seed, ties=False):
    rng = np.random.default_rng(seed)
    p = rng.beta(1.0, 2.0, n)
    score = np.round(p, 1) if ties else p**2  # a distorted score: still in the right order
    return score, (rng.random(n) < p).astype(float)


def brute(score, y, at):
    """The definition: fit with the new row under each label, read at the new row."""
    out = []
    for label in (0.0, 1.0):
        fit = IsotonicRegression().fit(np.append(score, at), np.append(y, label))
        out.append(float(fit.predict([at])[0]))
    return out


@pytest.mark.parametrize(("n", "ties"), [(60, False), (400, False), (300, True)])
def test_equals_brute_force_on_binned_scores(n, ties):
    score, y = drawn(n, n, ties)
    edges = bins(score, most=25)
    low, high = intervals(score, y, edges)
    own = place(score, edges).astype(float)
    for b in range(len(edges)):
        assert [low[b], high[b]] == pytest.approx(brute(own, y, float(b)), abs=1e-12)
    assert (low <= high).all()
    assert (np.diff(low) >= -1e-12).all() and (np.diff(high) >= -1e-12).all()


def test_bins_hold_enough_rows_and_never_split_ties():
    for seed, ties in ((0, False), (1, True)):
        score, _ = drawn(1003, seed, ties)
        at = place(score, bins(score))
        assert np.bincount(at).min() >= LEAST_ROWS
        assert len(np.unique(at)) <= 200
        for value in np.unique(score):
            assert len(np.unique(at[score == value])) == 1
    assert len(bins(np.arange(9.0))) == 1
    assert len(bins(np.zeros(50))) == 1
    assert len(bins([])) == 1


def test_fresh_rows_are_calibrated_between_the_ends_and_few_rows_say_less():
    score, y = drawn(4000, 5)
    edges = bins(score)
    low, high = intervals(score, y, edges)
    fresh, z = drawn(60_000, 6)
    at = place(fresh, edges)
    middle = merged(low, high)[at]
    for part in np.array_split(np.argsort(middle), 6):
        error = np.sqrt(0.25 / len(part))
        # the calibration's own error: about 4000 / 6 rows stand behind a sixth of the fresh ones
        slack = 3 * np.sqrt(0.25 / (4000 / 6)) + 3 * error
        assert low[at[part]].mean() - slack <= z[part].mean() <= high[at[part]].mean() + slack
    few_low, few_high = intervals(score[:100], y[:100], bins(score[:100]))
    assert (few_high - few_low).mean() > 3 * (high - low).mean()


def test_scores_that_know_nothing_give_the_base_rate():
    rng = np.random.default_rng(3)
    score, y = rng.random(5000), (rng.random(5000) < 0.3).astype(float)
    low, high = intervals(score, y, bins(score))
    assert np.median(np.abs(merged(low, high) - 0.3)) < 0.03
