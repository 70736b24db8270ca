"""A page for whoever is on call: what the model decides, whose it is, how to start it, check it and go back."""

from __future__ import annotations

from assay.bundle.model import Model

from .about import EMPTY, About, about
from .docker import PORT

MOST_LIMITS = 12


def to_runbook(model: Model) -> dict[str, bytes]:
    """``RUNBOOK.md``, from the bundle's own dossier; what nobody filled in is shown as EMPTY."""
    return {"RUNBOOK.md": page(about(model)).encode()}


def page(known: About) -> str:
    model, service = known.model, known.service
    asked = dict(known.question())
    owner, forbidden = asked.get("Who owns it", EMPTY), asked.get("Not to be used for", EMPTY)
    sections = [
        f"# Runbook: {known.name} {known.version}",
        f"Bundle `{service}.assay`, SHA-256 `{model.digest}`.",
        "## What it does",
        bullets([f"Predicts {known.says}", *(f"{label}: {said}" for label, said in asked.items())]),
        "## Who to call",
        bullets([
            f"Owner of the decision: {owner}",
            f"On call: {EMPTY}", f"Approves a new version: {EMPTY}", f"Where incidents are noted: {EMPTY}",
        ]),
        "## What to expect of it",
        bullets([*known.scores(), *coverage(known)] or [f"Scores: {EMPTY}"]),
        "## What it must not be used for",
        forbidden,
        "## Limits",
        bullets(known.limits()[:MOST_LIMITS] or [EMPTY]),
        "## Start, check, stop",
        code([
            f"assay verify {service}.assay             # digests, signature, graph, golden rows",
            f"assay serve {service}.assay --port {PORT}    # keys: --keys FILE; without, a one-time token on loopback",
            f"curl -sf http://127.0.0.1:{PORT}/v2/health/ready && echo ready",
            "kill -TERM PID                         # answers what it has begun, then ends",
        ]),
        "## Go back",
        code([
            f"assay registry history {known.name}",
            f"assay registry rollback {known.name}@champion --reason 'what was seen'",
        ]),
        f"A service that was started as `{known.name}@champion` changes over within a second and fails no request. One "
        "that was started with a file goes back by putting the file before in its place and starting anew.",
        "## What to watch",
        bullets(watch(known)),
        "## When something is wrong",
        table(),
    ]  # fmt: skip
    return "\n\n".join(sections) + "\n"


def coverage(known: About) -> list[str]:
    sets = known.part.get("coverage") or {}
    if not sets.get("nominal"):
        return []
    whole = next((r for r in sets.get("by_class", []) if r["class"] == "all rows"), None)
    seen = f"; held {whole['realised']:.1%} of {whole['n']:,} judged rows" if whole and whole.get("realised") else ""
    return [f"Prediction sets promise to hold the truth {sets['nominal']:.0%} of the time{seen}"]


def watch(known: About) -> list[str]:
    """What moves first when the world moves away from the training table, with its bounds from the schema."""
    out = [
        "`/metrics`: errors and refusals by status, latency, rows, dropped log entries, the digest that answers",
        "the share of each prediction from day to day, and the true outcomes as they become known (POST /label)",
    ]
    shown = [i for i in known.model._schema.inputs if not i.is_text and i.lo is not None][:8]
    out += [f"`{i.column}`: seen between {i.lo:.6g} and {i.hi:.6g} in training; empty in {i.holes:.1%} of rows"
            for i in shown]  # fmt: skip
    out += [f"`{i.column}`: {len(i.categories)} values known; others count as missing"
            for i in known.model._schema.inputs if i.is_text and i.categories][:8]  # fmt: skip
    return out


def table() -> str:
    rows = [
        ("it does not start", "`assay verify` on the file; the sentence says which part is damaged"),
        ("401 or 403", "the key: `assay keys list`; expired, revoked, or without the scope of the route"),
        ("422", "the body's `fields` name row, column and reason: the caller's data changed"),
        ("429", "the budget or rate of that key; raise it on purpose, not by habit"),
        ("503", "the model refuses or is not ready: `/v2/health/ready` and the log; `--fallback previous` goes on"),
        ("answers look wrong", "compare `x-assay-model` of the response with the digest above; then go back"),
    ]
    lines = ["| seen | do |", "|---|---|", *(f"| {seen} | {do} |" for seen, do in rows)]
    return "\n".join(lines)


def bullets(lines: list[str]) -> str:
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def code(lines: list[str]) -> str:
    return "\n".join(["```sh", *lines, "```"])
