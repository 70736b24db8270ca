"""Tables whose true effect lies exactly at the materiality in force: challenges of data and of pairs of tables.

Every generator draws rows independently from a population in which the effect *is* the materiality (stated beside
it), so that a rejection is a false discovery. ``null`` picks the one claim of the report that speaks of that effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from assay.core.claim import Claim
from assay.core.settings import Settings
from assay.core.subject import Comparison, Role, Roles, Subject
from assay.tables import make_partition
from null_held import Held

SIZES = (300, 3_000, 30_000)
REFITS = (200, 200, 200)  # tables at each size, where a model is fitted for each
Make = Callable[[int, int], Subject]


@dataclass(frozen=True)
class Case:
    """One boundary null: ``make(n, seed)`` and, by name, which claim stands at its materiality."""

    code: str
    make: Make
    nulls: Mapping[str, Callable[[Claim], bool]]
    replicates: tuple[int, int, int] = (1000, 1000, 1000)  # at each of SIZES
    settings: Settings = field(default_factory=Settings)

    @property
    def refits(self) -> bool:
        """Whether a model is fitted for every table, so that fewer are drawn."""
        return self.replicates == REFITS


def draw(name: str, n: int, seed: int) -> np.random.Generator:
    return np.random.default_rng([crc32(name.encode()), n, seed])


def subject_of(columns: Mapping[str, Any], roles: Roles, seed: int) -> Subject:
    """A subject over drawn rows. ``roles`` are given, so nothing is guessed."""
    table = Held(columns, draw("rows", len(next(iter(columns.values()))), seed))
    return Subject(table, roles, make_partition(table, roles, seed), seed)


def binary(y: np.ndarray) -> np.ndarray:
    return np.where(y, "yes", "no")


TWO = Roles(Role(("y",)), "binary", ("no", "yes"), "yes")
NUMBER = Roles(Role(("y",)), "regression")


def classes(k: int) -> Roles:
    return Roles(Role(("y",)), "multiclass", tuple("abcdefghij"[:k]))


def holed(x: np.ndarray, hole: np.ndarray) -> pa.Array:
    return pa.array(x, mask=hole)


def kind(name: str) -> Callable[[Claim], bool]:
    return lambda claim: claim.evidence.get("kind") == name


def every(claim: Claim) -> bool:
    return True


def about(*columns: str) -> Callable[[Claim], bool]:
    return lambda claim: claim.about.columns == columns


# D01: holes


def small_holes(n: int, seed: int) -> Subject:
    """Five columns, each hole by itself: one row in twenty has at least one."""
    rng = draw("small", n, seed)
    each = 1 - 0.95**0.2
    return subject_of({f"x{i}": holed(rng.normal(size=n), rng.random(n) < each) for i in range(5)}, Roles(), seed)


def follows_class(low: float, prior: float = 0.5) -> Make:
    def make(n: int, seed: int) -> Subject:
        """Holes in ``low`` of one class and ``low`` + 0.05 of the other."""
        rng = draw("follows", n, seed)
        y = rng.random(n) < prior
        x = holed(rng.normal(size=n), rng.random(n) < np.where(y, low + 0.05, low))
        return subject_of({"x": x, "y": binary(y)}, TWO, seed)

    return make


def follows_classes(n: int, seed: int) -> Subject:
    """Three classes; holes in 25 %, in the smallest 30 %."""
    rng = draw("follows3", n, seed)
    y = rng.choice(3, n, p=(0.5, 0.3, 0.2))
    x = holed(rng.normal(size=n), rng.random(n) < np.where(y == 2, 0.30, 0.25))
    return subject_of({"x": x, "y": np.array(list("abc"))[y]}, classes(3), seed)


def follows_number(n: int, seed: int) -> Subject:
    """A number as target; holes in 25 % of its lower half and 30 % of its upper."""
    rng = draw("followsN", n, seed)
    y = rng.normal(size=n)
    x = holed(rng.normal(size=n), rng.random(n) < np.where(y > 0, 0.30, 0.25))
    return subject_of({"x": x, "y": y}, NUMBER, seed)


def holes_in_unknown(n: int, seed: int) -> Subject:
    """The outcome is unknown in a tenth of rows, which have exactly half of the column's holes."""
    rng = draw("inside", n, seed)
    unknown = rng.random(n) < 0.1
    x = holed(rng.normal(size=n), rng.random(n) < np.where(unknown, 0.45, 0.05))
    y = pa.array(binary(rng.random(n) < 0.5), mask=unknown)
    return subject_of({"x": x, "y": y}, TWO, seed)


def uneven_unknown(n: int, seed: int) -> Subject:
    """Outcomes unknown in 15 % of one category of three and 10 % of the others."""
    rng = draw("uneven", n, seed)
    c = rng.integers(0, 3, n)
    y = pa.array(binary(rng.random(n) < 0.5), mask=rng.random(n) < np.where(c == 0, 0.15, 0.10))
    return subject_of({"c": np.array(["red", "green", "blue"])[c], "y": y}, TWO, seed)


# K01: a copy that is right in exactly 95 % of rows (mean over classes)


