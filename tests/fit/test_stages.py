"""A fold is scored at rounds that other folds chose: on noise the score is no better than knowing nothing."""

from __future__ import annotations

import numpy as np
import pytest

from assay.fit.stages import Stages, crossed_rounds, stages
from assay.learn.calibration import row_losses
from assay.learn.learners import Config, Data, Staged, train


def test_each_fold_takes_the_rounds_of_the_others() -> None:
    grid = np.array([1, 10, 100, 1000])
    paths = {f: Stages(grid, np.arange(4.0)[:, None] + 10 * f) for f in range(3)}
    got = crossed_rounds(paths, [1000, 10, 12])
    assert [float(got[f][0]) for f in range(3)] == [1.0, 13.0, 23.0]  # means 11, 506, 505


@pytest.fixture(autouse=True)
def in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.learn.network.MOST_EPOCHS", 80)


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", pytest.param("network", marks=pytest.mark.slow)])
def test_on_noise_stopping_flatters_and_crossing_does_not(family: str) -> None:
    flattered, crossed = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(160, 6)).astype(np.float32), (rng.random(160) < 0.5).astype(float)
        fold = np.arange(160) % 4
        paths, rounds = {}, []
        for f in range(4):
            data = Data(X[fold != f], y[fold != f], "binary", 2)
            config = Config(family, family, {"learning_rate": 0.1} if family != "network" else {})  # type: ignore[arg-type]
            model = train(config, data, seed=0, valid=(X[fold == f], y[fold == f]))
            assert isinstance(model, Staged)
            paths[f] = stages(model, X[fold == f])
            rounds.append(model.rounds)
            kept = model.predict(X[fold == f])
            assert model.staged(X[fold == f], model.rounds) == pytest.approx(kept)
            flattered.append(row_losses(kept, y[fold == f], "binary").mean())
        crossed += [row_losses(o, y[fold == f], "binary").mean() for f, o in crossed_rounds(paths, rounds).items()]
    nothing = np.log(2.0)
    assert np.mean(crossed) > nothing - 0.002
    assert np.mean(crossed) > np.mean(flattered) + 0.002
