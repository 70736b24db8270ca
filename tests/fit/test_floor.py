"""What chance makes of columns: an irrelevant one stays under the floor, a relevant one above, in 95 of 100 seeds."""

from __future__ import annotations

import numpy as np
import pytest

from assay.fit.floor import SHADOWS, agreement, drawn, owners, shadow_floor
from assay.learn.learners import Data

N = 800
SEEDS = 20


def planted(seed: int, task: str = "binary"):
    """Columns: a strong number, a weaker one, noise, noise on a few values, a set of 6 levels of noise."""
    rng = np.random.default_rng(seed)
    X = np.column_stack((rng.normal(size=(N, 3)), rng.integers(0, 3, N), rng.integers(0, 6, N))).astype(np.float32)
    score = 1.5 * X[:, 0] + 0.8 * X[:, 1]
    y = score + rng.normal(size=N) if task == "regression" else (score + rng.logistic(size=N) > 0).astype(float)
    return Data(X, y, task, 1 if task == "regression" else 2, (4,))


@pytest.mark.parametrize("task", ["binary", pytest.param("regression", marks=pytest.mark.slow)])
def test_irrelevant_columns_stay_under_the_floor_and_relevant_ones_above(task):
    hits = np.zeros(5)
    for seed in range(SEEDS):
        data = planted(seed, task)
        fresh = planted(10_000 + seed, task).X
        found = shadow_floor(data, fresh, np.arange(5), 5, np.arange(N), seed)
        assert found is not None and found.shadows >= SHADOWS
        hits += found.above
    assert (hits[:2] >= 0.95 * SEEDS).all(), hits
    assert (hits[2:] <= 0.05 * SEEDS).all(), hits


def test_order_of_columns_is_stable_where_they_differ_and_not_where_all_are_noise():
    data = planted(0)
    fresh = planted(1).X
    clear = shadow_floor(data, fresh, np.arange(5), 5, np.arange(N), 0)
    rng = np.random.default_rng(0)
    noise = Data(rng.normal(size=(N, 12)).astype(np.float32), rng.integers(0, 2, N).astype(float), "binary", 2)
    loose = shadow_floor(noise, noise.X, np.arange(12), 12, np.arange(N), 0)
    assert clear.same_first == 1.0 and clear.agreement > loose.agreement + 0.2
    assert loose.above.sum() <= 1


def test_a_group_is_held_against_shuffled_groups_of_its_kind():
    rng = np.random.default_rng(3)
    base = rng.normal(size=N)
    X = np.column_stack((base, base + 0.01 * rng.normal(size=N), rng.normal(size=(N, 4)))).astype(np.float32)
    y = (base + rng.logistic(size=N) > 0).astype(float)
    found = shadow_floor(Data(X, y, "binary", 2), X, np.array([0, 0, 1, 1, 2, 3]), 4, np.arange(N), 0)
    assert found.above.tolist() == [1, 0, 0, 0]


def test_the_same_seed_says_the_same():
    data, fresh = planted(5), planted(6).X
    one, two = (shadow_floor(data, fresh, np.arange(5), 5, np.arange(N), 3) for _ in range(2))
    assert np.array_equal(one.share, two.share) and one.agreement == two.agreement


def test_too_little_to_learn_from_gives_no_floor():
    data = planted(0)
    few = Data(data.X[:20], data.y[:20], "binary", 2)
    assert shadow_floor(few, data.X, np.arange(5), 5, np.arange(20), 0) is None
    assert shadow_floor(Data(data.X, np.zeros(N), "binary", 2), data.X, np.arange(5), 5, np.arange(N), 0) is None


def test_rows_are_drawn_by_whole_units():
    unit = np.repeat(np.arange(40), 10)
    index = drawn(unit, 10_000, np.random.default_rng(0))
    assert set(np.bincount(unit[index])) == {0, 10} and len(index) == 250 and len(np.unique(index)) == 250
    assert len(drawn(unit, 100, np.random.default_rng(0))) == 100


def test_agreement_of_equal_and_of_opposite_orders():
    assert agreement(np.array([[3.0, 2, 1], [9, 5, 1]])) == (1.0, 1.0, 1.0)
    assert agreement(np.array([[3.0, 2, 1], [1, 2, 3]]))[:2] == (-1.0, 0.0)
    assert agreement(np.array([[1.0]])) == (None, None, None)


def test_owners_put_groups_first():
    every, owner = owners(("a", "b", "c"), [("b", "c")], ("a", "c", "b", "a"))
    assert every == [("b", "c"), ("a",)] and owner.tolist() == [1, 0, 0, 1]
