"""Values beyond the rest: gaps in the tail of a sample, judged by the tail that the other values show.

In a tail of any Pareto index the normalised log-spacings ``i * log(X(i) / X(i+1))`` of the largest values are
independent and exponential with the same mean (Renyi 1953, Acta Math. Hung. 4:191), which Hill's estimator (1975,
Ann. Stat. 3:1163) reads off the values below the gap. Lighter tails have shorter spacings: their p-value is too large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def gap_p(distances: F64, k: int, m: int, step: float = 0.0) -> float:
    """p-value of the gap below the k-th largest of ``distances`` (positive, descending), by the m values below it.

    Args:
        step: the grid of the values; a gap counts from one step further out, and spacings of zero as half a step.
    """
    below, last = distances[k : k + m], distances[min(k + m, len(distances) - 1)]
    if len(below) < 5 or last <= 0:
        return 1.0
    gap = np.log(distances[k - 1] / (below[0] + step))
    spacings = k * np.log(below[0] / last) + np.log(below / last).sum()  # the sum of i log(X(i) / X(i+1)) below the gap
    usual = max(float(spacings) / len(below), float(np.log1p(step / below[0]) / 2), 1e-12)
    return float((1 + max(0.0, k * gap / usual) / len(below)) ** -len(below))


def beyond(distances: F64, most: int, m: int, far: float, step: float = 0.0) -> tuple[int, float]:
    """How many of the largest distances stand apart, at most ``most``, and the p-value, paid for the search.

    Apart: at least ``far`` times as large as the next. (0, 1) where none does.
    """
    best = (0, 1.0)
    tried = range(1, min(most, len(distances) - 6) + 1)
    for k in tried:
        if distances[k] > 0 and distances[k - 1] >= far * (distances[k] + step):
            p = min(1.0, len(tried) * gap_p(distances, k, m, step))
            best = (k, p) if p < best[1] else best
    return best
