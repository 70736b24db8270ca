"""The JSON form of a report (published schema: ``schema.json`` beside this file). Every other format is made from it.

The same table, seed and versions give the same bytes, apart from ``cost``, which holds all times.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from assay.core.finding import SEVERITIES, Finding, Outcome
from assay.core.remedy import Proof, Remedy
from assay.core.result import Score

from .charts import honesty_chart, spec
from .next_steps import next_steps
from .numbers import nine
from .sentence import first_sentence

if TYPE_CHECKING:
    from .document import Report

SCHEMA_VERSION = "1.0"
ROWS_SHOWN = 100  # row numbers a finding lists, unless all are asked for
VERDICTS = ("found", "clear", "undecided", "no-sign", "not-applicable", "skipped", "ignored", "error")


def schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a report."""
    made: dict[str, Any] = json.loads(files("assay.report").joinpath("schema.json").read_text("utf-8"))
    return made


def dumps(doc: Mapping[str, Any]) -> str:
    """The document as text: UTF-8, two spaces, one newline at the end, and never NaN."""
    return json.dumps(doc, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_json(report: Report, all_rows: bool = False) -> dict[str, Any]:
    """Return the report as JSON data. ``all_rows`` lists every row number kept, not only the first hundred."""
    titles = {o.code: o for o in report.outcomes}
    seen: Counter[str] = Counter()
    found = [_finding(f, titles.get(f.code), report, seen, all_rows) for f in report.findings]
    verdicts = [_verdict(o) for o in report.outcomes]
    state, sentence = first_sentence(found, verdicts, report.info.target)
    honesty = honesty_chart([_score(s) for s in report.scores])
    doc = {
        "kind": "check",
        "schema_version": SCHEMA_VERSION,
        "assay": _own_version(),
        "seed": report.settings.seed,
        "subject": asdict(report.info),
        "question": asdict(report.question),
        "settings": report.settings.of_evidence(),
        "summary": {
            "state": state,
            "sentence": sentence,
            "severities": {s: sum(f.severity == s for f in report.findings) for s in SEVERITIES},
            "verdicts": {v: sum(o.verdict == v for o in report.outcomes) for v in VERDICTS},
            "challenges": len(verdicts),
            "scores": [_score(s) for s in report.scores],
            "honesty_chart": honesty,
            "honesty_vega_lite": spec(honesty) if honesty else None,
            "tests": report.cost.tests,
            "level": report.settings.level,
        },
        "findings": found,
        "verdicts": verdicts,
        "trials": [
            {"code": t.code, "remedy": _remedy(t.remedy), "proof": _proof(t.proof)} for t in report.trials
        ],
        "gallery": [asdict(c) for c in report.gallery],
        "pages": report.pages,
        "next": [],
        "cost": {
            "made_at": report.made_at,
            "seconds": report.cost.seconds,
            "cpu_seconds": report.cost.cpu_seconds,
            "peak_mb": report.cost.peak_mb,
            "challenge_seconds": {o.code: o.seconds for o in report.outcomes},
            "versions": report.cost.versions,
        },
    }  # fmt: skip
    clean: dict[str, Any] = nine(doc)
    clean["next"] = [{"command": c, "says": s} for c, s in report.next_commands] or next_steps(clean)
    return clean


def fingerprint(finding: Finding, ordinal: int = 0) -> str:
    """Names a finding across runs: code, columns, slice and comparison, never the numbers. Sixteen hex digits."""
    about = finding.claim.about
    parts = [finding.code, *sorted(about.columns), f"slice={about.slice}", f"pair={about.comparison}"]
    key = "\x00".join([*parts, finding.claim.family, str(ordinal)] if ordinal else [*parts, finding.claim.family])
    return hashlib.blake2b(key.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _own_version() -> str:
    try:
        return version("assay")
    except PackageNotFoundError:
        return "0"


def _finding(f: Finding, outcome: Outcome | None, report: Report, seen: Counter[str], all_rows: bool) -> dict[str, Any]:
    claim, about, rows = f.claim, f.claim.about, f.claim.about.rows
    first = fingerprint(f)
    seen[first] += 1
    chart = claim.evidence.get("chart")
    made: dict[str, Any] = {
        "code": f.code,
        "name": f.name,
        "title": outcome.title if outcome else f.name,
        "stage": outcome.stage if outcome else "",
        "severity": f.severity,
        "columns": about.columns,
        "slice": about.slice,
        "comparison": about.comparison,
        "rows": rows.total if rows else None,
        "row_numbers": [],
        "row_labels": None,
        "row_ids": [],
        "effect": claim.effect.value,
        "interval": f.interval,
        "unit": claim.effect.unit,
        "materiality": claim.effect.materiality,
        "basis": claim.basis,
        "p_value": claim.p if claim.basis == "test" else None,
        "e_value": claim.e if claim.basis == "test" else None,
        "n": claim.n,
        "family": claim.family,
        "ask": claim.ask,
        "impact": asdict(f.impact),
        "message": f.message,
        "remedy": _remedy(f.remedy),
        "proof": _proof(f.proof),
        "evidence": {k: v for k, v in claim.evidence.items() if k != "chart"},
        "chart": chart,
        "vega_lite": spec(chart) if chart else None,
        "fingerprint": first if seen[first] == 1 else fingerprint(f, seen[first]),
    }
    if rows is not None:
        positions = rows.positions if all_rows else rows.positions[:ROWS_SHOWN]
        made["row_numbers"] = positions.tolist()
        made["row_ids"] = [f"{i:016x}" for i in rows.ids[: len(positions)].tolist()]
        if report.labels is not None:
            made["row_labels"] = [str(report.labels[i]) for i in positions.tolist()]
    return made


def _remedy(remedy: Remedy | None) -> dict[str, Any] | None:
    if remedy is None:
        return None
    return {
        "where": remedy.where, "safety": remedy.safety, "proof": remedy.proof, "says": remedy.says,
        "ops": [op.to_json() for op in remedy.ops], "rows": remedy.rows.total if remedy.rows else None,
        "options": dict(remedy.options),
    }  # fmt: skip


def _proof(proof: Proof | None) -> dict[str, Any] | None:
    return None if proof is None else asdict(proof)


def _score(score: Score) -> dict[str, Any]:
    return asdict(score)


def _verdict(outcome: Outcome) -> dict[str, Any]:
    made = asdict(outcome)
    del made["seconds"]
    return made
