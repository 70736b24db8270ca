"""Recalibration finds a distortion that is there and is not kept where there is none; sets cover what they promise."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from assay.learn.calibration import earns_its_keep, fit_calibration, paired, row_losses
from assay.learn.conformal import COVERAGES, UNBOUNDED, covered, fit_conformal, prediction_sets
from assay.learn.replay import calibrate


def two(p):
    return np.column_stack((1 - p, p))


def drawn(n, seed):
    rng = np.random.default_rng(seed)
    p = expit(1.5 * rng.normal(size=n))
    return p, (rng.random(n) < p).astype(float)


def test_platt_undoes_a_distortion_of_logits():
    p, y = drawn(20_000, 0)
    distorted = two(expit((logit(p) - 0.5) * 2.5))
    found = fit_calibration(distorted, y, "binary")
    assert found.kind == "platt"
    assert found.a == pytest.approx(1 / 2.5, rel=0.05)
    assert found.b == pytest.approx(0.5, abs=0.06)
    q, z = drawn(4000, 1)
    keep, (gain, error) = earns_its_keep(found, two(expit((logit(q) - 0.5) * 2.5)), z, "binary")
    assert keep
    assert gain > 5 * error


def test_temperature_undoes_overconfidence():
    rng = np.random.default_rng(2)
    raw = rng.normal(size=(20_000, 4))
    true = softmax(raw, axis=1)
    y = (true.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1).astype(float)
    found = fit_calibration(softmax(3 * raw, axis=1), y, "multiclass")
    assert found.kind == "temperature"
    assert found.a == pytest.approx(1 / 3, rel=0.05)
    np.testing.assert_allclose(calibrate(found, softmax(3 * raw, axis=1)), true, atol=0.03)


def test_a_map_that_is_not_needed_is_kept_at_no_more_than_its_level():
    kept = 0
    for seed in range(200):
        p, y = drawn(400, 10 + seed)
        q, z = drawn(400, 1000 + seed)
        kept += earns_its_keep(fit_calibration(two(p), y, "binary"), two(q), z, "binary")[0]
    # level 5 %, and a needless map loses on average: four Monte-Carlo standard errors above 10 of 200 is 22
    assert kept <= 22


def test_separable_and_one_class_rows_do_not_break_it():
    y = np.repeat([0.0, 1.0], 50)
    found = fit_calibration(two(np.where(y == 1, 1.0, 0.0)), y, "binary")
    assert np.isfinite([found.a, found.b]).all()
    assert fit_calibration(two(np.full(10, 0.5)), np.ones(10), "binary").kind == "none"
    assert fit_calibration(np.zeros(5), np.zeros(5), "regression").kind == "none"


def test_paired_error_counts_units():
    rng = np.random.default_rng(0)
    d = np.repeat(rng.normal(size=100), 10)
    by_row, by_unit = paired(d, np.zeros(1000)), paired(d, np.zeros(1000), np.repeat(np.arange(100), 10))
    assert by_row[0] == pytest.approx(by_unit[0])
    assert by_unit[1] == pytest.approx(by_row[1] * np.sqrt(10), rel=0.02)
    assert row_losses(np.array([[0.25, 0.75]]), np.array([1.0]), "binary")[0] == pytest.approx(-np.log(0.75))


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_cover_each_class_at_least_as_often_as_they_say(coverage):
    hits, totals = np.zeros(2), np.zeros(2)
    for seed in range(300):
        p, y = drawn(120, seed)
        fitted = fit_conformal(two(p), y, "binary", coverage)
        q, z = drawn(120, 5000 + seed)
        inside = covered(prediction_sets(fitted, two(q), "binary"), z, "binary")
        for k in (0, 1):
            hits[k] += inside[z == k].sum()
            totals[k] += (z == k).sum()
    share = hits / totals
    # exact marginal coverage lies in [c, c + 1/(n_k + 1)]; 36,000 rows in 300 correlated draws: about 0.008 either way
    assert np.all(share > coverage - 0.01)
    assert np.all(share < coverage + 1 / 50 + 0.01)


def test_intervals_cover_values():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        y, z = rng.normal(size=80), rng.normal(size=200)
        fitted = fit_conformal(np.zeros(80), y, "regression", 0.9)
        shares.append(covered(prediction_sets(fitted, np.zeros(200), "regression"), z, "regression").mean())
    assert 0.9 - 0.01 < np.mean(shares) < 0.9 + 1 / 81 + 0.01


def test_too_few_rows_mean_everything_and_more_coverage_larger_sets():
    p, y = drawn(5, 0)
    fitted = fit_conformal(two(p), np.array([0, 0, 0, 0, 1.0]), "binary", 0.9)
    assert fitted.q == (1.0, 1.0)
    assert prediction_sets(fitted, two(np.array([0.0, 1.0])), "binary").all()
    assert fit_conformal(np.zeros(3), np.ones(3), "regression", 0.9).q == (UNBOUNDED,)
    p, y = drawn(500, 1)
    table = fit_conformal(two(p), y, "binary").table
    assert [c for c, _ in table] == sorted(COVERAGES)
    assert all(a[1][k] <= b[1][k] for a, b in itertools.pairwise(table) for k in (0, 1))


def test_rows_that_tie_with_the_quantile_stay_inside_after_rounding():
    p = np.tile(np.array([0.1, 0.3, 0.7], np.float64), 40)
    y = np.tile([0.0, 1.0], 60)
    fitted = fit_conformal(two(p), y, "binary", 0.9)
    exact = prediction_sets(fitted, two(p), "binary")
    rounded = prediction_sets(fitted, two(p).astype(np.float32), "binary")
    np.testing.assert_array_equal(exact, rounded)
