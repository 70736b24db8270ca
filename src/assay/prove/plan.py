"""Which trials are made: one unit is one challenge, one table, one dose and one seed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from assay.audit.catalogue import catalogue
from assay.core.challenge import Challenge
from assay.testing import clean_table

from .bases import Place
from .ground import NOT_LENT

Kind = Literal["untouched", "plant", "mixed", "clean"]
GENERATED = Place("generated", "outcome")
MULTIPLES = (0.25, 0.5, 1.0, 2.0)
FULL_MULTIPLES = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
MIXED_SCOPES = ("association", "order", "leak")


@dataclass(frozen=True)
class Unit:
    """``multiple`` of the promised dose; 0 where nothing is planted. ``kind`` mixed: target or order permuted."""

    code: str
    place: Place
    kind: Kind
    multiple: float
    seed: int

    @property
    def key(self) -> str:
        return f"{self.code} {self.place.name} {self.kind} {self.multiple:g} {self.seed}"


@dataclass(frozen=True)
class Setup:
    """What holds for a whole run: rows a table at most, doses as multiples of the promise, seeds, random orders."""

    rows: int = 5_000
    multiples: tuple[float, ...] = MULTIPLES
    seeds: int = 2
    mixed: int = 2
    clean: int = 10
    mend: bool = True


def amount(challenge: Challenge, multiple: float) -> float:
    """The dose at a multiple of the promise. A promise of at most 1 is a share, and no share is above 1."""
    dose = challenge.promise.dose * multiple
    return min(1.0, dose) if challenge.promise.dose <= 1 else dose


def doses(challenge: Challenge, multiples: Sequence[float]) -> list[float]:
    """The multiples that differ for this challenge, smallest first."""
    seen: dict[float, float] = {}
    for multiple in sorted({*multiples, 1.0}):
        seen.setdefault(amount(challenge, multiple), multiple)
    return list(seen.values())


def plan(places: Sequence[Place], codes: Collection[str], setup: Setup) -> list[Unit]:
    """Every trial, table by table; at doses other than the promised one the first seed alone where a table is lent
    columns (the curve), all seeds on the user's own (the answer)."""
    out: list[Unit] = []
    chosen = {code: module for code, module in catalogue().items() if code in codes}
    can = {code: module for code, module in chosen.items() if callable(getattr(module, "plant", None))}
    anywhere = [code for code in can if not NOT_LENT & set(can[code].CHALLENGE.needs)]
    for place in places:
        out += [Unit(code, place, "untouched", 0.0, 0) for code in anywhere]
        for seed in range(setup.mixed if place.lent else 0):
            out += [Unit(c, place, "mixed", 0.0, seed) for c in anywhere if can[c].CHALLENGE.scope in MIXED_SCOPES]
        for code in anywhere:
            out += planted(code, place, can[code].CHALLENGE, setup)
    if any(place.lent for place in places):
        for code, module in can.items():
            out += [Unit(code, GENERATED, "clean", 0.0, seed) for seed in range(setup.clean)]
            if code not in anywhere:
                out += planted(code, GENERATED, module.CHALLENGE, setup)
    return out


def planted(code: str, place: Place, challenge: Challenge, setup: Setup) -> list[Unit]:
    return [
        Unit(code, place, "plant", multiple, seed)
        for multiple in doses(challenge, setup.multiples)
        for seed in range(setup.seeds if multiple == 1.0 or not place.lent else 1)
    ]


@cache
def source_digest(code: str, place: Place) -> str:
    """What a unit's result depends on besides its key, as it was when first read: the challenge's own file, how the
    table is read, and the ground."""
    files = [Path(inspect.getfile(catalogue()[code])), Path(inspect.getfile(clean_table))]
    files += [Path(__file__).parent / name for name in ("bases.py", "ground.py", "mending.py", "unit.py")]
    text = b"".join(path.read_bytes() for path in files) + repr(place).encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest()
