"""Raw row to outputs in one ONNX graph.

Inputs: one per raw column, [N, 1]: text, category and mixed as string with ``NULL_CODE`` for null; number, bool, clock
(HHMM) and date (epoch seconds) as double with NaN for null. Outputs:

probabilities  float [N, classes], after member weights, links and calibration    (classification)
label          string [N], the likeliest class, or the median of ordered ones                   (classification)
value          double [N, 1]                                                      (regression)
set            bool [N, classes], or double [N, 2] interval ends, at the default coverage
cell, band     where the sets follow groups or have widths of their own: see ``sets``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.errors import SettingsError
from assay.core.remedy import Op
from assay.core.table import F64, I64
from assay.learn.forms import Assembly, Forest, Form, Link, Network
from assay.learn.replay import MOST_LOG

from . import linear, network, trees
from .encode import lower_encoder
from .nodes import IR_VERSION, ML_OPSET, OPSET, TEXT_KINDS, Builder, Wire, input_names
from .ops import lower_ops
from .sets import lower_cell, lower_set

TINY = 1e-7  # as learn.replay: probabilities are kept this far from 0 and 1 before a logarithm


def make_graph(assembly: Assembly, ops: Sequence[Op] = (), properties: Mapping[str, str] | None = None) -> bytes:
    """The serialised model. Same assembly, same bytes.

    Raises:
        SettingsError: the recipe and the encoder do not fit together.
    """
    from onnx import TensorProto, helper

    b, assembly = Builder(), _guarded(assembly)
    kinds = dict(assembly.spec.columns)
    names = input_names(kinds)
    wires = {column: Wire(names[column], kind) for column, kind in kinds.items()}
    cells = assembly.conformal.cells
    cell = lower_cell(b, wires, cells) if cells is not None else ""
    matrix = lower_encoder(b, lower_ops(b, wires, ops), assembly.spec)
    outputs = _outputs(b, assembly, matrix.name, matrix.place, cell)
    text, double = TensorProto.STRING, TensorProto.DOUBLE
    used = {n for node in b.nodes for n in node.input}
    inputs = [
        helper.make_tensor_value_info(names[column], text if kind in TEXT_KINDS else double, ["N", 1])
        for column, kind in kinds.items()
        if names[column] in used
    ]
    graph = helper.make_graph(b.nodes, "assay", inputs, outputs, b.tensors)
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=IR_VERSION, producer_name="assay")
    helper.set_model_props(model, dict(sorted((properties or {}).items())))
    return bytes(model.SerializeToString(deterministic=True))


def _guarded(assembly: Assembly) -> Assembly:
    """The same assembly with its forests as every processor reads them alike (``trees.without_zero``)."""
    sizes = {k: len(f.levels) for k, f in enumerate(assembly.spec.features) if f.how == "codes"}
    members = tuple(
        replace(m, form=trees.without_zero(m.form, sizes)) if isinstance(m.form, Forest) else m
        for m in assembly.members
    )
    band = assembly.conformal.band
    conformal = replace(assembly.conformal, band=trees.without_zero(band, sizes)) if band else assembly.conformal
    return replace(assembly, members=members, conformal=conformal)


def _outputs(b: Builder, assembly: Assembly, matrix: str, place: I64, cell: str) -> list[Any]:
    from onnx import TensorProto, helper

    k = len(assembly.classes)
    more = [helper.make_tensor_value_info(_named(b, cell, "cell"), TensorProto.INT64, ["N"])] if cell else []
    cell = "cell" if cell else ""
    if assembly.task == "regression":
        value = _named(b, _mean(b, assembly, matrix, place), "value")
        ends, band = lower_set(b, assembly, value, cell, matrix, place)
        _named(b, ends, "set")
        if band:
            more.append(helper.make_tensor_value_info(_named(b, band, "band"), TensorProto.DOUBLE, ["N", 2]))
        return [
            helper.make_tensor_value_info("value", TensorProto.DOUBLE, ["N", 1]),
            helper.make_tensor_value_info("set", TensorProto.DOUBLE, ["N", 2]),
            *more,
        ]
    if assembly.task == "binary":
        positive = _binary(b, assembly, matrix, place)
        both = b.add("Concat", b.add("Sub", b.number(1.0), positive), positive, axis=1)
        p = _named(b, b.cast(both, "float"), "probabilities")
    else:
        p = _named(b, b.cast(_multiclass(b, assembly, matrix, place), "float"), "probabilities")
    label = b.add("Gather", b.constant(np.array(assembly.classes, object)), _decided(b, assembly, p))
    _named(b, label, "label")
    _named(b, lower_set(b, assembly, p, cell, matrix, place)[0], "set")
    return [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", k]),
        helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
        helper.make_tensor_value_info("set", TensorProto.BOOL, ["N", k]),
        *more,
    ]


def _decided(b: Builder, assembly: Assembly, p: str) -> str:
    """The likeliest class; of ordered classes the first that half of the probability does not lie beyond."""
    if assembly.aim.kind == "ordinal":
        upto = b.add("MatMul", p, b.constant(np.triu(np.ones((len(assembly.classes),) * 2, np.float32))))
        p = b.cast(b.add("GreaterOrEqual", upto, b.constant(np.array(0.5, np.float32))), "float")
    return b.add("ArgMax", p, axis=1, keepdims=0)


def _named(b: Builder, name: str, public: str) -> str:
    b.rename(name, public)
    return public


def _raw(b: Builder, form: Form, matrix: str, place: I64) -> str:
    if isinstance(form, Forest):
        return trees.lower_forest(b, matrix, form, place)
    if isinstance(form, Network):
        return network.lower_network(b, matrix, form, place)
    return linear.lower_linear(b, matrix, form, place)


def _scaled(form: Form, a: float, b: float) -> Form:
    if isinstance(form, Forest):
        return trees.scaled(form, a, b)
    return network.scaled(form, a, b) if isinstance(form, Network) else linear.scaled(form, a, b)


def _linked(b: Builder, raw: str, link: Link) -> str:
    if link == "identity":
        return raw
    if link == "exp":
        return b.add("Exp", b.add("Clip", raw, "", b.number(MOST_LOG)))
    return b.add("Sigmoid", raw) if link == "sigmoid" else b.add("Softmax", raw, axis=1)


def _mean(b: Builder, assembly: Assembly, matrix: str, place: I64) -> str:
    """Weighted mean of the members' outputs, as double."""
    if not assembly.members:
        raise SettingsError("a model needs at least one member; the assembly has none")
    weights: F64 = np.array([m.weight for m in assembly.members])
    weights = weights / weights.sum()
    out = ""
    for member, weight in zip(assembly.members, weights, strict=True):
        one = _linked(b, _raw(b, member.form, matrix, place), member.form.link)
        if len(weights) == 1:
            return one
        part = b.add("Mul", one, b.number(float(weight)))
        out = b.add("Add", out, part) if out else part
    return out


