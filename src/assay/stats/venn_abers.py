"""Inductive Venn-Abers: two calibrated probabilities for each prediction, and their gap as its uncertainty.

For a score s, ``low`` is the isotonic fit of the calibration labels with one more row (s, 0), read at s; ``high`` is
the fit with (s, 1). One of the two is a perfectly calibrated probability, whatever the scores are worth, as long as the
new row is exchangeable with those of the calibration.

Sources: Vovk and Petej (2014), "Venn-Abers predictors", UAI, section 4; Vovk, Petej and Fedorova (2015), NeurIPS 28.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
MOST_BINS = 200
LEAST_ROWS = 5  # rows behind every bin that is written down


def bins(scores: ArrayLike, most: int = MOST_BINS, least: int = LEAST_ROWS) -> F64:
    """Lower edges of at most ``most`` bins of about equal count; equal scores share a bin; each holds ``least`` rows.

    The first edge is minus infinity. Binning is a monotone map of the scores made without the labels; what is valid
    for binned scores is what is written down.
    """
    value = np.sort(np.ravel(np.asarray(scores, np.float64)))
    n = len(value)
    if n < 2 * least:
        return np.array([-np.inf])
    size = max(least, -(-n // most))
    edges, last = [-np.inf], 0
    while (at := last + size) <= n - least:
        start = int(np.searchsorted(value, value[at], side="left"))  # the bin takes no part of a run of equal scores
        if start - last < size:
            start = int(np.searchsorted(value, value[at], side="right"))
        if start > n - least:
            break
        edges.append(0.5 * (value[start - 1] + value[start]))
        last = start
    return np.array(edges)


def intervals(scores: ArrayLike, y: ArrayLike, edges: ArrayLike) -> tuple[F64, F64]:
    """(bins,) low and high probability of a fresh row whose score falls in each bin of ``edges``.

    Args:
        scores: (n,) scores of calibration rows.  y: (n,) 0 or 1.  edges: as ``bins`` gives them.

    Source: Vovk and Petej (2014), section 4, with one isotonic fit per bin and label on counts a bin.
    """
    from scipy.optimize import isotonic_regression

    at = place(scores, edges)
    size = len(np.asarray(edges))
    count = np.bincount(at, minlength=size).astype(np.float64)
    positive = np.bincount(at, np.ravel(np.asarray(y, np.float64)), minlength=size)
    found = np.empty((2, size))
    for label in (0, 1):
        for b in range(size):
            rows, hits = count.copy(), positive.copy()
            rows[b] += 1.0
            hits[b] += label
            there = np.flatnonzero(rows)
            fit = isotonic_regression(hits[there] / rows[there], weights=rows[there]).x
            found[label, b] = fit[np.searchsorted(there, b)]
    return found[0], found[1]


def place(scores: ArrayLike, edges: ArrayLike) -> I64:
    """(n,) the bin of each score: bin i holds edges[i] <= score < edges[i + 1]."""
    value = np.ravel(np.asarray(scores, np.float64))
    return np.clip(np.searchsorted(np.asarray(edges, np.float64), value, side="right") - 1, 0, None)


def merged(low: F64, high: F64) -> F64:
    """The one probability with the least worst-case log-loss: high / (1 - low + high). Source: Vovk et al. (2015)."""
    return np.asarray(high / (1.0 - low + high))
