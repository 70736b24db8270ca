"""The rule that says which auditor found a planted fault: the same for all, and neither side's words help it."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "audit_peers"))
import judging
import plants
import process


def case(code="D01", columns=("age",), rows=0, roles=None):
    roles = roles or {"target": "income", "task": "binary"}
    return plants.Case(code, "fault", "adult", columns, rows, "clean", "faulty", False, True, roles, "folder")


def said(*alerts, error=None):
    return {"findings": [{"check": c, "text": t} for c, t in alerts], "error": error}


MISSING = ("expect_column_values_to_not_be_null", "age 20 rows")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (said(), said(MISSING), "found"),
        (said(MISSING), said(MISSING), "missed"),  # it said so before the plant
        (said(), said(("expect_column_values_to_be_between", "age 1 rows")), "noticed"),  # another kind of fault
        (said(), said(("expect_column_values_to_not_be_null", "wage 20 rows")), "missed"),  # another column
        (said(), said(error="gone"), "failed"),
    ],
)
def test_a_fault_is_found_where_a_new_alert_names_its_column_and_kind(before, after, wanted):
    assert judging.verdict("gx", case(), before, after) == wanted


def test_an_alert_of_before_counts_where_its_rows_grew_by_half_of_the_planted():
    planted = case("D07", (), 80)
    before = said(("near_duplicate", "549 rows"))
    assert judging.verdict("cleanlab", planted, before, said(("near_duplicate", "589 rows"))) == "found"
    assert judging.verdict("cleanlab", planted, before, said(("near_duplicate", "588 rows"))) == "missed"
    few, many = (said(("Data Duplicates", f"limit 5% Found {p}% duplicate data")) for p in ("1", "3.1"))
    assert judging.verdict("deepchecks", planted, few, many, n=4000) == "found"


def test_assay_has_to_name_the_fault_by_its_code():
    right, other = ("D01", "[age] age is empty in 9 % of rows"), ("D02", "[age] age says ? in 9 % of rows")
    assert judging.verdict("assay", case(), said(), said(right)) == "found"
    assert judging.verdict("assay", case(), said(), said(other)) == "noticed"
    assert judging.verdict("assay", case(), said(right), said(right)) == "missed"
    assert judging.verdict("assay", case(), said(), said(("D01", "[wage] wage is empty"))) == "missed"


def test_a_label_alert_is_about_the_target_and_a_quoted_name_is_a_column():
    labels = case("L01", ("income",), 100)
    assert judging.verdict("cleanlab", labels, said(), said(("label", "90 rows"))) == "found"
    assert judging.names("deepchecks", {"check": "Feature Drift", "text": "{'age': 0.4}"}, "age", {})
    assert not judging.names("deepchecks", {"check": "Feature Drift", "text": "of every age {'wage': 0.4}"}, "age", {})


def test_every_code_has_a_kind_and_a_reason_to_be_left_out():
    assert sorted(judging.KIND) == sorted(plants.codes())
    assert set(judging.KIN) <= set(plants.codes())
    assert not set(plants.LEFT_OUT) & set(plants.codes())


def test_planted_tables_keep_the_rows_of_their_clean_twin(tmp_path):
    if not plants.DATA.is_dir():
        pytest.skip("the developer tables are not here")
    made = plants.cases(tmp_path, ["D05"])
    assert [c.code for c in made] == ["D05"] * plants.EACH and len({c.table for c in made}) == plants.EACH
    for c in made:
        clean, faulty = (pq.read_table(c.path(part)) for part in (c.clean, c.faulty))
        same = [n for n in clean.column_names if clean[n].equals(faulty[n])]
        assert set(clean.column_names) - set(same) == set(c.columns)
        assert c.path(c.faulty, "a").exists() and plants.cases(tmp_path, ["D05"], 1) == made[:1]


def test_a_process_that_ends_early_is_an_error_and_the_next_job_is_run(tmp_path, monkeypatch):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "run_assay.py").write_text(
        "import json, sys, time\n"
        "for job in json.load(open(sys.argv[1])):\n"
        "    if job == 'die': sys.exit('killed')\n"
        "    if job == 'sleep': time.sleep(60)\n"
        "    print('@@' + json.dumps({'findings': [], 'error': None, 'cpu': 1.0, 'peak_mb': 1.0}), flush=True)\n",
        "utf-8",
    )
    monkeypatch.setattr(process, "HERE", tmp_path)
    docs = list(process.answers("assay", ["a", "die", "b"], 1, limit=20))
    assert [d["error"] for d in docs] == [None, "killed", None]
    (slow,) = process.answers("assay", ["sleep"], 1, limit=1)
    assert slow["error"].startswith("stopped after 1 s, ") and slow["cpu"] is None
