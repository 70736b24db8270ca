"""K03: pairs and sums that make the target are named as such, with the part that must go."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.leakage import target_in_parts as K03
from tests.challenges.leakage.cases import flights, subject
from tests.challenges.real import real, stands

RNG = np.random.default_rng(2)
N = 4000


def out_of(claims):
    return {c.about.columns: tuple(c.evidence["leaves_out"]) for c in claims}


def test_pairs_of_clock_times():
    found = stands(K03, subject(flights(), asked_at="planned_out"))
    assert out_of(found) == {("planned_in", "true_in"): ("true_in",), ("planned_out", "true_out"): ("true_out",)}
    by_pair = {c.about.columns: c for c in found}
    assert by_pair["planned_in", "true_in"].basis == "test"
    assert by_pair["planned_out", "true_out"].ask


def test_pairs_that_part_the_classes_where_no_copy_is_in_the_table():
    table = {k: v for k, v in flights().items() if k not in ("late_in", "late_out")}
    found = stands(K03, subject(table, asked_at="planned_out"))
    assert ("planned_in", "true_in") in out_of(found)


def test_shuffled_target_is_silent():
    table = flights()
    table["y"] = table["y"].take(pa.array(np.random.default_rng(3).permutation(6000)))
    assert not stands(K03, subject(table, asked_at="planned_out"))


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_sum_and_its_noisy_twin(noise):
    a, b, c = RNG.poisson(40, N), RNG.poisson(90, N), RNG.normal(size=N)
    y = a + b + np.round(noise * RNG.normal(0, 6, N))
    found = stands(K03, subject({"a": a, "b": b, "c": c, "y": y.astype(float)}))
    assert out_of(found) == ({("a", "b"): ("a", "b")} if noise == 0 else {})


def test_a_known_formula_is_no_finding():
    a, b = RNG.poisson(40, N), RNG.poisson(90, N)
    made = subject({"a": a, "b": b, "c": RNG.normal(size=N), "y": (a + b).astype(float)}, known=["a", "b"])
    assert not stands(K03, made)


def test_real_truths():
    assert out_of(stands(K03, real("bike_hour.csv.gz", "cnt", id="instant"))) == {
        ("casual", "registered"): ("casual", "registered")
    }
    assert out_of(stands(K03, real("taxis.csv.gz", "tip"))) == {("fare", "tolls", "total"): ("total",)}
    assert out_of(stands(K03, real("taxis.csv.gz", "total"))) == {("fare", "tip", "tolls"): ("fare", "tip", "tolls")}


@pytest.mark.parametrize(
    ("name", "target"),
    [("adult.csv.gz", "income"), ("german_credit.csv", "risk"), ("diamonds.csv.gz", "price"), ("elec2.csv.gz", "class"),
     ("breast_cancer_wisconsin.csv", "class"), ("ames_housing.csv.gz", "SalePrice")],
)  # fmt: skip
def test_silent_on_honest_tables(name, target):
    assert not stands(K03, real(name, target))
