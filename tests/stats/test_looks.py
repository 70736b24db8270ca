"""Looks at one test that steer what is tried next: the plain interval fails, the charged one holds."""

import itertools

import numpy as np
import pytest

from assay.stats.looks import level, used_up
from assay.stats.shares import share_interval

N, RUNS = 400, 300


def hill_climbing(rng, looks):
    """Each try changes some answers of the best so far and is kept where the test likes it: truth stays at one half."""
    truth = rng.integers(0, 2, N)
    best = rng.integers(0, 2, N)
    score = (best == truth).sum()
    for _ in range(looks - 1):
        tried = np.where(rng.random(N) < 0.15, rng.integers(0, 2, N), best)
        hits = (tried == truth).sum()
        if hits > score:
            best, score = tried, hits
    return int(score)


def boosting(rng, looks):
    """The vote of the tries that looked better than a half, the others turned round (Blum and Hardt, section 1)."""
    truth = rng.integers(0, 2, N)
    votes = np.zeros(N)
    for _ in range(looks - 1):
        tried = rng.integers(0, 2, N)
        votes += (2 * tried - 1) * (1 if (tried == truth).mean() > 0.5 else -1)
    final = np.where(votes == 0, rng.integers(0, 2, N), votes > 0)
    return int((final == truth).sum())


def held(game, looks, alpha, seed=0):
    rng = np.random.default_rng(seed)
    hits = [game(rng, looks) for _ in range(RUNS)]
    ends = {h: share_interval(h, N, alpha) for h in set(hits)}
    return float(np.mean([ends[h][0] <= 0.5 <= ends[h][1] for h in hits]))


@pytest.mark.parametrize("game", [hill_climbing, boosting])
@pytest.mark.parametrize("looks", [2, 5, 15, 40])
def test_charged_intervals_cover_the_truth_however_the_tries_were_steered(game, looks):
    assert held(game, looks, level(0.05, looks)) >= 0.95 - 2 * (0.05 * 0.95 / RUNS) ** 0.5


@pytest.mark.parametrize("game", [hill_climbing, boosting])
def test_plain_intervals_and_those_divided_by_the_looks_do_not(game):
    assert held(game, 40, 0.05) < 0.5
    assert held(boosting, 40, 0.05 / 40) < 0.9  # Bonferroni knows of forty tries, not of what they could have been


def test_the_first_look_costs_nothing_and_each_further_one_more():
    assert level(0.05, 0) == level(0.05, 1) == 0.05 and used_up(0.05, 1) == pytest.approx(0)
    costs = [used_up(0.05, k) for k in range(1, 30)]
    assert all(a < b < 1 for a, b in itertools.pairwise(costs))
