"""Predictions have the type of the target column, from the fit through the file and back."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.bundle import schema
from assay.bundle.classes import class_type_of, typed
from assay.bundle.model import Model
from assay.core.errors import BundleError
from assay.core.settings import Settings

TARGETS = {
    "integer": (pa.array, np.array([0, 1]), np.int64, pa.int64()),
    "small integer": (lambda y: pa.array(y, pa.uint8()), np.array([3, 40, 200]), np.int64, pa.int64()),
    "number": (pa.array, np.array([1.0, 2.0]), np.float64, pa.float64()),
    "bool": (pa.array, np.array([False, True]), np.bool_, pa.bool_()),
    "text": (pa.array, np.array(["no", "yes"], object), object, pa.string()),
    "digits as text": (pa.array, np.array(["01", "1x"], object), object, pa.string()),
}


@pytest.mark.parametrize("name", TARGETS)
def test_labels_keep_the_type_of_the_target(name, tmp_path):
    make, classes, dtype, arrow = TARGETS[name]
    rng = np.random.default_rng(0)
    x = rng.random(240)
    y = classes[np.minimum((x * len(classes)).astype(int), len(classes) - 1)]
    some = {"x": x, "noise": rng.random(240)}
    model = assay.fit(pa.table(some | {"y": make(y)}), target="y", settings=Settings(budget=1.0), cache=False)
    again = Model.load(model.save(tmp_path / "m.assay"))
    for m in (model, again):
        got = m.predict(some)
        assert got.dtype == dtype
        assert (got == y).mean() > 0.9  # the classes are bands of x; 0 where the types differ
        assert all(isinstance(c, str) for c in m.classes)
        assert m.predict({"x": np.zeros(0), "noise": np.zeros(0)}).dtype == dtype
        scored = m.score_table(some)
        assert scored["prediction"].type == arrow and scored["prediction"].to_pylist() == got.tolist()
        assert scored.column_names[1:-1] == [f"p_{c}" for c in m.classes]
        assert scored["set"].type.value_type == pa.string()


def test_a_file_without_the_type_has_text(model):
    doc = json.loads(json.dumps(model.schema))
    assert doc["x-assay"].pop("class_type") == "text"
    assert schema.from_doc(doc).class_type == "text"


@pytest.mark.parametrize("wrong", ["integer", "bool", "colour", 3, None, ["text"]])
def test_a_file_whose_classes_are_not_of_their_type_is_refused(model, wrong):
    doc = json.loads(json.dumps(model.schema))
    doc["x-assay"]["class_type"] = wrong
    with pytest.raises(BundleError, match=r"schema\.json"):
        schema.from_doc(doc)


def test_what_cannot_be_read_in_its_type_is_text():
    assert class_type_of(("1.5", "2"), "DECIMAL(18,2)") == "number"
    assert class_type_of(("1", "other"), "BIGINT") == "text"  # a repair may have renamed a class
    assert class_type_of(("1", "1.0"), "DOUBLE") == "text"
    assert class_type_of((str(2**70), "1"), "HUGEINT") == "text"
    assert class_type_of(("2024-01-01", "2024-01-02"), "DATE") == "text"
    assert class_type_of((), "DOUBLE") == "text"
    assert typed((), "text").tolist() == []


def test_the_dossier_counts_raw_columns():
    rng = np.random.default_rng(1)
    x = rng.random(600)
    hole = np.where(rng.random(600) < np.where(x > 0.5, 0.6, 0.05), np.nan, rng.random(600))
    table = pa.table({"x": x + rng.normal(0, 0.3, 600), "hole": pa.array(hole, from_pandas=True),
                      "y": (x > 0.5).astype(int)})  # fmt: skip
    model = assay.fit(table, target="y", settings=Settings(budget=1.0), cache=False)
    assert "indicator" in json.dumps(json.loads(model._files["recipe.json"]))
    assert model.dossier["model"]["features"] == list(model.columns)
