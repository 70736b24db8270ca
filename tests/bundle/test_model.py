"""A Model: any source in, the same answer; sets, reasons, errors; and nothing but numpy and the runtime to serve it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import jsonschema
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from assay.bundle.model import Model
from assay.core.errors import InputError, SettingsError
from assay.core.table import SampleSpec
from tests.bundle.conftest import TARGETS, Case, make_table


@pytest.fixture(scope="module")
def rows():
    return make_table().slice(0, 200)


def dicts(rows):
    out = {c: rows[c].to_numpy(zero_copy_only=False) for c in rows.column_names if c != "colour"}
    return out | {"colour": np.array(rows["colour"].to_pylist(), object)}


def test_every_source_gives_the_same(model, rows, tmp_path):
    pa.parquet.write_table(rows, tmp_path / "rows.parquet")
    pa.csv.write_csv(rows, tmp_path / "rows.csv")
    want = model.predict_proba(rows)
    frame = rows.to_pandas()
    sources = {
        "dict": dicts(rows),
        "lists": {c: rows[c].to_pylist() for c in rows.column_names},
        "records": rows.to_pylist(),
        "pandas": frame,
        "pandas objects": frame.astype(object),
        "pandas category": frame.assign(colour=frame["colour"].astype("category")),
        "pandas nullable": frame.convert_dtypes(),
        "polars": pl.from_arrow(rows),
        "batch": rows.to_batches()[0],
        "parquet": tmp_path / "rows.parquet",
        "csv": str(tmp_path / "rows.csv"),
        "shuffled columns": rows.select(rows.column_names[::-1]),
        "extra": rows.append_column("extra", pa.array([1] * rows.num_rows)),
        "text": rows.set_column(0, "amount", pa.array([str(v) for v in rows["amount"].to_pylist()])),
    }
    for name, source in sources.items():
        assert np.array_equal(model.predict_proba(source), want), name


def test_a_table_and_a_sample_give_the_same(binary, model):
    sample = binary.table.sample(SampleSpec(n=5000))
    whole = model.predict_proba(binary.table)
    assert np.array_equal(model.predict_rows(sample), whole[sample.position])


def test_labels_and_sets_agree_with_the_graph(case):
    model = case.build()
    feed = __import__("assay.bundle.feed", fromlist=["x"]).feed_from(case.raw, model._schema, "null")[0]
    sets = model.predict_set(case.raw)
    assert np.array_equal(sets, model._session.run(feed, "set"))
    if case.task == "regression":
        assert np.array_equal(model.predict(case.raw), model._session.run(feed)[:, 0])
        truth = case.raw.numbers("score")
        inside = (sets[:, 0] <= truth) & (truth <= sets[:, 1])
    else:
        label = model._session.run(feed, "label")
        assert model.predict(case.raw).tolist() == label.tolist()
        truth = np.array(case.raw.arrow[TARGETS[case.task]].to_pylist(), object)
        inside = sets[np.arange(len(truth)), [model.classes.index(t) for t in truth]]
    half = len(inside) // 2
    assert inside[half:].mean() >= 0.9  # the very rows that the quantiles come from: at least the coverage
    wide, narrow = model.predict_set(case.raw, coverage=0.95), model.predict_set(case.raw, coverage=0.5)
    if case.task == "regression":
        assert np.all(wide[:, 1] - wide[:, 0] >= narrow[:, 1] - narrow[:, 0])
    else:
        assert np.all(wide | ~narrow)
        assert np.allclose(model.predict_proba(case.raw).sum(1), 1.0)


def test_coverage_that_was_not_calibrated(model, rows):
    with pytest.raises(SettingsError, match="coverage"):
        model.predict_set(rows, coverage=0.999)
    with pytest.raises(SettingsError, match="coverage"):
        model.predict_set(rows, coverage=0.0)
    assert np.array_equal(model.predict_set(rows, coverage=0.93), model.predict_set(rows, coverage=0.95))


def test_missing_column_and_text(model, rows):
    with pytest.raises(InputError, match=r"'amount'.*did you mean Amount"):
        model.predict(rows.rename_columns(["Amount", *rows.column_names[1:]]))
    bad = dicts(rows) | {"amount": np.array(["1.5", "oops"] + ["2"] * 198, object)}
    with pytest.raises(InputError, match="row 1 holds 'oops'"):
        model.predict(bad)
    arrow = rows.set_column(0, "amount", pa.array(bad["amount"].tolist()))
    with pytest.raises(InputError, match="row 1 holds 'oops'"):
        model.predict(arrow)
    null = dicts(rows) | {"amount": np.array([1.5, np.nan] + [2.0] * 198)}
    assert np.array_equal(model.predict_proba(bad, on_bad="null"), model.predict_proba(null))
    with pytest.raises(InputError, match="numbers"):
        model.predict(rows.set_column(0, "amount", pa.array([dt.datetime(2020, 1, 1)] * 200)))
    with pytest.raises(InputError, match="same rows"):
        model.predict(dicts(rows) | {"amount": np.ones(3)})
    with pytest.raises(InputError, match="rows must come as"):
        model.predict(3)
    with pytest.raises(InputError, match="lists"):
        model.predict({c: [[1]] for c in model.columns})


def test_ways_to_write_a_date_a_bool_and_nothing(model):
    row = {"amount": 5, "colour": "red", "clock": 930, "member": True, "town": "town 1", "big": 2**53, "label": 0.5}
    row |= {"when": 1_600_000_000}
    moment = dt.datetime(2020, 9, 13, 12, 26, 40)
    whens = [1_600_000_000, moment, moment.replace(tzinfo=dt.UTC), "2020-09-13 12:26:40", "2020-09-13T14:26:40+02:00",
             np.datetime64(moment), pd.Timestamp(moment)]  # fmt: skip
    got = [model.predict_proba([row | {"when": w}]) for w in whens]
    assert all(np.array_equal(g, got[0]) for g in got)
    words = [model.predict_proba([row | {"member": w}]) for w in (True, 1, 1.0, "true", "TRUE", "1")]
    assert all(np.array_equal(g, got[0]) for g in words)
    for column in model.columns:
        nothing = [model.predict_proba([row | {column: v}]) for v in (None, float("nan"), pd.NA)]
        absent = model.predict_proba([{k: v for k, v in row.items() if k != column}, row])[:1]
        assert all(np.array_equal(n, absent) for n in nothing), column


def test_no_rows(model, rows):
    empty = rows.slice(0, 0)
    assert model.predict(empty).shape == (0,)
    assert model.predict_proba(empty).shape == (0, 2)
    assert model.score_table(empty, reasons=2).num_rows == 0


def test_round_trip(model, rows, tmp_path):
    path = model.save(tmp_path / "m.assay")
    again = Model.load(path)
    assert again.to_bytes() == model.to_bytes() == Model.load(path.read_bytes()).to_bytes()
    assert np.array_equal(again.predict_proba(rows), model.predict_proba(rows))
    assert again.golden_difference == 0.0
    assert again.classes == ("no", "yes") and again.target == "late" and len(again.trained_on) > 8
    assert again.lineage["seed"] == 0 and again.parity["max"] <= 1e-5 and again.dossier["kind"] == "fit"
    assert again._repr_html_().startswith("<iframe ")  # its style must not reach the notebook
    assert "late" in repr(again)


def test_schema_describes_rows(model, rows):
    doc = model.schema
    jsonschema.Draft202012Validator.check_schema(doc)
    check = jsonschema.Draft202012Validator(doc)
    good = {"amount": 1.5, "colour": None, "clock": 930, "member": True, "town": "x", "big": 1, "when": 0, "label": 0.5}
    good["extra"] = 1
    assert check.is_valid(good)
    assert not check.is_valid(good | {"amount": "abc"})
    assert not check.is_valid({})
    own = doc["x-assay"]
    assert own["columns"]["colour"]["typical"] == "red"
    assert own["order"] == list(model.columns) and "unused" not in own["order"]
    lo, hi = own["columns"]["amount"]["range"]
    seen = sorted(make_table()["amount"].to_pylist())
    assert lo >= seen[4] and hi <= seen[-5], "range ends stand for five rows or more"


def test_no_training_row_is_in_the_file(model):
    raw = make_table()
    golden = [json.loads(line) for line in model._files["examples/inputs.jsonl"].splitlines()]
    assert 1 < len(golden) <= 64
    real = {tuple(r[c] for c in ("amount", "colour", "clock", "town")) for r in raw.to_pylist()}
    assert not any(tuple(r[c] for c in ("amount", "colour", "clock", "town")) in real for r in golden)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_reasons_add_up(task):
    case = Case(task, "lightgbm")
    model = case.build()
    some = case.raw.take(np.arange(40))
    e = model.explain(some, n=3)
    scale = 1.0 if task != "regression" else np.abs(e.output).max()
    assert np.max(np.abs(e.baseline + e.contributions.sum(1) - e.output)) <= 1e-12 * scale
    out = model.predict_rows(some)
    want = out if task == "regression" else out[:, 1] if task == "binary" else out.max(1)
    assert np.allclose(e.output, want, rtol=1e-12)
    assert e.contributions.shape == (40, len(model.columns)) and len(set(e.baseline)) <= 3
    assert all(len(r) <= 3 for r in e.reasons)
    assert np.array_equal(e.contributions, model.explain(some).contributions)
    constant = model.columns.index("big")
    typical = model.explain([{i.column: i.typical for i in model._schema.inputs}], against="typical")
    assert np.all(typical.contributions == 0) and typical.reasons == ((),) and constant >= 0


def test_score_table(model, rows):
    t = model.score_table(rows, reasons=3)
    assert t.column_names == ["prediction", "p_no", "p_yes", "set", "reason_1", "reason_2", "reason_3"]
    assert t["prediction"].to_pylist() == model.predict(rows).tolist()
    sets = model.predict_set(rows)
    assert t["set"].to_pylist() == [[c for c, s in zip(model.classes, r, strict=True) if s] for r in sets]
    assert any("amount = " in (r or "") for r in t["reason_1"].to_pylist())
    value = Case("regression", "tree").build().score_table(rows)
    assert value.column_names == ["prediction", "set"] and len(value["set"][0].as_py()) == 2


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ImportError(f"{name} is not installed here")

ABSENT = "onnx duckdb pyarrow sklearn lightgbm pandas polars scipy altair jinja2 joblib vl_convert jsonschema".split()
sys.meta_path.insert(0, Blocked())
"""


def test_serving_needs_numpy_and_the_runtime_only(model, tmp_path):
    """Load, check, predict and explain from JSON rows where the packages of training do not exist."""
    path = model.save(tmp_path / "m.assay")
    code = f"""{BLOCKED}
from assay.bundle.model import Model
from assay.bundle.signing import new_key, sign, signed_by
from assay.bundle.verify import verify
m = Model.load({str(path)!r})
row = {{"amount": 5.0, "colour": "red", "clock": 930, "member": True, "town": None, "big": 1, "label": None}}
row |= {{"when": "2020-01-01"}}
columns = {{k: [v] for k, v in row.items()}}
for rows in ([row], columns):
    m.predict(rows); m.predict_set(rows); m.explain(rows); p = m.predict_proba(rows)
private, public = new_key()
assert verify(sign(m.to_bytes(), private), [public]).trusted
assert not [h for h in ABSENT if h in sys.modules]
print(repr(float(p[0, 1])))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    row = {"amount": 5.0, "colour": "red", "clock": 930, "member": True, "town": None, "big": 1, "label": None}
    assert float(out.stdout) == model.predict_proba([row | {"when": "2020-01-01"}])[0, 1]
