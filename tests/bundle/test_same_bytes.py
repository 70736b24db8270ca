"""The same rows, seed and thread count give the same bytes of the graph, for every family of learners."""

import numpy as np
import pytest

from assay.bundle.graph import make_graph
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.fit import fit
from assay.learn.conformal import fit_conformal
from assay.learn.forms import Assembly, Calibration, EncoderSpec, Feature, Member
from assay.learn.learners import Config, Data, train
from tests.fit.test_fit import binary, subject

NEEDS = {"xgboost": "xgboost", "catboost": "catboost"}
FAMILIES = ("lightgbm", "xgboost", "catboost", "additive", "linear", "network", "extra-trees", "tree")
SAMPLED = {"bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.6}  # where the seed has a say


def rows(n=4000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    X[:, 5] = rng.integers(0, 12, n)
    X[rng.random(X.shape) < 0.05] = np.nan
    y = (np.nan_to_num(X[:, 0]) * np.nan_to_num(X[:, 1]) + rng.logistic(size=n) > 0).astype(float)
    return Data(X, y, "binary", 2, (5,))


def graph(family, threads, seed=3, changed=False):
    data = rows()
    if changed:
        data.X[7, 0] += 1.0
    boosted = family in ("lightgbm", "xgboost", "catboost", "additive")
    params = SAMPLED if family in ("lightgbm", "additive") else {"n_estimators": 20} if family == "extra-trees" else {}
    config = Config(family, family, params)
    made = train(config, data, seed=seed, threads=threads, rounds=25 if boosted else None)
    features = [Feature(f"x{i}", f"x{i}", "number") for i in range(5)]
    spec = EncoderSpec(
        tuple((f"x{i}", "number" if i < 5 else "category") for i in range(6)),
        (*features, Feature("x5", "x5", "codes", levels=tuple(f"{k:02}" for k in range(12)))),
    )
    conformal = fit_conformal(np.empty((0, 2)), np.empty(0), "binary")
    member = Member(family, family, 1.0, made.form(), made)
    return make_graph(Assembly("binary", ("no", "yes"), spec, (member,), Calibration("none"), conformal))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_refit_is_the_same_bytes(family, threads):
    if family in NEEDS:
        pytest.importorskip(NEEDS[family])
    first = graph(family, threads)
    assert graph(family, threads) == first
    assert graph(family, threads, changed=True) != first or family == "tree"  # 16 leaves may not see one cell


def test_a_whole_fit_gives_the_same_graph_twice(monkeypatch):
    from assay.fit import procedure

    few = {"learning_rate": 0.1, "num_leaves": 15} | SAMPLED
    configs = (Config("linear", "linear"), Config("lightgbm", "lightgbm", few), Config("tree", "tree"))
    monkeypatch.setattr(procedure, "portfolio", lambda n, rate: configs)
    monkeypatch.setattr(procedure, "tune", lambda *given: None)
    settings = Settings(budget=600.0, coverage_by="kind")
    made = [fit(subject(binary(900)), Recipe(), settings) for _ in range(2)]
    assert all(f.reproducible for f in made)
    assert len({make_graph(f.assembly, f.recipe.ops()) for f in made}) == 1
    assert made[0].assembly.steps == made[1].assembly.steps
    other = fit(subject(binary(900)), Recipe(), Settings(budget=600.0, seed=5, coverage_by="kind"))
    assert make_graph(other.assembly, other.recipe.ops()) != make_graph(made[0].assembly, made[0].recipe.ops())
