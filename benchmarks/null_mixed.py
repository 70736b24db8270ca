"""Tables with several units of one challenge, half of them above materiality and half exactly at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from assay.core.claim import Claim
from assay.core.subject import Role, Roles, Subject
from null_boundary import TWO, Make, binary, draw, holed, pair, subject_of
from null_models import PROMISED, SHORT, bare, said
from null_more import opened

TEN = 10


@dataclass(frozen=True)
class Mix:
    """``found`` names the units that the standing test claims discover; ``false`` are those at the boundary."""

    code: str
    what: str
    make: Make
    found: Callable[[Sequence[Claim]], set[str]]
    true: frozenset[str]
    false: frozenset[str]
    tables: Mapping[int, int]


def above(count: int = TEN) -> frozenset[str]:
    return frozenset(f"above {i}" for i in range(count))


def at(count: int = TEN) -> frozenset[str]:
    return frozenset(f"at {i}" for i in range(count))


def named(kind: str | None) -> Callable[[Sequence[Claim]], set[str]]:
    """Columns that standing claims of this kind are about."""
    return lambda claims: {c for claim in claims if claim.evidence.get("kind") == kind for c in claim.about.columns}


def holes(n: int, seed: int) -> Subject:
    """Holes in 10 % of one class, and in 15 or 25 % of the other."""
    rng = draw("mixed holes", n, seed)
    y = rng.random(n) < 0.5
    made = {
        name: holed(rng.normal(size=n), rng.random(n) < np.where(y, 0.10 + gap, 0.10))
        for gap, names in ((0.15, above()), (0.05, at())) for name in sorted(names)
    }  # fmt: skip
    return subject_of(made | {"y": binary(y)}, TWO, seed)


def inside(n: int, seed: int) -> Subject:
    """Half, or two thirds, of the holes stand in the tenth of rows without an outcome."""
    rng = draw("mixed inside", n, seed)
    unknown = rng.random(n) < 0.1
    made = {
        name: holed(rng.normal(size=n), rng.random(n) < np.where(unknown, 0.45, elsewhere))
        for elsewhere, names in ((0.02, above()), (0.05, at())) for name in sorted(names)
    }  # fmt: skip
    y = pa.array(binary(rng.random(n) < 0.5), mask=unknown)
    return subject_of(made | {"y": y}, TWO, seed)


def copies(n: int, seed: int) -> Subject:
    """Copies that are right in 95 % of rows, and in 99 %."""
    rng = draw("mixed copies", n, seed)
    y = rng.random(n) < 0.5
    made = {
        name: np.where(rng.random(n) < right, np.where(y, "u", "v"), np.where(y, "v", "u"))
        for right, names in ((0.99, above()), (0.95, at())) for name in sorted(names)
    }  # fmt: skip
    return subject_of(made | {"y": binary(y)}, TWO, seed)


def filled(n: int, seed: int) -> Subject:
    """Filled in half of one class, and in a ninth or a fiftieth of that of the others."""
    rng = draw("mixed filled", n, seed)
    y = rng.random(n) < 0.5
    made = {
        name: holed(rng.normal(size=n), rng.random(n) >= np.where(y, 0.5, 0.5 * others))
        for others, names in ((0.02, above(5)), (1 / 9, at(5))) for name in sorted(names)
    }  # fmt: skip
    return subject_of(made | {"y": binary(y)}, TWO, seed)


def margins(n: int, seed: int) -> Subject:
    """A tenth, or a quarter, of each column moved above all other values."""
    rng = draw("mixed margins", n, seed)
    a = {name: rng.random(n) for name in sorted(above() | at())}
    b = {
        name: np.where(rng.random(n) < share, 1 + rng.random(n), rng.random(n))
        for share, names in ((0.25, above()), (0.10, at())) for name in sorted(names)
    }  # fmt: skip
    return pair(a, b, seed)


def sets(n: int, seed: int) -> Subject:
    """Coverage two points, or fifteen, below the promise, by group (and so by class well below it)."""
    rng = draw("mixed sets", n, seed)
    given, part = bare(n, seed)
    given = said(given, part, np.full(n, 0.5), rng.integers(0, 2, n).astype(np.float64))
    names = np.array([*sorted(above()), *sorted(at())])
    group = rng.integers(0, len(names), n)
    miss = 1 - PROMISED + np.where(group < TEN, 0.15, SHORT)
    assert given.predictions is not None
    member = np.ones((n, 2), bool)
    hit = rng.random(n) < miss
    member[hit, given.predictions.y[hit].astype(int)] = False
    filled_in = replace(given.predictions, sets=member, coverage=PROMISED, group=names[group])
    return replace(given, predictions=filled_in)


def pairs(n: int, seed: int) -> Subject:
    """Twenty pairs of columns that correlate at .9999, or at exactly .999."""
    rng = draw("mixed pairs", n, seed)
    made = {}
    for r, names in ((0.9999, above()), (0.999, at())):
        for name in sorted(names):
            x = rng.normal(size=n)
            made |= {name: x, f"{name}, again": r * x + np.sqrt(1 - r**2) * rng.normal(size=n)}
    return opened(made, Roles(), seed)


def repeats(n: int, seed: int) -> Subject:
    """Three measurements of each owner, by twenty meters: a fifth of the variance is noise, or exactly a tenth."""
    rng = draw("mixed repeats", n, seed)
    owner = np.repeat(np.arange(n // 3), 3)
    made: dict[str, np.ndarray] = {"owner": np.char.add("o", owner.astype(str))}
    for noise, names in ((0.2, above()), (0.1, at())):
        for name in sorted(names):
            size, rows = rng.normal(size=n // 3)[owner], rng.normal(size=len(owner))
            made[name] = np.sqrt(1 - noise) * size + np.sqrt(noise) * rows
    return opened(made, Roles(group=Role(("owner",))), seed)


def first_of_pair(claims: Sequence[Claim]) -> set[str]:
    """The pair, by its first column; a group that joins two pairs names both."""
    return {c.removesuffix(", again") for claim in claims for c in claim.about.columns}


def groups(claims: Sequence[Claim]) -> set[str]:
    slices = [claim.about.slice or "" for claim in claims]
    return {s.removeprefix("group ") for s in slices if s.startswith("group ")}


MIXES = (
    Mix("D01", "columns whose holes follow it", holes, named("follows"), above(), at(), {3_000: 200, 30_000: 50}),
    Mix("D01", "columns empty where it is unknown", inside, named("inside"), above(), at(), {3_000: 200, 30_000: 50}),
    Mix("K01", "copies", copies, named(None), above(), at(), {3_000: 200, 30_000: 50}),
    Mix("K02", "columns filled by class", filled, named(None), above(5), at(5), {3_000: 100, 30_000: 20}),
    Mix("S02", "columns of a pair of tables", margins, named("margins"), above(), at(), {3_000: 100, 30_000: 20}),
    Mix("D11", "pairs of columns", pairs, first_of_pair, above(), at(), {3_000: 200, 30_000: 20}),
    Mix("D19", "columns measured again", repeats, named("repeats"), above(), at(), {3_000: 200, 30_000: 20}),
    Mix("M08", "groups with short sets", sets, groups, above(), at(), {30_000: 200}),
)  # fmt: skip
