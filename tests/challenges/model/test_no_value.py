"""M16: twins, money by hand, thresholds, matrices, and settings that make no sense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.model import no_value as m16
from assay.core.costs import Costs, costs_of
from assay.core.errors import SettingsError
from assay.core.settings import Question, Settings, settings_from
from assay.core.subject import Role, Roles, Subject
from assay.testing import clean_subject, clean_table, judge

NEEDS = ("predictions", "costs")
TWO = Roles(Role(("y",)), "binary", ("no", "yes"), "yes")


def with_costs(subject: Subject, alarm: float, miss: float) -> Subject:
    costs = costs_of(Question(cost_false_alarm=alarm, cost_miss=miss), subject.roles)
    return replace(subject, evidence={**subject.evidence, "costs": costs})


def claims_of(subject: Subject) -> dict[str, object]:
    return {c.about.comparison or "": c for c in judge(m16, subject).run.claims}


def test_a_model_that_knows_something_has_value_and_its_shuffled_twin_has_none() -> None:
    subject = clean_subject(20_000, 1, NEEDS)
    assert judge(m16, subject).decision.verdict == "clear"
    made = m16.plant(subject, 1.0, subject.rng("M16", "test"))
    got = judge(m16, made.subject)
    assert got.decision.verdict == "found"
    assert got.effect == pytest.approx(made.true_effect, abs=0.15)


def test_money_is_counted_as_by_hand() -> None:
    subject = with_costs(clean_subject(4000, 2, NEEDS), 2.0, 6.0)
    given = subject.predictions
    assert given is not None
    claims = claims_of(subject)
    fresh = given.part == 2
    y, acts = given.y[fresh] == 1, given.output[fresh, 1] > 0.25
    cost = float(np.where(acts, 2.0 * ~y, 6.0 * y).mean())
    nothing, always = 6.0 * y.mean(), 2.0 * (1 - y.mean())
    by_name = {k: c.evidence["saved_a_decision"] for k, c in claims.items() if "saved_a_decision" in c.evidence}  # type: ignore[attr-defined]
    assert by_name["model against doing nothing"] == pytest.approx(nothing - cost)
    assert by_name["model against always acting"] == pytest.approx(always - cost)


def test_a_useful_model_may_be_worth_nothing_where_acting_is_all_but_free() -> None:
    """A miss a thousand times as dear as a false alarm: always acting is as good, and doing nothing far worse."""
    got = judge(m16, with_costs(clean_subject(20_000, 3, NEEDS), 0.001, 1.0))
    found = {c.about.comparison for c, _ in got.decision.stands}
    assert "model against always acting" in found and "model against doing nothing" not in found


def test_the_threshold_in_use_is_compared_with_that_of_the_costs() -> None:
    subject = with_costs(clean_subject(10_000, 4, NEEDS), 1.0, 9.0)
    got = judge(m16, subject)
    by = {c.about.comparison: c for c, _ in got.decision.stands}
    claim = by["decision in use against the costs"]
    assert claim.evidence["threshold"] == pytest.approx(0.1)
    even = judge(m16, with_costs(subject, 1.0, 1.0))
    assert "decision in use against the costs" not in {c.about.comparison for c, _ in even.decision.stands}


def test_a_matrix_of_actions_that_are_no_classes() -> None:
    question = Question(costs={"leave": {"no": 0, "yes": 90}, "call": {"no": 5, "yes": -20}})
    costs = costs_of(question, TWO)
    assert costs is not None and costs.actions == ("leave", "call") and not costs.answers
    assert costs.threshold(1) == pytest.approx(5 / 115) and costs.threshold(0) is None
    np.testing.assert_array_equal(costs.cheapest(np.array([[0.99, 0.01], [0.9, 0.1]])), [0, 1])
    subject = clean_subject(3000, 5, NEEDS)
    names = set(claims_of(replace(subject, evidence={"costs": costs})))
    assert names == {"model against leave for all", "model against call for all", "decision in use against the costs"}


def test_three_actions_and_one_that_is_never_wrong() -> None:
    table = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    subject = replace(clean_subject(2000, 6, NEEDS), evidence={"costs": Costs(("a", "b", "c"), table, False)})
    got = judge(m16, subject)
    assert got.run.error is None and {c.about.comparison for c in got.run.claims} == {
        "model against a for all", "model against b for all"
    }  # fmt: skip
    assert got.decision.verdict == "clear"


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ({"call": {"no": 1, "yes": 0}}, "at least two actions"),
        ({"leave": {"no": 0, "yes": 1}, "call": {"no": 1}}, "a cost for yes"),
        ({"leave": {"no": 0, "yes": 1}, "call": {"no": 1, "yess": 0}}, "did you mean yes"),
    ],
)
def test_costs_that_do_not_fit_the_classes_are_said(costs: dict[str, dict[str, float]], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        costs_of(Question(costs=costs), TWO)


def test_costs_come_from_the_settings() -> None:
    settings = settings_from(
        {"question": {"costs": {"leave": {"no": 0, "yes": 9.5}, "act": {"no": 1, "yes": 0}}}}, Settings()
    )
    subject = open_subject(pa.table(clean_table(200)), target="outcome", settings=settings, cache=False)
    costs = subject.evidence["costs"]
    np.testing.assert_array_equal(costs.table, [[0, 9.5], [1, 0]])
    with pytest.raises(SettingsError, match="a number for every action"):
        settings_from({"question": {"costs": {"leave": {"no": "free"}}}}, Settings())
    plain = open_subject(pa.table(clean_table(200)), target="outcome", cache=False)
    assert "costs" not in plain.evidence
    assert "no costs named" in (judge(m16, plain).run.not_applicable or "") or plain.predictions is None
