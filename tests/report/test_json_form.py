"""The JSON form: its schema, its stability, its numbers."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from assay.core.result import Cost, SubjectInfo
from assay.core.rows import Rows
from assay.report.document import Report
from assay.report.json_form import dumps, schema
from assay.report.next_steps import next_steps, python_steps
from assay.report.numbers import nine

from .flights import finding, report
from .hostile import hostile

ANCHOR = {"schema_version", "assay", "subject", "question", "settings", "seed", "summary", "findings", "verdicts"}
FINDING = {
    "code",
    "name",
    "severity",
    "columns",
    "rows",
    "row_ids",
    "effect",
    "interval",
    "unit",
    "materiality",
    "basis",
    "p_value",
    "impact",
    "message",
    "remedy",
    "fingerprint",
}


def checker() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def empty() -> Report:
    return report(
        info=SubjectInfo("t", 0, 0, ""),
        findings=(),
        outcomes=(),
        scores=(),
        trials=(),
        gallery=(),
        cost=Cost(0, 0, 0, 0),
    )


@pytest.mark.parametrize("make", [report, hostile, empty])
def test_every_report_holds_to_the_published_schema(make: object) -> None:
    doc = make().to_json()  # type: ignore[operator]
    assert [f"{e.json_path}: {e.message}" for e in checker().iter_errors(json.loads(dumps(doc)))] == []


def test_the_schema_demands_what_the_design_promises_and_refuses_what_it_does_not_know() -> None:
    doc = report().to_json()
    for key in ANCHOR:
        assert not checker().is_valid({k: v for k, v in doc.items() if k != key}), key
    for key in FINDING:
        less = {k: v for k, v in doc["findings"][0].items() if k != key}
        assert not checker().is_valid({**doc, "findings": [less]}), key
    assert not checker().is_valid({**doc, "colour": "red"})
    assert not checker().is_valid({**doc, "findings": [{**doc["findings"][0], "severity": "fatal"}]})


def test_the_same_report_gives_the_same_bytes_apart_from_cost() -> None:
    one, two = report().to_json(), report(made_at="2030-01-01T00:00:00+00:00", cost=Cost(1, 2, 3, 94)).to_json()
    assert one["cost"] != two["cost"]
    del one["cost"], two["cost"]
    assert dumps(one) == dumps(two)


def test_floats_have_nine_significant_digits_and_are_always_numbers() -> None:
    assert nine(
        {"a": 1 / 3, "b": np.float32(0.1), "c": [float("nan"), float("inf")], "d": np.int64(3), 5: (1e-30,)}
    ) == {
        "a": 0.333333333,
        "b": 0.100000001,
        "c": [None, None],
        "d": 3,
        "5": [1e-30],
    }
    assert report().to_json()["findings"][0]["p_value"] == 1.23456789e-12
    assert nine("lone \ud800 surrogate") == "lone \\ud800 surrogate"


def test_p_values_only_where_something_was_tested() -> None:
    for f in report().to_json()["findings"]:
        assert (f["p_value"] is not None) == (f["basis"] == "test")


def test_row_numbers_are_capped_unless_all_are_asked_for() -> None:
    made = report()
    short, whole = (made.to_json(all_rows=a)["findings"][6] for a in (False, True))
    assert (short["rows"], len(short["row_numbers"]), len(whole["row_numbers"])) == (9430, 100, 9430)


def test_row_ids_are_text_because_json_numbers_lose_digits() -> None:
    big = finding(
        "D07",
        "duplicates",
        "warning",
        "costs",
        (),
        0.2,
        "share",
        0.01,
        "exact",
        "says",
        rows=Rows.at(np.array([4, 2]), np.array([2**64 - 1, 7], np.uint64)),
    )
    assert report(findings=(big,)).to_json()["findings"][0]["row_ids"] == ["0000000000000007", "ffffffffffffffff"]


def test_fingerprints_are_unique_and_know_nothing_of_the_numbers() -> None:
    def one(value: float, columns: tuple[str, ...]) -> object:
        return finding("D01", "missing-values", "warning", "costs", columns, value, "share", 0.01, "exact", f"{value}")

    marks = [
        f["fingerprint"]
        for f in report(findings=(one(0.1, ("a", "b")), one(0.1, ("a",)), one(0.3, ("a",)))).to_json()["findings"]
    ]
    assert len(set(marks)) == 3
    assert report(findings=(one(0.7, ("b", "a")),)).to_json()["findings"][0]["fingerprint"] == marks[0]


def test_what_to_type_next_names_the_table_and_the_target() -> None:
    steps = [s["command"] for s in report(next_commands=()).to_json()["next"]]
    assert steps[0] == "assay fit flights.parquet --target late --asked-at sched_dep_time -o model.assay"
    assert "assay rule K01" in steps


def test_a_table_of_texts_alone_is_not_sent_to_fit() -> None:
    doc = report(next_commands=()).to_json()
    assert next_steps(doc)[0]["command"].startswith("assay fit")
    texts = [{**c, "kind": "text"} for c in doc["gallery"]]
    assert not any("assay fit" in s["command"] for s in next_steps({**doc, "gallery": texts}))
    assert next_steps({**doc, "gallery": []})[0]["command"].startswith("assay fit")


def test_a_table_in_memory_is_fitted_from_python() -> None:
    doc = report(next_commands=()).to_json()
    steps = [command for command, _ in python_steps(doc, {"target": "late", "time": None, "known": ("a",)})]
    assert steps[0] == "assay.fit(table, target='late', known=('a',)).save(\"model.assay\")"
    assert steps[-1] == 'report.save("report.html")' and not any(s.startswith("assay check") for s in steps)
