"""Which columns moved a prediction: baseline Shapley values over raw columns, straight from the graph.

The game sets columns of the typical row (schema) to the row's values, and pays the model's output. Baseline Shapley is
the one attribution with its axioms for that game (Sundararajan & Najmi 2020). Up to seven columns every subset is
evaluated and the values are exact; above, 16 permutations in antithetic pairs (each with its reverse; Mitchell et al.
2022) are averaged. Either way the contributions of a row add up to f(row) - f(typical row), up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64

EXACT_COLUMNS = 7
PAIRS = 8
EVALUATIONS = 100_000  # rows of the graph in one call
Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``contributions`` (n, columns) in the unit of ``output`` (n,): ``baseline + contributions.sum(1) == output``.

    ``output`` is the probability of ``of`` (one class name a row; the positive class of two), or the value.
    ``values`` (n, columns) are the row's own values, None for null.
    """

    columns: tuple[str, ...]
    contributions: F64
    baseline: F64
    output: F64
    of: tuple[str, ...]
    values: NDArray[Any]
    reasons: tuple[tuple[str, ...], ...]  # the strongest of each row, in words


@cache
def plan(columns: int) -> tuple[NDArray[np.bool_], F64]:
    """Subsets (m, columns), and weights (m, columns) with ``contributions = outputs @ weights``.

    The first subset is empty, the second is full.
    """
    return _every_subset(columns) if columns <= EXACT_COLUMNS else _permutations(columns)


def _every_subset(columns: int) -> tuple[NDArray[np.bool_], F64]:
    sets = [frozenset(s) for size in range(columns + 1) for s in combinations(range(columns), size)]
    sets.sort(key=lambda s: (0 < len(s) < columns, len(s) > 0))
    mask = np.array([[j in s for j in range(columns)] for s in sets], np.bool_)
    size = mask.sum(1)
    table = np.array([factorial(s) * factorial(columns - s - 1) / factorial(columns) for s in range(columns)])
    inside = table[np.maximum(size - 1, 0)][:, None] * mask
    outside = table[np.minimum(size, columns - 1)][:, None] * ~mask
    return mask, inside - outside


def _permutations(columns: int) -> tuple[NDArray[np.bool_], F64]:
    rng = np.random.Generator(np.random.PCG64(columns))
    half = [rng.permutation(columns) for _ in range(PAIRS)]
    orders = [order for one in half for order in (one, one[::-1])]
    place: dict[bytes, int] = {}
    masks: list[NDArray[np.bool_]] = []
    nothing, everything = np.zeros(columns, np.bool_), np.ones(columns, np.bool_)
    _index(nothing, place, masks)
    _index(everything, place, masks)
    steps: list[tuple[int, int, float]] = []
    for order in orders:
        now, at = nothing, 0
        for j in order:
            now = now.copy()
            now[j] = True
            after = _index(now, place, masks)
            steps += [(after, int(j), 1.0 / len(orders)), (at, int(j), -1.0 / len(orders))]
            at = after
    weights = np.zeros((len(masks), columns))
    rows, cols, signs = (np.array(c) for c in zip(*steps, strict=True))
    np.add.at(weights, (rows, cols), signs)
    return np.array(masks), weights


def _index(mask: NDArray[np.bool_], place: dict[bytes, int], masks: list[NDArray[np.bool_]]) -> int:
    key = mask.tobytes()
    if key not in place:
        place[key] = len(masks)
        masks.append(mask)
    return place[key]


def contributions(
    feed: Feed, base: Feed, predict: Callable[[Feed], F64], pick: NDArray[np.int64]
) -> tuple[F64, F64, F64]:
    """Contributions (n, columns), baseline (n,) and output (n,) of output column ``pick[row]``, in batches."""
    names = list(feed)
    masks, weights = plan(len(names))
    n, m = len(pick), len(masks)
    out, baseline, full = np.empty((n, len(names))), np.empty(n), np.empty(n)
    size = max(1, EVALUATIONS // m)
    for start in range(0, n, size):
        rows = slice(start, min(n, start + size))
        k = rows.stop - start
        mixed = {
            name: np.where(masks[None, :, j], feed[name][rows], base[name].reshape(1, 1)).reshape(-1, 1)
            for j, name in enumerate(names)
        }
        scores = predict(mixed).reshape(k, m, -1)
        value = scores[np.arange(k), :, pick[rows]]
        # differences to the empty subset first: equal outputs then cancel exactly
        out[rows] = (value - value[:, :1]) @ weights
        baseline[rows], full[rows] = value[:, 0], value[:, 1]
    return out, baseline, full
