"""SARIF 2.1.0 for code scanning, made from the JSON form only (OASIS standard, errata 01, 2023).

A challenge is a rule, a finding a result, and a challenge that failed to run a notification. What a finding is about is
a logical location (table, column); the physical one is the table's file as a whole, since rows of data have no lines
that every reader agrees on. ``partialFingerprints`` carry the finding's name across runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .gate import advice, findings, name_of, table_part, verdicts
from .numbers import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"critical": "error", "warning": "warning", "advice": "note"}
NUMBERS = ("effect", "unit", "interval", "materiality", "basis", "p_value", "rows", "n")


def sarif(doc: Mapping[str, Any]) -> str:
    """A report or a dossier as a SARIF log of one run."""
    found, rules = findings(doc), verdicts(doc)
    index = {v["code"]: i for i, v in enumerate(rules)}
    failed = [v for v in rules if v["verdict"] == "error"]
    run = {
        "tool": {
            "driver": {
                "name": "assay",
                "version": plain(table_part(doc).get("assay") or "0"),
                "rules": [rule(v, table_part(doc).get("pages", {}).get(v["code"])) for v in rules],
            }
        },
        "automationDetails": {"id": f"assay/{name_of(doc)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not failed,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": f"{v['code']} {v['name']} failed: {plain(v['reason'])}"},
                     "associatedRule": {"id": v["code"], "index": index[v["code"]]}}
                    for v in failed
                ],
            }
        ],
        "results": [result(f, index, doc) for f in found],
    }  # fmt: skip
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def rule(verdict: Mapping[str, Any], page: Mapping[str, str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": verdict["code"],
        "name": "".join(word.capitalize() for word in plain(verdict["name"]).split("-")),
        "shortDescription": {"text": plain(verdict["title"]) or plain(verdict["name"]) or verdict["code"]},
        "help": {"text": f"assay rule {verdict['code']}"},
        "properties": {"tags": [plain(verdict["stage"])], "verdict": verdict["verdict"]},
    }
    how = " ".join(plain(line) for line in (page or {}).get("how", "").split("\n")).strip()
    return made | ({"fullDescription": {"text": how}} if how else {})


def result(f: Mapping[str, Any], index: Mapping[str, int], doc: Mapping[str, Any]) -> dict[str, Any]:
    what = advice(f)
    made: dict[str, Any] = {
        "ruleId": f["code"],
        "level": LEVELS[f["severity"]],
        "message": {"text": plain(f["message"]) + (f" Fix: {what}." if what else "")},
        "locations": [location(f, name_of(doc))],
        "partialFingerprints": {"assayFinding/v1": f["fingerprint"]},
        "properties": {"severity": f["severity"], **{k: f[k] for k in NUMBERS if f.get(k) is not None}},
    }
    if f["code"] in index:
        made["ruleIndex"] = index[f["code"]]
    if doc.get("baseline"):
        made["baselineState"] = "new"
    return made


def location(f: Mapping[str, Any], name: str) -> dict[str, Any]:
    logical = [{"name": plain(c), "kind": "column", "fullyQualifiedName": f"{name}/{plain(c)}"} for c in f["columns"]]
    uri = quote(name.encode("utf-8", "replace"), safe="/.") or "table"
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}},
        "logicalLocations": logical or [{"name": name, "kind": "table", "fullyQualifiedName": name}],
    }
