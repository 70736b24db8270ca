"""L04: classes with too few rows are named together; the count alone decides."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.ranking import finding
from assay.challenges.labels import rare_classes as l04
from assay.core.settings import Settings
from assay.testing import bare_subject, judge
from tests.challenges.real import real, said, stands


def subject_of(counts: dict[str, int]):
    y = np.repeat(list(counts), list(counts.values()))
    return bare_subject(pa.table({"x": np.random.default_rng(0).normal(size=len(y)), "outcome": y}))


def test_truths() -> None:
    subject = real("wine_quality.csv.gz", "quality")
    (claim,) = stands(l04, subject)
    assert "9 (5) and 3 (30)" in claim.says
    fix = finding(l04, claim, None, subject, Settings()).remedy
    assert fix is not None
    assert fix.options["merge"] == {"9": "8", "3": "4"}
    assert "19 of 40 classes" in said(l04, real("nsl_kdd.csv.gz", "attack"))


@pytest.mark.parametrize(
    ("name", "target"), [("oil_spill.csv", "label"), ("mammography.csv.gz", "label"), ("titanic.csv", "survived")]
)
def test_silent(name: str, target: str) -> None:
    assert said(l04, real(name, target)) == ""


@pytest.mark.parametrize(("rows", "found"), [(5, True), (30, True), (36, False), (200, False)])
def test_the_width_of_recall_decides(rows: int, found: bool) -> None:
    made = judge(l04, subject_of({"a": 300, "b": 280, "c": rows}))
    assert (made.decision.verdict == "found") == found


def test_text_classes_merge_only_with_each_other() -> None:
    subject = subject_of({"cat": 300, "dog": 300, "emu": 5, "yak": 7})
    (claim,) = stands(l04, subject)
    assert claim.evidence["merge"] == {"emu": "other", "yak": "other"}
    (claim,) = stands(l04, subject_of({"cat": 300, "dog": 300, "emu": 5}))
    assert claim.evidence["merge"] == {}
