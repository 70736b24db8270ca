"""Shapley values of any function of columns, from its answers alone, with a standard error.

The game: some columns of a background row are set to the row's values, and the model's answer is what is paid. Averaged
over a few background rows this is interventional Shapley (Janzing, Minorics & Bloebaum 2020); with one background row,
baseline Shapley (Sundararajan & Najmi 2020). Up to six columns every subset is asked and the values are exact. Above,
orders of the columns are drawn in antithetic pairs, each with its reverse (Castro, Gomez & Tejada 2009; Mitchell et
al. 2022): every pair is an unbiased draw and already exact for what single columns and twos of them do, so the mean
converges to the Shapley values at the rate of one over the root of the pairs, and their spread within a background row
gives the standard error. Whatever is drawn, the contributions of a row add up to its answer less the mean answer of the
background, since every order walks from the one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
EXACT_COLUMNS = 6
PAIRS = 64  # four for each of 16 background rows: with two, intervals of 95 % hold 87 % under strong interactions
MOST_FREEDOM = 16  # a few background rows carry most of the error, so that more draws in each do not add up
EVALUATIONS = 100_000  # mixed rows in one call
Ask = Callable[[I64, I64, Mask], F64]


@dataclass(frozen=True, slots=True)
class Attribution:
    """``moved`` and ``error`` (n, columns), ``shared`` and ``shared_error`` (n, groups), ``baseline``, ``output``."""

    moved: F64
    error: F64
    shared: F64
    shared_error: F64
    baseline: F64
    output: F64
    exact: bool
    freedom: int


def quantile(alpha: float, freedom: int) -> float:
    """The two-sided t quantile (Cornish-Fisher; within 0.5 % from 8 degrees of freedom on), without scipy."""
    normal = {0.05: 1.959963984540054, 0.01: 2.5758293035489004}
    if alpha not in normal:
        raise ValueError(f"alpha must be 0.05 or 0.01; got {alpha:g}")
    z, v = normal[alpha], float(max(1, freedom))
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)


@cache
def subsets(columns: int) -> tuple[Mask, F64]:
    """All subsets (2^d, d), the empty one first and the full one last; weights with ``phi = values @ weights``."""
    sets = [frozenset(s) for size in range(columns + 1) for s in combinations(range(columns), size)]
    mask = np.array([[j in s for j in range(columns)] for s in sets], np.bool_).reshape(len(sets), columns)
    size = mask.sum(1)
    table = np.array([factorial(s) * factorial(columns - s - 1) / factorial(columns) for s in range(columns)])
    inside = table[np.maximum(size - 1, 0)][:, None] * mask
    outside = table[np.minimum(size, columns - 1)][:, None] * ~mask
    return mask, inside - outside


@cache
def orders(columns: int, pairs: int) -> I64:
    """(pairs, 2, columns): drawn orders, each followed by its reverse. The same for every row, and every time."""
    rng = np.random.Generator(np.random.PCG64([columns, pairs]))
    half = np.stack([rng.permutation(columns) for _ in range(pairs)])
    return np.stack((half, half[:, ::-1]), axis=1)


def attribute(
    ask: Ask,
    n: int,
    backgrounds: int,
    columns: int,
    pick: NDArray[np.int64],
    *,
    start: F64,
    full: F64,
    pairs: int = PAIRS,
    groups: Sequence[Sequence[int]] = (),
    most_exact: int = EXACT_COLUMNS,
) -> Attribution:
    """Contributions of ``columns`` columns to output column ``pick[row]`` of each of ``n`` rows.

    Args:
        ask: (row, background, mask) of m mixed rows -> (m, outputs); mask (m, columns) is True where the cell is the
            row's.
        start, full: (backgrounds, outputs) and (n, outputs) answers to the background rows and to the rows.
        pairs: antithetic pairs; rounded up so that every background row has as many.
        groups: positions of columns that are reported together.
        most_exact: columns up to which every subset is asked, 2^columns questions a row and background.
    """
    exact = columns <= max(2, most_exact)
    masks, back = _questions(columns, backgrounds, pairs, exact)
    m = len(masks)
    G = np.zeros((columns, len(groups)))
    for g, members in enumerate(groups):
        G[list(members), g] = 1.0
    moved, error = np.empty((n, columns)), np.zeros((n, columns))
    shared, shared_error = np.empty((n, len(groups))), np.zeros((n, len(groups)))
    size = max(1, EVALUATIONS // max(1, m))
    for at in range(0, n, size):
        rows = np.arange(at, min(n, at + size))
        k = len(rows)
        said = np.empty((k, 0))
        if m:
            made = ask(np.repeat(rows, m), np.tile(back, k), np.tile(masks, (k, 1))).reshape(k, m, -1)
            said = made[np.arange(k), :, pick[rows]]
        first = start[:, pick[rows]].T  # (k, backgrounds)
        last = full[rows, pick[rows]]
        drawn = _exactly(said, first, last, columns) if exact else _walked(said, first, last, columns, backgrounds)
        together = drawn @ G  # (k, backgrounds, draws, groups)
        moved[rows], spread = _mean(drawn)
        shared[rows], shared_spread = _mean(together)
        if not exact:
            error[rows], shared_error[rows] = spread, shared_spread
    per = 1 if exact else max(1, -(-pairs // backgrounds))
    freedom = min(MOST_FREEDOM, backgrounds * (per - 1)) if per > 1 else max(1, backgrounds - 1)
    baseline = start[:, pick].mean(0)
    return Attribution(
        moved, error, shared, shared_error, baseline, full[np.arange(n), pick], exact, 1 if exact else freedom
    )


def _questions(columns: int, backgrounds: int, pairs: int, exact: bool) -> tuple[Mask, I64]:
    """Masks (m, columns) and background rows (m,) that a row is asked with, ends of walks left out."""
    if exact:
        inner = subsets(columns)[0][1:-1]
        return np.tile(inner, (backgrounds, 1)), np.repeat(np.arange(backgrounds), len(inner))
    per = max(1, -(-pairs // backgrounds))
    order = orders(columns, per * backgrounds).reshape(-1, columns)
    rank = np.argsort(order, axis=1)
    masks = rank[:, None, :] < np.arange(1, columns)[None, :, None]
    return masks.reshape(-1, columns), np.repeat(np.arange(backgrounds), per * 2 * (columns - 1))


def _exactly(said: F64, first: F64, last: F64, columns: int) -> F64:
    """(k, backgrounds, 1, columns)."""
    k, backgrounds = first.shape
    inner = said.reshape(k, backgrounds, -1)
    ends = np.broadcast_to(last[:, None, None], (k, backgrounds, 1))
    every = np.concatenate((first[..., None], inner, ends), axis=2) - first[..., None]  # equal answers cancel exactly
    return (every @ subsets(columns)[1])[:, :, None, :]


def _walked(said: F64, first: F64, last: F64, columns: int, backgrounds: int) -> F64:
    """(k, backgrounds, pairs of each, columns): what every antithetic pair says."""
    k = len(first)
    inner = said.reshape(k, backgrounds, -1, 2, columns - 1)
    per = inner.shape[2]
    head = np.broadcast_to(first[:, :, None, None, None], (k, backgrounds, per, 2, 1))
    tail = np.broadcast_to(last[:, None, None, None, None], (k, backgrounds, per, 2, 1))
    step = np.diff(np.concatenate((head, inner, tail), axis=-1), axis=-1)
    rank = np.argsort(orders(columns, per * backgrounds), axis=-1).reshape(1, backgrounds, per, 2, columns)
    return np.asarray(np.take_along_axis(step, np.broadcast_to(rank, step.shape), axis=-1).mean(3))


def _mean(drawn: F64) -> tuple[F64, F64]:
    """Mean over backgrounds and draws, and its standard error.

    The background rows are all used, so only the draws within each of them err; with one draw each, the spread over
    the background rows stands in, which is too wide rather than too narrow.
    """
    k, backgrounds, per, columns = drawn.shape
    mean = drawn.mean((1, 2))
    if per > 1:
        return mean, np.sqrt(drawn.var(2, ddof=1).sum(1) / per) / backgrounds
    if backgrounds > 1:
        return mean, drawn[:, :, 0].std(1, ddof=1) / np.sqrt(backgrounds)
    return mean, np.zeros((k, columns))
