"""The first sentence of a report: what was found, in plain words, and never more than was checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .numbers import plain, plural

State = Literal["not-ready", "warnings", "nothing-found", "nothing-checked"]
ANSWER = ("K01", "K02", "K03")  # challenges that are about columns which hold the target; fit leaves these out
LOOKED = ("found", "clear", "no-sign")


def first_sentence(
    findings: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]], target: str | None = None
) -> tuple[State, str]:
    """Return (state, sentence) from findings and verdicts in their JSON form."""
    critical = [f for f in findings if f["severity"] == "critical"]
    warnings = [f for f in findings if f["severity"] == "warning"]
    looked = [v for v in verdicts if v["verdict"] in LOOKED]
    state: State
    if critical:
        state, text = "not-ready", "NOT READY. " + _critical(critical)
    elif warnings:
        state, text = "warnings", f"READY WITH WARNINGS. Nothing critical was found; {_named(warnings, 'warning')}."
    elif not looked:
        state, text = "nothing-checked", "NOTHING CHECKED. None of the challenges could look at this table."
    else:
        what = "would make a score from this table false" if target else "needs repair"
        text = f"NOTHING FOUND that {what}, by the {plural(len(looked), 'challenge')} that could look."
        state = "nothing-found"
        if findings:
            text += f" {plural(len({f['code'] for f in findings}), 'piece')} of advice."
    return state, text + _gaps(verdicts, bool(critical))


def _critical(findings: Sequence[Mapping[str, Any]]) -> str:
    answer = [f for f in findings if f["code"] in ANSWER]
    know = _columns([f for f in answer if not f["ask"]])
    seem = _columns([f for f in answer if f["ask"]]) - know
    if know:
        more = f" and {len(seem)} more {'seems' if len(seem) == 1 else 'seem'} to" if seem else ""
        verb = "knows" if len(know) == 1 else "know"
        return f"A score from this table would be false: {plural(len(know), 'column')} {verb} the answer{more}."
    if seem:
        verb = "seems" if len(seem) == 1 else "seem"
        return f"A score from this table may be false: {plural(len(seem), 'column')} {verb} to know the answer."
    for kind, words in (
        ("voids", "A score or a guarantee from this table would not hold"),
        ("inflates", "A score from this table would be too high"),
        ("touches", "People are touched"),
    ):
        these = [f for f in findings if f["impact"]["kind"] == kind]
        if these:
            return f"{words}: {_codes(these)}."
    return f"{_named(findings, 'critical finding')}."


def _columns(findings: Sequence[Mapping[str, Any]]) -> set[str]:
    """Columns that the remedies would drop; a pair may need only one of its columns dropped."""
    out: set[str] = set()
    for f in findings:
        ops = f["remedy"]["ops"] if f["remedy"] else []
        dropped = [c for op in ops if op["name"] == "drop_column" for c in op["columns"]]
        out.update(dropped or f["columns"])
    return out


def _codes(findings: Sequence[Mapping[str, Any]], most: int = 3) -> str:
    names = list(dict.fromkeys(f"{plain(f['name'])} ({plain(f['code'])})" for f in findings))
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def _named(findings: Sequence[Mapping[str, Any]], word: str) -> str:
    return f"{plural(len({f['code'] for f in findings}), word)}: {_codes(findings)}"


def _gaps(verdicts: Sequence[Mapping[str, Any]], critical: bool) -> str:
    undecided = sum(v["verdict"] == "undecided" for v in verdicts)
    failed = sum(v["verdict"] == "error" for v in verdicts)
    text = ""
    if undecided and not critical:
        text += f" {plural(undecided, 'challenge')} could not be decided."
    if failed:
        text += f" {plural(failed, 'challenge')} failed to run, so this report is not whole."
    return text
