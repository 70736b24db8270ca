"""M02, M03, M04, M11 and M15: one cause is said once, and fits of our own come out clear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import assay
from assay.challenges.model import arbitrary as m11
from assay.challenges.model import oversized as m15
from assay.challenges.model import selection_optimism as m03
from assay.challenges.model import underfitting as m02
from assay.challenges.model import untuned as m04
from assay.core.making import Look
from assay.core.settings import Settings
from assay.core.subject import JUDGE
from assay.testing import clean_subject, judge


def verdicts(subject, *modules):
    return tuple(judge(m, subject).decision.verdict for m in modules)


def test_a_stiff_model_underfits_and_is_not_called_untuned() -> None:
    subject = clean_subject(5000, 1, ("predictions",))
    made = m02.plant(subject, 0.8, subject.rng("M02", "test")).subject
    assert verdicts(made, m02, m04) == ("found", "clear")


def test_without_its_training_rows_the_same_loss_is_head_room() -> None:
    subject = clean_subject(5000, 1, ("predictions",))
    made = m04.plant(subject, 0.8, subject.rng("M04", "test")).subject
    assert judge(m04, made).decision.verdict == "found"
    assert not judge(m02, made).run.claims


def test_shuffled_targets_leave_nothing_to_find() -> None:
    """Where columns tell nothing, the usual answer is the best model, and no search beats it."""
    subject = clean_subject(3000, 2, ("predictions",))
    given = subject.predictions
    assert given is not None
    y = np.random.default_rng(0).permutation(given.y)
    flat = np.tile([1 - given.y.mean(), given.y.mean()], (len(y), 1))
    noise = replace(subject, predictions=replace(given, y=y, output=flat))
    assert "found" not in verdicts(noise, m02, m04)


def test_a_decision_that_every_run_makes_is_not_arbitrary() -> None:
    subject = clean_subject(2000, 3, m11.CHALLENGE.needs)
    assert judge(m11, subject).decision.verdict == "clear"
    made = m11.plant(subject, 0.2, subject.rng("M11", "test")).subject
    run = judge(m11, made)
    assert run.decision.verdict == "found"
    assert all(abs(c.effect.value - 0.2) < 0.06 for c in run.run.claims)


def test_luck_among_equals_is_said_with_the_corrected_loss() -> None:
    subject = clean_subject(3000, 4, m03.CHALLENGE.needs)
    assert judge(m03, subject).decision.verdict == "clear"
    run = judge(m03, m03.plant(subject, 1.0, subject.rng("M03", "test")).subject)
    (claim,) = run.run.claims
    assert run.decision.verdict == "found"
    assert claim.evidence["promised"] < claim.evidence["corrected"]
    assert abs(claim.evidence["corrected"] - claim.evidence["fresh"]) < 0.05


@pytest.mark.parametrize(("looks", "verdict"), [(1, "clear"), (3, "clear"), (6, "found")])
def test_looks_use_a_locked_test_up(looks: int, verdict: str) -> None:
    subject = clean_subject(3000, 4, ("predictions",))
    look = Look("test.csv", looks, "fit", "another idea", "0")
    run = judge(m03, replace(subject, evidence={**subject.evidence, "looks": look}))
    (claim,) = run.run.claims
    assert run.decision.verdict == verdict
    assert claim.evidence["looks"] == looks and claim.evidence["worth"] <= claim.evidence["rows"]


def test_idle_bytes_are_found_and_useful_ones_are_not() -> None:
    subject = clean_subject(3000, 7, m15.CHALLENGE.needs)
    assert subject.model.size > 100 * m15.small_size(2)
    assert judge(m15, subject).decision.verdict != "found"
    made = m15.plant(subject, 30.0, subject.rng("M15", "test")).subject
    assert judge(m15, made).decision.verdict == "found"
    light = replace(made, model=m15.Heavy(subject.model, 3 * m15.small_size(2)))
    assert judge(m15, light).decision.verdict == "clear"


def test_a_live_object_has_no_size() -> None:
    subject = clean_subject(500, 8, m15.CHALLENGE.needs)

    class Live:
        classes, trained_on, refitted, size = ("no", "yes"), None, False, None
        predict_rows = staticmethod(subject.model.predict_rows)

    run = judge(m15, replace(subject, model=Live()))
    assert "live object" in run.run.not_applicable


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(2, 1500))
    y = np.where(rng.random(1500) < 1 / (1 + np.exp(-2 * x - z)), "yes", "no")
    return assay.fit({"x": x, "z": z, "y": y}, target="y", settings=Settings(budget=20))


def test_our_own_fit_hands_over_how_it_was_made(model) -> None:
    said = {v["code"]: v["verdict"] for v in model.dossier["model"]["verdicts"]}
    assert {"M02", "M03", "M04", "M11"} <= set(said)
    assert not {said[c] for c in ("M02", "M03", "M04")} & {"found", "error", "not-applicable"}
    assert said["M11"] in ("clear", "undecided", "found", "skipped")


def test_predictions_of_another_maker_have_no_making() -> None:
    subject = clean_subject(500, 6, ("predictions",))
    assert (subject.predictions.part == JUDGE).any()
    assert judge(m03, subject).run.not_applicable.startswith("neither is known how the model was made")
