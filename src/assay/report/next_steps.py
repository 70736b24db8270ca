"""What to type next, from the JSON form of a report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from .numbers import plain


def next_steps(doc: Mapping[str, Any]) -> list[dict[str, str]]:
    """Commands that make sense after this report, most useful first."""
    subject, steps = doc["subject"], []
    name = shlex.quote(plain(subject["name"]))
    ask = [c for f in doc["findings"] if f["ask"] for c in f["columns"]]
    roles = f"{name} --target {shlex.quote(plain(subject['target']))}" if subject["target"] else name
    if ask:
        columns = ",".join(dict.fromkeys(ask))
        steps.append((f"assay check {roles} --known {shlex.quote(plain(columns))}", "if these are known when asked"))
    if subject["target"]:
        leaks = any(f["code"] in ("K01", "K02", "K03") for f in doc["findings"])
        steps.append((f"assay fit {roles} -o model.assay", "without the leaks above" if leaks else "a model, proved"))
    if doc["findings"]:
        steps.append((f"assay rule {plain(doc['findings'][0]['code'])}", "the page of the first finding"))
    steps.append((f"assay check {roles} -o report.html", "everything, with charts"))
    return [{"command": command, "says": says} for command, says in steps]
