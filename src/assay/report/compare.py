"""Two reports of one table: what is new, gone and changed; and a report that shows only what a baseline did not know.

Findings are the same where their fingerprints are: code, columns, slice and comparison, never the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import InputError
from assay.core.finding import SEVERITIES

from .numbers import amount, plain, plural
from .sentence import first_sentence

Doc = Mapping[str, Any]
SHARED = 0.5  # of all columns of both: with fewer in common they are tables of different things
NOT_LOOKED = ("skipped", "not-applicable", "error")
SHOWN = 5


def read_report(path: str | Path) -> dict[str, Any]:
    """An earlier report, as ``assay check -o report.json`` wrote it.

    Raises:
        InputError: no such file, not JSON, or not the report of a check.
    """
    path = Path(path)
    try:
        doc: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no report {path}: make one with assay check TABLE -o {path.name}") from None
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not JSON"
        how = "make one with assay check TABLE -o report.json"
        raise InputError(f"{path} must be a report in JSON, but {why}; {how}") from None
    if not whole(doc):
        raise InputError(
            f"{path} must be the report of a check in JSON; make one with assay check TABLE -o report.json"
        )
    return dict(doc)


def whole(doc: Any) -> bool:
    """Whether a document has what is compared: the kind and the major version, subject, findings and verdicts."""
    if not isinstance(doc, dict) or doc.get("kind") != "check" or not str(doc.get("schema_version")).startswith("1."):
        return False
    parts = [doc.get(k) for k in ("findings", "verdicts", "gallery")]
    if not isinstance(doc.get("subject"), dict) or not all(isinstance(p, list) for p in parts):
        return False
    findings, verdicts, gallery = parts
    keys = {"fingerprint", "severity", "code", "message", "effect", "unit", "interval"}
    return (
        all(isinstance(f, dict) and keys <= set(f) and f["severity"] in SEVERITIES for f in findings or ())
        and all(isinstance(v, dict) and {"code", "name", "verdict"} <= set(v) for v in verdicts or ())
        and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in gallery or ())
    )


def of_one_table(new: Doc, old: Doc, name: str) -> None:
    """Raises:
    InputError: the old report is of another target, or of a table that shares hardly a column with the new one.
    """
    target, before = new["subject"].get("target"), old["subject"].get("target")
    if target != before:
        raise InputError(
            f"{name} must be a report about the same target; it is about {before or 'no target'}, and this check about "
            f"{target or 'no target'}"
        )
    mine, theirs = ({c["name"] for c in doc["gallery"]} for doc in (new, old))
    if mine | theirs and len(mine & theirs) < SHARED * len(mine | theirs):
        raise InputError(
            f"{name} must be a report of the same table; it shares {plural(len(mine & theirs), 'column')} with this "
            f"one, of {len(mine)} here and {len(theirs)} there"
        )


def only_new(doc: Doc, old: Doc, name: str) -> dict[str, Any]:
    """The report with the findings that ``old`` did not have, or had at a lower severity; the others are counted.

    Raises:
        InputError: ``old`` is of another table.
    """
    of_one_table(doc, old, name)
    before = {f["fingerprint"]: f["severity"] for f in old["findings"]}
    fresh = [f for f in doc["findings"] if f["fingerprint"] not in before or worse(f, before[f["fingerprint"]])]
    known = len(doc["findings"]) - len(fresh)
    verdicts = doc["verdicts"]
    state, sentence = first_sentence(fresh, verdicts, doc["subject"]["target"])
    if not fresh:
        failed = sum(v["verdict"] == "error" for v in verdicts)
        sentence = "NOTHING NEW." + (f" {plural(failed, 'challenge')} failed to run." if failed else "")
    return {
        **doc,
        "findings": fresh,
        "summary": {
            **doc["summary"],
            "state": state,
            "sentence": sentence,
            "severities": {s: sum(f["severity"] == s for f in fresh) for s in SEVERITIES},
        },
        "baseline": {"name": plain(name), "known": known, "of": len(before)},
    }


def known_line(doc: Doc) -> str:
    """``12 known findings (report.json) are not shown``; empty without a baseline."""
    baseline = doc.get("baseline")
    if not baseline:
        return ""
    known = baseline["known"]
    return f"{plural(known, 'known finding')} ({baseline['name']}) {'is' if known == 1 else 'are'} not shown"


def worse(finding: Doc, before: str) -> bool:
    return SEVERITIES.index(finding["severity"]) < SEVERITIES.index(before)


def exit_code(doc: Doc, fail_on: str) -> int:
    """0 nothing new at the level, 1 something, 3 a challenge failed to run."""
    if any(v["verdict"] == "error" for v in doc["verdicts"]):
        return 3
    level = SEVERITIES.index(fail_on) if fail_on in SEVERITIES else -1
    return int(any(SEVERITIES.index(f["severity"]) <= level for f in doc["findings"]))


def with_comparison(doc: Doc, old: Doc, name: str) -> dict[str, Any]:
    """The report with ``compare``: findings new, gone and changed since ``old``, and verdicts that changed.

    A finding of a challenge that did not look this time is not gone; it is under ``not_looked``.

    Raises:
        InputError: ``old`` is of another table.
    """
    of_one_table(doc, old, name)
    before = {f["fingerprint"]: f for f in old["findings"]}
    now = {f["fingerprint"]: f for f in doc["findings"]}
    looked = {v["code"]: v["verdict"] not in NOT_LOOKED for v in doc["verdicts"]}
    missing = [f for key, f in before.items() if key not in now]
    verdicts = {v["code"]: v["verdict"] for v in old["verdicts"]}
    return {
        **doc,
        "compare": {
            "name": plain(name),
            "new": [brief(f) for key, f in now.items() if key not in before],
            "gone": [brief(f) for f in missing if looked.get(f["code"], False)],
            "not_looked": [brief(f) for f in missing if not looked.get(f["code"], False)],
            "changed": [
                {**brief(f), "before": brief(before[key])}
                for key, f in now.items()
                if key in before and differs(f, before[key])
            ],
            "same": sum(key in before and not differs(f, before[key]) for key, f in now.items()),
            "verdicts": [
                {"code": v["code"], "name": v["name"], "before": verdicts.get(v["code"]), "now": v["verdict"]}
                for v in doc["verdicts"]
                if verdicts.get(v["code"]) != v["verdict"]
            ],
        },
    }


def brief(f: Doc) -> dict[str, Any]:
    keys = ("fingerprint", "code", "name", "severity", "columns", "effect", "unit", "interval", "message")
    return {k: f.get(k) for k in keys}


def differs(a: Doc, b: Doc) -> bool:
    """Another severity, or a size that the other's interval does not hold; exact sizes differ where they differ."""
    if a["severity"] != b["severity"] or (a["effect"] is None) != (b["effect"] is None):
        return True
    return a["effect"] is not None and not (within(a, b) or within(b, a))


