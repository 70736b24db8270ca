"""M01: twins, a gap without harm, harm without a gap, and the remedy's floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.audit.ranking import finding
from assay.challenges.model import overfitting as m01
from assay.core.settings import Settings
from assay.core.subject import BUILD
from assay.testing import clean_subject, judge

NEEDS = ("predictions",)


def test_an_unpruned_tree_is_found_and_its_honest_twin_is_not() -> None:
    subject = clean_subject(5000, 1, NEEDS)
    assert judge(m01, subject).decision.verdict in ("clear", "undecided")
    made = m01.plant(subject, 1.0, subject.rng("M01", "test"))
    run = judge(m01, made.subject)
    assert run.decision.verdict == "found"
    claim = run.run.claims[0]
    assert claim.evidence["gap"] > 0.9 and claim.effect.value > 0.2


def test_a_gap_alone_is_no_harm() -> None:
    """True probabilities on fresh rows, answers by heart on the training rows: a gap, and nothing lost."""
    subject = clean_subject(5000, 2, NEEDS)
    given = subject.predictions
    assert given is not None
    output = given.output.copy()
    seen = given.part == BUILD
    output[seen] = np.eye(2)[given.y[seen].astype(int)]
    run = judge(m01, replace(subject, predictions=replace(given, output=output)))
    assert run.run.claims[0].evidence["gap"] == 1.0
    assert run.decision.verdict in ("clear", "undecided")


def test_losing_without_a_gap_is_not_overfitting() -> None:
    """The usual answer loses to any model, but it learned nothing by heart."""
    subject = clean_subject(5000, 3, NEEDS)
    given = subject.predictions
    assert given is not None
    flat = replace(given, output=np.tile([1 - given.y.mean(), given.y.mean()], (len(given.y), 1)))
    run = judge(m01, replace(subject, predictions=flat))
    claim = run.run.claims[0]
    assert run.decision.verdict == "clear" and claim.impact is not None and (claim.impact.value or 0) > 0.05


def test_the_remedy_names_a_leaf_floor_and_a_depth() -> None:
    subject = clean_subject(5000, 1, NEEDS)
    made = m01.plant(subject, 1.0, subject.rng("M01", "test")).subject
    run = judge(m01, made)
    claim, interval = run.decision.stands[0]
    fix = finding(m01, claim, interval, made, Settings()).remedy
    assert fix is not None and fix.where == "training" and fix.safety == "safe"
    assert fix.options == {"min_data_in_leaf": 30, "max_depth": 3}


@pytest.mark.parametrize("dose", [0.25, 1.0])
def test_plant_keeps_only_rows_that_the_tree_saw_or_never_saw(dose: float) -> None:
    subject = clean_subject(2000, 4, NEEDS)
    made = m01.plant(subject, dose, subject.rng("M01", "test")).subject.predictions
    assert made is not None and subject.predictions is not None
    seen, all_seen = (made.part == BUILD).sum(), (subject.predictions.part == BUILD).sum()
    assert seen == all_seen // 10
    assert (made.part != BUILD).sum() == (subject.predictions.part != BUILD).sum()
