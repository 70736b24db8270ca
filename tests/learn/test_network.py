"""The small network: learns what a line cannot, gives the same numbers from its form, stops on the clock."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from assay.learn.calibration import row_losses
from assay.learn.learners import Config, Data, TimeUp, train
from assay.learn.replay import replay_form, squashed

CONFIG = Config("network", "network")


@pytest.fixture(autouse=True)
def in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.learn.network.MOST_EPOCHS", 40)


def waves(task: Any, n: int = 900, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[:, 3] = rng.integers(0, 3, n)
    signal = X[:, 0] * X[:, 1] + (X[:, 3] == 1) + 0.2 * rng.normal(size=n)
    X[rng.random(n) < 0.05, 2] = np.nan
    y = {"binary": signal > 0.5, "regression": 1e3 + 40 * signal, "multiclass": np.digitize(signal, (0, 0.8))}[task]
    return Data(X, y.astype(np.float64), task, 3 if task == "multiclass" else 2, (3,))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_learns_an_interaction_and_its_form_says_the_same(task: str) -> None:
    data, fresh = waves(task), waves(task, seed=1)
    net = train(CONFIG, data, seed=0, valid=(fresh.X, fresh.y))
    line = train(Config("linear", "linear"), data, seed=0)
    late = waves(task, seed=2)
    mine, theirs = (float(row_losses(m.predict(late.X), late.y, data.task).mean()) for m in (net, line))
    assert mine < 0.8 * theirs and 1 <= net.rounds <= 40
    own = replay_form(net.form(), late.X)
    want = net.predict(late.X)
    assert own.reshape(len(own), -1)[:, -1] == pytest.approx(want.reshape(len(own), -1)[:, -1])
    again = train(CONFIG, data, seed=0, rounds=net.rounds)
    assert (again.predict(late.X) == train(CONFIG, data, seed=0, rounds=net.rounds).predict(late.X)).all()


def test_a_class_of_no_row_gets_next_to_nothing() -> None:
    data = waves("multiclass")
    two = Data(data.X, np.minimum(data.y, 1.0), "multiclass", 3, (3,))
    p = train(CONFIG, two, seed=0, rounds=8).predict(data.X)
    assert p.shape == (900, 3) and p[:, 2].max() < 1e-6
    assert np.mean(p.argmax(1) == two.y) > 0.6


def test_noise_stops_it_early_and_the_clock_stops_it_at_once() -> None:
    data = waves("binary")
    rng = np.random.default_rng(0)
    noise = Data(data.X, rng.permutation(data.y), "binary", 2, (3,))
    fresh = waves("binary", seed=1)
    kept = train(CONFIG, noise, seed=0, valid=(fresh.X, rng.permutation(fresh.y)))
    assert kept.rounds < 20
    with pytest.raises(TimeUp):
        train(CONFIG, data, seed=0, deadline=time.process_time() - 1.0)
    with pytest.raises(ValueError, match="varies"):
        train(CONFIG, Data(np.ones((50, 1), np.float32), data.y[:50], "binary", 2), seed=0)


def test_an_outlier_is_no_more_than_large() -> None:
    z = np.array([0.0, 0.1, -1.0, 1e9, -1e9])
    assert squashed(z) == pytest.approx([0.0, 0.1 / np.sqrt(1 + 0.01 / 9), -1 / np.sqrt(1 + 1 / 9), 3.0, -3.0])
