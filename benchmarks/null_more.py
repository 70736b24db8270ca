"""Boundary nulls of further codes, and which codes have none, with the reason. ``nulls.py`` runs ``CASES``.

A new challenge adds its line here: a ``Case`` whose true effect is exactly its materiality, or an entry in
``UNCOVERED``. Challenges whose claims are exact counts or readings of meaning have no level, and so need neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assay.audit.opening import settle
from assay.core.claim import Claim
from assay.core.settings import Settings
from assay.core.subject import Comparison, Role, Roles, Subject
from assay.tables import open_table
from null_boundary import NUMBER, REFITS, TWO, Case, binary, classes, draw, every, jittered, plain_rows

FEW = (200, 200, 0)  # a model or an engine for every table: at 30,000 rows too slow for hundreds
OPENED = (1000, 1000, 200)  # tables that need the engine's facts


def opened(columns: Mapping[str, Any], roles: Roles, seed: int) -> Subject:
    """A subject over a table of the engine's own, for challenges that ask for facts a drawn table does not count."""
    import pyarrow as pa

    return settle(open_table(pa.table(dict(columns)), name=f"drawn-{seed}"), roles, seed)


def sliced(word: str) -> Any:
    return lambda claim: claim.about.slice == word


# S01: a group at exactly four fifths of its share of the population


def scarce(n: int, seed: int) -> Subject:
    """Half of the population, and 40 % of the rows; the other half is then off by a sixth, below what matters."""
    rng = draw("scarce", n, seed)
    c = np.where(rng.random(n) < 0.4, "a", "b")
    given = opened({"c": c, "x": rng.normal(size=n)}, Roles(), seed)
    return replace(given, evidence={"population": {"c": {"a": 0.5, "b": 0.5}}})


# S03: exactly one row in twenty has another class


def shifted(first: tuple[float, ...], second: tuple[float, ...]) -> Any:
    def make(n: int, seed: int) -> Subject:
        rng = draw(f"classes {first}", n, seed)
        k, words = len(first), np.array(list("abc"))
        roles = TWO if k == 2 else classes(k)
        sides = []
        for shares in (first, second):
            y = rng.choice(k, n, p=shares)
            made = binary(y == 1) if k == 2 else words[y]
            sides.append(opened({"x": rng.normal(size=n), "y": made}, roles, seed))
        return replace(sides[0], comparisons=(Comparison("a against b", sides[0].table, sides[1].table, kind="test"),))

    return make


# S06: sites that any column tells apart, whose class shares differ by exactly a tenth


def sites(n: int, seed: int) -> Subject:
    rng = draw("sites", n, seed)
    site = rng.random(n) < 0.5
    y = rng.random(n) < np.where(site, 0.55, 0.45)
    columns = {"x": rng.normal(size=n) + 4 * site, "site": np.where(site, "p", "q"), "y": binary(y)}
    return opened(columns, replace(TWO, site=Role(("site",))), seed)


# D11: two numbers that correlate at exactly .999


def alike(n: int, seed: int) -> Subject:
    rng = draw("alike", n, seed)
    x, z = rng.normal(size=(2, n))
    return opened({"a": x, "b": 0.999 * x + np.sqrt(1 - 0.999**2) * z, "c": rng.normal(size=n)}, Roles(), seed)


# D13: one column of two values whose only ranking has an AUC of exactly .556


def nearly_nothing(n: int, seed: int) -> Subject:
    rng = draw("nothing", n, seed)
    y = rng.random(n) < 0.5
    x = rng.random(n) < np.where(y, 0.556, 0.444)
    return opened({"x": x.astype(float), "y": binary(y)}, TWO, seed)


# D19: repeats of which exactly a tenth of the variance is noise (twins by name are a reading and have no level)


