"""D09: one value, nearly one value, frozen for a stretch; what rests by nature is left alone."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.data import stuck_columns as d09
from tests.challenges.real import real, said, stands


@pytest.mark.slow  # large real tables; a generated twin is in every run
def test_truths() -> None:
    (claim,) = stands(d09, real("elec2.csv.gz", "class", order="@row"))
    assert claim.about.columns == ("transfer", "vicdemand", "vicprice")
    assert claim.evidence["rows"] == 17_424
    (claim,) = stands(d09, real("bike_hour.csv.gz", "cnt", order="@row"))
    assert claim.about.columns == ("atemp",)
    assert claim.evidence["rows"] == 24
    assert "c22 holds one value" in said(d09, real("oil_spill.csv", "label"))
    assert "num_outbound_cmds" in said(d09, real("nsl_kdd.csv.gz", "attack"))
    assert "citoglipton and examide" in said(d09, real("diabetes_130.csv.gz", "readmitted"))


def test_silent_on_flags_and_rest() -> None:
    for name, target in (("bank_marketing.csv.gz", "y"), ("air_quality.csv.gz", "CO_GT"), ("taxis.csv.gz", "tip")):
        order = {"order": "@row"} if name.startswith("bank") else {}
        assert said(d09, real(name, target, **order)) == ""


def test_generated() -> None:
    rng = np.random.default_rng(0)
    n = 1200
    frozen = rng.normal(size=n).round(3)
    frozen[300:420] = frozen[300]
    rain = rng.exponential(1, n).round(2) * (np.arange(n) % 400 < 150)
    few = np.zeros(n)
    few[:4] = 1
    rare = np.zeros(n)
    rare[:40] = 1
    table = pa.table({"still": np.ones(n), "frozen": frozen, "rain": rain, "few": few, "rare": rare,
                      "walk": rng.normal(size=n).cumsum().round(1), "y": rng.choice(["a", "b"], n)})  # fmt: skip
    claims = stands(d09, open_subject(table, target="y", roles={"order": "@row"}))
    assert {c.about.columns: c.evidence["kind"] for c in claims} == {
        ("still",): "constant", ("few",): "nearly", ("frozen",): "frozen"
    }  # fmt: skip


def test_yes_or_empty_is_not_constant() -> None:
    table = pa.table({"flag": pa.array(["yes", None] * 50), "y": ["a", "b", "b", "a"] * 25})
    assert said(d09, open_subject(table, target="y")) == ""
