"""A forecast holds what comes, says what it does not know, and is not made where it would cost more than the fit."""

import numpy as np
import pytest

from assay.core.errors import InputError
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.fit import fit
from assay.fit.forecast import LOSS, MEMORY, SECONDS, curve, forecast, power_law
from assay.learn.learners import Config

from .test_fit import subject


def noisy(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    score = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + rng.logistic(size=n)
    return {f"x{i}": x[:, i] for i in range(6)} | {"y": np.where(score > 0, "yes", "no")}


def test_a_power_law_is_found_and_noise_is_in_the_interval():
    rows = [1000, 2000, 4000]
    value, lo, hi = power_law(rows, [0.001 * r**1.1 for r in rows], 16_000)
    assert value == pytest.approx(0.001 * 16_000**1.1)
    assert lo < value / 1.3 and hi > value * 1.3  # a tenth of noise, carried two doublings beyond what was seen
    inside = 0
    rng = np.random.default_rng(0)
    for _ in range(400):
        times = [0.01 * r**0.9 * np.exp(0.1 * rng.normal()) for r in rows]
        _, lo, hi = power_law(rows, times, 16_000)
        inside += lo <= 0.01 * 16_000**0.9 * np.exp(0.1 * rng.normal()) <= hi
    assert inside >= 0.93 * 400


def test_loss_lies_between_no_gain_and_a_straight_line():
    rows = [1000, 2000, 4000]
    for floor, power in ((0.3, 0.5), (0.0, 0.3), (0.25, 1.0), (0.4, 0.1)):
        loss = [floor + 2.0 * r**-power for r in rows]
        value, lo, hi = curve(rows, loss, 16_000, 1e-9)
        assert lo <= floor + 2.0 * 16_000**-power <= hi
        assert lo <= value <= hi
    value, lo, hi = curve(rows, [0.50, 0.51, 0.52], 16_000, 0.02)  # noise: it never foretells a rise
    assert value <= 0.52 and lo < 0.5 < hi


def test_the_command_says_cost_before_any_whole_fit():
    made = forecast(subject(noisy(12_000)), Settings(budget=60.0))
    assert [line.what for line in made.lines][:3] == [SECONDS, LOSS, MEMORY]
    assert [p[0] for p in made.points] == sorted(p[0] for p in made.points)
    assert made.points[-1][0] == round(made.rows / 4)
    assert all(line.value > 0 for line in made.lines)
    with pytest.raises(InputError, match="needs 4,000"):
        forecast(subject(noisy(600)), Settings(budget=60.0))


def test_what_came_stands_beside_what_was_said(monkeypatch):
    from assay.fit import procedure

    few = Config("lightgbm", "lightgbm", {"learning_rate": 0.1, "num_leaves": 15})
    monkeypatch.setattr(procedure, "portfolio", lambda n, rate: (Config("linear", "linear"), few))
    monkeypatch.setattr(procedure, "tune", lambda *given: None)
    fitted = fit(subject(noisy(12_000)), Recipe(), Settings(budget=600.0))
    made = fitted.forecast
    lines = {line.what: line for line in made.lines}
    assert all(line.came is not None for line in lines.values())
    loss = lines[LOSS]
    assert loss.lo <= loss.came <= loss.hi
    assert abs(lines[SECONDS].error) < 3.0  # a busy machine: the order of magnitude
    assert lines[MEMORY].came > 0
    assert fit(subject(noisy(700)), Recipe(), Settings(budget=600.0)).forecast is None
