"""Split conformal prediction: thresholds, sets, and what coverage to expect.

Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, chapters 2 and 4; class-conditional:
Vovk (2012), ACML 25:475. A score says how badly a label fits the row; a set holds every label whose score is small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


def enough(coverage: float) -> int:
    """Fewest calibration rows at which a finite threshold exists: the smallest n with ceil((n + 1) coverage) <= n."""
    return int(np.ceil(1.0 / (1.0 - coverage) - 1e-9)) - 1


def quantile(scores: ArrayLike, coverage: float) -> float:
    """The ceil((n + 1) * coverage)-th smallest score; infinity where there are too few.

    Guarantee: a fresh exchangeable row's score is at most this with probability >= coverage.
    """
    values = np.sort(np.ravel(np.asarray(scores, np.float64)))
    rank = _rank(len(values), coverage)
    return float(values[rank - 1]) if rank <= len(values) else float("inf")


def class_conditional_quantiles(scores: ArrayLike, y: ArrayLike, classes: int, coverage: float) -> F64:
    """One threshold per class, from the calibration rows of that class; infinity where the class has too few.

    Args:
        scores: score of each row's true label, shape (n,).  y: class index, shape (n,).  classes: K.

    Returns:
        Thresholds, shape (K,). A label belongs to the set where its score is at most its class's threshold.

    Source: Vovk (2012), ACML 25:475 (label-conditional).
    """
    values, labels = np.ravel(np.asarray(scores, np.float64)), np.ravel(np.asarray(y))
    return np.array([quantile(values[labels == c], coverage) for c in range(classes)])


def sets(p: ArrayLike, thresholds: ArrayLike) -> Mask:
    """Prediction sets from class probabilities, score 1 - p: shape (n, K), True where the label is in the set."""
    return np.asarray(1.0 - np.asarray(p, np.float64) <= np.asarray(thresholds, np.float64))


def coverage_interval(n: int, coverage: float, alpha: float) -> tuple[float, float]:
    """Where the true coverage of *one* deployment lies, over calibration samples of n rows: Beta(r, n + 1 - r).

    Exact for continuous scores; with ties the coverage is higher. (0, 1) where n is too small for a threshold: the
    set is then everything.

    Source: Vovk (2012), ACML 25:475, proposition 2a.
    """
    from scipy.special import betaincinv

    rank = _rank(n, coverage)
    if rank > n:
        return 0.0, 1.0
    return tuple(float(betaincinv(rank, n + 1 - rank, tail)) for tail in (alpha / 2, 1 - alpha / 2))  # type: ignore[return-value]


def covered(member: Mask, y: ArrayLike) -> Mask:
    """Whether each row's true label is in its set: member (n, K), y class indices (n,). Count it with shares."""
    labels = np.ravel(np.asarray(y)).astype(np.int64)
    return np.asarray(member[np.arange(len(labels)), labels])


def _rank(n: int, coverage: float) -> int:
    # 10 * 0.9 is 9.000000000000002 in floats after (n + 1) * coverage; the guard keeps the rank at 9.
    return max(int(np.ceil((n + 1) * coverage - 1e-9)), 1)
