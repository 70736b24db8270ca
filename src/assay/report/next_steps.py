"""What to type next, from the JSON form of a report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from .groups import Card
from .numbers import plain

FLAGS = {"order": "--time", "group": "--group", "protected": "--protected", "asked_at": "--asked-at"}
LEAKS = ("K01", "K02", "K03")


def next_steps(doc: Mapping[str, Any]) -> list[dict[str, str]]:
    """Commands that make sense after this report, most useful first."""
    subject, steps = doc["subject"], []
    if subject["target"] is not None:
        leaks = any(f["code"] in LEAKS for f in doc["findings"])
        steps.append((fit_command(doc), "without the leaks above" if leaks else "a model, proved"))
    if doc["findings"]:
        steps.append((f"assay rule {plain(doc['findings'][0]['code'])}", "the page of the first finding"))
    steps.append((f"{check_command(doc)} -o report.html", "everything, with charts"))
    return [{"command": command, "says": says} for command, says in steps]


def check_command(doc: Mapping[str, Any]) -> str:
    """The command that made this report, with what the user said of the roles."""
    return f"assay check {arguments(doc)}"


def fit_command(doc: Mapping[str, Any]) -> str:
    return f"assay fit {arguments(doc)} -o model.assay"


def known_command(doc: Mapping[str, Any], card: Card) -> str:
    columns = dict.fromkeys(plain(c) for f in card.findings if f["ask"] for c in f["columns"])
    return f"{check_command(doc)} --known {shlex.quote(','.join(columns))}"


def arguments(doc: Mapping[str, Any]) -> str:
    subject = doc["subject"]
    words = [shlex.quote(plain(subject["name"]))]
    if subject["target"] is not None:
        words += ["--target", shlex.quote(plain(subject["target"]))]
    for role, flag in FLAGS.items():
        said = subject["roles"].get(role)
        if said and said["source"] == "user":
            words += [flag, shlex.quote(",".join(plain(c) for c in said["columns"]))]
    return " ".join(words)
