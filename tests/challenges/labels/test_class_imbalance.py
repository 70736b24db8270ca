"""L03: exact counts; even classes of any number are no finding."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.ranking import finding
from assay.challenges.labels import class_imbalance as l03
from assay.core.settings import Question, Settings
from assay.testing import bare_subject, judge
from tests.challenges.real import real, said, stands


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [("mammography.csv.gz", "label", "260 of 11,183"), ("oil_spill.csv", "label", "41 of 937"),
     ("diabetes_130.csv.gz", "readmitted", "11,357 of 101,766")],
)  # fmt: skip
def test_truth(name: str, target: str, words: str) -> None:
    assert words in said(l03, real(name, target))


@pytest.mark.parametrize(("name", "target"), [("german_credit.csv", "risk"), ("titanic.csv", "survived")])
def test_silent(name: str, target: str) -> None:
    assert said(l03, real(name, target)) == ""


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_even_classes_are_clear(classes: int) -> None:
    y = np.resize([f"class {i}" for i in range(classes)], 600)
    made = judge(l03, bare_subject(pa.table({"x": np.arange(600.0) ** 1.5, "outcome": y})))
    assert made.decision.verdict == "clear"
    assert made.effect == pytest.approx(0.0, abs=1e-9)


def test_costs_set_the_threshold() -> None:
    y = ["yes"] * 50 + ["no"] * 950
    subject = bare_subject(pa.table({"x": np.random.default_rng(0).normal(size=1000), "outcome": y}))
    (claim,) = stands(l03, subject)
    fix = finding(l03, claim, None, subject, Settings()).remedy
    assert fix is not None
    assert fix.options["threshold"] == pytest.approx(0.05)
    assert fix.options["class_weight"] == {"no": pytest.approx(1000 / 1900), "yes": pytest.approx(10.0)}
    stated = Settings(question=Question(cost_false_alarm=1.0, cost_miss=9.0))
    claim = judge(l03, subject, stated).decision.stands[0][0]
    assert claim.evidence["threshold"] == pytest.approx(0.1)
    assert claim.effect.value == pytest.approx(1 - 4 * 0.05 * 0.95)
