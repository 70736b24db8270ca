# ruff: noqa: E501 - a table of texts, read by row
"""A report whose every text comes from somebody who wishes the reader ill."""

from __future__ import annotations

import numpy as np

from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding, Outcome
from assay.core.remedy import Op, Remedy
from assay.core.result import ColumnCard, Score, SubjectInfo
from assay.core.rows import Rows
from assay.core.settings import Question
from assay.report.document import Report

from .flights import report

ATTACKS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><svg onload=alert(1)>", "]]><!--", "{{ 7 * 7 }}",
    "\x1b[2J\x1b[31mred", "a\nb\tc", "\u202eevil", "'; DROP TABLE x; --", "javascript:alert(1)", "|`*_[x](http://evil.example)",
    "宽" * 60, "x" * 300, "", " ", "é\u0301", "a" + chr(0) + "b",
)  # fmt: skip


def hostile() -> Report:
    found = tuple(
        Finding(
            "X66", attack, Claim(
                About((attack, attack + "2"), Rows.at(np.arange(12)), slice=attack, comparison=attack),
                Effect(0.5, attack or "share of rows", 0.1), "exact", f"{attack} says {attack}.", 100, evidence={
                    attack: attack,
                    "chart": {"kind": "bars", "title": attack, "x": [attack, "b"], "y": [1, 2], "x_title": attack, "y_title": attack},
                }, ask=k % 3 == 0),
            None, ("critical", "warning", "advice")[k % 3], Impact("inflates", 0.1, None, attack), f"{attack} says {attack}.",
            Remedy("columns", "safe", "gain", attack, (Op("drop_column", (attack,)), Op("cast", (attack,), {"to": attack}))),
        )
        for k, attack in enumerate(ATTACKS)
    )  # fmt: skip
    roles = {"group": {"columns": list(ATTACKS), "source": "guess", "why": ATTACKS[0]}}
    return report(
        info=SubjectInfo(ATTACKS[0], 1000, 3, ATTACKS[1], roles, ATTACKS[2], "binary", ATTACKS[3], {ATTACKS[3]: 6, "b": 9}, 3, ATTACKS),
        question=Question(*ATTACKS[:3], owner=ATTACKS[4], forbidden=ATTACKS),
        findings=found,
        outcomes=(Outcome("X66", ATTACKS[0], ATTACKS[1], "data", "error", ATTACKS[2]),),
        scores=tuple(Score(a, 0.7, "AUC", (0.6, 0.8), k == 1, a, ((a, 0.7), ("b", 0.6))) for k, a in enumerate(ATTACKS[:3])),
        gallery=tuple(ColumnCard(a, "text", 0.1, 3, a, (0.5, 0.5), (a,)) for a in ATTACKS),
        next_commands=((f"assay check {ATTACKS[0]}", ATTACKS[1]),), trials=(),
        pages={"X66": {"how": ATTACKS[0], "false_alarms": ATTACKS[1], "sources": ATTACKS[2]}},
        labels=np.array([ATTACKS[k % len(ATTACKS)] for k in range(1000)], dtype=object),
    )  # fmt: skip
