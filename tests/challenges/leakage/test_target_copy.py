"""K01: the target in other words is named, a strong honest column is not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.leakage import target_copy as K01
from tests.challenges.leakage.cases import subject
from tests.challenges.real import real, stands

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2000, 3))
Y = X[:, 0] * 3 + X[:, 1] + RNG.logistic(size=2000) > 0


def columns_of(claims):
    return {c.about.columns[0] for c in claims}


@pytest.mark.parametrize(
    "copy",
    [
        np.where(Y, "alive", "dead"),
        np.where(Y, RNG.integers(16, 90, 2000), RNG.integers(-9, 16, 2000)),
        Y.astype(float),
    ],
    ids=["words", "measurement behind a threshold", "number"],
)
def test_a_copy_in_any_dress_is_named_and_its_twin_is_not(copy):
    honest = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y}
    assert columns_of(stands(K01, subject({**honest, "copy": copy}))) == {"copy"}
    assert not stands(K01, subject({**honest, "copy": RNG.permutation(copy)}))


@pytest.mark.parametrize("change", [lambda y: y * 1.8 + 32, np.exp, lambda y: -(y**3)], ids=["line", "exp", "cube"])
def test_a_number_in_other_units(change):
    y = X @ [2.0, 1.0, 0.5] + RNG.normal(size=2000)
    honest = {"a": X[:, 0], "b": X[:, 1], "y": y}
    assert columns_of(stands(K01, subject({**honest, "copy": change(y)}))) == {"copy"}
    assert not stands(K01, subject({**honest, "copy": change(y + 0.2 * RNG.normal(size=2000))}))


def test_many_zeros_do_not_make_a_copy():
    """A target that is zero in 97 % of rows is told rightly in 97 % of rows by anything."""
    y = np.where(RNG.random(2000) < 0.97, 0.0, RNG.gamma(2, 50, 2000))
    assert not stands(K01, subject({"a": X[:, 0], "b": X[:, 1], "y": y}))


def test_holes_alone_are_not_a_copy():
    """What only holes tell is the business of K02."""
    filled = pa.array(np.ones(2000), mask=~Y)
    assert not stands(K01, subject({"a": X[:, 0], "filled": filled, "y": Y}))


def test_the_users_word_settles_it():
    table = {"a": X[:, 0], "copy": Y.astype(int), "y": Y}
    assert not stands(K01, subject(table, known=["copy"]))


def test_titanic_and_compas():
    assert columns_of(stands(K01, real("titanic.csv", "survived"))) == {"alive"}
    assert columns_of(stands(K01, real("compas.csv.gz", "two_year_recid"))) == {"is_recid"}


@pytest.mark.parametrize(
    ("name", "target"),
    [("adult.csv.gz", "income"), ("german_credit.csv", "risk"), ("diamonds.csv.gz", "price"),
     ("breast_cancer_wisconsin.csv", "class")],
)  # fmt: skip
def test_silent_on_honest_tables(name, target):
    assert not stands(K01, real(name, target))


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_silent_on_teaching_tables(name):
    datasets = pytest.importorskip("sklearn.datasets")
    made = getattr(datasets, f"load_{name}")()
    columns = {str(c): made.data[:, i] for i, c in enumerate(made.feature_names)}
    assert not stands(K01, subject({**columns, "y": made.target}))
