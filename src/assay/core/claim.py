"""What ``measure`` yields, before multiplicity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .rows import Rows

Basis = Literal["exact", "test", "heuristic"]
Family = Literal["challenge", "column", "pair", "row", "slice"]
ImpactKind = Literal["voids", "inflates", "costs", "touches", "tidy"]
Json = Any


@dataclass(frozen=True, slots=True)
class About:
    """What a claim is about. ``comparison`` names the (A, B) pair, where there is one."""

    columns: tuple[str, ...] = ()
    rows: Rows | None = None
    slice: str | None = None
    comparison: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """A size with its unit. The fault is an effect above ``materiality``.

    ``bound(alpha)`` gives the two-sided interval at level 1 - alpha; None where the value is exact.
    """

    value: float
    unit: str
    materiality: float
    bound: Callable[[float], tuple[float, float]] | None = None

    def interval(self, alpha: float) -> tuple[float, float]:
        return (self.value, self.value) if self.bound is None else self.bound(alpha)


@dataclass(frozen=True, slots=True)
class Impact:
    """What the fault does. ``value`` None says that it was not measured, and why. Larger is worse."""

    kind: ImpactKind
    value: float | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""
    why_unmeasured: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One unit that was looked at, material or not: audit needs them all to say *clear*.

    ``says`` is the finding in plain words, as it would be printed if it stands, without verdict or p-value.
    ``p`` (or ``e``) is against H0: effect <= materiality, and None unless ``basis`` is test.
    ``ask`` marks what no statistic can settle: the user is asked (``--known``, ``--unknown``).
    ``evidence`` is JSON: numbers behind the claim, and ``chart`` with kind and data for the report.
    """

    about: About
    effect: Effect
    basis: Basis
    says: str
    n: int
    p: float | None = None
    e: float | None = None
    family: Family = "column"
    selected_on: frozenset[str] = frozenset()
    ask: bool = False
    impact: Impact | None = None
    evidence: Mapping[str, Json] = field(default_factory=dict)
