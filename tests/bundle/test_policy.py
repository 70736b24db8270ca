"""What a graph may be is decided on its bytes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from assay.bundle import policy
from assay.bundle.archive import pack, unpack
from assay.bundle.layout import GRAPH
from assay.bundle.model import Model
from assay.bundle.policy import check_graph
from assay.core.errors import BundleError


@pytest.fixture(scope="module")
def graph(model):
    return unpack(model.to_bytes())[1][GRAPH]


def changed(graph, change):
    proto = onnx.load_model_from_string(graph)
    change(proto)
    return proto.SerializeToString()


def test_own_graphs_pass(graph):
    check_graph(graph)
    onnx.checker.check_model(onnx.load_model_from_string(graph), full_check=True)


def external(proto):
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def external_in_attribute(proto):
    tensor = numpy_helper.from_array(np.zeros(1))
    tensor.external_data.add(key="location", value="x")
    proto.graph.node[0].attribute.append(helper.make_attribute("value", tensor))


def function(proto):
    proto.functions.add(name="f", domain="own")


def subgraph(proto):
    proto.graph.node[0].attribute.append(helper.make_attribute("body", helper.make_graph([], "g", [], [])))


def domain(proto):
    proto.graph.node[0].domain = "com.microsoft"


def operator(proto):
    proto.graph.node[0].op_type = "Loop"


def opset(proto):
    proto.opset_import[0].version = 27


def more_domains(proto):
    proto.opset_import.add(domain="evil", version=1)


def version(proto):
    proto.ir_version = 99


def sparse(proto):
    proto.graph.sparse_initializer.add()


def no_graph(proto):
    proto.ClearField("graph")


@pytest.mark.parametrize(
    "change",
    [
        external,
        external_in_attribute,
        function,
        subgraph,
        domain,
        operator,
        opset,
        more_domains,
        version,
        sparse,
        no_graph,
    ],
)
def test_refused(graph, model, change):
    bad = changed(graph, change)
    with pytest.raises(BundleError):
        check_graph(bad)
    _, files = unpack(model.to_bytes())
    with pytest.raises(BundleError):
        Model.load(pack(files | {GRAPH: bad}, {"name": "x"}))


def test_caps(graph, monkeypatch):
    monkeypatch.setattr(policy, "MAX_NODES", 3)
    with pytest.raises(BundleError, match="3 nodes"):
        check_graph(graph)
    monkeypatch.setattr(policy, "MAX_BYTES", 100)
    with pytest.raises(BundleError, match="MB"):
        check_graph(graph)
    with pytest.raises(BundleError, match="empty or damaged"):
        monkeypatch.undo()
        check_graph(graph + graph)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_sentence(data):
    with pytest.raises(BundleError):
        check_graph(data)


def test_cut_graphs_give_a_sentence(graph, model):
    _, files = unpack(model.to_bytes())
    for cut in (0, 1, 10, len(graph) // 2, len(graph) - 1):
        with pytest.raises(BundleError):
            Model.load(pack(files | {GRAPH: graph[:cut]}, {}))


def test_a_graph_that_predicts_otherwise_fails_its_golden_rows(graph, model):
    def shift(proto):
        for node in proto.graph.node:
            for a in node.attribute:
                if a.name == "leaf_weights":
                    a.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(a.t) + 1e-3))

    _, files = unpack(model.to_bytes())
    with pytest.raises(BundleError, match="golden rows"):
        Model.load(pack(files | {GRAPH: changed(graph, shift)}, {}))


def test_another_models_graph_is_refused(model):
    _, files = unpack(model.to_bytes())
    renamed = changed(files[GRAPH], lambda p: setattr(p.graph.input[0], "name", "other"))
    with pytest.raises(BundleError):
        Model.load(pack(files | {GRAPH: renamed}, {}))
