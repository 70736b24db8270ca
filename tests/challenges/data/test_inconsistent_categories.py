"""D04: spellings by exact count, typos against what is near by nature; neighbours that are values stay values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.ranking import finding
from assay.challenges.data import inconsistent_categories as d04
from assay.core.settings import Settings
from assay.core.subject import Comparison
from assay.core.table import SampleSpec
from assay.probes.spellings import folded, form, refilled, slips
from assay.tables import open_table
from assay.tables.recipe import apply
from assay.testing import bare_subject
from tests.challenges.real import real, said, stands

CITIES = ("Birmingham", "Sheffield", "Montgomery", "Gadsden", "Huntsville", "Boaz", "Anchorage", "Fairbanks")
COUNTRIES = ("Iran", "Iraq", "Niger", "Nigeria", "Gambia", "Zambia", "Austria", "Australia", "Slovakia", "Slovenia")


def table_of(values: list[str], **more: list[str]) -> pa.Table:
    return pa.table({"value": values, **more, "outcome": np.resize(["no", "yes", "no"], len(values))})


def test_adult_labels_differ_between_train_and_test() -> None:
    (claim,) = (c for c in stands(d04, real("adult.csv.gz", "income")) if c.about.columns == ("income",))
    assert claim.basis == "exact"
    assert claim.evidence["mapping"] == {"<=50K.": "<=50K", ">50K.": ">50K"}
    assert claim.about.rows.total == 12_435 + 3_846
    assert "no spelling is shared by both parts" in claim.says
    assert claim.impact.kind == "voids"


def test_hospital_typos_are_found_precisely_and_its_clean_twin_is_silent() -> None:
    dirty, clean = real("hospital_dirty.csv.gz"), real("hospital_clean.csv.gz")
    assert said(d04, clean) == ""
    before, after = dirty.table.arrow(), clean.table.arrow()
    named = right = 0
    for claim in stands(d04, dirty):
        (column,) = claim.about.columns
        at = claim.about.rows.positions
        names = dict(zip(before.column_names, after.column_names, strict=True))
        was, should = before[column].take(at).to_pylist(), after[names[column]].take(at).to_pylist()
        named += len(at)
        right += sum(str(a).strip() != str(b).strip() for a, b in zip(was, should, strict=True))
    assert right >= 0.98 * named
    assert right >= 0.8 * 509


@pytest.mark.parametrize("name", ["titanic.csv", "bank_marketing.csv.gz", "german_credit.csv", "sms_spam.csv.gz",
                                  "telco_churn.csv.gz", "beers_clean.csv.gz"])  # fmt: skip
def test_silent_on_real_values(name: str) -> None:
    assert said(d04, real(name)) == ""


def test_the_generated_twin_of_adult() -> None:
    rng = np.random.default_rng(0)
    part = np.repeat(["train", "test"], [400, 200])
    label = rng.choice(["<=50K", ">50K"], 600, p=[0.7, 0.3]).astype(object)
    label[400:] += "."
    subject = bare_subject(pa.table({"split": part, "x": rng.normal(size=600), "outcome": pa.array(label)}))
    (claim,) = stands(d04, subject)
    assert claim.about.columns == ("outcome",)
    assert claim.about.rows.total == 200
    assert claim.effect.value == 200 / 600


@pytest.mark.parametrize("seed", range(4))
def test_typos_of_all_kinds_come_back(seed: int) -> None:
    """Substitution, deletion, doubling, exchange: nine in ten named, no good cell, and mended to the letter."""
    rng = np.random.default_rng(seed)
    good = rng.choice(np.array(CITIES), 1_200).astype(object)
    bad = good.copy()
    at = rng.permutation(1_200)[:48]
    for k, i in enumerate(at):
        text, p = str(good[i]), int(rng.integers(1, len(good[i]) - 1))
        bad[i] = (text[:p] + "qzk"[k % 3] + text[p + 1 :], text[:p] + text[p + 1 :], text[:p] + text[p] + text[p:],
                  text[:p] + text[p + 1] + text[p] + text[p + 2 :])[k % 4]  # fmt: skip
    wrong = set(np.flatnonzero(bad != good))
    subject = bare_subject(table_of(bad.tolist()))
    claims = stands(d04, subject)
    named = {int(i) for c in claims for i in c.about.rows.positions}
    assert named <= wrong
    assert len(named) >= 0.9 * len(wrong)
    ops = [op for c in claims for op in finding(d04, c, None, subject, Settings()).remedy.ops]
    mended = apply(ops, subject.table.sample(SampleSpec(n=1_200)))
    texts = mended.take(np.argsort(mended.position)).arrow["value"].to_pylist()
    assert sum(texts[i] == good[i] for i in named) >= 0.95 * len(named)


def test_values_that_are_near_by_nature_stay() -> None:
    rng = np.random.default_rng(1)
    share = np.array([40, 0.25, 12, 0.5, 16, 0.5, 20, 0.25, 10, 0.5])
    country = rng.choice(np.array(COUNTRIES), 3_000, p=share / share.sum())
    codes = rng.choice(np.array([f"A{k}" for k in range(10, 30)]), 3_000, p=np.r_[0.9, np.full(19, 0.1 / 19)])
    postcode = [f"{k:05}" for k in rng.integers(35_000, 35_040, 3_000)]
    wind = rng.choice(np.array(["N", "NNW", "NW", "WNW", "W", "SW", "SSW", "S"]), 3_000, p=[0.6, *[0.39 / 6] * 6, 0.01])
    grade = rng.choice(np.array(["A", "A-", "A+", "B", "B-", "B+"]), 3_000, p=[0.9, 0.02, 0.02, 0.02, 0.02, 0.02])
    subject = bare_subject(table_of(country.tolist(), code=codes, postcode=postcode, wind=wind, grade=grade))
    assert said(d04, subject) == ""


@pytest.mark.parametrize(
    "pair",
    [("Café", "CafÃ©"), ("Tom & Jerry", "Tom &amp; Jerry"), ("self-employed", "Self employed"), ("Male", " male"),
     ("St. Louis", "St Louis"), ("37 patients", "37 Patients")],
)  # fmt: skip
def test_one_value_under_two_spellings(pair: tuple[str, str]) -> None:
    values = [pair[0]] * 60 + [pair[1]] * 20 + ["another one"] * 70
    (claim,) = stands(d04, bare_subject(table_of(values)))
    assert claim.evidence["mapping"] == {pair[1]: pair[0]}
    assert claim.about.rows.total == 20


@pytest.mark.parametrize("pair", [("<=50K", ">50K"), ("A-", "A"), ("1.5 kg", "15 kg"), ("C++", "C"), ("mW", "MW"),
                                  ("-1 step", "1 step"), ("a", "A"), ("Flask", "Flask?")])  # fmt: skip
def test_two_values_that_look_alike(pair: tuple[str, str]) -> None:
    assert said(d04, bare_subject(table_of([pair[0]] * 60 + [pair[1]] * 20 + ["another"] * 70))) == ""


def test_spelling_of_a_second_table() -> None:
    good = np.resize(["north side", "south side"], 300)
    a, b = (open_table(table_of([*v]), name=n) for v, n in ((good, "old"), (np.char.upper(good), "new")))
    subject = replace(bare_subject(table_of([*good])), table=b)
    pair = Comparison("old against new", a, b)
    (claim,) = stands(d04, replace(subject, comparisons=(pair,)))
    assert claim.effect.value == 1.0
    assert claim.about.comparison == "old against new"
    rare = open_table(table_of([*good[:-1], "North Side"]), name="rare")
    assert said(d04, replace(subject, table=rare, comparisons=(Comparison("old against rare", a, rare),))) == (
        "value is written in more than one way: 'north side' (150) also as 'North Side' (1)"
    )


def test_pure_parts() -> None:
    assert form("3 mg") == "0 mg"
    assert refilled("00 patients", "37 patixnts") == "37 patients"
    assert refilled("00 patients", "3x patients") is None
    assert folded("St. Louis") == folded("st louis")
    assert folded("A+") != folded("A")
    assert [(s.rare, s.common) for s in slips(["Hambrug", "North"], ["Hamburg", "South"])] == [(0, 0)]
    assert slips(["Hearx Axxack"], ["Heart Attack"])[0].edits == 1
    assert slips(["A12"], ["A11"]) == []