def copy_of_class(prior: float, right: tuple[float, float]) -> Make:
    def make(n: int, seed: int) -> Subject:
        rng = draw("copy", n, seed)
        y = rng.random(n) < prior
        told = np.where(rng.random(n) < np.where(y, right[1], right[0]), y, ~y)
        return subject_of({"x": np.where(told, "u", "v"), "y": binary(y)}, TWO, seed)

    return make


def copy_of_classes(n: int, seed: int) -> Subject:
    """Four classes, told in 85, 95, 100 and 100 % of rows; a wrong row says the next class."""
    rng = draw("copy4", n, seed)
    y = rng.integers(0, 4, n)
    told = np.where(rng.random(n) < np.array([0.85, 0.95, 1.0, 1.0])[y], y, (y + 1) % 4)
    letters = np.array(list("abcd"))
    return subject_of({"x": np.array(list("stuv"))[told], "y": letters[y]}, classes(4), seed)


def copy_as_number(n: int, seed: int) -> Subject:
    """A measurement that lies on the right side of a gap in 95 % of rows."""
    rng = draw("copyN", n, seed)
    y = rng.random(n) < 0.4
    side = np.where(rng.random(n) < 0.95, y, ~y)
    return subject_of({"x": side + 0.9 * rng.random(n), "y": binary(y)}, TWO, seed)


def copy_of_number(n: int, seed: int) -> Subject:
    """An even target, given in other units in 95 % of rows and half its range away in the rest."""
    rng = draw("copyR", n, seed)
    y = rng.random(n)
    x = np.where(rng.random(n) < 0.95, y, (y + 0.5) % 1.0)
    return subject_of({"x": 1.8 * x + 32, "y": y}, NUMBER, seed)


# K02: filled exactly nine times as often in one class


def filled(prior: float, most: float) -> Make:
    """In a share ``most`` of one class and a ninth of that in the other; at 0.9 the holes tell as much as the rest."""

    def make(n: int, seed: int) -> Subject:
        rng = draw("filled", n, seed)
        y = rng.random(n) < prior
        there = rng.random(n) < np.where(y, most, most / 9)
        return subject_of({"x": holed(rng.normal(size=n), ~there), "y": binary(y)}, TWO, seed)

    return make


def filled_in_many(n: int, seed: int) -> Subject:
    """Nine classes of one row in a hundred, each filled nine times as often as all other rows together, and a tenth."""
    rng = draw("filled9", n, seed)
    y = rng.choice(10, n, p=(*(0.01,) * 9, 0.91))
    rare = 0.3
    rest = (0.99 * rare / 9 - 8 * 0.01 * rare) / 0.91  # so that the other 99 % are filled in a ninth of ``rare``
    there = rng.random(n) < np.where(y < 9, rare, rest)
    return subject_of({"x": holed(rng.normal(size=n), ~there), "y": np.array(list("abcdefghij"))[y]}, classes(10), seed)


# K03: a formula that holds in exactly 99 % of rows


def parts_of_number(n: int, seed: int) -> Subject:
    rng = draw("parts", n, seed)
    a, b = (np.round(rng.normal(size=n) * s, 2) for s in (1.0, 2.0))
    off = np.where(rng.random(n) < 0.01, np.round(rng.uniform(3, 9, n), 2), 0.0)
    return subject_of({"a": a, "b": b, "y": np.round(a + b + off, 2)}, NUMBER, seed)


def parts_of_class(n: int, seed: int) -> Subject:
    rng = draw("partsC", n, seed)
    y, second = rng.random(n) < 0.5, rng.normal(0, 3, n)
    side = np.where(rng.random(n) < 0.99, y, ~y)
    first = second + np.where(side, 1, -1) * rng.uniform(0.2, 1, n)
    return subject_of({"a": first, "b": second, "y": binary(y)}, TWO, seed)


# K04: exactly one test row in a hundred has a near twin in training


def plain_rows(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.normal(size=n), "d": rng.integers(0, 3, n)}


