"""The graph as it is run: one matrix in place of many inputs, and the same answers to the last bit."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from assay.bundle.packed import DOUBLE, MATRIX, STRING, packed


def graph(nodes, inputs, release=20, width=1):
    def info(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    proto = helper.make_graph(
        nodes, "g",
        [info(n, TensorProto.DOUBLE, ["N", width]) for n in inputs] + [info("t", TensorProto.STRING, ["N", 1])],
        [info("y", TensorProto.DOUBLE, ["M", "K"]), info("s", TensorProto.STRING, ["N", 1])],
    )  # fmt: skip
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", release)], ir_version=9).SerializeToString()


def joined(*names):
    return helper.make_node("Concat", list(names), ["x"], axis=1)


TEXT = helper.make_node("Identity", ["t"], ["s"])
LAST = helper.make_node("Identity", ["x"], ["y"])


def answers(data, feed):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, feed)


@pytest.mark.parametrize("release", [13, 17, 18, 20])
@pytest.mark.parametrize(
    ("nodes", "split"),
    [
        ([joined("b", "a", "c"), LAST, TEXT], False),
        ([joined("b", "a", "c"), helper.make_node("Add", ["x", "a"], ["y"]), TEXT], True),
        ([helper.make_node("Sum", ["a", "b", "c"], ["y"]), TEXT], True),
        ([joined("a", "b", "c", "a"), LAST, TEXT], True),
        ([helper.make_node("Concat", ["a", "b", "c"], ["x"], axis=0), LAST, TEXT], True),
    ],
)
def test_one_matrix_gives_what_the_columns_give(nodes, split, release):
    data = graph(nodes, "abc", release)
    form = packed(data, ["a", "b", "c"])
    assert form.order == (("b", "a", "c") if not split or nodes[0].input[0] == "b" else ("a", "b", "c"))
    proto = onnx.load_model_from_string(form.graph)
    onnx.checker.check_model(proto)
    assert [i.name for i in proto.graph.input] == ["t", form.name]
    assert ("Split" in [n.op_type for n in proto.graph.node]) is split
    columns = {n: np.arange(5.0).reshape(-1, 1) * (k + 1) for k, n in enumerate("abc")}
    text = {"t": np.array([["u"]] * 5, object)}
    old = answers(data, columns | text)
    new = answers(form.graph, {form.name: np.hstack([columns[n] for n in form.order])} | text)
    assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_a_graph_of_another_form_stays_as_it_is():
    nodes = [joined("a", "b", "c"), LAST, TEXT]
    assert packed(graph(nodes, "abc"), ["a"]) is None, "nothing to gain"
    assert packed(graph(nodes, "abc", width=2), ["a", "b", "c"]) is None, "an input is more than a column"
    assert packed(graph(nodes, "abc"), ["a", "b", "d"]) is None, "an input that the schema names is not there"
    assert packed(graph(nodes, "abc"), ["a", "t"]) is None, "text is no number"


def test_only_some_of_the_columns():
    data = graph([joined("a", "b"), helper.make_node("Mul", ["x", "c"], ["y"]), TEXT], "abc")
    form = packed(data, ["a", "b"])
    assert form.name == "x" and form.order == ("a", "b")
    assert [i.name for i in onnx.load_model_from_string(form.graph).graph.input] == ["c", "t", "x"]
    assert packed(graph([helper.make_node("Sum", ["a", "b"], ["y"]), TEXT], "ab"), ["a", "b"]).name == MATRIX[DOUBLE]


def test_texts_are_a_matrix_of_their_own():
    node = helper.make_node("StringConcat", ["u", "v"], ["s"])
    proto = helper.make_graph(
        [node, helper.make_node("Sum", ["a", "b"], ["y"])], "g",
        [helper.make_tensor_value_info(n, TensorProto.DOUBLE, ["N", 1]) for n in "ab"]
        + [helper.make_tensor_value_info(n, TensorProto.STRING, ["N", 1]) for n in "uv"],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 1]),
         helper.make_tensor_value_info("s", TensorProto.STRING, ["N", 1])],
    )  # fmt: skip
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()
    first = packed(model, ["a", "b"])
    both = packed(first.graph, ["v", "u"], STRING)
    assert (first.name, both.name, both.order) == (MATRIX[DOUBLE], MATRIX[STRING], ("v", "u"))
    onnx.checker.check_model(onnx.load_model_from_string(both.graph))
    texts, numbers = np.array([["x", "y"], ["", "\u00e9"]], object), np.array([[1.0, 2.0], [3.0, np.nan]])
    y, s = answers(both.graph, {first.name: numbers, both.name: texts})
    assert s.ravel().tolist() == ["yx", "\u00e9"] and y[0, 0] == 3.0 and np.isnan(y[1, 0])
    assert packed(model, ["a", "b"], STRING) is None and packed(model, ["u", "v"]) is None
