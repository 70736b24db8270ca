"""Markdown for pull requests and wikis, made from the JSON form only. Text from the table is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import understanding
from .compare import sections
from .groups import cards
from .next_steps import check_command
from .numbers import amount, count, decimals, listed, plain, span
from .text import role_words, target_words
from .words import limits, tally


def markdown(doc: Mapping[str, Any]) -> str:
    """A report or a dossier as Markdown."""
    lines = dossier_markdown(doc) if doc.get("kind") == "fit" else check_markdown(doc)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def safe(text: object) -> str:
    """Text that Markdown and the HTML inside it take literally, on one line."""
    return re.sub(r"([\\`*{}\[\]<>#|~&!]|\b_|_\b)", r"\\\1", plain(text))


def code(text: object) -> str:
    """Inline code; backticks inside get a longer fence."""
    said = plain(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", said)), default=0) + 1)
    pad = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    return ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body, ""] if body else []


def check_markdown(doc: Mapping[str, Any]) -> list[str]:
    subject, summary = doc["subject"], doc["summary"]
    out = [f"# {safe(subject['name'])}: assay report", "", f"**{safe(summary['sentence'])}**", ""]
    out.append(
        f"{count(subject['rows'])} rows, {count(subject['columns'])} columns, "
        f"digest {code(subject['data_digest'][:16])}, seed {doc['seed']}. "
    )
    if subject["target"] is not None:
        out.append(f"Target {safe(target_words(subject))}. ")
    if role_words(subject["roles"]):
        out.append(f"Roles: {safe(role_words(subject['roles']))}.")
    out += score_table(summary["scores"])
    grouped = cards(doc["findings"])
    if grouped:
        out += ["## Do these first", ""]
    for card in grouped[:5]:
        f = card.head
        out.append(
            f"{card.rank}. **{f['severity']}** {code(f['code'])} {safe(f['name'])}: "
            f"{', '.join(code(c) for c in card.columns[:6])}. {safe(f['message'])}"
        )
        if card.ask:
            out.append(
                "   Please say whether these are known when the question is asked: "
                f"{code('--known ' + ','.join(card.columns))}"
            )
        elif f["remedy"]:
            out.append(f"   Fix: {safe(f['remedy']['says'])}")
    if len(grouped) > 5:
        out += ["", "## The other findings"]
        out += table(
            ("level", "challenge", "columns", "size", "finding"),
            (
                (
                    c.head["severity"],
                    f"{code(c.head['code'])} {safe(c.head['name'])}",
                    safe(listed(c.columns, 4)),
                    safe(c.effect),
                    safe(c.head["message"]),
                )
                for c in grouped[5:]
            ),
        )
    since = sections(doc)
    if since:
        out += ["## Since the earlier report", "", *(f"- {safe(said)}" for said in since), ""]
    out += ["## Every challenge, with its verdict", "", safe(tally(doc))]
    out += verdict_table(doc["verdicts"])
    out += trial_table(doc["trials"])
    out += ["## Limits", "", *(f"- {safe(said)}" for said in limits(doc)), "", f"Made with {code(check_command(doc))}"]
    return out


def dossier_markdown(doc: Mapping[str, Any]) -> list[str]:
    from .dossier import (
        candidate_rows,
        coverage_rows,
        left_out_sentence,
        lineage,
        model_limits,
        model_of,
        ordered,
        whose,
        with_defaults,
    )
    from .economy import bound_rows, forecast_rows, pareto_rows, resource_pairs

    model, report = model_of(doc), doc.get("report")
    out = ["# assay dossier", "", f"**{safe(left_out_sentence(model))}**", ""]
    out += [f"- {code(column)}: {safe(reason)}" for column, reason in model["left_out"].items()]
    scores = [with_defaults(s) for s in ordered(model)]
    out += score_table(scores)
    if scores and whose(model):
        out += [f"The model in this file: {safe(whose(model))}.", ""]
    told = understanding.summary(model)
    if told:
        out += ["## What the model goes by", "", *(f"- {safe(said)}" for said in told), ""]
    for title, rows in (
        ("Columns", understanding.importance_rows(model)),
        ("Price of readability", understanding.price_rows(model)),
        ("What was tried", candidate_rows(model)),
        ("Prediction sets", coverage_rows(model)),
        ("Bounds on the score", bound_rows(model)),
        ("Score against size, latency and CPU", pareto_rows(model)),
        ("Forecast", forecast_rows(model)),
        ("What the run used", [("", ""), *resource_pairs(model)] if model["resources"] else []),
    ):
        if rows:
            out += [f"## {title}", *table(rows[0], ([safe(cell) for cell in row] for row in rows[1:]))]
    for title, found in (
        ("Findings about the model", model["findings"]),
        ("Findings about the table", report["findings"] if report else []),
    ):
        if found:
            out += [
                f"## {title}",
                "",
                *(f"- **{f['severity']}** {code(f['code'])} {safe(f['name'])}: {safe(f['message'])}" for f in found),
                "",
            ]
    out += trial_table([*(report["trials"] if report else []), *model["trials"]])
    out += verdict_table(model["verdicts"])
    out += ["## Lineage", *table(("what", "value"), ((safe(k), safe(v)) for k, v in lineage(doc)))]
    return [*out, "## Limits", "", *(f"- {safe(said)}" for said in model_limits(doc))]


def score_table(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    return table(
        ("score", "value", "between", ""),
        (
            (
                f"**{safe(s['label'])}**" if s["headline"] else safe(s["label"]),
                f"{decimals(s['value'], s['metric'])} {safe(s['metric'])}",
                span(s["interval"], s["metric"]),
                safe(s["note"]),
            )
            for s in scores
        ),
    )


def verdict_table(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    return table(
        ("challenge", "verdict", "reason"),
        (
            (
                f"{code(v['code'])} {safe(v['name'])}",
                v["verdict"],
                safe(v["reason"]) + (f"; about {count(v['n_needed'])} rows would decide" if v["n_needed"] else ""),
            )
            for v in verdicts
        ),
    )


def trial_table(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = table(
        ("for", "repair", "before", "after", "gain", "outcome"),
        (
            (
                code(t["code"]),
                safe(t["remedy"]["says"]),
                decimals(t["proof"]["before"], t["proof"]["unit"]),
                decimals(t["proof"]["after"], t["proof"]["unit"]),
                safe(amount(t["proof"]["gain"], t["proof"]["unit"])),
                t["proof"]["state"],
            )
            for t in trials
        ),
    )
    return ["## Trials", *rows] if rows else []
