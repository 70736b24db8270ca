"""Contracts: read off a table, kept by it, read again; what is malformed is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.audit.contract import infer
from assay.audit.evidence import contract_of
from assay.audit.opening import open_subject
from assay.core.contract import SCHEMA, Contract
from assay.core.errors import InputError, SettingsError
from assay.core.settings import Rule, Settings, settings_from
from assay.tables import open_table


def table(n: int = 800, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 40, n)
    a, b = rng.integers(1, 90, (2, n))
    return pa.table({
        "key": [f"K{k:05}" for k in rng.permutation(n)], "shop": [f"S{k:02}" for k in shop],
        "town": [f"town {k // 4}" for k in shop], "a": a, "b": b, "both": a + b,
        "grade": pa.array(rng.choice(["A", "B", None], n).tolist()), "paid": rng.random(n) < 0.5,
    })  # fmt: skip


def inferred(source: pa.Table) -> Contract:
    return infer(open_subject(source, roles={"id": "key"}), Settings())


def test_it_says_what_was_seen() -> None:
    doc = inferred(table()).to_json()
    assert doc["schema"] == SCHEMA
    assert (
        doc["columns"]["key"] == {"kind": "text", "nullable": False, "unique": True} or doc["columns"]["key"]["unique"]
    )
    assert doc["columns"]["a"] == {"kind": "number", "nullable": False, "range": [1, 89]}
    assert doc["columns"]["grade"]["nullable"]
    assert doc["columns"]["grade"]["categories"] == ["A", "B"]
    rules = {r["name"] for r in doc["rules"]}
    assert {"shop -> town", "a + b = both"} <= rules


def test_same_table_same_bytes_and_the_table_keeps_it() -> None:
    one, two = (json.dumps(inferred(table()).to_json()) for _ in range(2))
    assert one == two
    report = assay.check(table(), roles={"id": "key"}, contract=json.loads(one), settings=Settings(select=("D06",)))
    assert report["D06"].verdict == "clear"


def test_reading_back_gives_the_same() -> None:
    contract = inferred(table())
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract


def test_other_rows_break_it() -> None:
    contract = inferred(table()).to_json()
    source = table(seed=1)
    b = source["b"].to_pylist()
    b[0] = 500
    other = source.set_column(4, "b", pa.array(b))
    report = assay.check(other, roles={"id": "key"}, contract=contract, settings=Settings(select=("D06",)))
    told = " ".join(f.message for f in report["D06"].findings)
    assert "b: 1 row is outside 1..89" in told
    assert "a + b = both" in told


@pytest.mark.parametrize(
    ("doc", "why"),
    [
        ({"schema": "other"}, "schema assay-contract-1; got 'other'"), ([], "got 'list'"),
        ({"schema": SCHEMA, "colums": {}}, "did you mean columns?"),
        ({"schema": SCHEMA, "columns": {"a": {"nulable": True}}}, "did you mean nullable?"),
        ({"schema": SCHEMA, "columns": {"a": {"kind": "numbr"}}}, "kind must be one of"),
        ({"schema": SCHEMA, "columns": {"a": {"range": [2]}}}, "range must be [lowest, highest]"),
        ({"schema": SCHEMA, "columns": {"a": {"range": [2, "x"]}}}, "must be a number"),
        ({"schema": SCHEMA, "columns": {"a": {"range": [2, 1]}}}, "from low to high"),
        ({"schema": SCHEMA, "columns": {"a": {"unique": 1}}}, "true or false"),
        ({"schema": SCHEMA, "columns": {"a": {"categories": "x"}}}, "must be a list"),
        ({"schema": SCHEMA, "columns": []}, "must be a mapping"), ({"schema": SCHEMA, "rules": {}}, "must be a list"),
        ({"schema": SCHEMA, "rules": [{"name": "r"}]}, "either sql or determines"),
        ({"schema": SCHEMA, "rules": [{"name": "r", "determines": ["a"]}]}, "two or more columns"),
        ({"schema": SCHEMA, "rules": [{"name": "r", "sql": "bb > 1"}]}, "rule 'r' does not fit"),
        ({"schema": SCHEMA, "rules": [{"name": "r", "determines": ["shopp", "town"]}]}, "did you mean shop?"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_one_sentence(doc: Any, why: str) -> None:
    with pytest.raises((SettingsError, InputError)) as told:
        contract_of(doc, open_table(table()))
    assert why in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_or_no_json(tmp_path: Path) -> None:
    opened = open_table(table())
    with pytest.raises(InputError, match=r"nowhere\.json cannot be read"):
        contract_of(tmp_path / "nowhere.json", opened)
    (tmp_path / "c.json").write_text("{", "utf-8")
    with pytest.raises(SettingsError, match="must be JSON"):
        contract_of(str(tmp_path / "c.json"), opened)
    (tmp_path / "c.json").write_text(json.dumps({"schema": SCHEMA}), "utf-8")
    assert contract_of(str(tmp_path / "c.json"), opened) == Contract()


def test_rules_in_the_settings() -> None:
    doc = {"rules": [{"name": "whole", "sql": "a + b = both", "says": "they add up", "columns": "both"}]}
    settings = settings_from(doc, Settings())
    assert settings.rules == (Rule("whole", "a + b = both", "they add up", ("both",)),)
    for bad, why in (
        ([{"name": "x"}], "needs name and sql"), ([{"name": "x", "sql": "a", "sayz": ""}], "did you mean says?"),
        ([{"name": "x", "sql": "a"}] * 2, "given twice"),
    ):  # fmt: skip
        with pytest.raises(SettingsError) as told:
            settings_from({"rules": bad}, Settings())
        assert why in str(told.value)
    with pytest.raises(SettingsError, match="rule 'x' must be true or false"):
        open_subject(table(), settings=Settings(rules=(Rule("x", "a"),)))
