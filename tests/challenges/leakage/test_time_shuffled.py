"""K06: a process that moves is found, one that stands still is not, and the score bars tell the same story."""

from __future__ import annotations

import numpy as np
import pytest

from assay.challenges.leakage import time_shuffled as K06
from assay.probes.forward import paired
from tests.challenges.leakage.cases import give, subject
from tests.challenges.real import real, stands


def days(moves: bool, seed: int = 0, n: int = 9000, regression: bool = False):
    rng = np.random.default_rng(seed)
    day = np.arange(n) // 60
    busy = rng.normal(size=day.max() + 1)[day] * (2.0 if moves else 0.0)
    x = rng.normal(size=(n, 3))
    z = x @ [1.0, 0.5, 0.0] + busy
    y = z + rng.normal(size=n) if regression else rng.random(n) < 1 / (1 + np.exp(-z))
    return {"day": day, "week": day // 7, "a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y}


@pytest.mark.parametrize("regression", [False, True])
def test_a_process_that_moves_and_one_that_stands_still(regression):
    moving = stands(K06, subject(days(True, regression=regression), order="@row"))
    assert len(moving) == 1
    assert moving[0].effect.value > 0.05
    assert set(moving[0].about.columns) == {"day", "week"}
    assert moving[0].evidence["past_without_calendar"] is not None
    assert not stands(K06, subject(days(False, regression=regression), order="@row"))


def test_one_late_change_is_found_and_drift_in_a_column_of_no_use_is_not():
    rng = np.random.default_rng(7)
    n = 9000
    x = rng.normal(size=(n, 4))
    for late in (True, False):
        new = (np.arange(n) > 0.6 * n) & late
        z = 2 * x[:, 0] + np.where(new, -4.0, 2.0) * x[:, 1]
        sensor = np.where(np.arange(n) > 0.6 * n, 3.0, 0.0) + rng.normal(size=n)
        made = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "sensor": sensor, "y": rng.random(n) < 1 / (1 + np.exp(-z))}
        assert len(stands(K06, subject(made, order="@row"))) == late


def test_every_row_is_told_by_both_thirds_it_does_not_belong_to():
    part = np.array([0, 1, 2, 2, 1, 0])
    made = [np.full((int((part != k).sum()), 2), float(k)) for k in range(3)]
    first, second = paired(made, part)
    assert [{*pair} for pair in zip(first[:, 0], second[:, 0], strict=True)] == [{0, 1, 2} - {k} for k in part]


def test_the_target_in_any_other_order_is_silent():
    made = days(True)
    made["y"] = np.random.default_rng(1).permutation(made["y"])
    assert not stands(K06, subject(made, order="@row"))


def test_bars_go_down_towards_the_honest_one():
    made = subject(days(True) | {"copy": days(True)["y"].astype(int)}, order="@row")
    bars = give(made, "scores")
    assert [b.label for b in bars] == [
        "all columns, shuffled",
        "honest columns, shuffled",
        "honest columns, later rows",
    ]
    assert bars[0].value > 0.99 > bars[1].value > bars[2].value + 0.05
    assert [b.headline for b in bars] == [False, False, True]
    assert len(bars[2].blocks) >= 5
    assert all(b.interval is not None and b.interval[0] <= b.value <= b.interval[1] for b in bars)


def test_too_few_rows_say_nothing():
    made = subject({k: v[:200] for k, v in days(True).items()}, order="@row")
    assert give(made, "forward") is None
    assert not stands(K06, made)


def test_elec2_moves():
    claims = stands(K06, real("elec2.csv.gz", "class", order="@row"))
    assert len(claims) == 1
    assert claims[0].evidence["last_target_again"] == pytest.approx(0.853, abs=0.001)
    assert claims[0].evidence["past"] < claims[0].evidence["last_target_again"]
    assert claims[0].p < 0.001


def test_bank_moves():
    claims = stands(K06, real("bank_marketing.csv.gz", "y", order="@row"))
    assert len(claims) == 1
    assert claims[0].p < 0.001