def within(a: Doc, b: Doc) -> bool:
    lo, hi = (b["interval"] or (None, None))[:2]
    if lo is None or hi is None or lo == hi:
        return bool(a["effect"] == b["effect"])
    return bool(lo <= a["effect"] <= hi)


def compare_lines(doc: Doc) -> list[str]:
    """The comparison in words, one line a finding; empty where there is none."""
    made = doc.get("compare")
    if not made:
        return []
    counts = (
        f"{len(made['new'])} new, {len(made['gone'])} gone, {len(made['changed'])} changed, {made['same']} the same"
    )
    out = [f"since {made['name']}: {counts}"]
    for word, mark in (("new", "+"), ("gone", "-"), ("changed", "~"), ("not_looked", "?")):
        out += [f"{mark} {change(f)}" for f in made[word][:SHOWN]]
        if len(made[word]) > SHOWN:
            out.append(f"{mark} and {len(made[word]) - SHOWN} more")
    turned = [f"{v['code']} {v['before'] or 'not there'} -> {v['now']}" for v in made["verdicts"]]
    return out + ([f"verdicts: {', '.join(turned)}"] if turned else [])


def change(f: Doc) -> str:
    head = f"{f['severity']} {f['code']} {plain(f['name'] or '')}"
    where = ", ".join(plain(c) for c in (f["columns"] or [])[:4])
    size = amount(f["effect"], f["unit"])
    old = f.get("before")
    if old:
        was = amount(old["effect"], old["unit"])
        size = f"{was} -> {size}" + (f", was {old['severity']}" if old["severity"] != f["severity"] else "")
    return "  ".join(part for part in (head, where, size) if part)


def sections(doc: Doc) -> Sequence[str]:
    """All that a baseline and a comparison have to say, for formats that print lines."""
    known = known_line(doc)
    return [*([known] if known else []), *compare_lines(doc)]
