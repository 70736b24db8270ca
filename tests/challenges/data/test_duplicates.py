"""D07: repeats are counted, and chance repeats of coarse columns are neither copies nor a finding by themselves."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import duplicates as d07
from assay.testing import bare_subject, clean_subject, judge
from tests.challenges.real import real, stands

TRUTHS = [
    ("wine_quality.csv.gz", "quality", 1177), ("titanic.csv", "survived", 107), ("mammography.csv.gz", "label", 3334),
    ("telco_churn.csv.gz", "Churn", 22), ("sms_spam.csv.gz", "label", 403),
]  # fmt: skip


@pytest.mark.parametrize(("name", "target", "extra"), TRUTHS)
def test_truth(name: str, target: str, extra: int) -> None:
    (claim,) = stands(d07, real(name, target))
    assert claim.evidence["extra"] == extra
    assert f"{extra:,} of" in claim.says


def test_no_repeat_in_adult_or_elec2_matters() -> None:
    assert not stands(d07, real("adult.csv.gz", "income"))
    assert not stands(d07, real("elec2.csv.gz", "class"))


def test_key_does_not_hide_repeats() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    x[200:240] = x[:40]
    table = pa.table({"row": np.arange(300), "x": x, "z": np.round(x, 1), "outcome": np.where(x > 0, "yes", "no")})
    (claim,) = stands(d07, bare_subject(table))
    assert claim.evidence["extra"] == 40
    assert "everything but row" in claim.says


def test_coarse_columns_are_not_copies() -> None:
    rng = np.random.default_rng(1)
    table = pa.table({f"c{i}": rng.integers(0, 2, 800) for i in range(3)} | {"outcome": rng.choice(["no", "yes"], 800)})
    made = judge(d07, bare_subject(table))
    assert made.decision.verdict == "clear"
    assert made.run.claims[0].evidence["expected_by_chance"] > 800
    assert "chance alone makes as many" in made.run.claims[0].says  # pairs outnumber rows: no count of rows


def test_chance_estimate_is_right_for_independent_columns() -> None:
    rng = np.random.default_rng(2)
    columns = {f"c{i}": rng.integers(0, 12, 2000) for i in range(4)}
    subject = bare_subject(pa.table(columns | {"outcome": rng.choice(["no", "yes"], 2000)}))
    claim = judge(d07, subject).run.claims[0]
    assert claim.evidence["expected_by_chance"] == pytest.approx(2000 * 1999 / 2 / 12**4 / 2, rel=0.15)


def test_drop_is_offered_only_for_one_record() -> None:
    subject = clean_subject(500, 0, ("order",))
    rows = subject.table.arrow()
    twice = subject.with_table(subject.table.derive(pa.concat_tables([rows, rows.slice(0, 20)])))
    (claim,) = stands(d07, twice)
    assert claim.evidence["same_record"]
    planted = d07.plant(clean_subject(500, 0), 0.02, np.random.default_rng(0))
    (claim,) = stands(d07, planted.subject)
    assert planted.rows is not None
    assert claim.evidence["extra"] == planted.rows.total


@pytest.mark.parametrize(("copies", "kind"), [(9, "costs"), (10, "inflates")])
def test_few_copies_cost_and_many_inflate(copies: int, kind: str) -> None:
    x = np.random.default_rng(3).normal(size=(1000, 2))
    x[500 : 500 + copies] = x[:copies]
    table = pa.table({"x": x[:, 0], "z": x[:, 1], "outcome": np.resize(["no", "yes"], 1000)})
    (claim,) = stands(d07, bare_subject(table))
    assert claim.evidence["extra"] == copies
    assert claim.impact.kind == kind


def test_telco_repeats_are_no_inflation() -> None:
    (claim,) = stands(d07, real("telco_churn.csv.gz", "Churn"))
    assert claim.impact.kind == "costs"
