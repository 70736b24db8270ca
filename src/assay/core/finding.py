"""What ``audit`` makes of claims: findings that stand, and one verdict for every challenge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .claim import Claim, Impact
from .remedy import Proof, Remedy

Verdict = Literal["found", "clear", "undecided", "no-sign", "not-applicable", "skipped", "ignored", "error"]
Severity = Literal["critical", "warning", "advice"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "advice")


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim that stands after multiplicity, with its simultaneous interval. Made by audit only."""

    code: str
    name: str
    claim: Claim
    interval: tuple[float, float] | None
    severity: Severity
    impact: Impact
    message: str
    remedy: Remedy | None = None
    proof: Proof | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return self.claim.about.columns


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of one challenge, with its reason. ``n_needed`` is the row count that would decide."""

    code: str
    name: str
    title: str
    stage: str
    verdict: Verdict
    reason: str
    units: int = 0
    tests: int = 0
    n_needed: int | None = None
    seconds: float = 0.0
