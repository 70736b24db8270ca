"""L05: caps, outcomes recorded for some only, and windows that are not yet closed."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.labels import censored_target as l05
from assay.core.subject import Subject
from assay.testing import clean_subject, judge
from tests.challenges.real import real, stands


def opened(columns: dict, **roles: str) -> Subject:
    return open_subject(pa.table(columns), target="y", roles=roles, cache=False)


def test_tips_are_recorded_for_cards_only() -> None:
    (claim,) = stands(l05, real("taxis.csv.gz", "tip", order="pickup"))
    assert "cash (1,812 rows)" in claim.says
    assert "9.9 %" in claim.says


def test_the_window_of_compas() -> None:
    (claim,) = stands(l05, real("compas.csv.gz", "two_year_recid", order="compas_screening_date"))
    assert "all 998 rows from compas_screening_date 2014-04-02 on" in claim.says


@pytest.mark.parametrize(
    ("name", "target", "order"),
    [("diamonds.csv.gz", "price", None), ("ames_housing.csv.gz", "SalePrice", None),
     ("elec2.csv.gz", "class", "@row"), ("bank_marketing.csv.gz", "y", "@row"),
     ("air_quality.csv.gz", "CO_GT", "Date")],
)  # fmt: skip
def test_silent_where_nothing_is_censored(name: str, target: str, order: str | None) -> None:
    assert not stands(l05, real(name, target, **({"order": order} if order else {})))


def test_generated_twins() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    paid = rng.choice(["card", "cash"], n, p=[0.7, 0.3])
    tip = np.where((paid == "cash") | (rng.random(n) < 0.1), 0.0, rng.gamma(3, 1, n))
    (claim,) = stands(l05, opened({"x": rng.normal(size=n), "paid": paid, "y": tip}))
    assert claim.effect.value == (paid == "cash").mean()
    day = np.arange(n)
    closed = np.where(day >= 2600, "yes", rng.choice(["no", "yes"], n, p=[0.6, 0.4]))
    (claim,) = stands(l05, opened({"x": rng.normal(size=n), "day": day, "y": closed}, order="day"))
    assert claim.evidence["rows"] >= 400
    assert claim.about.rows is not None
    assert claim.about.rows.total == claim.evidence["rows"]


@pytest.mark.parametrize("side", [1, -1])
def test_a_cap_on_either_side(side: int) -> None:
    rng = np.random.default_rng(1)
    y = side * np.minimum(rng.normal(20, 8, 3000), 30)
    (claim,) = stands(l05, opened({"x": rng.normal(size=3000), "y": y}))
    assert claim.evidence["kind"] == "edge"
    assert abs(claim.evidence["value"]) == 30


def test_stand_ins_zeros_scales_and_rare_levels_are_no_caps() -> None:
    rng = np.random.default_rng(2)
    n = 3000
    x = rng.normal(size=n)
    apart = np.where(rng.random(n) < 0.2, -200.0, rng.gamma(3, 1, n))
    assert not stands(l05, opened({"x": x, "y": apart}))
    zeros = np.where(rng.random(n) < 0.4, 0.0, rng.gamma(3, 1, n))
    rare = rng.choice([f"k{i}" for i in range(400)], n)
    assert not stands(l05, opened({"x": x, "rare": rare, "y": zeros}))
    heaped = np.round(rng.normal(200, 60, n) / 50) * 50
    assert not stands(l05, opened({"x": x, "y": np.where(rng.random(n) < 0.5, heaped, rng.normal(200, 60, n))}))


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_order_shows_no_window(seed: int) -> None:
    assert judge(l05, clean_subject(2000, seed, ("target", "order"))).decision.verdict != "found"


def test_long_runs_of_one_class_are_no_window() -> None:
    rng = np.random.default_rng(3)
    state = np.repeat(rng.choice(["down", "up"], 30), 100)
    state[-100:] = "up"
    assert not stands(l05, opened({"x": rng.normal(size=3000), "day": np.arange(3000), "y": state}, order="day"))
