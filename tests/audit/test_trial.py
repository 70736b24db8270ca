"""What a trial may say: a score that falls belongs to the columns left out, or to time, and to nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.check import check
from assay.audit.opening import open_subject
from assay.audit.trial import honesty
from assay.core.remedy import Op, Remedy
from assay.core.result import Score
from assay.core.settings import Settings

BARS = (
    Score("all columns, shuffled", 1.0, "AUC"),
    Score("honest columns, shuffled", 0.85, "AUC"),
    Score("honest columns, later rows", 0.8, "AUC", headline=True, blocks=(("block 1", 0.8),)),
)


@pytest.fixture(scope="module")
def subject():
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.normal(size=90), "y": rng.integers(0, 2, 90)})
    return open_subject(table, target="y", settings=Settings(), cache=False)


def given(bars: tuple[Score, ...], *suspects: str) -> Any:
    return {"scores": bars, "suspects": dict.fromkeys(suspects)}.__getitem__


def test_a_leak_has_the_fall_and_says_what_else_was_left_out_with_it(subject):
    remedy = Remedy("columns", "unsafe", "honesty", "leave a out", (Op("drop_column", ("a",)),))
    proof = honesty(remedy, given(BARS, "a"), subject)
    assert (proof.before, proof.after) == (1.0, 0.85) and "together" not in proof.why
    assert "together with 2 more" in honesty(remedy, given(BARS, "a", "b", "c"), subject).why


def test_a_split_in_time_has_the_fall_from_shuffled_to_later_rows(subject):
    remedy = Remedy("split", "safe", "honesty", "split forward", options={"split": "forward", "order": ["t"]})
    proof = honesty(remedy, given(BARS, "a"), subject)
    assert (proof.before, proof.after) == (0.85, 0.8)


def test_duplicates_and_keys_do_not_take_the_fall_of_a_leak(subject):
    for remedy in (
        Remedy("split", "safe", "honesty", "equal rows on one side", options={"group": "content"}),
        Remedy("columns", "safe", "honesty", "leave the key out", (Op("drop_column", ("key",)),)),
    ):
        proof = honesty(remedy, given(BARS, "a"), subject)
        assert proof.before is None and proof.after is None and proof.state == "kept"


def test_a_table_of_answers_without_a_column_to_score_with_is_still_reported():
    keys = [f"C{i // 2:05}" for i in range(400)]
    rows = pa.table({"key": keys, "y": [("a", "b")[i // 2 % 2] for i in range(400)]})
    report = check(open_subject(rows, target="y", roles={"id": "key"}, settings=Settings(), cache=False), Settings())
    assert all(o.verdict != "error" for o in report.outcomes)
