"""What a graph may be, decided on its bytes before the runtime parses them.

A walk over the protobuf wire format (protobuf.dev, encoding; field numbers from onnx.proto3): only known operators of
known domains and versions, tensors inside the file, no functions, no subgraphs, bounded size and node count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from assay.core.errors import BundleError

MAX_BYTES = 512 << 20
MAX_NODES = 20_000
DOMAINS = {"": 20, "ai.onnx.ml": 5}
MAX_IR = 9
OPERATORS = {
    "": frozenset({
        "Abs", "Add", "And", "ArgMax", "Cast", "Clip", "Concat", "Div", "Equal", "Exp", "Floor", "Gather", "Greater",
        "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Log", "MatMul", "Max", "Mul", "Neg",
        "Or", "ReduceMean", "RegexFullMatch", "Sigmoid", "Softmax", "Sqrt", "StringConcat", "StringSplit",
        "Sub", "TfIdfVectorizer", "Unsqueeze", "Where",
    }),
    "ai.onnx.ml": frozenset({"LabelEncoder", "TreeEnsemble"}),
}  # fmt: skip
# What a graph of another maker may use besides: whatever computes on its inputs alone, and makes nothing that is larger
# than they are by a number written in the graph (no Expand, Tile, Range, ConstantOfShape, Pad, Resize).
IMPORTED_DOMAINS = {"": (13, 22), "ai.onnx.ml": (1, 5)}
IMPORTED_IR = 10
IMPORTED_OPERATORS = {
    "": OPERATORS[""] | {
        "Acos", "ArgMin", "Asin", "Atan", "AveragePool", "BatchNormalization", "CastLike", "Ceil", "Constant", "Conv",
        "Cos", "CumSum", "DequantizeLinear", "DynamicQuantizeLinear", "Einsum", "Elu", "Erf", "Flatten",
        "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "GRU", "HardSigmoid",
        "HardSwish", "Hardmax", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "LogSoftmax",
        "LpNormalization", "LSTM", "MatMulInteger", "MaxPool", "Mean", "Min", "Mish", "Mod", "Not", "PRelu", "Pow",
        "QLinearMatMul", "QuantizeLinear", "RNN", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax",
        "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Round", "ScatterElements",
        "ScatterND", "Selu", "Shape", "Sign", "Sin", "Size", "Slice", "Softplus", "Softsign", "Split", "Squeeze",
        "StringNormalizer", "Sum", "Tan", "Tanh", "ThresholdedRelu", "TopK", "Transpose", "Xor",
    },
    "ai.onnx.ml": OPERATORS["ai.onnx.ml"] | {
        "ArrayFeatureExtractor", "Binarizer", "CategoryMapper", "FeatureVectorizer", "Imputer", "LinearClassifier",
        "LinearRegressor", "Normalizer", "OneHotEncoder", "Scaler", "SVMClassifier", "SVMRegressor",
        "TreeEnsembleClassifier", "TreeEnsembleRegressor",
    },
}  # fmt: skip
# The numbers of an attribute (ints, field 8; floats, field 7) are written one by one, and there are many: skip a run.
_NUMBERS = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x3d.{4})+", re.DOTALL)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTIONS = 1, 7, 8, 20, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE = 1, 5, 15
_NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS = 5, 10
_ATTRIBUTE_GRAPHS = frozenset({6, 11, 14, 15, 21, 22, 23})  # graphs, type protos, sparse tensors, references
_ATTRIBUTE_INNER = frozenset({6, 11})  # one graph, several graphs
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_MODEL_BODIES = {_MODEL_GRAPH: _GRAPH_NODE, _MODEL_FUNCTIONS: 7}  # what holds nodes, and the field they stand in
MAX_DEPTH = 8  # graphs in loops and branches of graphs


def check_graph(data: bytes, imported: bool = False) -> None:
    """Refuse a graph that assay would not have written; or of one that it imported, what reaches outside its inputs.

    Raises:
        BundleError: with the first thing that is wrong.
    """
    if len(data) > MAX_BYTES:
        raise BundleError(f"the graph may have at most {MAX_BYTES >> 20} MB; this one has {len(data) >> 20}")
    highest, operators = (IMPORTED_IR, IMPORTED_OPERATORS) if imported else (MAX_IR, OPERATORS)
    view, nodes, graphs = memoryview(data), 0, 0
    domains: dict[str, int] = {}
    for field, value in fields_of(view):
        if field == _MODEL_IR and (not isinstance(value, int) or value > highest):
            raise BundleError(f"the graph's IR version must be at most {highest}")
        if field in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            raise BundleError("the graph defines functions of its own, which it may not")
        if field == _MODEL_OPSET:
            parts = dict(fields_of(_bytes(value)))
            release = parts.get(2, 0)
            domains[_text(parts.get(1, memoryview(b"")))] = release if isinstance(release, int) else 0
        if field == _MODEL_GRAPH:
            graphs += 1
            nodes += _check_body(_bytes(value), operators)
    if graphs != 1 or nodes == 0:
        raise BundleError("the graph is empty or damaged")
    if imported:
        for domain, release in domains.items():
            low, high = IMPORTED_DOMAINS.get(domain, (0, -1))
            if not low <= release <= high:
                raise BundleError(f"the graph uses {domain[:60] or 'ai.onnx'!r} {release}, which it may not")
    elif domains != DOMAINS:
        raise BundleError(f"the graph must use exactly the operator sets {DOMAINS}; it says {str(domains)[:120]}")


def check_foreign(data: bytes) -> None:
    """Refuse a graph of any maker that reaches outside its own bytes; its operators are the runtime's to know.

    Raises:
        BundleError: too large, damaged, or with data in other files.
    """
    if len(data) > MAX_BYTES:
        raise BundleError(f"an ONNX file may have at most {MAX_BYTES >> 20} MB; this one has {len(data) >> 20}")
    fields = [(field, value) for field, value in fields_of(memoryview(data)) if field in _MODEL_BODIES]
    if [field for field, _ in fields].count(_MODEL_GRAPH) != 1:
        raise BundleError("this is no ONNX file, or a damaged one")
    graphs = [(_bytes(value), _MODEL_BODIES[field]) for field, value in fields]
    for depth in range(MAX_DEPTH + 1):
        if not graphs:
            return
        if depth == MAX_DEPTH:
            raise BundleError(f"an ONNX file may nest at most {MAX_DEPTH} graphs in one another; this one nests more")
        graphs = [(inner, _GRAPH_NODE) for graph, node in graphs for inner in _inner_graphs(graph, node)]


def _inner_graphs(graph: memoryview, node: int) -> Iterator[memoryview]:
    """Graphs inside the nodes of one graph (or function), whose tensors are checked on the way."""
    for field, value in fields_of(graph):
        if field == _GRAPH_TENSOR and node == _GRAPH_NODE:
            _check_tensor(_bytes(value))
        if field != node:
            continue
        attributes = [_bytes(v) for f, v in fields_of(_bytes(value)) if f == _NODE_ATTRIBUTE]
        for inner, content in (pair for one in attributes for pair in fields_of(one)):
            if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                _check_tensor(_bytes(content))
            elif inner in _ATTRIBUTE_INNER:
                yield _bytes(content)


def _check_body(graph: memoryview, operators: Mapping[str, frozenset[str]]) -> int:
    nodes = 0
    for field, value in fields_of(graph):
        if field == _GRAPH_NODE:
            nodes += 1
            if nodes > MAX_NODES:
                raise BundleError(f"the graph may have at most {MAX_NODES} nodes")
            _check_node(_bytes(value), operators)
        elif field == _GRAPH_TENSOR:
            _check_tensor(_bytes(value))
        elif field == _GRAPH_SPARSE:
            raise BundleError("the graph holds sparse tensors, which it may not")
    return nodes


def _check_node(node: memoryview, operators: Mapping[str, frozenset[str]]) -> None:
    op = domain = ""
    for field, value in fields_of(node):
        if field == _NODE_OP:
            op = _text(value)
        elif field == _NODE_DOMAIN:
            domain = _text(value)
        elif field == _NODE_ATTRIBUTE:
            for inner, content in fields_of(_bytes(value)):
                if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _check_tensor(_bytes(content))
                elif inner in _ATTRIBUTE_GRAPHS:
                    raise BundleError("the graph holds a graph inside a node, which it may not")
    if op not in operators.get(domain, ()):
        raise BundleError(f"the graph uses the operator {op[:60]!r} of {domain[:60] or 'ai.onnx'!r}, which it may not")


def _check_tensor(tensor: memoryview) -> None:
    for field, value in fields_of(tensor):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise BundleError("the graph keeps data outside its file, which it may not")


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise BundleError("the graph is damaged")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode("utf-8", "replace")


def fields_of(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of one message: whole numbers as int, everything else as bytes."""
    at, end = 0, len(view)
    while at < end:
        if run := _NUMBERS.match(view, at):
            at = run.end()
            continue
        key, at = _varint(view, at)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            number, at = _varint(view, at)
            yield field, number
            continue
        size = 8
        if wire == _BYTES:
            size, at = _varint(view, at)
        elif wire == _FIXED32:
            size = 4
        elif wire != _FIXED64:
            raise BundleError("the graph is damaged")
        if field == 0 or at + size > end:
            raise BundleError("the graph is damaged")
        yield field, view[at : at + size]
        at += size


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            break
        byte = view[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise BundleError("the graph is damaged")
