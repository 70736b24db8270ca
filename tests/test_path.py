"""The whole path on a small table: check, fit, save, load, predict; and that it repeats."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.cli.demo_table import demo_table

LEAKS = {"delay_min", "signed_at"}


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return demo_table(1500)


@pytest.fixture(scope="module")
def report(table):
    return assay.check(table, target="late", asked_at="dispatched")


@pytest.fixture(scope="module")
def model(table):
    settings = assay.Settings(budget=20)
    return assay.fit(table, target="late", asked_at="dispatched", settings=settings)


def without_cost(report) -> str:
    doc = report.to_json()
    doc.pop("cost")
    return json.dumps(doc, sort_keys=True)


def test_leaks_are_found_and_left_out(report, model):
    named = {c for code in ("K01", "K02", "K03") for f in report[code].findings for c in f.columns}
    assert named >= LEAKS
    assert not LEAKS & set(model.columns)


def test_same_table_same_report(table, report):
    again = assay.check(table, target="late", asked_at="dispatched")
    assert without_cost(again) == without_cost(report)


def test_order_of_rows_and_columns_does_not_matter(table, report):
    rng = np.random.default_rng(3)
    mixed = table.select([table.column_names[i] for i in rng.permutation(table.num_columns)])
    mixed = mixed.take(pa.array(rng.permutation(table.num_rows)))
    other = assay.check(mixed, target="late", asked_at="dispatched")
    assert other.info.data_digest == report.info.data_digest
    assert [(f.code, f.columns, f.claim.effect.value) for f in other.findings] == [
        (f.code, f.columns, f.claim.effect.value) for f in report.findings
    ]


def test_the_file_gives_the_numbers_that_fit_gave(table, model, tmp_path):
    path = model.save(tmp_path / "late.assay")
    loaded = assay.load(path)
    new = table.slice(0, 40)
    assert np.array_equal(loaded.predict_proba(new), model.predict_proba(new))
    assert loaded.digest == model.digest
    assert set(np.unique(loaded.predict(new))) <= {"no", "yes"}


def test_scored_table_has_label_probabilities_set_and_reasons(table, model):
    scored = model.score_table(table.slice(0, 5), reasons=3)
    wanted = ["prediction", "p_no", "p_yes", "set", "reason_1", "reason_2", "reason_3"]
    assert scored.column_names == wanted
    assert np.allclose(np.asarray(scored["p_no"]) + np.asarray(scored["p_yes"]), 1.0, atol=1e-5)


def test_no_raw_row_is_in_the_file(table, model):
    text = json.dumps(model.dossier) + json.dumps(model.schema)
    parcels = table.column("parcel").to_pylist()
    assert not [p for p in parcels[:200] if p in text]


def test_dossier_carries_evidence_of_table_and_model(model):
    doc = model.dossier
    assert doc["kind"] == "fit"
    assert {v["code"] for v in doc["model"]["verdicts"]} >= {"M01", "M05", "M07", "M08"}
    assert set(doc["model"]["left_out"]) >= LEAKS


def test_regression_and_many_classes():
    rng = np.random.default_rng(0)
    n = 900
    x, z = rng.normal(size=n), rng.choice(["a", "b", "c"], n)
    value = 2 * x + (z == "b") + rng.normal(0, 0.5, n)
    settings = assay.Settings(budget=6)
    number = assay.fit({"x": x, "z": z, "y": value}, target="y", settings=settings)
    assert np.corrcoef(number.predict({"x": x, "z": z}), value)[0, 1] > 0.9
    three = np.array(["low", "mid", "top"])[np.digitize(value, [-1, 1])]
    classes = assay.fit({"x": x, "z": z, "y": three}, target="y", settings=settings)
    assert classes.predict_proba({"x": x, "z": z}).shape == (n, 3)
    assert (classes.predict({"x": x, "z": z}) == three).mean() > 0.7


def test_shuffled_target_is_no_leak(table):
    rng = np.random.default_rng(5)
    shuffled = table.column("late").take(pa.array(rng.permutation(table.num_rows)))
    broken = table.set_column(table.column_names.index("late"), "late", shuffled)
    report = assay.check(broken, target="late")
    assert not [f for f in report.findings if f.code in ("K01", "K02", "K03", "K06")]


def test_a_model_that_has_seen_every_row_is_not_judged_on_them(table, model):
    settings = assay.Settings(select=("M",))
    same = assay.check(table, target="late", asked_at="dispatched", model=model, settings=settings)
    assert same["M05"].verdict == "not-applicable" and "has seen every row" in same["M05"].reason
    fresh = demo_table(1200, seed=9)
    other = assay.check(fresh, target="late", asked_at="dispatched", model=model, settings=settings)
    assert other["M05"].verdict in ("clear", "undecided", "found")
