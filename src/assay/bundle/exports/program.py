"""The graph of an .assay file as steps on one row, which the exports write down in C and in SQL.

A tensor [N, k] of the graph is k lanes of one row. Rearrangements (Gather, Concat, Unsqueeze) keep their lanes' places
as whole numbers; every other node is one step. The graph is the truth: nothing is read from the training side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.layout import GRAPH
from assay.bundle.model import Model
from assay.bundle.policy import check_graph
from assay.bundle.schema import Input
from assay.bundle.variants import held
from assay.core.errors import SettingsError
from assay.core.table import I64

COMPARED = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
SAME_TYPE = {
    "Abs", "Add", "Clip", "Div", "Exp", "Floor", "Log", "Max", "Mul", "Neg", "Sigmoid", "Softmax", "Sqrt", "Sub",
    "StringConcat",
}  # fmt: skip
TRUTH = COMPARED | {"And", "Or", "IsNaN", "IsInf", "RegexFullMatch"}


@dataclass(frozen=True, eq=False)
class Value:
    """What one tensor holds for a row: ``dtype`` double, float, bool, int64, int8 or string; ``shape`` with N as 1."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: NDArray[Any] | None = None  # of a constant
    scale: NDArray[Any] | None = None  # by which whole numbers of 8 bits are multiplied: weights of a layer

    @property
    def width(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Step:
    """One node: ``lanes[i][j]`` is the lane of input i that lane j of the output is made of (elementwise steps)."""

    op: str
    out: Value
    ins: tuple[Value | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    lanes: tuple[I64 | None, ...] = ()

    def given(self, i: int) -> Value:
        value = self.ins[i]
        assert value is not None
        return value


@dataclass(frozen=True)
class Program:
    """``inputs`` pairs the columns of the schema with their values; ``outputs`` are by their public names."""

    inputs: tuple[tuple[Input, Value], ...]
    steps: tuple[Step, ...]
    outputs: Mapping[str, Value]


def read_program(model: Model, variant: str | None = None) -> Program:
    """The steps of the model's graph, or of one of its variants.

    Raises:
        SettingsError: the graph has a node in a use that no export knows. BundleError: it is not assay's graph.
    """
    if model._schema.imported:
        raise SettingsError(
            "this model came in as an ONNX graph of another maker, so it can go out as ONNX only (assay export onnx)"
        )
    data = model._files[GRAPH] if variant is None else held(model, variant)[0]
    check_graph(data)
    import onnx

    graph = onnx.load_model_from_string(data).graph
    walk = _Walk({t.name: _constant(t) for t in graph.initializer})
    by_input = {i.input: i for i in model._schema.inputs}
    inputs = []
    for given in graph.input:
        column = by_input[given.name]
        value = Value(given.name, "string" if column.is_text else "double", (1, 1))
        walk.known[given.name] = value
        inputs.append((column, value))
    for node in graph.node:
        walk.take(node)
    order = {i.input: k for k, i in enumerate(model._schema.inputs)}
    inputs.sort(key=lambda pair: order[pair[1].name])
    return Program(tuple(inputs), tuple(walk.steps), {o.name: walk.known[o.name] for o in graph.output})


def _constant(tensor: Any) -> Value:
    from onnx import numpy_helper

    data = numpy_helper.to_array(tensor)
    if data.dtype == object:
        data = np.array([v.decode() if isinstance(v, bytes) else str(v) for v in data.ravel()], object).reshape(
            data.shape
        )
    return Value(tensor.name, _named(data.dtype), data.shape, data)


def _named(dtype: Any) -> str:
    names = {"float64": "double", "float32": "float", "int64": "int64", "int8": "int8", "bool": "bool"}
    return names.get(str(dtype), "string")


def table_of(node: Mapping[str, Any]) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """Keys, values and the default of a LabelEncoder, however they were written."""
    from onnx import numpy_helper

    def part(what: str) -> NDArray[Any]:
        for kind, dtype in (("strings", object), ("floats", np.float32), ("int64s", np.int64)):
            if f"{what}_{kind}" in node:
                got = node[f"{what}_{kind}"]
                return np.array([v.decode() if isinstance(v, bytes) else v for v in got], dtype)
        got = numpy_helper.to_array(node[f"{what}_tensor"])
        return (
            np.array([v.decode() if isinstance(v, bytes) else v for v in got], object) if got.dtype == object else got
        )

    keys, values = part("keys"), part("values")
    if "default_tensor" in node:
        rest = numpy_helper.to_array(node["default_tensor"]).ravel()[0]
    elif values.dtype == object:
        rest = node.get("default_string", b"_Unused")
    else:
        rest = node.get("default_float", -0.0) if values.dtype.kind == "f" else node.get("default_int64", -1)
    return keys, values, rest.decode() if isinstance(rest, bytes) else rest


class _Walk:
    """Takes nodes in order; ``words`` remembers texts that are split into words, and their codes."""

    def __init__(self, known: dict[str, Value]) -> None:
        self.known = known
        self.steps: list[Step] = []
        self.words: dict[str, tuple[Value, Any]] = {}

    def take(self, node: Any) -> None:
        from onnx import helper

        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        op, out = str(node.op_type), str(node.output[0])
        if self._of_words(op, node, out, attributes):
            return
        ins = tuple(self.known[n] if n else None for n in node.input)
        if (weights := _weights(op, out, ins)) is not None:
            self.known[out] = weights
            return
        made = _outcome(op, ins, attributes)
        value = Value(out, made[0], made[1])
        lanes = tuple(None if v is None else _lanes(v.shape, made[1]) for v in ins) if op in ELEMENTWISE else ()
        if op in ("Gather", "Concat", "Unsqueeze") and len(made) == 3:
            op, lanes = "Lanes", (made[2],)
        self.known[out] = value
        self.steps.append(Step(op, value, ins, attributes, lanes))

    def _of_words(self, op: str, node: Any, out: str, attributes: Mapping[str, Any]) -> bool:
        """Split at spaces, look up, count: four nodes that are one step, because a text has any number of words."""
        first = str(node.input[0])
        if op == "StringSplit" and "delimiter" not in attributes:
            self.words[out] = (self.known[first], None)
        elif first in self.words and op == "LabelEncoder":
            self.words[out] = (self.words[first][0], table_of(attributes))
        elif first in self.words and op == "Gather":
            self.words[out] = self.words[first]
        elif first in self.words and op == "TfIdfVectorizer":
            text, table = self.words[first]
            grams = _grams(attributes)
            value = Value(out, "float", (1, len(grams)))
            self.known[out] = value
            self.steps.append(Step("Words", value, (text,), {"table": table, "grams": grams}))
        else:
            return False
        return True


def _weights(op: str, out: str, ins: Sequence[Value | None]) -> Value | None:
    """Weights of 8 bits with the scale of each unit, which a graph writes as Cast and Mul; None for any other node."""
    first, second = (*ins, None)[:2]
    if first is None or first.data is None or first.data.dtype != np.int8:
        return None
    if op == "Cast":
        return Value(out, "int8", first.shape, first.data)
    if op == "Mul" and second is not None and second.data is not None and first.scale is None:
        return Value(out, second.dtype, first.shape, first.data, second.data)
    return None


def _grams(attributes: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """The codes of each word or pair, by its place in the output."""
    pool, starts = list(attributes["pool_int64s"]), [*attributes["ngram_counts"], len(attributes["pool_int64s"])]
    found = []
    for n, (begin, end) in enumerate(pairwise(starts), start=1):
        found += [tuple(pool[k : k + n]) for k in range(begin, end, n)]
    out: list[tuple[int, ...]] = [()] * len(found)
    for place, gram in zip(attributes["ngram_indexes"], found, strict=True):
        out[place] = gram
    return out


ELEMENTWISE = (SAME_TYPE | TRUTH | {"Cast", "Where", "LabelEncoder"}) - {"Softmax"}


def _lanes(shape: tuple[int, ...], to: tuple[int, ...]) -> I64:
    places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    return np.asarray(np.broadcast_to(places, np.broadcast_shapes(shape, to)).ravel(), np.int64)


def _outcome(op: str, ins: Sequence[Value | None], attributes: Mapping[str, Any]) -> Any:
    """(dtype, shape) of what a node gives; of a rearrangement also the lanes that it takes, of all inputs in a row."""
    there = [v for v in ins if v is not None]
    first = there[0]
    wide = np.broadcast_shapes(*(v.shape for v in there)) if op in ELEMENTWISE else first.shape
    if op in TRUTH:
        return "bool", wide
    if op in SAME_TYPE:
        return first.dtype, wide
    if op == "Where":
        return there[1].dtype, wide
    if op == "Cast":
        from onnx import TensorProto

        names = {TensorProto.DOUBLE: "double", TensorProto.FLOAT: "float", TensorProto.INT64: "int64",
                 TensorProto.STRING: "string"}  # fmt: skip
        return names[attributes["to"]], wide
    if op == "LabelEncoder":
        return _named(table_of(attributes)[1].dtype), wide
    if op == "TreeEnsemble":
        return "double", (1, int(attributes["n_targets"]))
    if op == "ArgMax":
        return "int64", (1,)
    if op == "MatMul":
        return first.dtype, np.matmul(np.zeros(first.shape), np.zeros(there[1].shape)).shape
    if op == "ReduceMean":
        return first.dtype, first.shape[1:]
    if op == "StringSplit" and len(attributes["delimiter"]) == 1:
        return "string", (*first.shape, int(attributes["maxsplit"]) + 1)
    return _moved(op, there, attributes)


def _moved(op: str, ins: Sequence[Value], attributes: Mapping[str, Any]) -> Any:
    starts = np.cumsum([0, *(v.width for v in ins)])
    places = [np.arange(v.width).reshape(v.shape) + s for v, s in zip(ins, starts, strict=False)]
    first = ins[0]
    if op == "Concat":
        made = np.concatenate(places, axis=int(attributes["axis"]))
    elif op == "Unsqueeze" and ins[1].data is not None:
        made = np.expand_dims(places[0], tuple(int(k) for k in ins[1].data.ravel()))
    elif op == "Gather" and ins[1].data is not None:
        made = np.take(places[0], ins[1].data, axis=int(attributes.get("axis", 0)))
    elif op == "Gather" and first.data is not None and int(attributes.get("axis", 0)) == 0:
        return first.dtype, (*ins[1].shape, *first.shape[1:])
    else:
        raise SettingsError(f"this model cannot be exported: its graph uses {op} in a way that only a runtime knows")
    return first.dtype, made.shape, np.asarray(made.ravel(), np.int64)
