"""D10: keys by shape and count, many levels, batch numbers; measurements are not keys."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import identifier_columns as d10
from assay.core.subject import Role
from assay.testing import bare_subject
from tests.challenges.real import real, said, stands


def keys(claims: list) -> set[str]:
    return {c.about.columns[0] for c in claims if c.evidence.get("kind") == "key"}


@pytest.mark.slow  # large real tables; a generated twin is in every run
def test_truths() -> None:
    assert keys(stands(d10, real("telco_churn.csv.gz", "Churn"))) == {"customerID"}
    ames = stands(d10, real("ames_housing.csv.gz", "SalePrice"))
    assert keys(ames) == {"Order", "PID"}
    assert next(c for c in ames if c.about.columns == ("PID",)).evidence["alone"]["saved"] > 0.5
    assert keys(stands(d10, real("bike_hour.csv.gz", "cnt"))) == {"instant"}
    assert keys(stands(d10, real("diabetes_130.csv.gz", "readmitted"))) == {"encounter_id"}
    assert "diag_1" in said(d10, real("diabetes_130.csv.gz", "readmitted"))


def test_oil_counter_is_a_group_candidate_only_in_row_order() -> None:
    (claim,) = stands(d10, real("oil_spill.csv", "label", order="@row"))
    assert claim.about.columns == ("c0",)
    assert said(d10, real("oil_spill.csv", "label")) == ""
    for name, target in (("bank_marketing.csv.gz", "y"), ("elec2.csv.gz", "class")):
        assert said(d10, real(name, target, order="@row")) == ""


@pytest.mark.parametrize("seed", range(4))
def test_generated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 500
    table = pa.table({
        "serial": rng.permutation(n) + 7, "parcel": rng.permutation(2000)[:n] * 10 + 526_000_000,
        "hash": [f"{v:016x}" for v in rng.integers(2**60, 2**62, n)], "salary": np.exp(rng.normal(10, 0.6, n)).round(),
        "reading": rng.normal(size=n), "age": rng.integers(18, 90, n), 
        "name": [f"Anna {v} of Ulm in the far south" for v in "abcde"] * (n // 5),
        "outcome": rng.choice(["no", "yes"], n),
    })  # fmt: skip
    assert keys(stands(d10, bare_subject(table))) == {"serial", "parcel", "hash"}


def test_a_key_with_signal_inflates_only_while_it_is_a_feature() -> None:
    number = np.random.default_rng(0).permutation(600) + 1
    table = pa.table({"serial": number, "x": np.resize([0.5, 1.5, 2.5], 600),
                      "outcome": np.where(number > 300, "yes", "no")})  # fmt: skip
    subject = bare_subject(table)
    fed = replace(subject, roles=replace(subject.roles, id=None))
    out = replace(subject, roles=replace(subject.roles, id=Role(("serial",), "guess")))
    (loud,), (quiet,) = ([c for c in stands(d10, s) if c.about.columns == ("serial",)] for s in (fed, out))
    assert loud.impact.kind == "inflates"
    assert quiet.impact.kind == "tidy"
    assert quiet.evidence["alone"]["material"]
    assert "left out of the features" in quiet.says


def test_guessed_ids_of_ames_are_advice() -> None:
    claims = [c for c in stands(d10, real("ames_housing.csv.gz", "SalePrice")) if c.evidence.get("kind") == "key"]
    assert {c.impact.kind for c in claims} == {"tidy"}


def test_places_in_an_order_are_no_keys() -> None:
    rng = np.random.default_rng(5)
    n = 600
    order = np.cumsum(1 + (rng.random(n) < 0.1))
    score = np.sort(rng.normal(5, 1, n))[::-1]
    for name, beside, found in (
        ("position_held", score, False),  # in step with a score
        ("position_held", rng.permutation(score), True),
        ("dayTime", rng.permutation(score), False),
        ("rank", rng.permutation(score), False),
        ("day_no", rng.permutation(score), True),
        ("column_1", score, True),
    ):
        table = pa.table({name: order, "score": beside, "outcome": rng.choice(["no", "yes"], n)})
        assert (name in said(d10, bare_subject(table))) is found, (name, found)
