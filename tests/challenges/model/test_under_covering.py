"""M08: twins, one class only, groups, regression, clustered rows, level at materiality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.challenges.model import under_covering as m08
from assay.core.subject import Predictions, Subject
from assay.stats.shares import share_interval
from assay.testing import clean_subject, judge

from .judged_rows import judged_rows

NEEDS = ("predictions", "sets")


def given_of(subject: Subject) -> Predictions:
    assert subject.predictions is not None
    return subject.predictions


def test_promised_coverage_is_left_alone_and_its_poorer_twin_is_not() -> None:
    subject = clean_subject(10_000, 1, NEEDS)
    assert judge(m08, subject).decision.verdict in ("clear", "undecided")
    made = m08.plant(subject, 0.1, subject.rng("M08", "test"))
    run = judge(m08, made.subject)
    assert run.decision.verdict == "found"
    assert run.effect == pytest.approx(made.true_effect, abs=0.04)


def test_one_class_is_named_and_the_other_is_not() -> None:
    subject = clean_subject(10_000, 2, NEEDS)
    given = given_of(subject)
    sets = given.sets.astype(bool).copy() if given.sets is not None else np.ones_like(given.output, bool)
    hit = (given.y == 1) & (np.random.default_rng(0).random(len(given.y)) < 0.2)
    sets[hit, 1] = False
    run = judge(m08, replace(subject, predictions=replace(given, sets=sets)))
    assert {c.about.slice for c, _ in run.decision.stands} == {"class yes"}
    assert run.run.claims[0].impact is not None and run.run.claims[0].impact.kind == "voids"


def test_a_group_is_named() -> None:
    subject = clean_subject(10_000, 3, NEEDS)
    given = given_of(subject)
    rng = np.random.default_rng(1)
    group = rng.choice(np.array(["north", "south"]), len(given.y))
    assert given.sets is not None
    sets = given.sets.astype(bool).copy()
    hit = np.flatnonzero((group == "south") & (rng.random(len(group)) < 0.25))
    sets[hit, given.y[hit].astype(int)] = False
    run = judge(m08, replace(subject, predictions=replace(given, sets=sets, group=group)))
    named = {c.about.slice for c, _ in run.decision.stands}
    assert "group south" in named and "group north" not in named


def test_intervals_of_numbers() -> None:
    subject = clean_subject(8000, 4, NEEDS)
    given = given_of(subject)
    rng = np.random.default_rng(2)
    output = rng.normal(size=len(given.y))
    y = output + rng.normal(size=len(output))
    sets = np.column_stack((output - 1.645, output + 1.645))
    numbers = replace(
        subject,
        roles=replace(subject.roles, task="regression", classes=()),
        predictions=Predictions(given.row_id, output, y, given.part, (), sets, 0.9),
    )
    run = judge(m08, numbers)
    assert len(run.run.claims) == 4 and run.decision.verdict in ("clear", "undecided")
    made = m08.plant(numbers, 0.15, rng)
    assert judge(m08, made.subject).decision.verdict == "found"


def test_the_interval_is_clopper_and_pearsons() -> None:
    rows = judged_rows(2000, 0)
    first = next(iter(m08.measure(clean_subject(200, 0, NEEDS), rows, {"shortfall": 0.02})))
    index = rows.judge[rows.y[rows.judge] == 0]
    k, n = int(m08.outside(rows)[index].sum()), len(index)
    lo, hi = share_interval(k, n, 0.05)
    assert first.effect.interval(0.05) == pytest.approx((float(lo) - 0.1, float(hi) - 0.1))


def test_clustered_rows_are_believed_less() -> None:
    """A stretch of time in which every set misses: 30 rows of one moment are not 30 rows of evidence."""
    rows = judged_rows(5000, 1, order=True)
    assert rows.sets is not None
    sets = np.ones_like(rows.sets)
    at = rows.judge[100:300]
    sets[at, rows.y[at].astype(int)] = False
    subject = clean_subject(200, 0, NEEDS)
    clustered = list(m08.measure(subject, replace(rows, sets=sets), {"shortfall": 0.02}))
    alone = replace(rows, sets=sets, order=np.full(5000, np.nan))
    single = list(m08.measure(subject, alone, {"shortfall": 0.02}))
    for a, b in zip(clustered, single, strict=True):
        assert (a.p or 0) > (b.p or 0)
        assert np.diff(a.effect.interval(0.05)) > np.diff(b.effect.interval(0.05))


def test_level_at_materiality() -> None:
    """Coverage exactly at the promise less the materiality: the exact test rejects in at most 5 %."""
    runs, rejected = 400, 0
    subject = clean_subject(200, 0, NEEDS)
    for seed in range(runs):
        rows = judged_rows(1500, seed)
        rng = np.random.default_rng(seed + 10_000)
        sets = np.ones((1500, 2), bool)
        sets[np.arange(1500), rows.y.astype(int)] = rng.random(1500) < 0.88
        claims = list(m08.measure(subject, replace(rows, sets=sets), {"shortfall": 0.02}))
        rejected += (claims[0].p or 1.0) <= 0.05
    assert rejected / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5
