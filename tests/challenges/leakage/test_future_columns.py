"""K02: holes that follow the outcome, holes shared with a leak, dates after the question; tailnum-like columns not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.leakage import future_columns as K02
from assay.probes.signs import information
from tests.challenges.leakage.cases import flights, give, subject
from tests.challenges.real import real, stands

RNG = np.random.default_rng(1)
N = 2000
X = RNG.normal(size=(N, 7))
Y = X @ [0.6, 0.6, 0.4, 0.3, 0, 0, 0] + RNG.logistic(size=N) > 0.5
HONEST = {f"x{i}": X[:, i] for i in range(7)} | {"y": np.where(Y, "yes", "no")}


def names(claims):
    return {c.about.columns[0] for c in claims}


@pytest.mark.parametrize(("rest", "found"), [(0.02, True), (0.05, True), (0.3, False), (1.0, False)])
def test_filled_only_when_it_happened(rest, found):
    filled = Y | (RNG.random(N) < rest)
    made = stands(K02, subject({**HONEST, "reason": pa.array(RNG.gamma(2, 9, N), mask=~filled)}))
    assert names(made) == ({"reason"} if found else set())
    assert all(c.basis == "test" and c.ask for c in made)


def test_journeys_by_general_rules_alone():
    made = subject(flights(), asked_at="planned_out")
    suspects = give(made, "suspects")
    assert set(suspects) == {"late_in", "late_out", "true_in", "true_out", "in_air"}
    assert suspects["in_air"].strength == "exact"
    assert suspects["in_air"].partner == "late_in"
    assert suspects["true_in"].by == "K03"
    assert suspects["true_out"].ask
    claims = {c.about.columns[0]: c for c in stands(K02, made)}
    assert set(claims) == {"late_out", "true_out", "in_air"}
    assert "ASK" in claims["late_out"].says
    assert claims["late_out"].evidence["score"]["with"] > claims["late_out"].evidence["score"]["without"]
    assert set(give(made, "honest")) == {"planned_out", "planned_in", "plate", "line", "miles", "berth"}


def test_the_users_word():
    table = flights()
    known = subject(table, asked_at="planned_out", known=["late_out", "true_out"])
    assert set(give(known, "suspects")) == {"late_in", "true_in", "in_air"}
    unknown = subject(table, asked_at="planned_out", unknown=["line"])
    assert next(c for c in stands(K02, unknown) if c.about.columns == ("line",)).basis == "exact"


def test_the_target_shuffled_means_silence():
    table = flights()
    order = np.random.default_rng(5).permutation(6000)
    made = subject({**table, "y": table["y"].take(pa.array(order))}, asked_at="planned_out")
    assert not stands(K02, made)
    assert not give(made, "suspects")


def test_rows_that_are_empty_throughout_are_no_sign():
    empty = RNG.random(N) < 0.05
    table = {k: pa.array(v, mask=empty) for k, v in HONEST.items()}
    assert not stands(K02, subject(table))


def test_one_strong_column_of_few_telling_ones_is_not_too_good():
    z = 2.5 * X[:, 0] + X[:, 1] + 0.5 * X[:, 2]
    y = RNG.random(N) < 1 / (1 + np.exp(-z))
    assert not stands(K02, subject({**HONEST, "y": np.where(y, "yes", "no")}))


def test_information_of_a_score():
    assert information(0.5, "binary") == 0
    assert information(0.7602, "binary") == pytest.approx(1.0, abs=1e-3)  # d' 1 is an AUC of Phi(1 / sqrt 2)
    assert information(0.5, "regression") == 1


@pytest.mark.slow  # large real tables; a generated twin is in every run
def test_real_truths():
    bank = stands(K02, real("bank_marketing.csv.gz", "y", order="@row"))
    assert names(bank) == {"duration"}
    assert bank[0].ask and bank[0].basis == "heuristic"
    compas = names(stands(K02, real("compas.csv.gz", "two_year_recid", order="compas_screening_date", group="id")))
    assert {"r_offense_date", "r_charge_degree", "r_charge_desc", "r_jail_in", "r_jail_out"} <= compas
    assert all(c.startswith(("r_", "vr_")) or c in ("end", "event") for c in compas)  # all written at follow-up


@pytest.mark.parametrize(
    ("name", "target"),
    [pytest.param("adult.csv.gz", "income", marks=pytest.mark.slow), ("german_credit.csv", "risk"),
     pytest.param("diamonds.csv.gz", "price", marks=pytest.mark.slow), ("titanic.csv", "survived"),
     ("breast_cancer_wisconsin.csv", "class"),
     pytest.param("ames_housing.csv.gz", "SalePrice", marks=pytest.mark.slow)],
)  # fmt: skip
def test_silent_on_honest_tables(name, target):
    assert not stands(K02, real(name, target))
