"""D02: words by exact count, numbers by shape; what is a value stays a value."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import disguised_missing as d02
from assay.testing import bare_subject
from tests.challenges.real import real, said, stands


def columns_of(claims: list, shown: str) -> set[str]:
    return {c for claim in claims if claim.evidence["shown"] == shown for c in claim.about.columns}


def test_pima_zeros_but_not_pregnancies() -> None:
    claims = stands(d02, real("pima_diabetes.csv", "diabetes"))
    assert columns_of(claims, "0") == {"insulin", "skin_thickness", "blood_pressure", "bmi", "glucose"}
    assert claims[0].evidence["cells"]["insulin"] == 374


def test_air_quality() -> None:
    found = columns_of(stands(d02, real("air_quality.csv.gz", "CO_GT")), "-200")
    assert len(found) == 13
    assert {"NMHC_GT", "CO_GT", "T", "AH"} <= found


def test_heart_by_site() -> None:
    claims = stands(d02, real("heart_disease_sites.csv", "num"))
    assert {"ca", "thal", "slope"} <= columns_of(claims, "-9")
    assert columns_of(claims, "0") == {"chol"}
    assert {"ca", "fbs"} <= columns_of(claims, "'?'")
    ninth = next(c for c in claims if c.evidence["shown"] == "-9")
    assert {v for v, k in ninth.evidence["by_site"].items() if k} == {"hungarian"}


def test_bank_and_adult() -> None:
    bank = stands(d02, real("bank_marketing.csv.gz", "y"))
    assert columns_of(bank, "-1") == {"pdays"}
    assert columns_of(bank, "'unknown'") == {"contact", "education", "job", "poutcome"}
    adult = stands(d02, real("adult.csv.gz", "income"))
    assert columns_of(adult, "'?'") == {"workclass", "occupation", "native-country"}
    assert columns_of(adult, "99999") == {"capital-gain"}


@pytest.mark.parametrize(
    ("name", "target"),
    [("titanic.csv", "survived"), ("wine_quality.csv.gz", "quality"), ("german_credit.csv", "risk"),
     ("bike_hour.csv.gz", "cnt"), ("oil_spill.csv", "label"), ("compas.csv.gz", "two_year_recid")],
)  # fmt: skip
def test_silent_on_real_values(name: str, target: str) -> None:
    assert said(d02, real(name, target)) == ""


@pytest.mark.parametrize("seed", range(5))
def test_generated_shapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 600
    good = {
        "children": rng.poisson(1.5, n), "debt": rng.normal(0, 100, n).round(1),
        "rain": rng.exponential(3, n) * (rng.random(n) < 0.4), "heart": rng.normal(70, 9, n).round(),
        "answer": rng.choice([-1, 0, 1], n), "income": np.exp(rng.normal(10, 1, n)).round(),
        "years": rng.integers(0, 12, n),
    }  # fmt: skip
    bad = {
        "pressure": rng.normal(120, 14, n).round(),
        "wait": rng.gamma(2, 8, n).round(1),
        "age": rng.integers(18, 90, n),
    }
    for name, code in (("pressure", 0), ("wait", -1), ("age", 999)):
        bad[name][rng.permutation(n)[:18]] = code
    table = pa.table(good | bad | {"outcome": rng.choice(["no", "yes"], n)})
    found = {c for claim in stands(d02, bare_subject(table)) for c in claim.about.columns}
    assert found == set(bad)


def test_words_that_are_values() -> None:
    region = np.resize(["NA", "EU", "AS", "SA"], 400)
    sign = np.resize(["+", "-"], 400)
    table = pa.table({"region": region, "sign": sign, "outcome": np.resize(["no", "yes", "no"], 400)})
    assert said(d02, bare_subject(table)) == ""
