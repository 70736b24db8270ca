"""M12: twins, models that depend on chance, order and company, and recorded predictions that are rounded or old."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.challenges.model import irreproducible as m12
from assay.core.errors import InputError
from assay.core.subject import Subject
from assay.core.table import F64, Sample
from assay.testing import clean_subject, judge
from assay.testing.clean import HonestModel

from .asked_models import Says, asked, trained

NEEDS = ("target", "predictions", "model")
HONEST = HonestModel()


def told(subject: Subject) -> dict[str, dict[str, int]]:
    return {c.about.comparison or "": c.evidence["differ"] for c in judge(m12, subject).run.claims}


def test_an_honest_model_is_clear_and_its_twin_that_looks_at_its_company_is_not() -> None:
    subject = clean_subject(1500, 1, NEEDS)
    assert judge(m12, subject).decision.verdict == "clear"
    made = m12.plant(subject, 0.3, subject.rng("M12", "test"))
    got = judge(m12, made.subject)
    assert got.decision.verdict == "found"
    assert got.effect == pytest.approx(made.true_effect, abs=0.08)
    differ = told(made.subject)["the same rows asked again"]
    assert differ["asked again"] == differ["in another order"] == 0
    assert differ["in halves"] > 0 and differ["one by one"] > 0


@pytest.mark.parametrize("family", ["linear", "lightgbm", "extra-trees", "tree"])
def test_what_is_trained_here_answers_alike_however_it_is_asked(family: str) -> None:
    subject = clean_subject(1500, 2, NEEDS)
    made = judge(m12, asked(subject, trained(subject, family)))
    assert made.decision.verdict == "clear", made.run.claims


def test_chance_is_seen_when_asked_again() -> None:
    rng = np.random.default_rng(0)

    def shaken(rows: Sample) -> F64:
        p = HONEST.predict_rows(rows)[:, 1] * (1 - 1e-3 * rng.random(rows.n))
        return np.column_stack((1 - p, p))

    subject = clean_subject(1500, 3, NEEDS)
    claims = told(replace(subject, model=Says(shaken)))
    assert claims["the same rows asked again"]["asked again"] > 100


def test_order_is_seen_in_another_order() -> None:
    def lined(rows: Sample) -> F64:
        p = HONEST.predict_rows(rows)[:, 1] * (1 - 0.01 * (np.arange(rows.n) % 2))
        return np.column_stack((1 - p, p))

    subject = clean_subject(1500, 4, NEEDS)
    differ = told(asked(subject, Says(lined)))["the same rows asked again"]
    assert differ["asked again"] == 0 and differ["in another order"] > 50


def test_differences_below_the_limit_are_no_difference() -> None:
    rng = np.random.default_rng(0)

    def shaken(rows: Sample) -> F64:
        p = np.clip(HONEST.predict_rows(rows)[:, 1] + 4e-5 * (rng.random(rows.n) - 0.5), 0, 1)
        return np.column_stack((1 - p, p))

    assert judge(m12, replace(clean_subject(1500, 5, NEEDS), model=Says(shaken))).decision.verdict == "clear"


def test_a_model_that_takes_no_single_row_gives_no_answer_there() -> None:
    def picky(rows: Sample) -> F64:
        if rows.n == 1:
            raise InputError("the model failed on rows of this table: ValueError: expected a batch")
        return HONEST.predict_rows(rows)

    claims = told(replace(clean_subject(800, 6, NEEDS), model=Says(picky)))
    assert claims["the same rows asked again"] == {
        "asked again": 0, "in another order": 0, "in halves": 0, "one by one": 32
    }  # fmt: skip


def test_old_predictions_are_counted_and_rounded_ones_are_not() -> None:
    subject = clean_subject(1500, 7, NEEDS)
    given = subject.predictions
    assert given is not None
    for digits in (0, 2, 3, 6):
        rounded = replace(subject, predictions=replace(given, output=np.round(given.output, digits)))
        assert judge(m12, rounded).decision.verdict == "clear", digits
    old = given.output.copy()
    judged = np.flatnonzero(given.part == 2)[:40]
    old[judged] = old[judged, ::-1] * 0.5 + 0.25
    made = judge(m12, replace(subject, predictions=replace(given, output=old)))
    assert made.decision.verdict == "found"
    assert told(replace(subject, predictions=replace(given, output=old)))[
        "recorded predictions against the model now"
    ] == pytest.approx(40, abs=2)  # where the two are near, a prediction may have stayed what it was


def test_numbers_are_measured_by_their_spread() -> None:
    small, large = np.array([0.001, 0.002]), np.array([1234.0, 5678.0])
    assert m12.last_digit(large, 1000.0) == 1.0
    assert m12.last_digit(small, 0.0005) == 1e-4  # a thousandth is more than their spread
    assert m12.last_digit(np.array([0.25, 0.5]), 1.0) == 0.01
