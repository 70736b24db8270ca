"""The neutral forms, replayed in numpy: what the graph must compute, and the oracle for every conversion."""

from __future__ import annotations

import numpy as np

from assay.core.table import F64

from .forms import Assembly, Calibration, Forest, Form, Linear, Link, Network, Term, Tree
from .learners import F32

SQUASH = 3.0
CHUNK = 10_000  # rows that a network is asked at a time
TINY = 1e-7  # probabilities are kept this far from 0 and 1 before a logarithm (float32 graphs resolve no less)
MOST_LOG = 50.0  # of a rate: asked far outside its rows, a linear model gives a huge count and never an infinite one


def design(terms: tuple[Term, ...], X: F32) -> F64:
    """The inputs of a linear model: (n, terms) float64."""
    out = np.zeros((len(X), len(terms)))
    for i, t in enumerate(terms):
        value = X[:, t.feature]
        if t.kind == "null":
            out[:, i] = np.isnan(value)
        elif t.kind == "level":
            out[:, i] = value == t.level
        else:
            out[:, i] = np.nan_to_num((value.astype(np.float64) - t.mean) / t.scale, nan=0.0)
    return out


def apply_link(raw: F64, link: Link) -> F64:
    if link == "identity":
        return raw
    if link == "exp":
        return np.asarray(np.exp(np.minimum(raw, MOST_LOG)))
    if link == "sigmoid":
        from scipy.special import expit

        return np.asarray(expit(raw))
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def tree_values(tree: Tree, X: F32) -> F64:
    """The leaf value of every row: all rows walk one level at a time."""
    node = np.zeros(len(X), dtype=np.int64)
    sets = {k: np.isin(np.arange(int(m.max(initial=-1)) + 2), m) for k, m in tree.members.items()}
    moving = np.flatnonzero(tree.feature[node] >= 0)
    while len(moving):
        at = node[moving]
        x = X[moving, tree.feature[at]]
        missing = np.isnan(x)
        left = np.where(missing, tree.nan_left[at], x <= tree.threshold[at])
        for k in np.intersect1d(at, np.fromiter(sets, np.int64, len(sets))):
            here = at == k
            code = np.where(missing[here], -1, x[here]).astype(np.int64)
            code = np.where((code < 0) | (code >= len(sets[int(k)])), len(sets[int(k)]) - 1, code)
            left[here] = np.where(missing[here], tree.nan_left[k], sets[int(k)][code])
        node[moving] = np.where(left, tree.left[at], tree.right[at])
        moving = moving[tree.feature[node[moving]] >= 0]
    return tree.value[node]


def replay_form(form: Form, X: F32) -> F64:
    """Outputs after the link: (n, outputs); a binary form has one output, the probability of the positive class."""
    if isinstance(form, Linear):
        return apply_link(design(form.terms, X) @ form.weights + form.intercept, form.link)
    if isinstance(form, Network):
        return apply_link(_network(form, X), form.link)
    return apply_link(_forest(form, X), form.link)


def squashed(D: F64) -> F64:
    """z / sqrt(1 + (z / 3)^2): as it is near 0, and never beyond 3 (smooth clipping; Holzmüller et al. 2024)."""
    return np.asarray(D / np.sqrt(1.0 + D * D * SQUASH**-2))


def _network(form: Network, X: F32) -> F64:
    out = np.empty((len(X), form.weights[-1].shape[2]))
    for start in range(0, len(X), CHUNK):
        x = squashed(design(form.terms, X[start : start + CHUNK]))[None]
        for k, (weight, bias) in enumerate(zip(form.weights, form.biases, strict=True)):
            x = x @ weight + bias
            x = np.maximum(x, 0.0) if k < len(form.weights) - 1 else x
        out[start : start + CHUNK] = x.mean(axis=0)
    return out


def _forest(form: Forest, X: F32) -> F64:
    raw = np.tile(form.base.astype(np.float64), (len(X), 1))
    for tree, output in zip(form.trees, form.output, strict=True):
        raw[:, output] += tree_values(tree, X)
    return raw


def combine(assembly: Assembly, X: F32) -> F64:
    """Weighted mean of the members before calibration: (n, classes) or (n,)."""
    total = sum(m.weight for m in assembly.members)
    out = sum((m.weight / total) * replay_form(m.form, X) for m in assembly.members)
    mean = np.asarray(out)
    if assembly.task == "binary":
        return np.column_stack((1.0 - mean[:, 0], mean[:, 0]))
    return mean if assembly.task == "multiclass" else mean[:, 0]


def calibrate(calibration: Calibration, output: F64) -> F64:
    """Apply a calibration map to (n, classes) probabilities or (n,) values."""
    if calibration.kind == "none":
        return output
    p = np.clip(output, TINY, 1.0 - TINY)
    if calibration.kind == "platt":
        positive = apply_link(calibration.a * np.log(p[:, 1] / (1.0 - p[:, 1])) + calibration.b, "sigmoid")
        return np.column_stack((1.0 - positive, positive))
    return apply_link(np.log(p) * calibration.a, "softmax")


def replay(assembly: Assembly, X: F32) -> F64:
    """The whole prediction from encoded features: (n, classes) probabilities or (n,) values."""
    return calibrate(assembly.calibration, combine(assembly, X))
