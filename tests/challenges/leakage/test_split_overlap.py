"""K04: copies on both sides, exact and jittered; coarse tables and default rows are not copies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.challenges.leakage import split_overlap as K04
from assay.core.subject import Comparison
from assay.tables import open_table
from tests.challenges.leakage.cases import subject
from tests.challenges.real import real, stands

RNG = np.random.default_rng(3)


def table(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(size=n), "b": rng.gamma(2, 3, n), "c": rng.choice(list("uvw"), n), "y": rng.random(n) < 0.5}


@pytest.mark.parametrize(("jitter", "kind"), [(0.0, "equal"), (0.001, "near")])
def test_copies_exact_and_jittered(jitter, kind):
    made = table()
    for values in made.values():
        values[:60] = values[100:160]
        if values.dtype == np.float64:
            values[:60] += jitter * np.std(values) * RNG.normal(size=60)
    claims = stands(K04, subject(made))
    assert [c.evidence["kind"] for c in claims] == [kind]
    assert 0.8 * 0.06 <= claims[0].effect.value <= 0.061  # near: less what chance may have given
    assert not stands(K04, subject(table()))


@pytest.mark.parametrize("jitter", [0.0, 0.001])
def test_between_two_tables(jitter):
    import pyarrow as pa

    first, second = table(seed=1), table(seed=2)
    for name, values in second.items():
        values[:90] = first[name][:90]
        if values.dtype == np.float64:
            values[:90] += jitter * np.std(values) * RNG.normal(size=90)
    made = subject(first)
    pair = Comparison("train against test", made.table, open_table(pa.table(second), name="test"))
    claims = stands(K04, replace(made, comparisons=(pair,)))
    assert len(claims) == 1
    assert claims[0].about.comparison == "train against test"
    assert 0.8 * 0.06 <= claims[0].effect.value <= 0.061


def test_near_copies_in_more_numbers_than_the_tree_has_sides():
    wide = {f"x{i:02}": RNG.normal(size=1500) for i in range(20)} | {"y": RNG.random(1500) < 0.5}
    for name, values in wide.items():
        values[:60] = values[100:160] + (0.001 * RNG.normal(size=60) if name != "y" else 0)
    claims = stands(K04, subject(wide))
    assert [c.evidence["kind"] for c in claims] == ["near"]
    for values in wide.values():
        values[:60] = RNG.permutation(values[:60])
    assert not stands(K04, subject(wide))


def test_one_number_moved_among_many_columns_that_agree():
    """A nearly unique text and codes agree; only one of the numbers is no code."""
    n = 2000
    made = {f"q{i}": RNG.choice(list("abc"), n) for i in range(6)} | {"y": RNG.random(n) < 0.5}
    made |= {"months": RNG.integers(1, 73, n), "price": np.round(RNG.uniform(20, 120, n) * 20) / 20}
    made["total"] = np.array([f"{a * b:.2f}" for a, b in zip(made["months"], made["price"], strict=True)])
    assert not stands(K04, subject(made))
    for name, values in made.items():
        values[:80] = values[100:180]
        if name == "price":
            values[:80] += 0.03 * RNG.normal(size=80)
    (claim,) = stands(K04, subject(made))
    assert claim.evidence["kind"] == "near"
    assert 0.05 <= claim.effect.value <= 0.061


def test_whole_numbers_are_planted_too():
    counts = {
        "big": RNG.integers(0, 90_000, 2000),
        "age": RNG.integers(18, 80, 2000),
        "place": RNG.integers(0, 50, 2000),
    }
    made = subject(counts | {"c": RNG.choice(list("abc"), 2000), "y": RNG.random(2000) < 0.5})
    planted = K04.plant(made, 0.05, np.random.default_rng(0))
    assert planted.subject.table.column("big").storage == made.table.column("big").storage
    (claim,) = stands(K04, planted.subject)
    assert claim.effect.value == pytest.approx(planted.true_effect, abs=0.015)


def test_coarse_columns_are_not_copies():
    made = {f"q{i}": RNG.integers(0, 3, 2000) for i in range(6)} | {"y": RNG.random(2000) < 0.5}
    assert not stands(K04, subject(made))


def test_equal_rows_of_one_group_stay_together():
    made = table() | {"who": np.arange(1500) // 3}
    for values in made.values():
        values[1::3] = values[::3]
    assert not stands(K04, subject(made, group="who"))


def test_wine_shares_a_quarter_of_a_random_test():
    claims = stands(K04, real("wine_quality.csv.gz", "quality"))
    assert [c.basis for c in claims] == ["exact"]
    assert 0.24 < claims[0].effect.value < 0.30


@pytest.mark.parametrize(
    ("name", "target", "roles"),
    [("adult.csv.gz", "income", {"split": "split"}), ("german_credit.csv", "risk", {}),
     ("diamonds.csv.gz", "price", {}),
     ("breast_cancer_wisconsin.csv", "class", {"group": "id"}), ("titanic.csv", "survived", {})],
)  # fmt: skip
def test_silent_on_honest_tables(name, target, roles):
    assert not stands(K04, real(name, target, **roles))
