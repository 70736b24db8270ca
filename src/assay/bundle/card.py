"""``dossier/model_card.md``: the model on one page, made from its dossier and schema.

Headings follow Mitchell et al. (2019), "Model Cards for Model Reporting"; a part of which nothing is known says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from assay.core.words import text_of
from assay.report.dossier import left_out_sentence, lineage, model_limits, model_of, ordered, whose, with_defaults
from assay.report.markdown import safe, score_table, table
from assay.report.numbers import count, plural

UNKNOWN = "Nothing was recorded."
QUESTION = {"decides": "What is decided", "about": "About whom", "asked_at": "When it is asked", "owner": "Owner"}


def model_card(dossier: Mapping[str, Any], schema: Mapping[str, Any], name: str, version: str) -> str:
    """The card as Markdown."""
    own, model = schema["x-assay"], model_of(dossier)
    task = "values" if own["task"] == "regression" else ", ".join(own["classes"])
    lines = [f"# {safe(name)} {version}", "", "## Model details", ""]
    lines.append(
        f"Predicts {safe(own['target'] or 'a target')} ({safe(task)}) from {plural(len(own['order']), 'column')}."
    )
    lines += ["", safe(left_out_sentence(model)), ""]
    lines += ["## Intended use", "", *_use(dossier), "", "## Factors", "", *_factors(dossier)]
    lines += ["", "## Metrics", "", *_metrics(model)]
    lines += ["", "## Training and evaluation data", ""]
    lines += [f"- {safe(k)}: {safe(v)}" for k, v in lineage(dossier)] or [UNKNOWN]
    lines += ["", "## Columns", "", *_columns(schema)]
    lines += ["", "## Limits", ""]
    lines += [f"- {safe(said)}" for said in model_limits(dossier)] or [UNKNOWN]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _question(dossier: Mapping[str, Any]) -> Mapping[str, Any]:
    return (dossier.get("report") or {}).get("question") or {}


def _use(dossier: Mapping[str, Any]) -> list[str]:
    asked = _question(dossier)
    out = [f"- {label}: {safe(asked[key])}" for key, label in QUESTION.items() if asked.get(key)]
    forbidden = asked.get("forbidden") or ()
    out += [f"- Not to be used for: {safe(use)}" for use in ([forbidden] if isinstance(forbidden, str) else forbidden)]
    return out or ["Nobody wrote down what this model is for: `[question]` in the settings is empty."]


def _factors(dossier: Mapping[str, Any]) -> list[str]:
    roles = ((dossier.get("report") or {}).get("subject") or {}).get("roles") or {}
    named = [c for role in ("protected", "group") for c in (roles.get(role) or {}).get("columns", ())]
    return [f"Columns that stand for people or groups: {', '.join(map(safe, named))}."] if named else [UNKNOWN]


def _metrics(model: Mapping[str, Any]) -> list[str]:
    scores = [with_defaults(s) for s in ordered(model)]
    if not scores:
        return ["No score is known: nothing was held out and judged."]
    return [*score_table(scores), f"The model in this file: {safe(whose(model))}." if whose(model) else ""]


def _columns(schema: Mapping[str, Any]) -> list[str]:
    own, rows = schema["x-assay"], []
    for column in own["order"]:
        entry = own["columns"][column]
        seen = entry.get("range") or entry.get("categories") or ()
        if entry.get("range"):
            said = " to ".join(told(entry["kind"], v) for v in entry["range"])
        else:
            said = ", ".join(map(str, seen[:6])) + (f" and {count(len(seen) - 6)} more" if len(seen) > 6 else "")
        usual = entry["typical"]
        if entry["kind"] == "bool" and usual is not None:
            usual = str(bool(usual)).lower()
        said_usual = "" if usual is None else usual if isinstance(usual, str) else told(entry["kind"], usual)
        rows.append((safe(column), entry["kind"], safe(said), safe(said_usual)))
    personal = [safe(c) for c in own["order"] if own["columns"][c].get("personal") is True]
    said = f"Personal data, by the word of who made the model: {', '.join(personal)}. Logs of the service leave it out."
    return [*table(("column", "kind", "seen", "typical"), rows), *(["", said] if personal else [])]


def told(kind: str, value: float) -> str:
    """A value of a column as people read it."""
    if kind == "date" and abs(value) < 2e11:
        return text_of(dt.datetime(1970, 1, 1) + dt.timedelta(seconds=round(value))) or ""
    return f"{value:04.0f}" if kind == "clock" else f"{value:.6g}"
