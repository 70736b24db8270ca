"""What to type next, from the JSON form of a report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from .groups import Card
from .numbers import plain, plural

FLAGS = {"order": "--time", "group": "--group", "protected": "--protected", "asked_at": "--asked-at"}
OTHERS = ("id", "weight", "split", "site")  # --role ROLE=COLUMN
LEAKS = ("K01", "K02", "K03")


def next_steps(doc: Mapping[str, Any], typed: Sequence[str] = ()) -> list[dict[str, str]]:
    """Commands that make sense after this report, most useful first.

    ``typed``: the tables as they were typed, folders and all, for a screen; what is saved holds the name alone.
    """
    if typed:
        doc = {**doc, "subject": {**doc["subject"], "typed": list(typed)}}
    subject, steps = doc["subject"], []
    if subject["target"] is not None and learnable(doc):
        leaks = any(f["code"] in LEAKS for f in doc["findings"])
        steps.append((fit_command(doc), "without the leaks above" if leaks else "a model, proved"))
    safe = sum(1 for f in doc["findings"] if mends(f.get("remedy")))
    if safe:
        steps.append((f"assay fix {arguments(doc)} --diff", f"{plural(safe, 'safe repair')}, nothing changed yet"))
    if doc["findings"]:
        steps.append((f"assay rule {plain(doc['findings'][0]['code'])}", "the page of the first finding"))
    steps.append((f"{check_command(doc)} -o report.html", "everything, with charts"))
    return [{"command": command, "says": says} for command, says in steps]


def python_steps(doc: Mapping[str, Any], said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for a table that is in memory, where no command line can reach it; ``said``: arguments by name."""
    given = "".join(f", {name}={plain(repr(value))}" for name, value in said.items() if value)
    steps = []
    for step in next_steps(doc):
        command = step["command"]
        if command.startswith("assay fit "):
            command = f'assay.fit(table{given}).save("model.assay")'
        elif command.startswith("assay fix "):
            command = f"print(assay.fix(table{given}))"
        elif command.startswith("assay check "):
            command = 'report.save("report.html")'
        steps.append((command, step["says"]))
    return steps


def mends(remedy: Mapping[str, Any] | None) -> bool:
    """Whether ``assay fix`` would apply it without being asked for more."""
    return bool(remedy and remedy["safety"] == "safe" and remedy.get("ops") and "role" not in remedy.get("options", {}))


def learnable(doc: Mapping[str, Any]) -> bool:
    """Whether fit has anything to learn from: a column that is no text, or texts alone cannot be told (no gallery)."""
    roles = doc["subject"]["roles"]
    taken = {c for r in ("target", "id", "weight", "split") if r in roles for c in roles[r]["columns"]}
    taken.add(doc["subject"]["target"])
    kinds = [c["kind"] for c in doc.get("gallery", []) if c["name"] not in taken]
    return not doc.get("gallery") or any(kind != "text" for kind in kinds)


def check_command(doc: Mapping[str, Any]) -> str:
    """The command that made this report, with what the user said of the roles."""
    return f"assay check {arguments(doc)}"


def fit_command(doc: Mapping[str, Any], remedy: Mapping[str, Any] | None = None) -> str:
    """The command that applies a remedy; one that rewrites what is recorded waits for its own flag."""
    waits = remedy is not None and remedy["safety"] == "unsafe" and remedy["proof"] != "honesty"
    return f"assay fit {arguments(doc)} -o model.assay" + (" --unsafe-fixes" if waits else "")


def known_command(doc: Mapping[str, Any], card: Card) -> str:
    columns = dict.fromkeys(plain(c) for f in card.findings if f["ask"] for c in f["columns"])
    return f"{check_command(doc)} --known {shlex.quote(','.join(columns))}"


def arguments(doc: Mapping[str, Any]) -> str:
    subject = doc["subject"]
    words = [shlex.quote(plain(word)) for word in subject.get("typed") or [subject["name"]]]
    if subject["target"] is not None:
        words += ["--target", shlex.quote(plain(subject["target"]))]
    for role, said in subject["roles"].items():
        if said["source"] == "user" and role in FLAGS:
            words += [part for c in said["columns"] for part in (FLAGS[role], shlex.quote(plain(c)))]
        elif said["source"] == "user" and role in OTHERS:
            words += [part for c in said["columns"] for part in ("--role", shlex.quote(f"{role}={plain(c)}"))]
    if by := (doc.get("settings") or {}).get("split"):
        words += ["--split", plain(by)]
    return " ".join(words)
