"""Bayes' rule for other class shares, and nothing where the shares are right already."""

import numpy as np
import pytest

from assay.stats.priors import rematched


def test_bayes_rule_is_recovered():
    rng = np.random.default_rng(0)
    p = rng.dirichlet((2, 1, 1), 20_000)
    factor = np.array([0.2, 1.0, 3.0])
    right = p * factor / (p * factor).sum(axis=1, keepdims=True)
    assert np.abs(rematched(p, right.mean(axis=0)) - right).max() < 1e-3
    weight = rng.random(len(p))
    assert np.abs(rematched(p, weight @ right / weight.sum(), weight) - right).max() < 1e-3


def test_right_shares_change_nothing():
    p = np.random.default_rng(1).dirichlet((2, 1), 500)
    assert rematched(p, p.mean(axis=0)) == pytest.approx(p)
    assert rematched(p[:0], np.array([0.5, 0.5])).shape == (0, 2)
