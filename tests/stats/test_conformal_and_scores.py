"""Conformal thresholds by their guarantee; losses against scikit-learn; and the room stays light."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta
from sklearn import metrics

from assay.stats import conformal, scores


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_rank_is_exact_in_spite_of_floats(coverage: float) -> None:
    share = Fraction(str(coverage))
    for n in range(1, 400):
        expected = -(-(n + 1) * share.numerator // share.denominator)
        assert conformal._rank(n, coverage) == expected
    least = conformal.enough(coverage)
    assert conformal._rank(least, coverage) <= least and conformal._rank(least - 1, coverage) > least - 1


def test_class_conditional_sets_cover_each_class() -> None:
    rng, target, runs = np.random.default_rng(0), 0.9, 150
    covered, coverages = np.zeros((runs, 2)), []
    for i in range(runs):
        y = (rng.random(2_000) < 0.2).astype(int)
        p1 = 1 / (1 + np.exp(-(1.5 * y - 1 + rng.normal(0, 1, 2_000))))
        p = np.c_[1 - p1, p1]
        fit, fresh = slice(0, 400), slice(400, None)
        limits = conformal.class_conditional_quantiles(1 - p[fit][np.arange(400), y[fit]], y[fit], 2, target)
        hit = conformal.covered(conformal.sets(p[fresh], limits), y[fresh])
        covered[i] = [hit[y[fresh] == c].mean() for c in (0, 1)]
        coverages.append(int((y[fit] == 0).sum()))
    # Marginal guarantee per class: mean coverage at least the target, within 2.33 Monte-Carlo errors.
    assert (covered.mean(0) >= target - 2.33 * covered.std(0) / np.sqrt(runs)).all()
    lo, hi = conformal.coverage_interval(320, target, 0.1)
    assert np.mean((covered[:, 0] >= lo - 0.02) & (covered[:, 0] <= hi + 0.02)) > 0.8


def test_coverage_interval_is_the_law_of_order_statistics() -> None:
    rng = np.random.default_rng(1)
    true = np.array([conformal.quantile(rng.random(99), 0.9) for _ in range(4_000)])  # uniform: threshold = coverage
    lo, hi = conformal.coverage_interval(99, 0.9, 0.1)
    missed = int(((true < lo) | (true > hi)).sum())
    assert beta.ppf(0.005, missed, 4_001 - missed) <= 0.1 <= beta.ppf(0.995, missed + 1, 4_000 - missed)


def test_too_few_rows_give_the_whole_set() -> None:
    limits = conformal.class_conditional_quantiles([0.1, 0.2, 0.3], [0, 0, 1], 3, 0.9)
    assert np.isinf(limits).all() and conformal.sets([[0.0, 0.5, 0.5]], limits).all()
    assert conformal.coverage_interval(5, 0.9, 0.05) == (0.0, 1.0)


def test_losses_match_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    y, p = rng.integers(0, 2, 300), rng.random(300)
    y3, p3 = rng.integers(0, 3, 300), rng.dirichlet(np.ones(3), 300)
    assert scores.log_loss(y, p) == pytest.approx(metrics.log_loss(y, p))
    assert scores.log_loss(y3, p3) == pytest.approx(metrics.log_loss(y3, p3))
    assert scores.brier(y, p) == pytest.approx(metrics.brier_score_loss(y, p))
    assert scores.brier(y, np.c_[1 - p, p]) == pytest.approx(2 * metrics.brier_score_loss(y, p))
    assert scores.accuracy(y3, p3) == pytest.approx(metrics.accuracy_score(y3, p3.argmax(1)))
    assert scores.accuracy(y, p) == scores.accuracy(y, np.c_[1 - p, p])
    t, f = rng.normal(size=300), rng.normal(size=300)
    assert scores.r2(t, f) == pytest.approx(metrics.r2_score(t, f))
    assert scores.rmse(t, f) == pytest.approx(metrics.root_mean_squared_error(t, f))
    assert scores.absolute_rows(t, f).mean() == pytest.approx(metrics.mean_absolute_error(t, f))
    assert scores.pinball_rows(t, f, 0.9).mean() == pytest.approx(metrics.mean_pinball_loss(t, f, alpha=0.9))
    assert scores.log_loss([1], [0.0]) == pytest.approx(-np.log(scores.TINY))
    assert np.isnan(scores.r2([1.0, 1.0], [1.0, 2.0])) and np.isnan(scores.log_loss([], []))


def test_the_room_imports_no_scipy_and_nothing_of_assay_above_it() -> None:
    rooms = "shares means auc distances multiplicity invert conformal scores"
    code = (
        f"import sys\nfor r in {rooms!r}.split(): __import__('assay.stats.' + r)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('scipy', 'sklearn', 'pandas')"
        " or (m.startswith('assay.') and not m.startswith('assay.stats'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
