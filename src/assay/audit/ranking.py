"""Decisions become findings: severity, impact, fingerprint, order."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from assay.core.challenge import Challenge
from assay.core.claim import Claim, Impact, ImpactKind
from assay.core.errors import AssayError
from assay.core.finding import SEVERITIES, Finding, Severity
from assay.core.remedy import Remedy
from assay.core.settings import Settings
from assay.core.subject import Subject

from .verdict import Decision

KINDS: tuple[ImpactKind, ...] = ("voids", "inflates", "costs", "touches", "tidy")
SEVERITY_OF: dict[ImpactKind, Severity] = {
    "voids": "critical",
    "inflates": "critical",
    "costs": "warning",
    "touches": "warning",
    "tidy": "advice",
}


def findings(
    decisions: Mapping[str, Decision], modules: Mapping[str, ModuleType], subject: Subject, settings: Settings
) -> list[Finding]:
    """Make findings of everything that stands, the worst first."""
    out = []
    for code, decision in decisions.items():
        module = modules[code]
        for claim, interval in decision.stands:
            out.append(finding(module, claim, interval, subject, settings))
    return sorted(out, key=rank)


def finding(
    module: ModuleType, claim: Claim, interval: tuple[float, float] | None, subject: Subject, settings: Settings
) -> Finding:
    challenge: Challenge = module.CHALLENGE
    impact = claim.impact or Impact(challenge.category, why_unmeasured="needs a refit to measure")
    severity = settings.severity.get(challenge.code, SEVERITY_OF[impact.kind])
    made = Finding(challenge.code, challenge.name, claim, interval, severity, impact, claim.says)
    return Finding(
        challenge.code, challenge.name, claim, interval, severity, impact, claim.says, remedy_of(module, subject, made)
    )


def remedy_of(module: ModuleType, subject: Subject, made: Finding) -> Remedy | None:
    make = getattr(module, "remedy", None)
    try:
        result: Remedy | None = make(subject, made) if make else None
    except AssayError:
        return None
    return result


def rank(found: Finding) -> tuple[int, int, int, float, str, tuple[str, ...]]:
    """Severity, then class of impact, measured before unmeasured, the larger lower bound, then code and columns."""
    impact = found.impact
    low = impact.interval[0] if impact.interval else impact.value
    return (
        SEVERITIES.index(found.severity),
        KINDS.index(impact.kind),
        0 if impact.value is not None else 1,
        -(low or 0.0),
        found.code,
        found.columns,
    )
