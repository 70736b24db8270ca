"""D02: words by exact count, numbers by shape; what is a value stays a value."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.ranking import finding
from assay.challenges.data import disguised_missing as d02
from assay.core.settings import Settings
from assay.core.subject import Subject
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


def severities(subject: Subject) -> dict[tuple[str, ...], tuple[str, str]]:
    made = [finding(d02, c, None, subject, Settings()) for c in stands(d02, subject)]
    return {f.columns: (f.severity, f.impact.kind) for f in made}


def test_air_quality_target_comes_apart_and_voids() -> None:
    subject = real("air_quality.csv.gz", "CO_GT")
    (claim,) = (c for c in stands(d02, subject) if "CO_GT" in c.about.columns)
    assert claim.says.startswith(
        "CO_GT, the target, is -200 in 1,683 of 9,357 rows: a model would learn that as a value"
    )
    assert severities(subject)["CO_GT",] == ("critical", "voids")


def test_a_stand_in_in_the_target_and_its_twin_without() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.gamma(3, 2, 500).round(2), rng.gamma(4, 1, 500).round(2)
    x[:40] = -200
    honest = bare_subject(pa.table({"x": x, "outcome": y}))
    assert severities(honest) == {("x",): ("warning", "costs")}
    y[30:60] = -200
    subject = bare_subject(pa.table({"x": x, "outcome": y}))
    assert severities(subject) == {("x",): ("warning", "costs"), ("outcome",): ("critical", "voids")}
    (claim,) = (c for c in stands(d02, subject) if c.about.columns == ("outcome",))
    assert "is -200 in 30 of 500 rows" in claim.says
    assert claim.effect.value == 0.06


def test_a_word_in_the_target_is_a_class_and_is_shown_as_written() -> None:
    answer = np.resize(["no", "yes", "no"], 300).astype(object)
    grade = np.resize(["low", "high"], 300).astype(object)
    answer[:9], grade[:30] = "Unknown", "N/A"
    subject = bare_subject(pa.table({"grade": pa.array(grade), "outcome": pa.array(answer)}))
    assert severities(subject) == {("grade",): ("warning", "costs"), ("outcome",): ("critical", "voids")}
    claims = {c.about.columns: c for c in stands(d02, subject)}
    assert claims["outcome",].says.startswith("outcome, the target, is 'Unknown' in 9 of 300 rows: a model would learn")
    assert "'N/A'" in claims["grade",].says
    assert claims["grade",].evidence["value"] == "N/A"


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


@pytest.mark.parametrize("word", ["..", "#NULL!", ":", "\u2013"])
def test_marks_of_statistical_offices_and_spreadsheets(word: str) -> None:
    rng = np.random.default_rng(3)
    rate = [word if k % 5 == 0 else f"{v:.1f}" for k, v in enumerate(rng.normal(40, 9, 400))]
    table = pa.table({"rate": rate, "outcome": np.resize(["no", "yes", "no"], 400)})
    assert f"'{word}' in 80 cells" in said(d02, bare_subject(table))


def test_words_that_are_values() -> None:
    region = np.resize(["NA", "EU", "AS", "SA"], 400)
    sign = np.resize(["+", "-"], 400)
    table = pa.table({"region": region, "sign": sign, "outcome": np.resize(["no", "yes", "no"], 400)})
    assert said(d02, bare_subject(table)) == ""
