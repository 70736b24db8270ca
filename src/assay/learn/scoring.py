"""Train on some rows, score on others: the cheap, honest measurement that trials of remedies share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Roles
from assay.core.table import F64, Sample
from assay.stats.auc import auc

from .budget import rows_to_learn
from .encoded import encoded
from .encoder import encode
from .learners import quick
from .target import Labels

ROUNDS = 60
FLOOR = 1e-6  # a probability of exactly 0 costs 13.8 nats where it is wrong, not infinity


def holdout(
    rows: Sample,
    labels: Labels,
    features: Sequence[str],
    roles: Roles,
    train: NDArray[Any],
    test: NDArray[Any],
    seed: int,
) -> tuple[F64, float, str]:
    """Fit the quick booster on the rows ``train`` and score it on ``test`` (positions in ``rows``, target known).

    At most the first 30,000 of ``train`` are learned from, fewer with many classes (``budget.rows_to_learn``): rows
    stand in the order of their hash.

    Returns:
        Per-row loss on ``test`` (log-loss in nats, or squared error), the score that people read, and its name.
    """
    order = roles.order.column if roles.order else None
    train = train[: rows_to_learn(labels.outputs, len(features))]
    spec, data = encoded(rows, features, labels, train, order=order)
    outputs = None if labels.task == "regression" else len(labels.classes)
    model = quick(data.X, data.y, labels.task, spec.categorical, ROUNDS, seed, outputs=outputs)
    output = model.predict(encode(spec, rows, test))
    y = labels.y[test]
    return (loss(output, y, labels.task), *score(output, y, labels.task))


def loss(output: F64, y: F64, task: str) -> F64:
    """Per-row log-loss (nats) of (n, classes) probabilities, or squared error of (n,) values."""
    if task == "regression":
        return np.asarray((output - y) ** 2, np.float64)
    own = output[np.arange(len(y)), y.astype(int)]
    return np.asarray(-np.log(np.clip(own, FLOOR, 1.0)), np.float64)


def own_and_usual(output: F64, y: F64) -> tuple[F64, F64]:
    """``loss`` by row of an output, and of the class shares, or the mean, of ``y`` itself."""
    if output.ndim == 1:
        return loss(output, y, "regression"), (y - y.mean()) ** 2 if len(y) else y
    share = np.bincount(y.astype(int), minlength=output.shape[1]) / max(1, len(y))
    return loss(output, y, "multiclass"), loss(np.tile(share, (len(y), 1)), y, "multiclass")


def score(output: F64, y: F64, task: str) -> tuple[float, str]:
    """The score that people read: AUC (two classes), mean one-against-rest AUC, or R2."""
    if task == "regression":
        spread = float(((y - y.mean()) ** 2).mean())
        return (1.0 - float(((output - y) ** 2).mean()) / spread if spread else 0.0), "R2"
    if output.shape[1] == 2:
        return float(auc(y, output[:, 1])), "AUC"
    present = [k for k in range(output.shape[1]) if 0 < int((y == k).sum()) < len(y)]
    return float(np.mean([auc((y == k).astype(float), output[:, k]) for k in present])) if present else 0.5, "AUC"
