"""What is predicted: the mean, a quantile, a count, ordered classes. Race, score, model and graph follow the word."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import (
    cohen_kappa_score,
    d2_pinball_score,
    d2_tweedie_score,
    mean_pinball_loss,
    mean_poisson_deviance,
)

import assay
from assay.core.aim import Aim, read_aim
from assay.core.errors import InputError, RoleError, SettingsError
from assay.core.settings import Settings
from assay.fit.measures import Judged, measured
from assay.learn.families import can
from assay.learn.learners import Config, Data, train
from assay.learn.linear_values import quantile_weights
from assay.learn.replay import replay_form

N = 900


def values(seed=0, n=N):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    return x, z, rng


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_pinball_and_its_constant_are_scikit_learns(level):
    x, z, _ = values()
    aim = Aim("quantile", level)
    assert aim.losses(x, z).mean() == pytest.approx(mean_pinball_loss(z, x, alpha=level))
    rows = Judged(x, z, aim)
    assert measured(rows, aim.metric)[0] == pytest.approx(d2_pinball_score(z, x, alpha=level), abs=2e-3)


def test_deviance_is_scikit_learns_and_bears_a_rate_of_zero():
    rng = np.random.default_rng(1)
    y, rate = rng.poisson(2.0, N).astype(float), rng.gamma(2.0, 1.0, N)
    aim = Aim("count")
    assert aim.losses(rate, y).mean() == pytest.approx(mean_poisson_deviance(y, rate))
    assert measured(Judged(rate, y, aim), aim.metric)[0] == pytest.approx(d2_tweedie_score(y, rate, power=1))
    assert np.isfinite(aim.losses(np.zeros(N), y)).all()


@pytest.mark.parametrize("aim", [Aim("mean"), Aim("quantile", 0.2), Aim("quantile", 0.9), Aim("count")])
def test_no_constant_loses_less_than_the_one_that_is_named(aim):
    rng = np.random.default_rng(2)
    y, w = rng.poisson(3.0, 200).astype(float), rng.gamma(1.0, 1.0, 200)
    best = np.average(aim.losses(np.full(200, aim.constant(y, 1, w)[0]), y), weights=w)
    for other in np.linspace(0.1, 9.0, 60):
        assert best <= np.average(aim.losses(np.full(200, other), y), weights=w) + 1e-12


def test_the_smoothed_quantile_is_the_exact_one_but_for_a_hair():
    from sklearn.linear_model import QuantileRegressor

    x, z, rng = values(n=1500)
    D = np.column_stack((x, z))
    y = 2 * x + z + np.exp(0.5 * x) * rng.standard_t(4, size=len(x))
    for level in (0.1, 0.5, 0.9):
        weights, start = quantile_weights(D, y, level, 1.0)
        exact = QuantileRegressor(quantile=level, alpha=0).fit(D, y).predict(D)
        ours = mean_pinball_loss(y, D @ weights + start, alpha=level)
        assert ours <= 1.01 * mean_pinball_loss(y, exact, alpha=level)
        assert np.mean(y <= D @ weights + start) == pytest.approx(level, abs=2 / len(y))


@pytest.mark.parametrize("family", ["linear", "lightgbm", "additive", "extra-trees", "tree"])
@pytest.mark.parametrize("aim", [Aim("quantile", 0.8), Aim("count")])
def test_a_form_of_another_aim_is_what_was_trained(family, aim):
    if not can(family, aim):
        pytest.skip("left out of the portfolio")
    x, z, rng = values()
    y = rng.poisson(np.exp(1.2 * x)).astype(float)
    X = np.column_stack((x, z)).astype(np.float32)
    small = {"n_estimators": 20} if family == "extra-trees" else {}
    data = Data(X[:600], y[:600], "regression", 1, said=aim)
    model = train(Config(family, family, small), data, seed=0, rounds=30)
    got = replay_form(model.form(), X[600:])[:, 0]
    np.testing.assert_allclose(got, model.predict(X[600:]), rtol=1e-6)
    flat = np.full(300, aim.constant(y[:600], 1)[0])
    assert aim.losses(got, y[600:]).mean() < aim.losses(flat, y[600:]).mean()


def skewed(n=N, seed=3):
    x, z, rng = values(seed, n)
    return {"x": x, "z": z, "y": 3 * x + np.exp(0.6 * x) * rng.gamma(1.0, 2.0, n)}


def test_a_quantile_is_fitted_scored_and_packed():
    columns = skewed()
    model = assay.fit(columns, target="y", predict="quantile:0.9", settings=Settings(budget=8))
    part = model.dossier["model"]
    first = part["scores"][0]
    assert first["metric"] == "D2 (pinball, 0.9)" and first["interval"][0] > 0
    assert {s["metric"] for s in part["scores"]} >= {"pinball loss"}
    assert part["predicts"] == "quantile:0.9"
    assert {c["family"] for c in part["candidates"]} <= {"lightgbm", "linear", "additive"}
    assert part["parity"]["max"] <= 1e-4
    below = np.mean(columns["y"] <= model.predict(columns))
    assert 0.85 < below < 0.95
    mean = assay.fit(columns, target="y", settings=Settings(budget=8)).predict(columns)
    assert np.mean(model.predict(columns) > mean) > 0.8


def test_a_count_is_never_below_zero_and_few_values_are_no_classes():
    x, z, rng = values()
    columns = {"x": x, "z": z, "y": rng.poisson(np.exp(0.7 * x - 0.2)).astype(np.int64)}
    model = assay.fit(columns, target="y", predict="count", settings=Settings(budget=8))
    assert model.task == "regression"
    assert model.dossier["model"]["scores"][0]["metric"] == "D2 (Poisson)"
    assert model.predict({"x": np.linspace(-50, 50, 9), "z": np.zeros(9)}).min() >= 0
    assert np.isfinite(model.predict({"x": np.array([1e9, -1e9]), "z": np.zeros(2)})).all()


def ordered(seed=4, n=N):
    x, z, rng = values(seed, n)
    grade = np.digitize(x + 0.6 * rng.normal(size=n), [-1.0, 0.0, 1.0])
    return {"x": x, "z": z, "y": np.array(["low", "middle", "high", "top"])[grade]}


def test_ordered_classes_are_decided_by_their_median():
    columns = ordered()
    model = assay.fit(columns, target="y", predict="ordinal:low,middle,high,top", settings=Settings(budget=8))
    assert model.classes == ("low", "middle", "high", "top")
    metrics = {s["metric"]: s for s in model.dossier["model"]["scores"]}
    assert metrics["quadratic kappa"]["value"] > 0.5
    assert 0 < metrics["mean class distance"]["value"] < 1
    p = model.predict_proba(columns)
    middle = np.array(model.classes)[(np.cumsum(p, axis=1) >= 0.5).argmax(1)]
    np.testing.assert_array_equal(model.predict(columns), middle)


def test_the_median_class_has_the_least_distance_and_kappa_is_scikit_learns():
    rng = np.random.default_rng(5)
    p, y = rng.dirichlet(np.ones(5), 400), rng.integers(0, 5, 400)
    told = Aim("ordinal").decided(p)
    far = np.abs(np.arange(5)[:, None] - np.arange(5))
    assert (p @ far)[np.arange(400), told] == pytest.approx((p @ far).min(1))
    rows = Judged(p, y.astype(float), Aim("ordinal"))
    assert measured(rows, "quadratic kappa")[0] == pytest.approx(cohen_kappa_score(y, told, weights="quadratic"))


def test_numbers_are_ordered_as_numbers():
    x, z, rng = values()
    columns = {"x": x, "z": z, "y": np.array([2, 9, 10])[np.digitize(x + rng.normal(size=N), [-0.5, 0.5])]}
    model = assay.fit(columns, target="y", predict="ordinal", settings=Settings(budget=8))
    assert model.classes == ("2", "9", "10")


@pytest.mark.parametrize(
    ("word", "says"),
    [("quantile", "between 0 and 1"), ("quantile:1.5", "between 0 and 1"), ("medain", "median"), ("mean:2", "mean")],
)
def test_a_word_that_is_none_is_one_sentence(word, says):
    with pytest.raises(SettingsError, match=says):
        read_aim(word)


def test_what_cannot_be_counted_or_ordered_is_said():
    columns = skewed(60)
    with pytest.raises(InputError, match="a count must be a whole number of 0 or more"):
        assay.fit(columns, target="y", predict="count")
    with pytest.raises(InputError, match="its order be given"):
        assay.fit(ordered(n=60), target="y", predict="ordinal")
    with pytest.raises(InputError, match="it lacks top"):
        assay.fit(ordered(n=200), target="y", predict="ordinal:low,middle,high")
    with pytest.raises(RoleError, match="regression needs numbers"):
        assay.fit(ordered(n=60), target="y", predict="median")


def test_the_word_stands_in_the_settings_too():
    asked = dataclasses.replace(Settings().question, predict="median")
    model = assay.fit(skewed(300), target="y", settings=Settings(budget=8, question=asked))
    assert model.dossier["model"]["predicts"] == "median"


def test_weights_of_one_change_nothing():
    rng = np.random.default_rng(6)
    y, s = (rng.random(300) < 0.3).astype(float), rng.random(300)
    rows = Judged(np.column_stack((1 - s, s)), y, Aim("class"))
    even = dataclasses.replace(rows, weight=np.ones(300))
    for metric in ("AUC", "log-loss", "accuracy", "average precision"):
        a, b = measured(rows, metric), measured(even, metric)
        assert a[0] == pytest.approx(b[0]) and np.allclose(a[1], b[1], atol=0.02)


def test_average_precision_is_scikit_learns():
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(7)
    y, s, w = (rng.random(300) < 0.1).astype(float), np.round(rng.random(300), 1), rng.gamma(1.0, 1.0, 300)
    rows = Judged(np.column_stack((1 - s, s)), y, Aim("class"), w)
    assert measured(rows, "average precision")[0] == pytest.approx(average_precision_score(y, s, sample_weight=w))
    assert measured(rows, "AUC")[0] == pytest.approx(roc_auc_score(y, s, sample_weight=w))


def test_a_model_is_judged_by_what_it_predicts():
    """A 0.9 quantile loses by squared error to the mean of all rows; by its own loss it does not."""
    rng = np.random.default_rng(8)
    n = 3000
    x = rng.normal(size=n)
    columns = {"x": x, "y": 0.3 * x + rng.gamma(0.3, 6.0, n)}
    model = assay.fit(columns, target="y", predict="quantile:0.9", settings=Settings(budget=4))
    fresh = {"x": x[::-1].copy(), "y": 0.3 * x[::-1] + rng.gamma(0.3, 6.0, n)}
    settings = Settings(select=("M05",))
    said = {f.code for f in assay.check(fresh, target="y", model=model, settings=settings).findings}
    assert "M05" not in said
    squared = lambda rows: model.predict(rows)  # noqa: E731 - the same predictions from a model that says nothing
    said = {f.code for f in assay.check(fresh, target="y", model=squared, settings=settings).findings}
    assert "M05" in said


def test_a_count_model_asks_for_its_word_where_the_target_looks_like_classes():
    rng = np.random.default_rng(9)
    x = rng.normal(size=400)
    columns = {"x": x, "y": rng.poisson(np.exp(0.3 * x))}
    model = assay.fit(columns, target="y", predict="count", settings=Settings(budget=2))
    with pytest.raises(InputError, match='predict = "count"'):
        assay.check(columns, target="y", model=model)
