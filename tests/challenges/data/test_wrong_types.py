"""D03: text that reads as something else is counted; codes and post codes stay text."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.ranking import finding
from assay.challenges.data import wrong_types as d03
from assay.core.settings import Settings
from assay.core.table import SampleSpec
from assay.tables.recipe import apply
from assay.testing import bare_subject
from tests.challenges.real import real, said, stands


def mend(subject, claims):
    ops = [op for c in claims for op in (finding(d03, c, None, subject, Settings()).remedy or _none()).ops]
    return apply(ops, subject.table.sample(SampleSpec(n=10_000)))


class _none:
    ops = ()


def test_telco_total_charges() -> None:
    subject = real("telco_churn.csv.gz", "Churn")
    (claim,) = stands(d03, subject)
    assert claim.about.columns == ("TotalCharges",)
    assert "11 blank" in claim.says
    assert int(np.isnan(mend(subject, [claim]).numbers("TotalCharges")).sum()) == 11


def test_mammography_quotes_and_beers_percent() -> None:
    (claim,) = stands(d03, real("mammography.csv.gz", "label"))
    assert claim.about.columns == ("label",)
    assert "quotes" in claim.says
    assert "abv" in said(d03, real("beers_dirty.csv.gz"))
    assert "percent" in said(d03, real("beers_dirty.csv.gz"))


def test_ames_codes_and_air_dates() -> None:
    assert ("MS SubClass",) in [c.about.columns for c in stands(d03, real("ames_housing.csv.gz", "SalePrice"))]
    subject = real("air_quality.csv.gz", "CO_GT")
    (claim,) = stands(d03, subject)
    assert claim.about.columns == ("Date",)
    assert next(c.kind for c in mend(subject, [claim]).columns if c.name == "Date") == "date"


@pytest.mark.parametrize(
    ("name", "target"),
    [("diabetes_130.csv.gz", "readmitted"), ("wine_quality.csv.gz", "quality"), ("titanic.csv", "survived"),
     ("bike_hour.csv.gz", "cnt"), ("diamonds.csv.gz", "price")],
)  # fmt: skip
def test_silent(name: str, target: str) -> None:
    assert said(d03, real(name, target)) == ""


@pytest.mark.parametrize(("name", "found"), [("shop", True), ("year_opened", False)])
def test_years_are_no_codes(name: str, found: bool) -> None:
    rng = np.random.default_rng(1)
    level = rng.choice([1985, 1987, 1997, 1998, 1999, 2002, 2004, 2007, 2009], 1000)
    sales = np.where(np.isin(level, [1985, 1998, 2004]), 5.0, 0.0) + rng.normal(size=1000)
    assert (name in said(d03, bare_subject(pa.table({name: level, "outcome": sales})))) is found


def test_generated() -> None:
    rng = np.random.default_rng(0)
    n = 400
    price = [f"{v:,}" for v in rng.integers(500, 90_000, n)]
    share = [f"{v}%" for v in rng.integers(0, 100, n)]
    quoted = [f"'{v}'" for v in rng.choice(["a", "b", "c"], n)]
    hours, minutes = rng.integers(0, 24, n), rng.integers(0, 60, n)
    table = pa.table({
        "price": price, "share": share, "quoted": quoted, "clock": hours * 100 + minutes,
        "post": [f"{v:05}" for v in rng.integers(1000, 99_999, n)], 
        "diagnosis": np.resize(["250", "414", "V57", "428.0"], n),
        "level": rng.integers(1, 9, n), "outcome": rng.choice(["no", "yes"], n),
    })  # fmt: skip
    subject = bare_subject(table)
    claims = stands(d03, subject)
    assert sorted(c for claim in claims for c in claim.about.columns) == ["clock", "price", "quoted", "share"]
    mended = mend(subject, claims)
    assert np.array_equal(np.sort(mended.numbers("share")), np.sort([float(s[:-1]) for s in share]))
    assert mended.codes("quoted")[1] == ("a", "b", "c")
    assert np.nanmax(mended.numbers("clock")) < 24 * 60


def test_mixed_objects() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, "three", 4.5] * 30, "outcome": ["no", "yes"] * 60})
    from assay.audit.opening import open_subject

    (claim,) = stands(d03, open_subject(frame, target="outcome"))
    assert claim.about.columns == ("a",)
    assert "mixes types" in claim.says
