"""The page of a challenge: its docstring, split at the headings that the contract demands."""

from __future__ import annotations

import inspect
import textwrap
from types import ModuleType

from .precision import precision_of

HEADINGS = (
    "What it is",
    "Why it matters",
    "How it is measured",
    "Example",
    "Remedy",
    "Known false alarms",
    "Sources",
)


def page(module: ModuleType) -> dict[str, str]:
    """Return heading -> text, with the title line under the empty heading ``""``. Missing headings are left out."""
    parts: dict[str, list[str]] = {"": []}
    here = ""
    for line in inspect.cleandoc(module.__doc__ or "").splitlines():
        if line.strip() in HEADINGS:
            here = line.strip()
            parts[here] = []
        else:
            parts[here].append(line)
    return {heading: textwrap.dedent("\n".join(lines)).strip() for heading, lines in parts.items()}


def drawer(module: ModuleType) -> dict[str, str]:
    """What a report shows behind "why": how it is measured, its precision, known false alarms, sources."""
    parts = page(module)
    wanted = {"how": "How it is measured", "false_alarms": "Known false alarms", "sources": "Sources"}
    shown = {key: parts.get(heading, "") for key, heading in wanted.items()}
    read = precision_of(module.CHALLENGE.code)
    return shown | ({"precision": read.says()} if read else {})