def jittered(columns: Mapping[str, np.ndarray], at: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rows ``at`` of numbers with 0.01 % jitter; a first occurrence is its own."""
    again = np.ones(len(at), bool)
    again[np.unique(at, return_index=True)[1]] = False
    jitter = again * 1e-4
    out = {k: v[at] + jitter * rng.normal(size=len(at)) for k, v in columns.items() if k != "d"}
    return out | {"d": np.array(["u", "v", "w"])[columns["d"][at]]}


def twins(size: int) -> Make:
    """Cases come in clusters of ``size`` near-equal rows; a quarter at random is the test side."""
    share = 0.01 / (1 - 0.25 ** (size - 1))  # of rows in clusters
    chance = share / (size - (size - 1) * share)  # of cases that are clusters

    def make(n: int, seed: int) -> Subject:
        rng = draw("twins", n, seed)
        cases = rng.random(n) < chance
        at = np.repeat(np.arange(n), np.where(cases, size, 1))[:n]
        return subject_of(jittered(plain_rows(n, rng), at, rng), Roles(), seed)

    return make


def twins_between(n: int, seed: int) -> Subject:
    """A test table of which each row is, with probability 0.01, a row of the training table with jitter."""
    rng = draw("between", n, seed)
    old, new = plain_rows(n, rng), plain_rows(n, rng)
    hit, origin = rng.random(n) < 0.01, rng.integers(0, n, n)
    for name in old:
        new[name] = np.where(hit, old[name][origin] + (name != "d") * 1e-4 * rng.normal(size=n), new[name])
    new["d"] = new["d"].astype(int)
    given = subject_of(old | {"d": np.array(["u", "v", "w"])[old["d"]]}, Roles(), seed)
    other = Held(new | {"d": np.array(["u", "v", "w"])[new["d"]]}, rng, "test")
    return replace(given, comparisons=(Comparison("train against test", given.table, other),))


# K06: a process that stands still, where shuffling gains exactly nothing


def still(n: int, seed: int) -> Subject:
    rng = draw("still", n, seed)
    x, z = rng.normal(size=(2, n))
    y = rng.random(n) < 1 / (1 + np.exp(-x - 0.5 * z))
    return subject_of({"x": x, "z": z, "y": binary(y)}, replace(TWO, order=Role(("@row",))), seed)


NO_GAIN = Settings(thresholds={"K06": {"gain": 0.0}})


# S02: two tables that differ in exactly a tenth of the rows


def pair(a: Mapping[str, Any], b: Mapping[str, Any], seed: int) -> Subject:
    given = subject_of(a, Roles(), seed)
    other = Held(b, draw("later", len(next(iter(b.values()))), seed), "later")
    return replace(given, comparisons=(Comparison("reference against current", given.table, other),))


def moved_number(n: int, seed: int) -> Subject:
    """A tenth of an even number moved above all others: the distribution functions are a tenth apart."""
    rng = draw("ks", n, seed)
    b = np.where(rng.random(n) < 0.1, 1 + rng.random(n), rng.random(n))
    return pair({"x": rng.random(n)}, {"x": b}, seed)


def moved_levels(n: int, seed: int) -> Subject:
    """Nine tenths in common; the last tenth has a level of its own in each table. No better AUC than 0.595 exists."""
    rng = draw("tv", n, seed)
    a, b = (np.array(list("pqrsu"))[rng.choice(5, n, p=(0.3, 0.3, 0.2, 0.1, 0.1))] for _ in range(2))
    return pair({"x": a}, {"x": np.where(b == "u", "v", b)}, seed)


def moved_share(n: int, seed: int) -> Subject:
    """Two levels: half and half against six tenths and four."""
    rng = draw("tv2", n, seed)
    a, b = (np.where(rng.random(n) < p, "u", "v") for p in (0.5, 0.6))
    return pair({"x": a}, {"x": b}, seed)


DATA_CASES = (
    Case("D01", small_holes, {"rows with a hole, 5 columns": kind("rows")}),
    Case("D01", follows_class(0.0), {"holes by class, 5 % against 0": kind("follows")}),
    Case("D01", follows_class(0.25), {"holes by class, 30 % against 25": kind("follows")}),
    Case("D01", follows_class(0.02, 0.1), {"holes by class, 7 % against 2, one in ten": kind("follows")}),
    Case("D01", follows_classes, {"holes by three classes": kind("follows")}),
    Case("D01", follows_number, {"holes by halves of a number": kind("follows")}),
    Case("D01", holes_in_unknown, {"half of the holes where unknown": kind("inside")}),
    Case("D01", uneven_unknown, {"unknown by category, 15 % against 10": kind("uneven")}),
    Case("K01", copy_of_class(0.5, (0.95, 0.95)), {"copy, even classes": about("x")}),
    Case("K01", copy_of_class(0.1, (1.0, 0.9)), {"copy, one in ten, told in 90 %": about("x")}),
    Case("K01", copy_of_classes, {"copy, four classes": about("x")}),
    Case("K01", copy_as_number, {"measurement behind the class": about("x")}),
    Case("K01", copy_of_number, {"number in other units": about("x")}),
    Case("K02", filled(0.5, 0.45), {"filled in 45 % and 5": about("x")}, REFITS),
    Case("K02", filled(0.5, 0.9), {"filled in 90 % and 10": about("x")}, REFITS),
    Case("K02", filled_in_many, {"filled in nine rare classes": about("x")}, REFITS),
    Case("K03", parts_of_number, {"sum of two columns": about("a", "b")}),
    Case("K03", parts_of_class, {"difference parts two classes": about("a", "b")}),
    Case("K04", twins(2), {"near twins in pairs": kind("near")}),
    Case("K04", twins(10), {"near twins in tens": kind("near")}),
    Case("K04", twins_between, {"near twins of a given training table": kind("near")}),
    Case("K06", still, {"stands still, materiality 0": every}, REFITS, NO_GAIN),
    Case("S02", moved_number, {"number": kind("margins")}),
    Case("S02", moved_levels, {"levels": kind("margins"), "witness": kind("witness")}),
    Case("S02", moved_share, {"two levels": kind("margins")}),
)
