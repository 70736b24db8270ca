"""How often a report claims what is not there (DESIGN section 5): small versions of ``benchmarks/nulls.py``."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.audit.catalogue import catalogue
from assay.core.settings import Settings
from assay.tables import make_partition, open_table
from assay.testing import judge

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
nulls = importlib.import_module("nulls")
tables = importlib.import_module("null_tables")

CHEAP = [i for i, case in enumerate(nulls.CASES) if case.code in ("D01", "M07", "M08")]
NAMES = {i: f"{case.code} {next(iter(case.nulls))}" for i, case in enumerate(nulls.CASES)}
FULL = nulls.SIZES[1]


def levels_of(index: int, n: int, count: int) -> list[nulls.Level]:
    return list(nulls.levels(index, n, [nulls.boundary(index, n, range(count))], count))


def index_of(words: str) -> int:
    return next(i for i, case in enumerate(nulls.CASES) if words in case.nulls)


def test_every_claim_that_is_a_test_has_a_boundary_null():
    """Or stands in the list of those for which none is known, with the reason."""
    assert nulls.unproven() == set(nulls.UNCOVERED) & set(catalogue())
    assert all(nulls.UNCOVERED.values())


@pytest.mark.parametrize("index", CHEAP, ids=NAMES.get)
def test_levels_hold_where_the_effect_is_at_its_materiality(index: int):
    for level in levels_of(index, FULL, 40):
        assert level.looked == level.tables, f"{level.what}: the claim must be made"
        assert level.holds, level


@pytest.mark.parametrize(
    ("words", "error"),
    [("half of the holes where unknown", 0.027), ("one class of two", 0.019), ("copy, even classes", 0.0057)],
)
def test_the_planted_effect_is_the_materiality(words: str, error: float):
    """``error`` is the binomial standard error of one table; four of the mean's are allowed."""
    (level,) = levels_of(index_of(words), FULL, 40)
    assert level.effect == pytest.approx(level.materiality, abs=4 * error / np.sqrt(40))


def test_a_level_that_does_not_hold_is_seen():
    """The same tables under a threshold below their effect are found: what a broken test would look like."""
    index = index_of("one class of two")
    lower = replace(nulls.CASES[index], settings=Settings(thresholds={"M08": {"shortfall": -0.05}}))
    kept = nulls.CASES
    try:
        nulls.CASES = (lower,)
        (level,) = levels_of(0, FULL, 20)
    finally:
        nulls.CASES = kept
    assert level.low >= 18
    assert not level.holds


def test_a_drawn_table_is_judged_as_the_engine_would():
    module = catalogue()["D01"]
    for index in (i for i in CHEAP if nulls.CASES[i].code == "D01"):
        drawn = nulls.CASES[index].make(600, 1)
        table = open_table(drawn.table.arrow(), name="same").with_ids(())
        same = replace(drawn, table=table, partition=make_partition(table, drawn.roles, 1))
        ours, engine = ([(c.says, c.p, c.effect.value) for c in judge(module, s).run.claims] for s in (drawn, same))
        assert ours == engine
        assert any(p is not None for _, p, _ in ours)


def test_a_permuted_target_says_nothing():
    assert tables.permuted("iris", 1) == ()


def test_a_clean_table_is_reported_clean():
    assert tables.clean("iris", (), 0).other == ()


SOMETIMES = ("searched slice", "the better of line and tree")  # a search or a race decides whether a claim is made


@pytest.mark.slow
@pytest.mark.parametrize("index", [i for i in NAMES if i not in CHEAP], ids=NAMES.get)
def test_every_level_holds(index: int):
    count = 25 if nulls.CASES[index].refits else 100
    for level in levels_of(index, FULL, count):
        if level.what.startswith(SOMETIMES):
            assert level.looked >= 0.1 * level.tables
            level = replace(level, tables=level.looked)  # its level among the claims that were made
        assert level.looked > 0.9 * level.tables
        assert level.holds, level


@pytest.mark.slow
@pytest.mark.parametrize("mix", nulls.MIXES, ids=lambda mix: f"{mix.code} {mix.what}")
def test_false_discoveries_among_true_ones(mix: nulls.Mix):
    rows = min(mix.tables)
    got = nulls.summary(mix, rows, nulls.mixed(nulls.MIXES.index(mix), rows, range(15)))
    assert got.holds, got
    assert got.found > 0.5, "a proof of few false discoveries needs true ones"


@pytest.mark.slow
def test_permuted_targets():
    names = tables.PACKAGED
    found = {(name, seed): tables.permuted(name, seed) for name in names for seed in range(2, 6)}
    assert sum(bool(codes) for codes in found.values()) <= 1, found


@pytest.mark.slow
def test_clean_tables():
    made = [tables.clean("generated", needs, seed) for needs in tables.CLEAN_NEEDS for seed in (20, 21)]
    made += [tables.clean(name, (), 1) for name in tables.PACKAGED]
    assert sum(len(m.true) + len(m.other) for m in made) <= tables.MOST_FINDINGS * len(made), made
    assert sum(len(m.other) for m in made) <= 1, made
