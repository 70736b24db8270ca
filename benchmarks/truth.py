"""One known fault (or known silence) of a real table, as data; ``truths.py`` runs them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Finding = Mapping[str, Any]  # one entry of "findings" of the JSON report: code, columns, rows, effect, message ...


@dataclass(frozen=True)
class Truth:
    """``found`` is asked with the report's findings of this code; ``silent`` truths hold where it returns False.

    ``call`` holds the keywords of ``assay.check`` (target, time, group, roles, known ...): truths of one table with
    the same call share one report.
    """

    data: str
    code: str
    says: str
    found: Callable[[Sequence[Finding]], bool]
    call: Mapping[str, Any] = field(default_factory=dict)
    silent: bool = False


def named(*columns: str) -> Callable[[Sequence[Finding]], bool]:
    """True where every column is named by some finding of the code."""
    return lambda findings: set(columns) <= {c for f in findings for c in f["columns"]}


def anything(findings: Sequence[Finding]) -> bool:
    return bool(findings)
