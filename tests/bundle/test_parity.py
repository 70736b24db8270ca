"""The graph is the trained model: every family and task, calibrated and mixed, from raw rows."""

import numpy as np
import pytest

from assay.bundle.graph import make_graph
from assay.bundle.parity import compare
from assay.core.errors import BundleError
from tests.bundle.conftest import RECIPE


def test_graph_equals_the_trained_models(case):
    model = case.build()
    record = model.parity
    assert record["rows"] == case.raw.n
    assert record["max"] <= 1e-5, record
    got = model.predict_rows(case.raw)
    assert got.shape == case.native.shape
    if case.task == "regression":
        assert np.max(np.abs(got - case.native)) / np.std(case.native) <= 1e-5
    else:
        assert np.max(np.abs(got - case.native)) <= 1e-5


def test_same_assembly_same_bytes(case):
    assert make_graph(case.assembly, RECIPE.ops()) == make_graph(case.assembly, RECIPE.ops())
    assert case.build().to_bytes() == case.build().to_bytes()


def test_a_graph_that_differs_is_refused(binary):
    kept = binary.native
    binary.native = np.clip(kept + 2e-4, 0, 1)
    try:
        with pytest.raises(BundleError, match="held-out rows"):
            binary.build()
    finally:
        binary.native = kept


def test_record_holds_no_rows():
    record = compare(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]])).to_doc()
    assert set(record) == {"rows", "max", "mean", "unit", "limit"}
    with pytest.raises(BundleError):
        compare(np.array([[np.nan, 0.5]]), np.array([[0.5, 0.5]]))
    with pytest.raises(BundleError):
        compare(np.zeros((2, 2)), np.zeros((2, 3)))
