"""D05: what no tail explains, what another unit explains, zeros in vain; heavy tails and states stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.audit.ranking import finding
from assay.challenges.data import impossible_values as d05
from assay.core.settings import Settings
from assay.core.table import F64, SampleSpec
from assay.stats.tails import gap_p
from assay.tables.recipe import apply
from assay.testing import bare_subject
from tests.challenges.real import real, said, stands

Make = Callable[[np.random.Generator, int], F64]
AGE: Make = lambda r, n: r.integers(18, 91, n).astype(float)  # noqa: E731
HEIGHT: Make = lambda r, n: r.normal(170, 9, n).round(1)  # noqa: E731
INCOME: Make = lambda r, n: r.lognormal(10, 0.7, n).round()  # noqa: E731


def one(x: F64, **more: F64) -> pa.Table:
    return pa.table({"x": x, **more, "outcome": np.resize(["no", "yes", "no"], len(x))})


def test_ames_garage_of_2207_and_no_large_home() -> None:
    (claim,) = stands(d05, real("ames_housing.csv.gz", "SalePrice", id=["Order", "PID"]))
    assert claim.says.startswith("Garage Yr Blt looks impossible in 1 row: 2207")
    assert claim.about.rows.total == 1


def test_diamonds() -> None:
    claims = {c.about.columns: c for c in stands(d05, real("diamonds.csv.gz", "price"))}
    assert claims["x", "y", "z"].evidence["counts"] == {"x": 8, "y": 7, "z": 20}
    assert claims["y",].about.rows.total == 2
    assert claims["z",].about.rows.total == 1


def test_bike_humidity_and_taxi_distance() -> None:
    (claim,) = stands(d05, real("bike_hour.csv.gz", "cnt", order="dteday", id="instant"))
    assert claim.about.columns == ("hum",)
    assert claim.about.rows.total == 22
    (claim,) = stands(d05, real("taxis.csv.gz", "tip", order="pickup"))
    assert claim.about.columns == ("distance",)
    assert claim.about.rows.total == 51


@pytest.mark.parametrize(
    ("name", "target"),
    [("titanic.csv", "survived"), ("wine_quality.csv.gz", "quality"),
     ("pima_diabetes.csv", "diabetes"), ("air_quality.csv.gz", "CO_GT"),
     ("heart_disease_sites.csv", "num"), ("oil_spill.csv", "label")],
)  # fmt: skip
def test_silent_on_real_values(name: str, target: str) -> None:
    assert said(d05, real(name, target)) == ""


@pytest.mark.parametrize(
    ("make", "change", "share"),
    [(AGE, 1000, 0.02), (AGE, 1000, 0.005), (AGE, 1000, 0.001), (AGE, 100, 0.02), (HEIGHT, 1 / 2.54, 0.02),
     (HEIGHT, 0.01, 0.02), (INCOME, 0.001, 0.02)],
)  # fmt: skip
def test_another_unit_is_found_and_brought_back(make: Make, change: float, share: float) -> None:
    rng = np.random.default_rng(0)
    good = make(rng, 1_500)
    at = rng.permutation(1_500)[: round(share * 1_500)]
    bad = good.copy()
    bad[at] *= change
    subject = bare_subject(one(bad))
    (claim,) = stands(d05, subject)
    assert set(claim.about.rows.positions) == set(at)
    if len(at) < 5:  # too few to tell the unit: made missing
        return
    remedy = finding(d05, claim, None, subject, Settings()).remedy
    assert remedy.safety == "unsafe"
    mended = apply(remedy.ops, subject.table.sample(SampleSpec(n=1_500)))
    assert np.allclose(mended.numbers("x")[np.argsort(mended.position)], good)


def test_fahrenheit_among_celsius_is_named_without_a_repair() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(18, 3, 2_000).round(1)
    x[:40] = x[:40] * 1.8 + 32
    subject = bare_subject(one(x))
    (claim,) = stands(d05, subject)
    assert "degrees Fahrenheit in 40 rows" in claim.says
    assert finding(d05, claim, None, subject, Settings()).remedy is None


def test_one_site_in_other_units() -> None:
    rng = np.random.default_rng(2)
    site = np.resize(["east", "north", "south"], 600)
    height = np.where(site == "south", rng.normal(66, 3, 600), rng.normal(170, 8, 600))
    table = one(height, y=rng.normal(5, 1, 600)).append_column("site", pa.array(site))
    subject = open_subject(table, target="outcome", roles={"site": "site"}, cache=False)
    (claim,) = stands(d05, subject)
    assert "2.54 times too small in 200 rows of site south, as inches are among centimetres" in claim.says
    honest = table.set_column(0, "x", pa.array(rng.normal(170, 8, 600) * np.where(site == "south", 1.3, 1.0)))
    assert said(d05, open_subject(honest, target="outcome", roles={"site": "site"}, cache=False)) == ""


def honest(n: int, seed: int) -> pa.Table:
    r = np.random.default_rng([seed, n])
    columns = {
        "lognormal": r.lognormal(3, 2, n), "pareto": r.pareto(1.5, n) + 1,
        "income": 1000 * np.abs(r.standard_cauchy(n)),
        "count": r.negative_binomial(0.5, 0.05, n), "spent": np.where(r.random(n) < 0.9, 0, r.lognormal(7, 1.2, n)),
        "fare": np.where(r.random(n) < 0.017, 0, r.lognormal(2.6, 0.9, n) + 4), "student": r.standard_t(2, n),
        "delay": np.where(r.random(n) < 0.3, r.exponential(40, n), r.normal(-5, 6, n)).round(),
        "mixed": np.where(r.random(n) < 0.03, r.lognormal(6, 0.5, n), r.lognormal(3, 0.5, n)),
        "warmth": r.normal(12, 8, n).round(1), "school": np.clip(r.normal(12, 3, n).round(), 0, 20),
        "children": r.poisson(1.5, n), "weibull": r.weibull(0.5, n), "debt": r.laplace(0, 100, n),
    }  # fmt: skip
    return pa.table({**columns, "outcome": np.resize(["no", "yes", "no"], n)})


def test_heavy_tails_and_states_stay() -> None:
    """Fourteen honest columns in each of 18 tables: one in a hundred tables is allowed for each kind of claim."""
    hits = [said(d05, bare_subject(honest(n, seed))) for seed in range(6) for n in (150, 900, 3_000)]
    assert sum(map(bool, hits)) <= 2, hits


def test_zeros_that_others_contradict_and_zeros_that_they_share() -> None:
    rng = np.random.default_rng(3)
    way = rng.gamma(1.2, 2.5, 2_000).round(2) + 0.01
    price = 3 + 2 * way + rng.normal(0, 0.3, 2_000)
    way[:20] = 0
    (claim,) = stands(d05, bare_subject(one(way, price=price)))
    assert claim.about.columns == ("x",)
    assert claim.about.rows.total == 20
    price[:20] = 3 + rng.normal(0, 0.3, 20)  # zero is what the price says too
    assert said(d05, bare_subject(one(way, price=price))) == ""


def test_what_d02_names_is_left_to_it() -> None:
    x = np.random.default_rng(4).normal(120, 12, 800).round()
    x[:30] = 0
    assert said(d05, bare_subject(one(x))) == ""
    x[1:30] = 121
    assert "where it is 0 (1 row)" in said(d05, bare_subject(one(x)))


def test_the_level_of_the_gap() -> None:
    """In a Pareto tail the p-value of a gap is uniform: five in a hundred below .05."""
    rng = np.random.default_rng(5)
    p = [gap_p(np.sort(rng.pareto(1.5, 400) + 1)[::-1], 2, 40) for _ in range(2_000)]
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 0.015


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("column", ["years at school", "hours a week", "dark pixels"])
def test_unit_slip_among_values_that_repeat(column: str, share: float) -> None:
    """Few different values, and zeros in the rest of the rows: equal shapes are equal on the grid of the column."""
    rng, n = np.random.default_rng(6), 2_000
    x = {
        "years at school": np.clip(rng.normal(10, 2.5, n).round(), 1, 16),
        "hours a week": np.where(rng.random(n) < 0.45, 40, np.clip(rng.normal(40, 12, n).round(), 1, 99)),
        "dark pixels": rng.integers(1, 17, n).astype(float),
    }[column]
    x = np.where(rng.random(n) < share, x, 0.0)
    assert said(d05, bare_subject(one(x))) == ""
    at = np.flatnonzero(x)[:40]
    x[at] *= 1000
    (claim,) = stands(d05, bare_subject(one(x)))
    assert claim.evidence["parts"][0]["kind"] == "unit"
    assert set(claim.about.rows.positions.tolist()) == set(at.tolist())


def test_unit_slip_downwards_leaves_zeros_alone() -> None:
    rng = np.random.default_rng(7)
    x = np.where(rng.random(2_000) < 0.6, rng.lognormal(3, 0.4, 2_000).round(1), 0.0)
    at = np.flatnonzero(x)[:40]
    x[at] /= 1000
    (claim,) = stands(d05, bare_subject(one(x)))
    assert set(claim.about.rows.positions.tolist()) == set(at.tolist())
