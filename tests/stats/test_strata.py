"""A mean over fixed blocks: what lies between blocks is no noise, what lies within them is."""

from __future__ import annotations

import numpy as np
import pytest

from assay.stats.auc import auc, auc_influence
from assay.stats.strata import capped, strata_above, strata_interval

BLOCKS, BATCHES = 20, 5


def drawn(rng: np.random.Generator, true: np.ndarray, noise: float, shared: float = 0.0):
    """Block means of BATCHES noisy values each, their squared errors, and a noise that all blocks share."""
    x = true[:, None] + noise * rng.normal(size=(len(true), BATCHES)) + shared * rng.normal()
    return x.mean(axis=1), x.var(axis=1, ddof=1) / BATCHES


@pytest.mark.parametrize("shared", [0.0, 0.05])
def test_level_at_the_boundary_with_blocks_far_apart(shared):
    rng = np.random.default_rng(3)
    true = 0.02 + np.linspace(-0.3, 0.3, BLOCKS)
    low = 0
    for _ in range(2000):
        d, squared = drawn(rng, true, 0.1, shared)
        common = (float(np.mean((shared * rng.normal(size=2)) ** 2)), 2.0) if shared else (0.0, 1.0)
        low += strata_above(d, squared, BATCHES - 1, 0.02, common) <= 0.05
    assert 0.025 < low / 2000 < 0.065


def test_interval_agrees_with_the_test():
    d, squared = drawn(np.random.default_rng(4), np.full(BLOCKS, 0.05), 0.1)
    for alpha in (0.2, 0.05, 0.01):
        at = strata_interval(d, squared, BATCHES - 1, alpha, (1e-5, 2.0))[0]
        assert strata_above(d, squared, BATCHES - 1, at, (1e-5, 2.0)) == pytest.approx(alpha / 2, rel=1e-6)


def test_few_blocks_never_say_more_than_a_sign_test():
    assert strata_above(np.ones(5), np.zeros(5), 4, 0.0) == 0.5**5
    assert strata_above(np.ones(5), np.full(5, 1e-12), 4, 0.0) == 0.5**5
    assert strata_interval(np.ones(5), np.zeros(5), 4, 0.05) == (-np.inf, np.inf)
    assert strata_above(np.zeros(5), np.zeros(5), 4, 0.0) == 1.0
    assert strata_above([1.0], [0.0], 4, 0.0) == 1.0


def test_influence_tells_the_error_of_an_auc():
    rng = np.random.default_rng(5)
    seen, told = [], []
    for _ in range(400):
        y = rng.random(300) < 0.3
        s = rng.normal(size=300) + y
        pull = auc_influence(y, s)
        assert pull.sum() == pytest.approx(0.0, abs=1e-12)
        seen.append(auc(y, s))
        told.append(float((pull**2).sum()))
    assert np.mean(told) == pytest.approx(np.var(seen), rel=0.25)


def test_a_cap_takes_its_noise_with_it_and_holds_the_level():
    d, squared = capped([0.0, 0.2, 5.0, 0.1], [0.01, 0.01, 0.01, 0.0], 0.2)
    assert d.tolist() == [0.0, 0.2, 0.2, 0.1]
    assert 0.009 < squared[0] <= 0.01
    assert 0.003 < squared[1] < 0.01
    assert squared[2] < 1e-6
    assert squared[3] == 0.0
    rng = np.random.default_rng(6)
    true = np.where(np.arange(BLOCKS) < 2, 0.2, 0.0)
    low = 0
    for _ in range(2000):
        values, own = capped(*drawn(rng, true, 0.2), 0.2)
        low += strata_above(values, own, BATCHES - 1, 0.02) <= 0.05
    assert low / 2000 < 0.06
