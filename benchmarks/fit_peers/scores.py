"""Scores of predictions on the test rows, each with a standard error that knows which rows hang together.

Log-loss and AUC for two classes, log-loss and accuracy for more, RMSE and R2 for numbers. The standard error is over
test rows, over groups where rows come in groups, over blocks of time where they come in order; of the RMSE by the
delta method.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR, BLOCKS = 1e-7, 30
F64 = NDArray[np.float64]
MAIN = {"binary": "log-loss", "multiclass": "log-loss", "regression": "RMSE"}
OTHER = {"binary": "AUC", "multiclass": "accuracy", "regression": "R2"}


def losses(kind: str, y: Any, said: Any, classes: Any = None) -> F64:
    """The loss of each test row: -log p of what came true, or the squared error."""
    if kind == "regression":
        return (np.asarray(said, dtype=float).ravel() - np.asarray(y, dtype=float)) ** 2
    p = np.clip(np.asarray(said, dtype=float), FLOOR, 1.0)
    p = p / p.sum(axis=1, keepdims=True)
    place = {str(c): k for k, c in enumerate(classes)}
    at = np.array([place.get(str(v), -1) for v in y])  # a class that the system never saw has probability 0
    return -np.log(np.where(at < 0, FLOOR, p[np.arange(len(p)), at]))


def clusters(n: int, groups: Any = None, ordered: bool = False) -> NDArray[np.int64]:
    """Which test rows hang together, as a number a row."""
    if groups is not None:
        return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    return np.arange(n) * min(BLOCKS, n) // n if ordered else np.arange(n)


def mean_error(values: F64, units: NDArray[np.int64]) -> float:
    """Standard error of the mean, by units that are independent of each other."""
    sums = np.bincount(units, weights=values - values.mean())
    k = len(sums)
    return float(math.sqrt((sums**2).sum() * k / max(1, k - 1)) / len(values))


def score(kind: str, y: Any, said: Any, classes: Any, units: NDArray[np.int64]) -> dict[str, float]:
    """``score`` (less is better), its standard error, and the second figure, which is ``other``."""
    loss = losses(kind, y, said, classes)
    if not np.isfinite(loss).all():
        raise ValueError(f"{int((~np.isfinite(loss)).sum())} predictions are not finite")
    mean, error = float(loss.mean()), mean_error(loss, units)
    if kind == "regression":
        root = math.sqrt(mean)
        spread = float(np.var(np.asarray(y, dtype=float)))
        return {"score": root, "se": error / (2 * root) if root else 0.0, "other": 1 - mean / spread}
    named, p = np.array([str(c) for c in classes]), np.asarray(said, dtype=float)
    truth = np.array([str(v) for v in y])
    other = auc(truth == named[1], p[:, 1]) if kind == "binary" else float((named[p.argmax(axis=1)] == truth).mean())
    return {"score": mean, "se": error, "other": other}


def auc(positive: NDArray[np.bool_], p: F64) -> float:
    """The chance that a positive row ranks above a negative one, ties half (Mann-Whitney)."""
    from scipy.stats import rankdata

    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    return float((rankdata(p)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
