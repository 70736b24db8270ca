"""``Linear`` as ONNX nodes: gather the features of all terms, one product, double throughout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assay.core.table import I64
from assay.learn.forms import Linear, Term

from .nodes import Builder


def scaled(form: Linear, a: float, b: float) -> Linear:
    """The form whose raw output is a * raw + b."""
    return replace(form, weights=form.weights * a, intercept=form.intercept * a + b)


def lower_linear(b: Builder, matrix: str, form: Linear, place: I64) -> str:
    """Raw outputs [N, outputs], double, before the link."""
    intercept = b.constant(form.intercept.reshape(1, -1).astype(np.float64))
    if not form.terms:  # no terms: the intercept for every row
        first = b.add("Gather", matrix, b.constant(np.zeros(1, np.int64)), axis=1)
        zero = b.add("Mul", b.cast(b.add("IsNaN", first), "double"), b.number(0.0))
        return b.add("Add", zero, intercept)
    design, order = lower_design(b, matrix, form.terms, place)
    weights = b.constant(np.ascontiguousarray(form.weights[order].astype(np.float64)))
    return b.add("Add", b.add("MatMul", design, weights), intercept)


def lower_design(b: Builder, matrix: str, terms: Sequence[Term], place: I64) -> tuple[str, list[int]]:
    """The terms [N, terms], double, and the order in which they stand there."""
    parts: list[str] = []
    order: list[int] = []
    for kind in ("number", "null", "level"):
        chosen = [i for i, t in enumerate(terms) if t.kind == kind]
        if chosen:
            parts.append(_inputs(b, matrix, [terms[i] for i in chosen], place))
            order += chosen
    return (parts[0] if len(parts) == 1 else b.add("Concat", *parts, axis=1)), order


def _inputs(b: Builder, matrix: str, terms: list[Term], place: I64) -> str:
    x = b.add("Gather", matrix, b.constant(place[[t.feature for t in terms]]), axis=1)
    if terms[0].kind == "null":
        return b.cast(b.add("IsNaN", x), "double")
    if terms[0].kind == "level":
        return b.cast(b.add("Equal", x, b.constant(np.array([t.level for t in terms], np.float32))), "double")
    mean, scale = (b.constant(np.array([getattr(t, k) for t in terms], np.float64)) for k in ("mean", "scale"))
    z = b.add("Div", b.add("Sub", b.cast(x, "double"), mean), scale)
    return b.where(b.add("IsNaN", z), b.number(0.0), z)
