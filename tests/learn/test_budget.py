"""A fit within its budget: unchanged where it is cheap, and where it is not the columns that tell are kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn import budget
from assay.learn.encoder import encode, encode_training, fit_encoder
from assay.learn.learners import quick
from assay.learn.levels import MOST_MEANS
from assay.learn.scoring import loss
from assay.learn.target import labels
from assay.tables import open_table


@pytest.mark.parametrize("rows", [500, 4_000, 30_000])
@pytest.mark.parametrize("features", [5, 60, 500, 2_000])
@pytest.mark.parametrize("outputs", [1, 2, 7, 40])
def test_a_plan_costs_what_it_may_and_changes_nothing_that_is_cheap(rows, features, outputs):
    made = budget.plan(rows, features, outputs, 50)
    trees = outputs if outputs > 2 else 1
    whole = budget.work(rows, features, trees * 50, budget.LEAVES, budget.BINS)
    if whole <= budget.MOST_WORK:
        assert made == budget.Plan(31, 255, 50, 0.1, features)
    spent = budget.work(rows, made.features, trees * made.rounds, made.leaves, made.bins)
    assert spent <= budget.MOST_WORK or made.features == min(features, budget.FEWEST_FEATURES)
    assert made.rate * made.rounds == pytest.approx(5.0)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_columns_that_tell_lead(task):
    rng = np.random.default_rng(0)
    n, p = 4_000, 300
    y = rng.integers(0, 6, n).astype(float)
    X = rng.normal(size=(n, p)).astype(np.float32)
    X[:, 100:200] = rng.integers(0, 60, (n, 100))  # sets of many levels, and noise
    X[:, 7] += y  # rising
    X[:, 8] *= 1 + (y == 3) * 2  # spread alone
    X[rng.random(n) < 0.2 * y, 9] = np.nan  # holes alone
    X[:, 150] = (y * 10 + rng.integers(0, 30, n)) % 60
    used = budget.leading(X, y, task, tuple(range(100, 200)), 20)
    assert {7, 9, 150} <= set(used.tolist()) and len(used) == 20 and (np.diff(used) > 0).all()
    if task == "multiclass":
        assert 8 in used
    assert ((used >= 100) & (used < 200)).sum() < 12  # a third of all: many levels alone are no merit


def test_a_screened_fit_predicts_from_all_columns_given_and_shuffled_targets_stay_unknown():
    rng = np.random.default_rng(1)
    n, p, k = 3_000, 400, 8
    y = rng.integers(0, k, n).astype(float)
    X = rng.normal(size=(n, p)).astype(np.float32)
    X[:, 399] += y
    model = quick(X[:2_000], y[:2_000], "multiclass", outputs=k, most_work=3e7)
    assert loss(model.predict(X[2_000:]), y[2_000:], "multiclass").mean() < 0.8 * np.log(k)
    mixed = rng.permutation(y)
    model = quick(X[:2_000], mixed[:2_000], "multiclass", outputs=k, most_work=3e7)
    assert loss(model.predict(X[2_000:]), mixed[2_000:], "multiclass").mean() > 0.99 * np.log(k)


def test_rare_classes_do_not_make_the_booster_run_wild():
    rng = np.random.default_rng(2)
    share = np.array([0.5, 0.3, 0.15, *[0.05 / 27] * 27])
    y = rng.choice(30, 6_000, p=share).astype(float)
    centre = rng.normal(size=(30, 10))
    X = (centre[y.astype(int)] + rng.normal(size=(6_000, 10))).astype(np.float32)
    model = quick(X[:3_000], y[:3_000], "multiclass", outputs=30)
    naive = float(-(share * np.log(share)).sum())
    assert loss(model.predict(X[3_000:]), y[3_000:], "multiclass").mean() < 0.5 * naive


def test_many_columns_of_many_levels_and_many_classes_make_a_bounded_number_of_means():
    rng = np.random.default_rng(3)
    n, k, p = 2_000, 12, 60
    y = rng.integers(0, k, n)
    y[: n // 2] = 11  # the most frequent one comes last
    columns = {f"t{i:02d}": pa.array([f"v{v}" for v in rng.integers(0, 200, n)]) for i in range(p)}
    table = open_table(pa.table({**columns, "y": pa.array([f"c{v:02d}" for v in y])}))
    rows = table.sample(SampleSpec(n=n))
    truth = labels(rows, Roles(target=Role(("y",))))
    spec = fit_encoder(rows, tuple(columns), truth, index=np.arange(n))
    means = [f for f in spec.features if "(mean of" in f.name]
    assert len(means) == p * (MOST_MEANS // p) and len(spec.features) == len(means) + p
    few = fit_encoder(rows, ("t00", "t01"), truth, index=np.arange(n))
    assert len(few.features) == 2 * k  # all classes but the last, and the count
    X = encode_training(spec, rows, truth, index=np.arange(n))
    assert X.shape == encode(spec, rows).shape and np.isfinite(X).mean() > 0.9
