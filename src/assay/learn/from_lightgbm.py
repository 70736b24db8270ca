"""LightGBM's own text form to ``forms.Forest``.

Thresholds are doubles; a float32 feature x satisfies x <= t exactly when x <= the largest float32 that is <= t, so
thresholds are rounded down. Missing type None treats NaN as zero; type NaN sends it the default way; categorical
splits send NaN right (LightGBM ``Tree::NumericalDecision`` and ``CategoricalDecision``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .forms import Forest, Link, Tree

CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_NONE, MISSING_ZERO = 0, 1
LINKS: dict[str, Link] = {
    "binary": "sigmoid", "cross_entropy": "sigmoid", "multiclass": "softmax", "regression": "identity",
    "regression_l1": "identity", "huber": "identity", "fair": "identity", "mape": "identity", "quantile": "identity",
    "poisson": "exp", "gamma": "exp", "tweedie": "exp",
}  # fmt: skip


def down_to_float32(value: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each value."""
    with np.errstate(over="ignore"):
        near = value.astype(np.float32)
    return np.where(near.astype(np.float64) > value, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def forms_of_lightgbm(booster: Any, rounds: int, doubles: bool = False) -> Forest:
    """Convert the first ``rounds`` iterations of a booster. ``doubles`` leaves the thresholds as they are.

    Raises:
        ValueError: linear trees, averaged output, zero-as-missing or an objective with another link.
    """
    text = booster.model_to_string(num_iteration=rounds)
    head, *bodies = text.split("\nTree=")
    keys = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    if "average_output" in head.splitlines():
        raise ValueError("a random-forest booster has no summed form")
    name, *options = keys["objective"].split()
    if name not in LINKS or "sqrt" in options or any(o.startswith("sigmoid:") and o != "sigmoid:1" for o in options):
        raise ValueError(f"objective {keys['objective']!r} has no link here")
    outputs = int(keys["num_tree_per_iteration"])
    trees = tuple(_tree(body.split("\nend of trees")[0], doubles) for body in bodies)
    output = (np.arange(len(trees)) % outputs).astype(np.int32)
    return Forest(trees, output, np.zeros(outputs), LINKS[name])


def _tree(body: str, doubles: bool = False) -> Tree:
    keys = dict(line.split("=", 1) for line in body.splitlines() if "=" in line)
    if keys.get("is_linear", "0") == "1":
        raise ValueError("linear trees have no form here")
    leaves = np.array(keys["leaf_value"].split(), dtype=np.float64)
    if int(keys["num_leaves"]) <= 1:
        return _stump(leaves)
    feature = np.array(keys["split_feature"].split(), dtype=np.int32)
    kind = np.array(keys["decision_type"].split(), dtype=np.int64)
    threshold = np.array(keys["threshold"].split(), dtype=np.float64)
    inner, n = len(feature), len(leaves)
    categorical = (kind & CATEGORICAL) > 0
    missing = (kind >> 2) & 3
    if np.any((missing == MISSING_ZERO) & ~categorical):
        raise ValueError("zero-as-missing has no form here")
    nan_left = np.where(missing == MISSING_NONE, threshold >= 0.0, (kind & DEFAULT_LEFT) > 0) & ~categorical
    members: dict[int, NDArray[np.int32]] = {}
    if categorical.any():
        bounds = np.array(keys["cat_boundaries"].split(), dtype=np.int64)
        words = np.array(keys["cat_threshold"].split(), dtype=np.uint32)
        for node in np.flatnonzero(categorical):
            at = int(threshold[node])
            bits = np.unpackbits(words[bounds[at] : bounds[at + 1]].view(np.uint8), bitorder="little")
            members[int(node)] = np.flatnonzero(bits).astype(np.int32)
        threshold = np.where(categorical, 0.0, threshold)
    kept: Any = threshold if doubles else down_to_float32(threshold)
    return Tree(
        feature=np.concatenate((feature, np.full(n, -1, np.int32))),
        threshold=np.concatenate((kept, np.zeros(n, np.float32))),
        left=np.concatenate((_child(keys["left_child"], inner), np.full(n, -1, np.int32))),
        right=np.concatenate((_child(keys["right_child"], inner), np.full(n, -1, np.int32))),
        nan_left=np.concatenate((nan_left, np.zeros(n, np.bool_))),
        value=np.concatenate((np.zeros(inner), leaves)),
        members=members,
    )


def _child(text: str, inner: int) -> NDArray[np.int32]:
    """Children below zero are leaves, stored as the complement; leaves follow the inner nodes."""
    child = np.array(text.split(), dtype=np.int32)
    return np.where(child >= 0, child, inner + ~child).astype(np.int32)


def _stump(leaves: NDArray[np.float64]) -> Tree:
    one = np.full(1, -1, np.int32)
    return Tree(one, np.zeros(1, np.float32), one, one, np.zeros(1, np.bool_), leaves[:1], {})