def _binary(b: Builder, assembly: Assembly, matrix: str, place: I64) -> str:
    """Probability of the positive class, [N, 1] double."""
    c = assembly.calibration
    forms = [m.form for m in assembly.members]
    if c.kind != "platt":
        mean = _mean(b, assembly, matrix, place)
        if all(f.link != "identity" for f in forms):
            return mean
        return b.add("Clip", mean, b.number(0.0), b.number(1.0))  # shares of trees add up to 1 and a rounding error
    if len(forms) == 1 and forms[0].link == "sigmoid":
        # logit(sigmoid(raw)) is raw, so the calibration goes into the weights; the clip is the one on p, moved through
        edge = float(np.log((1.0 - TINY) / TINY))
        lo, hi = sorted((c.b - c.a * edge, c.b + c.a * edge))
        form: Form = forms[0]
        form = _scaled(form, c.a, c.b)
        raw = b.add("Clip", _raw(b, form, matrix, place), b.number(lo), b.number(hi))
        return b.add("Sigmoid", raw)
    p = b.add("Clip", _mean(b, assembly, matrix, place), b.number(TINY), b.number(1.0 - TINY))
    logit = b.add("Sub", b.add("Log", p), b.add("Log", b.add("Sub", b.number(1.0), p)))
    return b.add("Sigmoid", b.add("Add", b.add("Mul", logit, b.number(c.a)), b.number(c.b)))


def _multiclass(b: Builder, assembly: Assembly, matrix: str, place: I64) -> str:
    p = _mean(b, assembly, matrix, place)
    if assembly.calibration.kind == "none":
        return p
    log = b.add("Log", b.add("Clip", p, b.number(TINY), b.number(1.0 - TINY)))
    return b.add("Softmax", b.add("Mul", log, b.number(assembly.calibration.a)), axis=1)
