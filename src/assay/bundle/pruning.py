"""Networks with fewer hidden units: whole units are taken out of the graph, and the layer after them makes up for it.

Between two layers of weights lies a row of hidden units. On rows that are handed in, the layer after them is fitted by
least squares to what the whole network gave it; then units go one at a time, each time the one whose loss costs that
layer least once all the others are refitted: |w_j|^2 / [H^-1]_jj with H the second moments of the units (optimal brain
surgeon, Hassibi and Stork, NIPS 1993; for whole units ZipLM, Kurtic, Frantar and Alistarh, NeurIPS 2023; the refit as
in He, Zhang and Sun, ICCV 2017). A constant unit, which always stays, carries the bias. The graph that is left has
smaller matrices, not zeros in large ones.

Graphs of assay and of other makers alike: a hidden layer is taken where MatMul or Gemm with weights of its own is
followed by nothing but steps on each unit by itself up to the next MatMul or Gemm.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError, SettingsError
from assay.core.table import F64, I64

from .feed import Feed

RIDGE = 1e-4  # of the mean second moment: keeps the fit near the weights that were trained where rows say nothing
WIDE = 4
ALONE = frozenset({
    "Relu", "LeakyRelu", "Elu", "Selu", "ThresholdedRelu", "Tanh", "Sigmoid", "HardSigmoid", "HardSwish", "Softplus",
    "Softsign", "Gelu", "Mish", "Erf", "Abs", "Neg", "Exp", "Sqrt", "Identity", "Cast", "Clip",
})  # fmt: skip
PAIRED = frozenset({"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"})  # with a constant on the other side


@dataclass
class Layer:
    """One row of hidden units: the weights before it, constants along it, the weights and the bias after it."""

    before: str
    before_axis: int  # of the units
    along: tuple[str, ...]
    hidden: str
    after: str
    after_axis: int
    bias: str  # empty where the layer after it has none
    units: int


def layers(proto: Any) -> list[Layer]:
    """The hidden layers of a graph whose units can be taken out, in the order of the graph."""
    graph = proto.graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    fixed = {o.name for o in graph.output} | {i.name for i in graph.input}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    own = {n for n in shapes if uses[n] == 1 and n not in fixed}
    out: list[Layer] = []
    for node in graph.node:
        weights = _weights(node, shapes, own)
        if weights is None:
            continue
        name, axis = weights
        units = shapes[name][axis]
        along = [node.input[2]] if node.op_type == "Gemm" and len(node.input) > 2 and node.input[2] else []
        at, last = node.output[0], None
        while at not in fixed and len(users.get(at, ())) == 1:
            last = users[at][0]
            other = next((n for n in last.input if n != at), "")
            if last.op_type in ALONE:
                pass
            elif last.op_type in PAIRED and other in shapes and len(last.input) == 2:
                along.append(other)
            else:
                break
            at = last.output[0]
        else:
            continue
        after = _weights(last, shapes, own, at)
        if after is None or units < 2 or len(shapes[after[0]]) != len(shapes[name]):
            continue
        sized = [n for n in along if n not in shapes or np.prod(shapes[n], dtype=np.int64) != 1]
        nets = (shapes[name][0], 1) if len(shapes[name]) == 3 else ()
        fits = {(*nets, units), *([] if nets else [(1, units)])}
        into = _other(after[1], len(shapes[after[0]]))
        if shapes[after[0]][into] != units or not all(n in own and shapes[n] in fits for n in sized):
            continue
        bias = _bias(last, users, shapes, own, fixed)
        out.append(Layer(name, axis, tuple(sized), at, after[0], into, bias, units))
    return out


def _weights(node: Any, shapes: Any, own: set[str], of: str | None = None) -> tuple[str, int] | None:
    """The weights of a layer (of its first input ``of``) and the axis of what it gives; None where it is no layer."""
    if node is None or node.op_type not in ("MatMul", "Gemm") or node.input[1] not in own:
        return None
    name, wide = node.input[1], len(shapes[node.input[1]])
    if wide not in (2, 3) or (of is not None and node.input[0] != of):
        return None
    said = {a.name: a for a in node.attribute}
    if node.op_type == "Gemm":
        plain = all(k not in said or said[k].f == 1.0 for k in ("alpha", "beta"))
        if not plain or ("transA" in said and said["transA"].i):
            return None
        if "transB" in said and said["transB"].i:
            return name, 0
    return name, wide - 1


def _other(axis: int, wide: int) -> int:
    return wide - 1 if axis == wide - 2 else wide - 2


def _bias(node: Any, users: Any, shapes: Any, own: set[str], fixed: set[str]) -> str:
    """The bias that a layer adds: a constant of its own as wide as what it gives."""
    if node.op_type == "Gemm":
        name = node.input[2] if len(node.input) > 2 else ""
    else:
        then = users.get(node.output[0], ())
        add = then[0] if len(then) == 1 and node.output[0] not in fixed and then[0].op_type == "Add" else None
        name = next((n for n in add.input if n in shapes), "") if add is not None else ""
    weights = node.input[1]
    outputs = shapes[weights][-1] if weights in shapes else 0
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    outputs = shapes[weights][0] if transposed else outputs
    nets = shapes[weights][0] if len(shapes[weights]) == 3 else 1
    fits = name in own and (shapes[name] or (1,))[-1] == outputs and np.prod(shapes[name]) == nets * outputs
    return name if fits else ""


def pruned(graph: bytes, feed: Feed, share: float) -> tuple[bytes, list[tuple[int, int]]]:
    """The graph with ``share`` of the units of every hidden layer taken out, and (units before, after) of each.

    Args:
        feed: rows as the graph's inputs, which decide what goes and what the rest is refitted to.

    Raises:
        SettingsError: there is no hidden layer of this form, or so small a share that no unit goes.
    """
    import onnx

    proto = onnx.load_model_from_string(graph)
    found = layers(proto)
    if not found:
        raise SettingsError(
            "only hidden units of a network can be taken out, between two MatMul or Gemm with nothing but steps on "
            "each unit by itself between them; this graph has none"
        )
    del proto.graph.value_info[:]
    kept = [left(layer.units, share) for layer in found]
    if kept == [layer.units for layer in found]:
        raise SettingsError(f"{share:g} of {max(kept)} hidden units is none: name a larger share with --prune")
    whole = _values(proto, [layer.hidden for layer in found], feed)
    for layer, keep in zip(found, kept, strict=True):
        _thin(proto, layer, keep, whole[layer.hidden], feed)
    made = bytes(proto.SerializeToString(deterministic=True))
    return made, [(layer.units, keep) for layer, keep in zip(found, kept, strict=True)]


def left(units: int, share: float) -> int:
    """How many units stay: of wide layers a multiple of four, which processors work through without a rest."""
    keep = max(1, units - round(share * units))
    return keep if units < 4 * WIDE else max(WIDE, WIDE * round(keep / WIDE))


def _values(proto: Any, names: list[str], feed: Feed) -> dict[str, F64]:
    """What lies in the graph at these places for these rows."""
    import onnx
    import onnxruntime as ort

    seen = onnx.ModelProto()
    seen.CopyFrom(proto)
    del seen.graph.output[:]
    seen.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(seen.SerializeToString(), options, providers=["CPUExecutionProvider"])
        there = {i.name for i in session.get_inputs()}
        made = session.run(names, {k: v for k, v in feed.items() if k in there})
    except Exception as error:
        raise BundleError(f"the graph failed: {str(error).splitlines()[0][:200]}") from None
    return {name: np.asarray(v, np.float64) for name, v in zip(names, made, strict=True)}


def _thin(proto: Any, layer: Layer, keep: int, whole: F64, feed: Feed) -> None:
    """Take units out of one layer, in place; ``whole`` is what the untouched network had there."""
    from onnx import numpy_helper

    held = {t.name: t for t in proto.graph.initializer}
    arrays: dict[str, NDArray[Any]] = {
        n: numpy_helper.to_array(held[n])
        for n in (layer.before, layer.after, *layer.along, *filter(None, [layer.bias]))
    }
    after = arrays[layer.after]
    W = np.moveaxis(after, layer.after_axis, -2).astype(np.float64).reshape(-1, layer.units, _outputs(after, layer))
    bias = np.zeros((len(W), W.shape[2]))
    if layer.bias:
        bias = arrays[layer.bias].astype(np.float64).reshape(len(W), W.shape[2])
    now, truth = (_rows(v, len(W), layer.units) for v in (_values(proto, [layer.hidden], feed)[layer.hidden], whole))
    chosen, weights, biases = [], [], []
    for net in range(len(W)):
        at, fitted, constant = surgery(now[net], truth[net] @ W[net], W[net], keep, bool(layer.bias))
        chosen.append(at)
        weights.append(fitted)
        biases.append(bias[net] + constant)
    arrays[layer.after] = _back(np.stack(weights), layer.after_axis, after.ndim)
    if layer.bias:
        arrays[layer.bias] = np.stack(biases).reshape(arrays[layer.bias].shape)
    arrays[layer.before] = _taken(arrays[layer.before], layer.before_axis, chosen)
    for name in layer.along:
        arrays[name] = _taken(arrays[name], arrays[name].ndim - 1, chosen)
    for name, value in arrays.items():
        kind = numpy_helper.to_array(held[name]).dtype
        held[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value.astype(kind)), name))


def _rows(values: F64, nets: int, units: int) -> F64:
    """(nets, rows, units), whatever the rows were laid out as."""
    return np.broadcast_to(values, (nets, *values.shape[1:])) if nets > 1 else values.reshape(1, -1, units)


def _outputs(after: NDArray[Any], layer: Layer) -> int:
    return int(after.shape[_other(layer.after_axis, after.ndim)])


def _back(weights: F64, axis: int, wide: int) -> F64:
    """(nets, units, outputs) in the form that the graph had."""
    if wide == 3:
        return weights
    out: F64 = weights[0] if axis == 0 else weights[0].T
    return out


def _taken(value: NDArray[Any], axis: int, chosen: list[I64]) -> NDArray[Any]:
    """The chosen units along an axis, for each net its own."""
    if len(chosen) == 1 or value.ndim < 3:
        return np.take(value, chosen[0], axis=axis)
    return np.stack([np.take(net, at, axis=axis - 1) for net, at in zip(value, chosen, strict=True)])


def surgery(A: F64, Z: F64, W: F64, keep: int, constant: bool) -> tuple[I64, F64, F64]:
    """The units to keep, the weights that are fitted to them, and what is added to the bias.

    Args:
        A: (n, units) what the units say now. Z: (n, outputs) what the layer after them is to give, without its bias.
        W: (units, outputs) its weights as they are. ``constant``: whether there is a bias to carry a constant.
    """
    n, units = A.shape
    X = np.column_stack((A, np.ones(n))) if constant else A
    H = X.T @ X / max(n, 1)
    H[np.diag_indices_from(H)] += RIDGE * max(float(np.trace(H)) / len(H), 1e-12)
    inverse = np.linalg.inv(H)
    start = np.vstack((W, np.zeros((1, W.shape[1])))) if constant else W
    fitted: F64 = start + inverse @ (X.T @ (Z - A @ W)) / max(n, 1)
    alive = np.ones(len(H), bool)
    for _ in range(units - keep):
        cost = np.where(alive, (fitted**2).sum(axis=1) / np.diag(inverse), np.inf)
        cost[units:] = np.inf
        gone = int(np.argmin(cost))
        alive[gone] = False
        column = inverse[:, gone] / inverse[gone, gone]
        fitted = fitted - np.outer(column, fitted[gone])
        inverse = inverse - np.outer(column, inverse[gone])
        inverse[gone] = inverse[:, gone] = 0.0
        inverse[gone, gone] = 1.0
        fitted[gone] = 0.0
    at = np.flatnonzero(alive[:units])
    return at, fitted[at], fitted[units] if constant else np.zeros(W.shape[1])
