"""Variants: smaller, close, recorded, and refused where they would be neither."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assay.bundle import variants
from assay.bundle.exports import graph
from assay.bundle.model import Model
from assay.core.errors import SettingsError

from .models import awkward, everything


def rows_of(model, n):
    feed = awkward(model, n, seed=1)
    finite = {k: np.where(np.isinf(v), np.nan, v) if v.dtype != object else v for k, v in feed.items()}
    return {i.column: finite[i.input][:, 0] for i in model._schema.inputs}


def test_a_variant_is_smaller_and_its_record_is_what_it_does(monkeypatch):
    monkeypatch.setattr(variants, "ROUNDS", 5)
    monkeypatch.setattr(variants, "ENOUGH", 0.99)  # the network of this test is tiny: its graph is texts, mostly
    model = everything("binary", members="network")
    rows = rows_of(model, 300)
    truth = model.predict(rows)
    made = Model(variants.make(model, rows, truth).to_bytes())
    record = json.loads(made._files["model/alt/int8.json"])
    small = graph.to_onnx(made, "int8")
    assert record["bytes"] == [len(graph.to_onnx(made)), len(small)] and len(small) < len(graph.to_onnx(made))
    assert 0 < record["worst_change"] < 0.1 and record["mean_change"] <= record["worst_change"]
    assert record["accuracy"][0] == 1.0 and record["accuracy"][1] == pytest.approx(1 - record["labels_changed"])
    assert record["log_loss"][1] != record["log_loss"][0] and record["rows"] == 300
    np.testing.assert_array_equal(made.predict(rows), truth)  # the file itself predicts as before


def test_a_model_without_a_network_gets_no_variant():
    model = everything("binary", members="linear")
    with pytest.raises(SettingsError, match="only the layers of a network get smaller"):
        variants.make(model, rows_of(model, 10))
    with pytest.raises(SettingsError, match="the file holds no variant 'int8' of its graph: it has none"):
        graph.to_onnx(model, "int8")
