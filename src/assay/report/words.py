"""The words of a report, in plain language, and the limits that every report states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .numbers import count, listed, plain, plural, short

IMPACT = {
    "voids": "voids a guarantee",
    "inflates": "inflates the score",
    "costs": "costs score",
    "touches": "touches people",
    "tidy": "tidiness",
}
BASIS = {"exact": "counted", "test": "tested", "heuristic": "a reading of names and shapes: looks like, not proved"}
SAFETY = {"safe": "changes no recorded meaning", "unsafe": "drops or rewrites something"}
STATE = {"kept": "kept", "rejected": "rejected", "unproven": "not proved", "recorded": "waits for your word"}
MARKS = {
    "found": "●",
    "clear": "✓",
    "undecided": "?",
    "no-sign": "○",
    "not-applicable": "–",
    "skipped": "–",
    "ignored": "~",
    "error": "!",
}
ROLES = {"order": "time", "asked_at": "asked at"}
QUESTION = (
    ("decides", "What is decided"),
    ("about", "About whom"),
    ("asked_at", "Asked when"),
    ("enough", "A score that is enough"),
    ("cost_false_alarm", "Cost of a false alarm"),
    ("cost_miss", "Cost of a miss"),
    ("costs", "Cost of every action"),
    ("owner", "Who owns it"),
    ("forbidden", "Not to be used for"),
)
GLOSSARY = (
    ("found", "The fault is there, larger than what matters, and unlikely to be chance."),
    ("clear", "We looked, and even the largest size that fits the data is below what matters."),
    ("undecided", "Neither: more rows would decide. Where it can be said, the number stands beside it."),
    ("no sign", "A reading of names and shapes saw nothing; that proves nothing."),
    ("critical", "A score or a promise made from this table does not hold."),
    ("warning", "It costs score, or touches people."),
    ("advice", "Worth tidying."),
    ("materiality", "The size from which a fault matters. Every test is against that size, not against zero."),
    ("basis", "Whether a finding was counted, tested, or is a reading that only looks like it."),
    ("p", "How surprising the data would be if the fault were no larger than what matters."),
    ("shuffled", "Rows are dealt at random into training and testing: later rows may teach about earlier ones."),
    ("honest columns", "The columns that remain once those that know the answer are left out."),
    ("fingerprint", "A name for a finding that stays the same from run to run."),
)


def question_rows(doc: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field of the question with its value, empty text where nothing was said."""
    asked = doc["question"]
    out = []
    for key, label in QUESTION:
        value = asked.get(key)
        if key == "asked_at" and not value:
            value = listed(doc["subject"]["roles"].get("asked_at", {}).get("columns", []))
        if isinstance(value, list):
            value = listed(value)
        if isinstance(value, Mapping):
            value = "; ".join(f"{a}: {', '.join(f'{k} {v:g}' for k, v in row.items())}" for a, row in value.items())
        out.append((label, "" if value is None or value == "" else plain(value)))
    return out


def tally(doc: Mapping[str, Any]) -> str:
    """``7 of 17 challenges found; 4 clear, 1 undecided``."""
    summary = doc["summary"]
    parts = [f"{n} {v.replace('-', ' ')}" for v, n in summary["verdicts"].items() if n and v != "found"]
    return f"{summary['verdicts']['found']} of {plural(summary['challenges'], 'challenge')} found; {', '.join(parts)}."


def gaps(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was not checked, with the reasons, and what was not decided."""
    out = []
    left = [v for v in verdicts if v["verdict"] in ("not-applicable", "skipped", "error")]
    if left:
        said = "; ".join(f"{v['code']} {v['name']} ({v['reason']})" for v in left)
        out.append(f"Not checked: {said}.")
    opened = [v for v in verdicts if v["verdict"] == "undecided"]
    if opened:
        out.append(f"Not decided: {', '.join(v['code'] + ' ' + v['name'] for v in opened)}.")
    return out


def limits(doc: Mapping[str, Any]) -> list[str]:
    """What was not checked, how many tests were tried, and what it took."""
    summary, cost = doc["summary"], doc.get("cost", {})
    out = gaps(doc["verdicts"])
    out.append("Faults that no challenge of this catalogue describes were not looked for.")
    if summary["tests"]:
        out.append(
            f"{plural(summary['tests'], 'test')} tried together; expected false claims among those made: at most "
            f"{short(100 * summary['level'])} %."
        )
    if doc["subject"].get("notes"):
        out.append("Reading the table: " + "; ".join(map(plain, doc["subject"]["notes"])) + ".")
    out.append(f"Seed {doc['seed']}. The same table, seed and versions give the same report.")
    if cost.get("versions"):
        out.append("Versions: " + ", ".join(f"{k} {v}" for k, v in cost["versions"].items()) + ".")
    if cost.get("seconds") is not None:
        out.append(
            f"Took {short(cost['seconds'])} s ({short(cost['cpu_seconds'])} s of processor time), "
            f"at most {count(cost['peak_mb'])} MB of memory."
        )
    return out
