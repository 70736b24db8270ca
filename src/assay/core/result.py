"""What a check hands to the reports, besides findings and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .remedy import Proof, Remedy


@dataclass(frozen=True, slots=True)
class SubjectInfo:
    """The head of a report. ``roles`` maps role -> {columns, source, why}; ``classes`` maps class -> rows."""

    name: str
    rows: int
    columns: int
    data_digest: str
    roles: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    task: str | None = None
    positive: str | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    unknown_target: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """One bar of the honesty chart. ``metric`` is in the field's words (AUC, R2, log-loss)."""

    label: str
    value: float
    metric: str
    interval: tuple[float, float] | None = None
    headline: bool = False
    note: str = ""
    blocks: tuple[tuple[str, float], ...] = ()  # score by time block or group, for the honesty chart


@dataclass(frozen=True, slots=True)
class Trial:
    """A remedy that was tried, kept or not."""

    code: str
    remedy: Remedy
    proof: Proof


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """One line of the gallery. ``bars`` are shares of a small histogram (bins of at least 5 rows)."""

    name: str
    kind: str
    holes: float
    distinct: int
    summary: str
    bars: tuple[float, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    seconds: float
    cpu_seconds: float
    peak_mb: float
    tests: int
    versions: Mapping[str, str] = field(default_factory=dict)
