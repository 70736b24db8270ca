"""Every native model and its neutral form give the same numbers on float32 rows with holes and unseen codes."""

import numpy as np
import pytest

from assay.learn.from_lightgbm import down_to_float32
from assay.learn.learners import Config, Data, quick, train
from assay.learn.replay import replay_form

FAMILIES = ["lightgbm", "linear", "extra-trees", "tree"]
TASKS = ["binary", "multiclass", "regression"]


def table(task, n=1500, seed=3, holes=True):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    X[:, 1] = rng.integers(0, 3, n)
    X[:, 2] = rng.integers(0, 12, n)
    X[:, 3] = np.round(X[:, 3] * 1e5)
    if holes:
        X[rng.random((n, 6)) < 0.1] = np.nan
    filled = np.nan_to_num(X)
    effect = rng.normal(size=12)[filled[:, 2].astype(int)]
    score = filled[:, 0] + effect + 0.5 * np.isnan(X[:, 4]) + rng.normal(size=n)
    if task == "regression":
        return X, score.astype(np.float64)
    if task == "binary":
        return X, (score > 0).astype(np.float64)
    return X, np.digitize(score, (-1.0, 0.5)).astype(np.float64)


def output(predicted, task):
    return predicted[:, 1:] if task == "binary" else predicted.reshape(len(predicted), -1)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("holes", [True, False])
def test_form_equals_native(family, task, holes):
    X, y = table(task, holes=holes)
    outputs = {"binary": 2, "multiclass": 3, "regression": 1}[task]
    params = {"n_estimators": 20} if family == "extra-trees" else {}
    data = Data(X[:1000], y[:1000], task, outputs, (1, 2))
    model = train(Config("c", family, params), data, seed=1, rounds=40 if family == "lightgbm" else None)
    fresh = X[1000:].copy()
    fresh[:40, 0] = np.nan  # a hole in a column that was whole in training
    fresh[:20, 2] = 40  # a code never seen
    native = output(model.predict(fresh), task)
    form = replay_form(model.form(), fresh)
    assert form.shape == native.shape
    np.testing.assert_allclose(form, native, rtol=1e-6, atol=1e-6)
    assert np.ptp(native) > 0.05


def test_rows_at_the_threshold_follow_the_same_path():
    X, y = table("regression", holes=False)
    model = train(Config("c", "lightgbm"), Data(X, y, "regression", 1), seed=0, rounds=60)
    form = model.form()
    edges = np.concatenate([t.threshold[t.feature == 0] for t in form.trees])
    near = np.concatenate((edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))))
    rows = np.tile(X[:1], (len(near), 1))
    rows[:, 0] = near
    np.testing.assert_allclose(replay_form(form, rows)[:, 0], model.predict(rows), rtol=1e-6, atol=1e-6)


def test_rounding_down_is_never_above():
    values = np.random.default_rng(0).normal(size=5000) * 10.0 ** np.arange(-20, 30).repeat(100)
    low = down_to_float32(values)
    assert np.all(low.astype(np.float64) <= values)
    assert np.all(np.nextafter(low, np.float32(np.inf)).astype(np.float64) > values)


def test_early_stopping_keeps_the_best_round_in_the_form():
    X, y = table("binary", n=3000)
    data = Data(X[:1500], y[:1500], "binary", 2, (1, 2))
    model = train(Config("c", "lightgbm", {"learning_rate": 0.2}), data, seed=0, valid=(X[1500:2200], y[1500:2200]))
    assert 0 < model.rounds < 200
    assert len(model.form().trees) == model.rounds
    np.testing.assert_allclose(
        replay_form(model.form(), X[2200:])[:, 0], model.predict(X[2200:])[:, 1], rtol=1e-6, atol=1e-6
    )


def test_same_seed_same_forms():
    X, y = table("binary")
    for family in FAMILIES:
        data = Data(X, y, "binary", 2, (1, 2))
        one, two = (
            train(Config("c", family), data, seed=5, rounds=20 if family == "lightgbm" else None) for _ in range(2)
        )
        np.testing.assert_array_equal(replay_form(one.form(), X), replay_form(two.form(), X))


def test_quick_learns_and_survives_degenerate_targets():
    X, y = table("binary", n=4000)
    p = quick(X[:3000], y[:3000], "binary", (1, 2)).predict(X[3000:])
    assert p.shape == (1000, 2)
    from sklearn.metrics import roc_auc_score

    assert roc_auc_score(y[3000:], p[:, 1]) > 0.7
    assert quick(X, np.ones(len(X)), "binary").predict(X[:3]).tolist() == [[0.0, 1.0]] * 3
    assert quick(X[:1], np.array([2.5]), "regression").predict(X[:2]).tolist() == [2.5, 2.5]
    assert quick(X[:12], y[:12], "binary").predict(X[:5]).shape == (5, 2)
