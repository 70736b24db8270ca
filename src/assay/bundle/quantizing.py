"""Weights of a network's layers as whole numbers of 8 bits, one scale for each unit (symmetric, max over the unit)."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.core.errors import SettingsError
from assay.core.table import F64

LEAST = 64  # weights of a layer that is worth its scales
ENOUGH = 0.7  # a graph that keeps more of its bytes than this is not made smaller


def quantised(graph: bytes) -> bytes:
    """The graph with its layers' weights in 8 bits: weight = whole number * scale of its unit.

    Raises:
        SettingsError: nothing in it gets smaller.
    """
    import onnx
    from onnx import helper, numpy_helper

    proto = onnx.load_model_from_string(graph)
    shapes = {t.name: t for t in proto.graph.initializer}
    nodes, count = [], 0
    for node in proto.graph.node:
        place = _layer(node, shapes)
        if place is not None:
            weights = shapes[node.input[1]]
            value = numpy_helper.to_array(weights)
            wide: F64 = value.astype(np.float64)
            scale = np.abs(wide).max(axis=place, keepdims=True) / 127.0
            scale[scale == 0.0] = 1.0
            name, count = f"/q{count}", count + 1
            proto.graph.initializer.append(numpy_helper.from_array(np.rint(wide / scale).astype(np.int8), name))
            proto.graph.initializer.append(numpy_helper.from_array(scale.astype(value.dtype), f"{name}.scale"))
            proto.graph.initializer.remove(weights)
            nodes.append(helper.make_node("Cast", [name], [f"{name}.wide"], to=weights.data_type))
            nodes.append(helper.make_node("Mul", [f"{name}.wide", f"{name}.scale"], [f"{name}.weights"]))
            node.input[1] = f"{name}.weights"
        nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    made = bytes(proto.SerializeToString(deterministic=True))
    if len(made) > ENOUGH * len(graph):
        raise SettingsError(
            f"an int8 variant of this model would have {len(made):,} of {len(graph):,} bytes: only the layers of a "
            "network get smaller, and this model has none, or small ones"
        )
    return made


def _layer(node: Any, shapes: Any) -> int | None:
    """The axis over which the weights of a layer are summed; None where the node is none, or too small."""
    weights = shapes.get(node.input[1]) if node.op_type in ("MatMul", "Gemm") else None
    if weights is None or len(weights.dims) not in (2, 3) or np.prod(weights.dims) < LEAST:
        return None
    if weights.data_type not in (1, 11):  # float, double
        return None
    return -1 if any(a.name == "transB" and a.i for a in node.attribute) else -2
