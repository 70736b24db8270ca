# ruff: noqa: E501 - a table of texts, read by row
"""The first sentence says what was found and never more."""

from __future__ import annotations

from typing import Any

import pytest

from assay.report.sentence import first_sentence

from .flights import report


def found(
    code: str, severity: str, *columns: str, kind: str = "inflates", ask: bool = False, drop: str = ""
) -> dict[str, Any]:
    remedy = {"ops": [{"name": "drop_column", "columns": [drop]}]} if drop else None
    return {"code": code, "name": "a-fault", "severity": severity, "columns": columns, "ask": ask, "remedy": remedy,
            "impact": {"kind": kind}}  # fmt: skip


def verdict(which: str) -> dict[str, Any]:
    return {"code": "D01", "verdict": which}


CASES = [
    ([found("K01", "critical", "a"), found("K03", "critical", "b", "c", drop="b")], [],
     "NOT READY. A score from this table would be false: 2 columns know the answer."),
    ([found("K01", "critical", "a"), found("K02", "critical", "a", ask=True), found("K02", "critical", "d", ask=True)], [],
     "NOT READY. A score from this table would be false: 1 column knows the answer and 1 more seems to."),
    ([found("K02", "critical", "d", ask=True)], [], "NOT READY. A score from this table may be false: 1 column seems to know the answer."),
    ([found("K06", "critical", "t")], [], "NOT READY. A score from this table would be too high: a-fault (K06)."),
    ([found("K04", "critical", kind="voids"), found("K06", "critical")], [], "NOT READY. A score or a guarantee from this table would not hold: a-fault (K04)."),
    ([found("D01", "critical", kind="tidy")], [], "NOT READY. 1 critical finding: a-fault (D01)."),
    ([found("D01", "warning"), found("D01", "warning")], [verdict("undecided")],
     "READY WITH WARNINGS. Nothing critical was found; 1 warning: a-fault (D01). 1 challenge could not be decided."),
    ([found("D09", "advice")], [verdict("found"), verdict("clear")],
     "NOTHING FOUND that would make a score from this table false, by the 2 challenges that could look. 1 piece of advice."),
    ([], [verdict("clear"), verdict("error")],
     "NOTHING FOUND that would make a score from this table false, by the 1 challenge that could look. 1 challenge failed to run, so this report is not whole."),
    ([], [verdict("not-applicable")], "NOTHING CHECKED. None of the challenges could look at this table."),
]  # fmt: skip


@pytest.mark.parametrize(("findings", "verdicts", "expected"), CASES)
def test_sentence(findings: list[Any], verdicts: list[Any], expected: str) -> None:
    assert first_sentence(findings, verdicts, "y")[1] == expected


def test_without_a_target_no_score_is_spoken_of() -> None:
    assert "score" not in first_sentence([], [verdict("clear")], None)[1]


def test_nothing_is_ever_called_what_was_not_measured() -> None:
    for findings, verdicts, _ in CASES:
        said = first_sentence(findings, verdicts, "y")[1].lower()
        assert not any(word in said.split() for word in ("safe", "fair", "anonymous", "compliant", "correct"))


def test_the_flights() -> None:
    summary = report().to_json()["summary"]
    assert summary["state"] == "not-ready"
    assert summary["sentence"].endswith("2 columns know the answer and 3 more seem to.")
