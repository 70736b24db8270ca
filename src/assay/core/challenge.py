"""The declaration of a challenge and of a probe, and what they may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from .claim import ImpactKind
from .remedy import ProofKind

Stage = Literal["data", "model", "training", "production", "governance"]
Need = Literal[
    "target", "binary", "classes", "regression", "order", "group", "id", "comparison", "model", "predictions",
    "sets", "pipeline", "two-rows", "feature", "site", "text", "trusted", "population", "images",
    "units", "costs", "making", "search",
]  # fmt: skip
Scope = Literal["marginal", "association", "order", "leak", "comparison", "model"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A materiality: ``name`` in the settings, its default, its unit and the reason for the number."""

    name: str
    default: float
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dose:
    """The plant's dose and the table size at which the page promises that it is found."""

    dose: float
    n: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to fail. ``name`` is the fault, in words that read after "allow ..."."""

    code: str
    name: str
    title: str  # one plain phrase for a newcomer
    stage: Stage
    needs: tuple[Need, ...]
    category: ImpactKind
    scope: Scope
    promise: Dose
    materiality: tuple[Threshold, ...] = ()
    proof: ProofKind | None = None
    safety: Literal["safe", "unsafe"] | None = None  # of its remedy; None: advice only
    refits: bool = False

    def threshold(self, name: str) -> Threshold:
        return next(t for t in self.materiality if t.name == name)


class Options(Protocol):
    """A challenge's own view of the settings: its thresholds, with the user's changes."""

    def __getitem__(self, name: str) -> float: ...


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    make: Callable[..., Any]
    needs: tuple[Need, ...]
    cost: Literal["scan", "sample", "fit"]


def probe(*, needs: tuple[Need, ...] = (), cost: Literal["scan", "sample", "fit"] = "sample") -> Callable[[F], F]:
    """Mark a function as a probe: made once a report and given to whoever names it as a parameter."""

    def mark(make: F) -> F:
        make.__assay_probe__ = Probe(make.__name__, make, needs, cost)  # type: ignore[attr-defined]
        return make

    return mark