def repeats(rows_of_set: int, heavy: bool = False) -> Any:
    """Each owner is measured so many times; ``heavy``: what owners are, and what the meter adds, has a long tail."""

    def make(n: int, seed: int) -> Subject:
        rng = draw(f"repeats {rows_of_set} {heavy}", n, seed)
        sets = n // rows_of_set
        owner = np.repeat(np.arange(sets), rows_of_set)
        size, rows = rng.normal(size=sets), rng.normal(size=len(owner))
        if heavy:
            size, rows = rng.standard_t(5, sets) / np.sqrt(5 / 3), rng.laplace(size=len(owner)) / np.sqrt(2)
        columns = {"m": np.sqrt(0.9) * size[owner] + np.sqrt(0.1) * rows, "owner": np.char.add("o", owner.astype(str))}
        return opened(columns, Roles(group=Role(("owner",))), seed)

    return make


def about(name: str) -> Any:
    return lambda claim: claim.about.columns == (name,)


# K05: groups that mean nothing, so that a random split gains exactly nothing


def strangers(n: int, seed: int) -> Subject:
    rng = draw("strangers", n, seed)
    x, z = rng.normal(size=(2, n))
    y = rng.random(n) < 1 / (1 + np.exp(-x - 0.5 * z))
    owner = np.char.add("o", rng.integers(0, max(1, n // 8), n).astype(str))
    return opened({"x": x, "z": z, "owner": owner, "y": binary(y)}, replace(TWO, group=Role(("owner",))), seed)


def acquainted(n: int, seed: int) -> Subject:
    """Eight rows an owner, who has a trait that names them and a leaning of 0.81 in log-odds: at 3,000 rows a random
    split then gains two points of AUC, between 0.0152 at a leaning of 0.75 and 0.0222 at 0.835 (means of 40 and of 75
    tables, standard errors 0.0011 and 0.0011)."""
    rng = draw("strangers at two points", n, seed)
    owner = rng.integers(0, n // 8, n)
    trait, x, leaning = rng.normal(size=n // 8)[owner], rng.normal(size=n), rng.normal(size=n // 8)[owner]
    y = rng.random(n) < 1 / (1 + np.exp(-x - 0.81 * leaning))
    columns = {"x": x, "trait": trait, "owner": np.char.add("o", owner.astype(str)), "y": binary(y)}
    return opened(columns, replace(TWO, group=Role(("owner",))), seed)


# K07: a pipeline whose score on shuffled targets is above chance by exactly .02


def peeking(n: int, seed: int) -> Subject:
    rng, scores = draw("rows", n, seed), draw("peek", n, seed)
    y = rng.random(n) < 0.5
    given = opened({"x": rng.normal(size=n), "y": binary(y)}, TWO, seed)
    return replace(given, pipeline=lambda X, y: (0.52 + 0.05 * float(scores.normal()), 0.5))


# L01: labels of a plain rule, of which exactly one in two hundred is turned around


def turned(n: int, seed: int) -> Subject:
    """Six columns that tell the class only together, so that none is suspected of being the answer."""
    rng = draw("turned", n, seed)
    y = rng.random(n) < 0.5
    x = rng.normal(size=(6, n)) + np.where(y, 1.0, -1.0)
    return opened({f"x{i}": x[i] for i in range(6)} | {"y": binary(y ^ (rng.random(n) < 0.005))}, TWO, seed)


# L05: the largest value three times as frequent as the next


def cut_off(n: int, seed: int) -> Subject:
    """A scale of 40 values whose last holds 6 % and whose others above the middle hold 2 % each."""
    rng = draw("cut", n, seed)
    shares = np.append(np.full(39, 0.02), 0.06)
    shares[:20] = (1 - 0.06 - 19 * 0.02) / 20
    y = rng.choice(40, n, p=shares).astype(float)
    return opened({"x": rng.normal(size=n), "y": y}, NUMBER, seed)


# D08: exactly one row in a hundred has a near twin


def near(n: int, seed: int) -> Subject:
    """Pairs of rows with a hundredth of a percent of jitter; the other rows stand alone."""
    rng = draw("near", n, seed)
    pairs = rng.random(n) < 0.01 / (2 - 0.01)
    at = np.repeat(np.arange(n), np.where(pairs, 2, 1))[:n]
    return opened(jittered(plain_rows(n, rng), at, rng), Roles(), seed)


# S04: the same relation on both sides, so that the other side's model loses exactly nothing; and another one


def relation(turned: float) -> Any:
    """On the second side a share of outcomes is ``turned`` round. At 3,000 rows a share of 0.345 costs the challenge's
    learner a tenth (0.0861 at 0.32, mean of 50 tables, standard error 0.0027, and growing with the square)."""

    def make(n: int, seed: int) -> Subject:
        rng = draw("relation" if not turned else f"relation {turned}", n, seed)
        sides = []
        for share in (0.0, turned):
            x, z = rng.normal(size=(2, n))
            y = (rng.random(n) < 1 / (1 + np.exp(-x - 0.5 * z))) ^ (rng.random(n) < share)
            sides.append(opened({"x": x, "z": z, "y": binary(y)}, TWO, seed))
        pair = Comparison("a against b", sides[0].table, sides[1].table, kind="test")
        return replace(sides[0], comparisons=(pair,))

    return make


# L07: exactly one row in a hundred bears another name


def renamed(n: int, seed: int) -> Subject:
    """At a site with a tenth of the rows, a and b have each other's name; a tenth of the rows are a or b."""
    rng = draw("renamed", n, seed)
    site, kind = rng.random(n) < 0.1, rng.choice(3, n, p=(0.05, 0.05, 0.9))
    x, z = 4.0 * kind + rng.normal(size=n), rng.normal(size=n)
    names = np.where(site & (kind < 2), 1 - kind, kind)
    columns = {"x": x, "z": z, "site": np.where(site, "p", "q"), "y": np.array(list("abc"))[names]}
    return opened(columns, replace(classes(3), site=Role(("site",))), seed)


def at_site(name: str) -> Any:
    return lambda claim: (claim.about.slice or "").endswith(f" {name}")


def correlation(claim: Claim) -> bool:
    return claim.basis == "test" and set(claim.about.columns) == {"a", "b"}


CASES = (
    Case("S01", scarce, {"a group at four fifths of its share": every}, OPENED),
    Case("S03", shifted((0.5, 0.5), (0.45, 0.55)), {"two classes": every}, OPENED),
    Case("S03", shifted((0.4, 0.4, 0.2), (0.375, 0.375, 0.25)), {"three classes": every}, OPENED),
    Case("S06", sites, {"class shares of two sites, a tenth apart": every}, REFITS),
    Case("D11", alike, {"two numbers": correlation}, OPENED),
    Case("D13", nearly_nothing, {"AUC .556": every}, REFITS),
    Case("D19", repeats(3), {"noise of repeats in threes": about("m")}, OPENED),
    Case("D19", repeats(3, True), {"noise of repeats, long tails": about("m")}, OPENED),
    Case("K05", strangers, {"groups mean nothing, materiality 0": lambda c: c.basis == "test"}, FEW,
         Settings(thresholds={"K05": {"gain": 0.0}})),
    Case("K05", acquainted, {"groups worth two points": lambda c: c.basis == "test"}, (0, 200, 0)),
    Case("K07", peeking, {"score .02 above chance": every}, (200, 0, 0)),
    Case("D08", near, {"near twins in pairs": lambda c: c.basis == "test"}, OPENED),
    Case("S04", relation(0.345), {"a tenth more loss": every}, (0, 200, 0)),
    Case("S04", relation(0.0), {"the same relation, materiality 0": every}, FEW,
         Settings(thresholds={"S04": {"excess": 0.0}})),
    Case("L07", renamed, {"one row in a hundred renamed": at_site("p")}, (0, 200, 100)),
    Case("L01", turned, {"one label in two hundred": every}, FEW),
    Case("L05", cut_off, {"largest value, three times the next": sliced("the largest value")}, OPENED),
)  # fmt: skip

UNCOVERED = {
    "D12": "a test of equivalence of two learners: no table is known whose boosters differ by exactly the margin",
    "D14": "what twice the rows would save has no closed form for boosted trees",
    "L06": "what twice the labels would save has no closed form for the learners in use",
}
