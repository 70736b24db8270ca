"""M07: twins, level at materiality, the remedy, more than two classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.challenges.model import miscalibrated as m07
from assay.core.finding import Finding
from assay.core.subject import JUDGE, Predictions
from assay.learn.forms import Calibration
from assay.learn.replay import calibrate
from assay.testing import clean_subject, judge

NEEDS = ("predictions", "classes")


@pytest.mark.parametrize("slope", [0.5, 2.0])
def test_true_probabilities_are_left_alone_and_their_bent_twin_is_not(slope: float) -> None:
    subject = clean_subject(10_000, 3, NEEDS)
    assert judge(m07, subject).decision.verdict in ("clear", "undecided")
    given = subject.predictions
    assert given is not None
    bent = replace(subject, predictions=replace(given, output=m07.mend(given.output, np.array([slope, 0.0]))))
    assert judge(m07, bent).decision.verdict == "found"


def test_a_small_table_with_a_large_ece_by_chance_is_not_accused() -> None:
    found = 0
    for seed in range(20):
        subject = clean_subject(600, 100 + seed, NEEDS)
        given = subject.predictions
        assert given is not None
        found += judge(m07, subject).decision.verdict == "found"
    assert found <= 3  # 1 in 20 expected; more than 3 of 20 has a chance of 1.6 %


def test_the_remedy_removes_it_and_leaves_true_probabilities_alone() -> None:
    subject = clean_subject(10_000, 4, NEEDS)
    for dose, slope in ((1.0, 0.5), (0.0, 1.0)):
        made = m07.plant(subject, dose, subject.rng("M07", "test")).subject
        fix = m07.remedy(made, _any(made))
        given = made.predictions
        assert fix is not None and given is not None
        assert fix.options["a"] == pytest.approx(slope, rel=0.15)
        w = Calibration("platt", fix.options["a"], fix.options["b"])
        mended = replace(made, predictions=replace(given, output=calibrate(w, given.output)))
        assert judge(m07, mended).decision.verdict != "found"


def test_three_classes() -> None:
    rng = np.random.default_rng(5)
    subject = clean_subject(6000, 5, NEEDS)
    given = subject.predictions
    assert given is not None
    logits = 1.3 * rng.normal(size=(len(given.y), 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (rng.random(len(p))[:, None] > p.cumsum(1)).sum(1).astype(float)
    three = replace(subject, predictions=Predictions(given.row_id, p, y, given.part, ("a", "b", "c")))
    assert judge(m07, three).decision.verdict in ("clear", "undecided")
    made = m07.plant(three, 1.0, rng).subject
    run = judge(m07, made)
    assert run.decision.verdict == "found"
    assert [c.about.comparison for c in run.run.claims] == [
        "as it is against temperature",
        "as it is against temperature with offsets",
    ]


def test_certain_and_wrong_is_finite() -> None:
    subject = clean_subject(3000, 6, NEEDS)
    given = subject.predictions
    assert given is not None
    hard = np.eye(2)[(given.output[:, 1] > 0.5).astype(int)]
    run = judge(m07, replace(subject, predictions=replace(given, output=hard)))
    assert run.decision.verdict == "found"
    assert all(np.isfinite(c.effect.interval(0.05)).all() for c in run.run.claims)


def test_the_chart_is_aggregates_with_bands() -> None:
    chart = judge(m07, clean_subject(3000, 7, NEEDS)).run.claims[0].evidence["chart"]
    assert len(chart["x"]) == len(chart["y"]) == len(chart["lo"]) == 10
    assert all(lo <= y <= hi for lo, y, hi in zip(chart["lo"], chart["y"], chart["hi"], strict=True))


@pytest.mark.slow
def test_level_at_materiality() -> None:
    """The slope that costs exactly the materiality: its rejections stay at or under 5 %."""
    runs, rejected = 1000, 0
    subject = clean_subject(6000, 0, NEEDS)
    given = subject.predictions
    assert given is not None
    big = np.random.default_rng(1).normal(size=400_000) * 1.3
    p = 1 / (1 + np.exp(-big))
    pair = np.column_stack((1 - p, p))

    def share(slope: float) -> float:
        bent = m07.mend(pair, np.array([slope, 0.0]))
        cost = -(pair * np.log(bent)).sum(1).mean(), -(pair * np.log(pair)).sum(1).mean()
        base = pair[:, 1].mean()
        return float((cost[0] - cost[1]) / -(base * np.log(base) + (1 - base) * np.log(1 - base)))

    low, high = 1.0, 3.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < 0.005 else (low, middle)
    from tests.challenges.model.judged_rows import judged_rows

    for seed in range(runs):
        rows = judged_rows(6000, seed, 1.3)
        rows = replace(rows, output=m07.mend(rows.output, np.array([low, 0.0])))
        first = next(iter(m07.measure(replace(subject, seed=seed), rows, {"gain": 0.005})))
        rejected += (first.p or 1.0) <= 0.05
    assert rejected / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5


def test_plant_leaves_ranking_alone() -> None:
    subject = clean_subject(2000, 8, NEEDS)
    made = m07.plant(subject, 1.0, subject.rng("M07", "test")).subject
    a, b = subject.predictions, made.predictions
    assert a is not None and b is not None and (a.part == JUDGE).any()
    np.testing.assert_array_equal(np.argsort(a.output[:, 1]), np.argsort(b.output[:, 1]))


def _any(subject: object) -> Finding:
    """remedy reads the subject's predictions only."""
    return None  # type: ignore[return-value]
