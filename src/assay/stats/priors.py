"""Class probabilities brought to other class shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

TURNS, EXACT = 50, 1e-4


def rematched(p: F64, shares: F64, weight: F64 | None = None) -> F64:
    """Multiply each class by one factor, and normalise rows, so that the mean probabilities are ``shares``.

    Where only the class shares of two populations differ, Bayes' rule makes one model's answers right in the other by
    exactly such factors; where only the features differ, the means agree already and nothing changes.

    Args:
        p: (n, K) rows that sum to 1, no zeros.  shares: (K,), positive.  weight: (n,) of the rows, even if not given.

    Source: Saerens, Latinne & Decaestecker (2002), Neural Computation 14:21, equation 2.4, with known shares.
    """
    if not len(p):
        return p
    rows = np.full(len(p), 1 / len(p)) if weight is None else weight / weight.sum()
    factor = np.ones(len(shares))
    out = p
    for _ in range(TURNS):
        mean = rows @ out
        step = shares / np.maximum(mean, 1e-12)
        factor = factor * step
        out = p * factor
        out = out / out.sum(axis=1, keepdims=True)
        if np.abs(step - 1).max() < EXACT:
            break
    return out
