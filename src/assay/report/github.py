"""GitHub annotations, made from the JSON form only: workflow commands, one line a finding, the worst first.

    ::error file=flights.csv,title=K01 target-copy::arr_delay is late in other words ...

Data escapes %, CR and LF; properties escape : and , as well (GitHub, "Workflow commands for GitHub Actions"). Nothing
that a table holds can start a command of its own: other lines never begin with two colons.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gate import about, advice, findings, name_of, table_part, verdicts
from .numbers import plain

LEVELS = {"critical": "error", "warning": "warning", "advice": "notice"}


def github(doc: Mapping[str, Any]) -> str:
    """A report or a dossier as annotations, and one plain line with the verdict."""
    lines = [command(f, name_of(doc)) for f in findings(doc)]
    lines += [
        line("error", name_of(doc), f"{v['code']} {v['name']} failed to run", v["reason"])
        for v in verdicts(doc)
        if v["verdict"] == "error"
    ]
    sentence = plain(table_part(doc).get("summary", {}).get("sentence", ""))
    return "\n".join([*lines, f"assay: {sentence}"]) + "\n"


def command(f: Mapping[str, Any], name: str) -> str:
    where, what = about(f), advice(f)
    title = f"{f['code']} {f['name']}" + (f": {where}" if where else "")
    return line(LEVELS[f["severity"]], name, title, f["message"] + (f" Fix: {what}." if what else ""))


def line(level: str, file: str, title: str, message: str) -> str:
    return f"::{level} file={of_property(file)},title={of_property(title)}::{of_data(message)}"


def of_data(text: str) -> str:
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def of_property(text: str) -> str:
    return of_data(text).replace(":", "%3A").replace(",", "%2C")
