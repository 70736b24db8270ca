"""Losses and scores of predictions. ``*_rows`` gives one loss per row, for paired differences and intervals of means.

Proper scores: Gneiting & Raftery (2007), JASA 102:359.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]

TINY = 1e-15  # probabilities are kept this far from 0 and 1, as scikit-learn did: the largest log-loss is 34.5


def log_loss_rows(y: ArrayLike, p: ArrayLike) -> F64:
    """-log of the probability given to the true class, natural log, shape (n,).

    Args:
        y: class indices (n,), 0/1 where p is one-dimensional.  p: (n,) probability of class 1, or (n, K).
    """
    return -np.log(np.clip(_true_class(y, p), TINY, 1.0))


def log_loss(y: ArrayLike, p: ArrayLike) -> float:
    """Mean of ``log_loss_rows``; NaN for no rows."""
    return _mean(log_loss_rows(y, p))


def brier_rows(y: ArrayLike, p: ArrayLike) -> F64:
    """Squared error of the probabilities: (p - y)^2 where p is (n,), summed over classes (0 to 2) where (n, K)."""
    prob = np.asarray(p, np.float64)
    labels = np.ravel(np.asarray(y))
    if prob.ndim == 1:
        return (prob - labels.astype(np.float64)) ** 2
    hot = labels[:, None] == np.arange(prob.shape[1])
    return np.asarray(np.sum((prob - hot) ** 2, axis=1))


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Mean of ``brier_rows``."""
    return _mean(brier_rows(y, p))


def correct_rows(y: ArrayLike, p: ArrayLike) -> F64:
    """1 where the likeliest class is the true one, else 0; ties go to the lower class, p = 1/2 to class 0."""
    prob, labels = np.asarray(p, np.float64), np.ravel(np.asarray(y))
    guess = prob > 0.5 if prob.ndim == 1 else np.argmax(prob, axis=1)
    return np.asarray(guess == labels, np.float64)


def accuracy(y: ArrayLike, p: ArrayLike) -> float:
    """Mean of ``correct_rows``."""
    return _mean(correct_rows(y, p))


def squared_rows(y: ArrayLike, f: ArrayLike) -> F64:
    """(y - f)^2, shape (n,), in the target's unit squared."""
    return (np.asarray(y, np.float64) - np.asarray(f, np.float64)) ** 2


def absolute_rows(y: ArrayLike, f: ArrayLike) -> F64:
    """|y - f|, shape (n,), in the target's unit."""
    return np.abs(np.asarray(y, np.float64) - np.asarray(f, np.float64))


def pinball_rows(y: ArrayLike, f: ArrayLike, tau: float) -> F64:
    """Quantile loss at level tau (Koenker & Bassett 1978), in the target's unit."""
    gap = np.asarray(y, np.float64) - np.asarray(f, np.float64)
    return np.maximum(tau * gap, (tau - 1) * gap)


def rmse(y: ArrayLike, f: ArrayLike) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(_mean(squared_rows(y, f))))


def r2(y: ArrayLike, f: ArrayLike) -> float:
    """1 - squared error / squared deviation from the mean; NaN where the target is constant or empty."""
    target = np.asarray(y, np.float64)
    if len(target) == 0:
        return float("nan")
    total = float(np.sum((target - np.mean(target)) ** 2))
    return 1.0 - float(np.sum(squared_rows(target, f))) / total if total > 0 else float("nan")


def _true_class(y: ArrayLike, p: ArrayLike) -> F64:
    prob, labels = np.asarray(p, np.float64), np.ravel(np.asarray(y)).astype(np.int64)
    if prob.ndim == 1:
        return np.where(labels == 1, prob, 1.0 - prob)
    return np.asarray(prob[np.arange(len(labels)), labels])


def _mean(rows: F64) -> float:
    return float(np.mean(rows)) if len(rows) else float("nan")
