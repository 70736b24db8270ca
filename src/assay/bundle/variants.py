"""Smaller versions of a model inside its own file, each with a record of what it costs.

int8   the weights of a network's layers as whole numbers of 8 bits with one scale for each unit: about an eighth of the
       bytes. The runtime multiplies them out once, when it loads the graph, so a row takes as long as before; what
       changes is the file, and, a little, the answers. Trees and linear models hold no such weights.

The record is measured on rows that are handed in, and lies beside the variant: ``model/alt/int8.json``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import SettingsError
from assay.core.table import F64
from assay.core.words import text_of

from .archive import pack, to_json, unpack
from .feed import Feed, feed_from
from .layout import GRAPH, VARIANTS
from .model import Model
from .session import Session

INT8 = "int8"
LEAST = 64  # weights of a layer that is worth its scales
ROUNDS = 400
ENOUGH = 0.7  # a variant that keeps more of the bytes than this is none


def make(model: Model, rows: Any, truth: Sequence[Any] | None = None) -> Model:
    """The same model with the variant int8 in its file. The result has no signature: sign it again.

    Args:
        rows: what the record is measured on, as ``Model.predict`` takes them; held-out ones, some hundred at least.
        truth: their targets, as text or as the target column held them; with them the record has losses too.

    Raises:
        SettingsError: the model has no network, its file would not get smaller, or there are no rows.
    """
    small = quantised(model._files[GRAPH])
    feed, n = feed_from(rows, model._schema)
    if n == 0:
        raise SettingsError("the record of a variant needs rows to be measured on; there are none")
    record = measured(model, small, feed, None if truth is None else [text_of(t) or "" for t in truth])
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    files = {**files, f"{VARIANTS}{INT8}.onnx": small, f"{VARIANTS}{INT8}.json": to_json(record)}
    return Model(pack(files, about, {path: entry["role"] for path, entry in manifest["files"].items()}))


def quantised(graph: bytes) -> bytes:
    """The graph with its layers' weights in 8 bits: weight = whole number * scale of its unit.

    Raises:
        SettingsError: nothing in it gets smaller.
    """
    import onnx
    from onnx import helper, numpy_helper

    proto = onnx.load_model_from_string(graph)
    held = {t.name: t for t in proto.graph.initializer}
    nodes, count = [], 0
    for node in proto.graph.node:
        weights = held.get(node.input[1]) if node.op_type == "MatMul" else None
        if weights is not None and len(weights.dims) == 3 and np.prod(weights.dims) >= LEAST:
            value: F64 = numpy_helper.to_array(weights).astype(np.float64)
            scale = np.abs(value).max(axis=1, keepdims=True) / 127.0
            scale[scale == 0.0] = 1.0
            name, count = f"/q{count}", count + 1
            proto.graph.initializer.append(numpy_helper.from_array(np.rint(value / scale).astype(np.int8), name))
            proto.graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
            proto.graph.initializer.remove(weights)
            nodes.append(helper.make_node("Cast", [name], [f"{name}.wide"], to=onnx.TensorProto.DOUBLE))
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


def measured(model: Model, small: bytes, feed: Feed, truth: list[str] | None) -> dict[str, Any]:
    """The record: bytes, answers and time of both graphs on the same rows, the file's own first."""
    own, other = model._session, Session(small, model._schema)
    first, second = (np.asarray(s.run(feed), np.float64) for s in (own, other))
    change = np.abs(first - second)
    record: dict[str, Any] = {
        "variant": INT8,
        "of": hashlib.sha256(model._files[GRAPH]).hexdigest(),
        "rows": len(first),
        "bytes": [len(model._files[GRAPH]), len(small)],
        "worst_change": float(change.max()),
        "mean_change": float(change.mean()),
    }
    if model.classes:
        labels = [s.run(feed, "label") for s in (own, other)]
        record["labels_changed"] = float((labels[0] != labels[1]).mean())
        record["mean_probability"] = [first.mean(0).tolist(), second.mean(0).tolist()]
    if truth is not None:
        record |= _losses(model, (first, second), truth)
    record["microseconds_one_row"] = [_time(s, feed) for s in (own, other)]
    return record


def _losses(model: Model, outputs: Sequence[F64], truth: list[str]) -> dict[str, Any]:
    if len(truth) != len(outputs[0]):
        raise SettingsError(f"there must be one target for each row; got {len(truth):,} for {len(outputs[0]):,} rows")
    if not model.classes:
        y = np.array([float(t) for t in truth])
        return {"mean_squared_error": [float(((o[:, 0] - y) ** 2).mean()) for o in outputs]}
    known = {c: k for k, c in enumerate(model.classes)}
    if unknown := sorted(set(truth) - set(known)):
        raise SettingsError(f"a target must be one of {', '.join(model.classes[:6])}; got {unknown[0]!r}")
    at: NDArray[np.int64] = np.array([known[t] for t in truth])
    every = np.arange(len(at))
    shares = np.bincount(at, minlength=len(known)) / len(at)
    return {
        "accuracy": [float((o.argmax(1) == at).mean()) for o in outputs],
        "log_loss": [float(-np.log(np.clip(o[every, at], 1e-7, 1.0)).mean()) for o in outputs],
        "calibration_gap": [float(np.abs(o.mean(0) - shares).max()) for o in outputs],
    }


def _time(session: Session, feed: Feed) -> float:
    """CPU microseconds of one row, the median over rounds."""
    n = len(next(iter(feed.values())))
    ones = [session.split({k: v[i % n : i % n + 1] for k, v in feed.items()}) for i in range(ROUNDS)]
    spent = []
    for numbers, texts in ones:
        start = time.process_time_ns()
        session.outputs([session.main], numbers, texts)
        spent.append((time.process_time_ns() - start) / 1e3)
    return round(float(np.median(spent)), 1)
