"""What formats for machines share: findings and verdicts of a report or a dossier, and which findings fail a build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.core.errors import SettingsError
from assay.core.finding import SEVERITIES

from .numbers import plain

Doc = Mapping[str, Any]


def table_part(doc: Doc) -> Doc:
    """The report of the table: the document itself, or the part of a dossier.

    Raises:
        SettingsError: a document of another kind.
    """
    if doc.get("kind") == "fit":
        return doc.get("report") or {}
    if doc.get("kind", "check") != "check":
        raise SettingsError(f"only reports and dossiers have this format; this is a {doc['kind']} document")
    return doc


def findings(doc: Doc) -> list[Doc]:
    """The table's findings, then the model's."""
    model = (doc.get("model") or {}) if doc.get("kind") == "fit" else {}
    return [*table_part(doc).get("findings", []), *(model.get("findings") or [])]


def verdicts(doc: Doc) -> list[Doc]:
    """One verdict a code; the model's own word on a code goes before the table's."""
    model = (doc.get("model") or {}) if doc.get("kind") == "fit" else {}
    by_code = {v["code"]: v for v in (*table_part(doc).get("verdicts", []), *(model.get("verdicts") or []))}
    return list(by_code.values())


def name_of(doc: Doc) -> str:
    return plain(table_part(doc).get("subject", {}).get("name") or "model")


def fails(doc: Doc, finding: Doc) -> bool:
    """Whether a finding stands at the level from which the exit code is 1."""
    level = table_part(doc).get("settings", {}).get("fail_on", "critical")
    return level in SEVERITIES and SEVERITIES.index(finding["severity"]) <= SEVERITIES.index(level)


def about(finding: Doc) -> str:
    """Columns, slice or comparison of a finding, in words; empty where it is about the whole table."""
    where = [plain(c) for c in finding["columns"][:8]]
    if len(finding["columns"]) > 8:
        where.append(f"{len(finding['columns']) - 8} more")
    more = [plain(finding[k]) for k in ("slice", "comparison") if finding.get(k)]
    return "; ".join(([", ".join(where)] if where else []) + more)


def advice(finding: Doc) -> str:
    """What to do, in words; empty where there is nothing."""
    if finding["ask"]:
        return "known when the question is asked? settle it with --known or --unknown"
    return plain(finding["remedy"]["says"]) if finding["remedy"] else ""
