"""``Network`` as ONNX nodes: the linear model's design, squashed, and matrix products over all nets at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assay.core.table import I64
from assay.learn.forms import Network
from assay.learn.replay import SQUASH

from .linear import lower_design
from .nodes import Builder


def scaled(form: Network, a: float, b: float) -> Network:
    """The form whose raw output is a * raw + b."""
    weights = (*form.weights[:-1], form.weights[-1] * a)
    return replace(form, weights=weights, biases=(*form.biases[:-1], form.biases[-1] * a + b))


def lower_network(b: Builder, matrix: str, form: Network, place: I64) -> str:
    """Raw outputs [N, outputs], double, before the link."""
    design, order = lower_design(b, matrix, form.terms, place)
    one = b.add("Sqrt", b.add("Add", b.add("Mul", b.add("Mul", design, design), b.number(SQUASH**-2)), b.number(1.0)))
    x = b.add("Unsqueeze", b.add("Div", design, one), b.constant(np.zeros(1, np.int64)))
    for k, (weight, bias) in enumerate(zip(form.weights, form.biases, strict=True)):
        own = weight[:, order] if k == 0 else weight
        x = b.add("Add", b.add("MatMul", x, b.constant(np.ascontiguousarray(own))), b.constant(bias))
        if k < len(form.weights) - 1:
            x = b.add("Max", x, b.number(0.0))
    return b.add("ReduceMean", x, b.constant(np.zeros(1, np.int64)), keepdims=0)
