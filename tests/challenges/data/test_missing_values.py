"""D01: holes are counted, holes that follow the outcome are tested, and a flag column settles the matter."""

import numpy as np
import pyarrow as pa

from assay.audit.ranking import finding
from assay.challenges.data import missing_values as d01
from assay.core.settings import Settings
from assay.core.table import SampleSpec
from assay.tables.recipe import apply
from assay.testing import bare_subject, judge
from tests.challenges.real import real, said, stands


def test_truths() -> None:
    assert "weight is empty (or '?') in 98,569 of 101,766 rows (96.9 %)" in said(
        d01, real("diabetes_130.csv.gz", "readmitted")
    )
    (claim,) = stands(d01, real("adult.csv.gz", "income"))
    assert claim.about.columns == ("occupation", "workclass")
    titanic = stands(d01, real("titanic.csv", "survived"))
    assert any(c.basis == "exact" and "deck is empty in 688 of 891" in c.says for c in titanic)
    assert any(c.basis == "test" and c.about.columns == ("deck",) for c in titanic)


def test_holes_of_compas_follow_the_outcome() -> None:
    found = [c for c in stands(d01, real("compas.csv.gz", "two_year_recid")) if c.basis == "test"]
    assert len(found) == 1
    assert {"r_offense_date", "r_charge_degree", "r_days_from_arrest"} <= set(found[0].about.columns)


def holed(seed: int, lean: float, n: int = 2000) -> pa.Table:
    rng = np.random.default_rng(seed)
    yes = rng.random(n) < 0.5
    x = rng.normal(size=n)
    x[rng.random(n) < np.where(yes, 0.2 + lean, 0.2)] = np.nan
    return pa.table(
        {"x": pa.array(x, from_pandas=True), "z": rng.normal(size=n), "outcome": np.where(yes, "yes", "no")}
    )


def test_following_is_tested_against_five_points() -> None:
    kinds = [{c.evidence["kind"] for c in stands(d01, bare_subject(holed(s, 0.2)))} for s in range(10)]
    assert sum("follows" in k for k in kinds) >= 9
    at_the_edge = [{c.evidence["kind"] for c in stands(d01, bare_subject(holed(s, 0.05)))} for s in range(40)]
    assert sum("follows" in k for k in at_the_edge) <= 4


def test_flag_settles_the_matter() -> None:
    subject = bare_subject(holed(0, 0.2))
    claims = stands(d01, subject)
    share = next(c for c in claims if c.evidence["kind"] == "share")
    fix = finding(d01, share, None, subject, Settings()).remedy
    assert fix is not None
    mended = apply(fix.ops, subject.table.sample(SampleSpec(n=5000)))
    again = subject.with_table(subject.table.derive(mended.arrow))
    assert judge(d01, again).decision.verdict == "clear"


def test_unknown_outcomes_name_their_rows_and_columns() -> None:
    rng = np.random.default_rng(3)
    n = 3000
    plane = rng.choice(["a", "b", "c"], n)
    gone = rng.random(n) < np.where(plane == "a", 0.2, 0.01)
    arrived = np.where(gone, np.nan, rng.normal(size=n))
    table = pa.table({
        "plane": plane, "arrived": pa.array(arrived, from_pandas=True), "x": rng.normal(size=n),
        "outcome": pa.array(np.where(gone, None, rng.choice(["no", "yes"], n)).tolist(), pa.string()),
    })  # fmt: skip
    claims = stands(d01, bare_subject(table))
    kinds = {c.evidence["kind"]: c for c in claims}
    assert kinds["outcome"].evidence["unknown"] == int(gone.sum())
    assert "by plane" in kinds["outcome"].says
    assert kinds["inside"].about.columns == ("arrived",)
    assert kinds["uneven"].about.slice == "plane = a"


def test_a_word_for_missing_is_shown_as_the_table_spells_it() -> None:
    says = said(d01, real("ames_housing.csv.gz", "SalePrice"))
    assert "Pool QC is empty (or 'NA') in 2,917 of 2,930 rows" in says
    assert "'na'" not in says
