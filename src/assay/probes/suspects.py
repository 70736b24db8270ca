"""The one place where columns become suspected of knowing the answer: column -> reasons and strength."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.core.challenge import probe
from assay.core.facts import Holes
from assay.core.subject import Subject
from assay.core.table import Ask, Facts

from .parts import SHARE, Made
from .signs import PROVEN, Signs, holes_like

Strength = Literal["exact", "test", "heuristic"]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a column is suspected. ``by`` is the challenge whose claim it becomes; ``partner`` names what it goes with.

    ``reasons`` are clauses without the column's name, the strongest first.
    """

    column: str
    by: Literal["K01", "K02", "K03"]
    strength: Strength
    reasons: tuple[str, ...]
    ask: bool
    partner: str = ""


def free_of(subject: Subject) -> set[str | None]:
    """Columns that are beyond suspicion: known by the user's word, or the date of the question itself."""
    roles = subject.roles
    return {*roles.known, roles.asked_at, roles.order.column if roles.order is not None else None}


Add = Callable[[Suspicion], None]


@probe(needs=("target", "feature"), cost="sample")
def suspects(
    subject: Subject, facts: Facts, signs: Mapping[str, Signs], parts: tuple[Made, ...]
) -> Mapping[str, Suspicion]:
    """Suspected columns by name, sorted. Columns that the user calls known are never among them, nor is the column that
    dates the question; columns that the user calls unknown always are."""
    roles, free = subject.roles, free_of(subject)
    target = roles.named("target")[0]
    found: dict[str, Suspicion] = {}

    def add(s: Suspicion) -> None:
        if s.column not in free:
            found.setdefault(s.column, s)

    for name in roles.unknown:
        if name in signs:
            add(
                Suspicion(
                    name, "K02", "exact", ("the user says that it is not known when the question is asked",), False
                )
            )
    for s in signs.values():
        if s.copy:
            add(Suspicion(s.column, "K01", "test", ("the target in other words",), False))
    standing = [m for m in parts if m.above(SHARE) <= PROVEN and m.whole not in free]
    by_parts(standing, signs, free, target, True, add)
    proven: list[tuple[str, Holes]] = [(s.column, signs[s.column].holes) for s in found.values() if s.by != "K02"]
    proven.append((target, facts[Ask("holes", (target,))]))
    stage_one(signs, target, add)
    by_parts([m for m in standing if m.whole in found], signs, free, target, False, add)
    for name, leak in holes_like(signs, proven).items():
        if name not in found or found[name].ask:
            why = f"empty in exactly the {signs[name].holes.n:,} rows where {leak} is"
            old = found.pop(name, None)
            # Of a proven leak the holes are the leak's. What is unknown along with the outcome may as well come from
            # the same visit: that is for the user to say.
            add(Suspicion(name, "K02", "exact", (why, *(old.reasons if old else ())), leak == target, leak))
    return dict(sorted(found.items()))


def by_parts(
    made: Sequence[Made], signs: Mapping[str, Signs], free: set[str | None], target: str, proven: bool, add: Add
) -> None:
    for m in made:
        if m.proven == proven:
            what = f"{m.formula.says()} {'is' if not m.cut else 'tells'} {m.whole or target}"
            for name in later_parts(m, signs, free):
                add(Suspicion(name, "K03", "test" if proven else "heuristic", (what,), not proven, m.whole or target))


def stage_one(signs: Mapping[str, Signs], target: str, add: Add) -> None:
    """Signs of single columns: holes that follow the outcome (test); or two of: empty only where the outcome is
    unknown, dated after the question, too good alone. The last one counts by itself, since nothing else explains it."""
    for s in signs.values():
        reasons = []
        if s.filled is not None and s.follows:
            reasons.append(follows_words(s, target))
        if s.too_good and s.lone is not None:
            reasons.append(f"alone it tells far more than {s.too_good}, the next best column")
        if s.only_unknown:
            reasons.append(f"empty in {s.holes.n:,} rows, all of them rows where the outcome is unknown")
        if s.dated_after:
            reasons.append(f"dated after {s.anchor} in {s.later:.0%} of rows")
        if s.follows:
            add(Suspicion(s.column, "K02", "test", tuple(reasons), True))
        elif s.too_good or (s.only_unknown and s.dated_after):
            add(Suspicion(s.column, "K02", "heuristic", tuple(reasons), True))


def follows_words(s: Signs, target: str) -> str:
    assert s.filled is not None
    return (
        f"filled in {s.filled.share:.1%} of the rows where {target} is {s.filled.label}, "
        f"and in {s.filled.rest:.1%} of the others"
    )


def later_parts(made: Made, signs: Mapping[str, Signs], free: set[str | None]) -> tuple[str, ...]:
    """Which parts of a formula can only be known afterwards.

    Parts that carry a sign of their own (empty only where the outcome is unknown, filled by the outcome), else the one
    that contains the whole (whole = one - others, or one / others), else all of them, less what is known beforehand.
    """
    parts = [p for p in made.formula.parts if p not in free]
    signed = [p for p in parts if p in signs and (signs[p].only_unknown or signs[p].follows)]
    if signed:
        return tuple(signed)
    up = [p for p, w in zip(made.formula.parts, made.formula.weights, strict=True) if w > 0]
    if not made.cut and len(up) == 1 and up[0] in parts:
        return (up[0],)
    return tuple(parts)
