"""Trees of XGBoost and CatBoost in neutral form, held against the library: every task, holes, sets of categories."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

import numpy as np
import pytest

from assay.core.errors import MissingExtra
from assay.learn.learners import Config, Data, TimeUp, train
from assay.learn.replay import replay_form

CONFIG = Config("xgboost", "xgboost", {"learning_rate": 0.1, "max_depth": 4})
CAT = Config("catboost", "catboost", {"learning_rate": 0.1, "depth": 4})
BOTH = [
    pytest.param(CONFIG, id="xgboost"),
    pytest.param(
        CAT,
        id="catboost",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("catboost") is None,
            reason="catboost (268 MB) is not installed: requirements-bench.txt has it",
        ),
    ),
]


def some(task: Any, n: int = 1500, seed: int = 0, weight: bool = False) -> Data:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[:, 2] = rng.integers(0, 40, n)
    X[:, 3] = rng.integers(0, 3, n)
    signal = X[:, 0] + (X[:, 2] % 3 == 1) + 0.5 * (X[:, 3] == 2) * X[:, 1] + 0.3 * rng.normal(size=n)
    X[rng.random((n, 4)) < 0.06] = np.nan
    y = {"binary": signal > 0.6, "regression": 1e3 + 40 * signal, "multiclass": np.digitize(signal, (0, 0.8))}[task]
    w = rng.uniform(0.5, 2.0, n) if weight else None
    return Data(X, y.astype(np.float64), task, 3 if task == "multiclass" else 2, (2, 3), w)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("config", BOTH)
def test_form_is_what_the_library_predicts(task: str, weight: bool, config: Config) -> None:
    data, fresh = some(task, weight=weight), some(task, n=900, seed=1)
    model = train(config, data, seed=0, valid=(fresh.X, fresh.y))
    assert model.rounds >= 5
    own = replay_form(model.form(), fresh.X)
    want = model.predict(fresh.X)
    want = want if task == "multiclass" else want[:, 1:] if task == "binary" else want[:, None]
    assert own == pytest.approx(want, rel=2e-6, abs=2e-6)
    usual = np.full(len(fresh.y), data.y.mean())
    if task == "regression":
        assert np.mean((want[:, 0] - fresh.y) ** 2) < 0.5 * np.mean((usual - fresh.y) ** 2)
    else:
        right = (model.predict(fresh.X).argmax(1) == fresh.y).mean()
        assert right > 1.2 * np.bincount(fresh.y.astype(int)).max() / len(fresh.y)


@pytest.mark.parametrize("config", BOTH)
def test_same_seed_same_trees_and_fixed_rounds(config: Config) -> None:
    data = some("binary")
    a, b = (train(config, data, seed=3, rounds=7) for _ in range(2))
    assert a.rounds == 7 and len(a.form().trees) == 7  # type: ignore[union-attr]
    assert (a.predict(data.X) == b.predict(data.X)).all()
    assert not (a.predict(data.X) == train(config, data, seed=4, rounds=7).predict(data.X)).all()


@pytest.mark.parametrize("config", BOTH)
def test_clock_raises_and_gives_nothing_half_trained(config: Config) -> None:
    data = some("binary")
    with pytest.raises(TimeUp):
        train(config, data, seed=0, rounds=500, deadline=time.process_time() - 1)


@pytest.mark.parametrize(("config", "package", "extra"), [(CONFIG, "xgboost", "boost"), (CAT, "catboost", "catboost")])
def test_absence_is_one_sentence(monkeypatch: pytest.MonkeyPatch, config: Config, package: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'assay\[{extra}\]'"):
        train(config, some("binary"), seed=0, rounds=2)
