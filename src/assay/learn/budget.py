"""What one boosting fit may cost, and which columns it sees where it would cost more.

Work is counted in steps: a tree goes once through all rows for each level of its depth, in every feature, and through
three histograms a leaf; a round grows a tree a class. A step takes one to two nanoseconds. Up to ``MOST_WORK`` steps a
fit is made as asked. Beyond, in this order: trees of 7 leaves on 63 bins (no worse where measured, and four times
cheaper: ``docs/benchmarks.md``), three fifths of the rounds at a rate that reaches as far, and the columns that tell
most of the target alone, as many as there is work for, at least 50. These are chosen on the training rows, inside the
fit: rows that are scored never have a say. What matters only together with another column can then be missed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Task
from assay.core.table import F64, I64

MOST_WORK = 1_000_000_000
LIGHT_WORK = 250_000_000  # where ten fits and more are compared with each other
LEAVES, BINS, SMALL_LEAVES, SMALL_BINS = 31, 255, 7, 63
FEWER_ROUNDS = 0.6
FEWEST_FEATURES = 50
LOOKED_AT = 4_000  # rows that columns are ranked on: a correlation to .03
EIGHTHS = 8
MOST_ROWS, FEW_CLASSES, LEAST_LEARNT = 30_000, 4, 4_000
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fit is made: ``rate`` is for so many rounds; ``features`` at most are used."""

    leaves: int
    bins: int
    rounds: int
    rate: float
    features: int


def work(rows: int, features: int, trees: int, leaves: int, bins: int) -> float:
    return float(features * trees * (rows * math.log2(leaves) + 3 * leaves * bins))


def plan(rows: int, features: int, outputs: int, rounds: int, most: float = MOST_WORK) -> Plan:
    """The first of the plans above that costs at most ``most`` steps; the last one where none does.

    ``outputs``: columns of a prediction; one tree a round serves for one or two.
    """
    trees = outputs if outputs > 2 else 1
    if work(rows, features, trees * rounds, LEAVES, BINS) <= most:
        return Plan(LEAVES, BINS, rounds, 0.1, features)
    if work(rows, features, trees * rounds, SMALL_LEAVES, SMALL_BINS) <= most:
        return Plan(SMALL_LEAVES, SMALL_BINS, rounds, 0.1, features)
    fewer = max(1, round(FEWER_ROUNDS * rounds))
    each = work(rows, 1, trees * fewer, SMALL_LEAVES, SMALL_BINS)
    used = int(np.clip(most / each, min(FEWEST_FEATURES, features), features))
    return Plan(SMALL_LEAVES, SMALL_BINS, fewer, 0.1 * rounds / fewer, used)


def rows_to_learn(outputs: int) -> int:
    """Rows that a booster learns from: a round grows a tree a class, so that rows shrink as classes grow."""
    return max(LEAST_LEARNT, MOST_ROWS * FEW_CLASSES // max(FEW_CLASSES, outputs))


def leading(X: F32, y: F64, task: Task, categorical: tuple[int, ...], most: int) -> I64:
    """The ``most`` features (sorted positions) that tell most of the target alone, over evenly spaced rows.

    Numbers are cut in eighths, sets stay as they are, and a missing value is a level. Classes by Pearson's chi-square,
    values by the variance between levels over all variance; both as standard deviations from what chance gives, so
    that many levels are no merit.

    Source: Pearson, Philosophical Magazine 50 (1900) 157; Guyon and Elisseeff, JMLR 3 (2003) 1157, section 2.
    """
    n, features = X.shape
    if features <= most:
        return np.arange(features)
    at = np.unique(np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(np.int64))
    X, y = X[at], y[at]
    if task == "regression":
        shown = ((y - y.mean()) / max(float(y.std()), 1e-300))[:, None]
    else:
        own = np.eye(int(y.max()) + 1)[y.astype(np.int64)]
        share = own.mean(0)
        own, share = own[:, share > 0], share[share > 0]
        shown = (own - share) / np.sqrt(share)
    sets = set(categorical)
    told = np.array([explained(levels_of(X[:, j], j in sets), shown) for j in range(features)])
    return np.sort(np.argsort(-told, kind="stable")[:most])


def levels_of(x: F32, is_set: bool) -> I64:
    """The level of every row, 0 for missing."""
    fine = np.isfinite(x)
    if is_set:
        return np.where(fine, x, -1).astype(np.int64) + 1
    if not fine.any():
        return np.zeros(len(x), np.int64)
    edges = np.unique(np.quantile(x[fine], np.linspace(0, 1, EIGHTHS + 1)[1:-1]))
    return np.where(fine, np.searchsorted(edges, x, side="right") + 1, 0).astype(np.int64)


def explained(level: I64, shown: F64) -> float:
    """Sum over levels of rows times squared mean of ``shown`` (n, parts), in standard deviations above chance."""
    size = np.bincount(level)
    there = size > 0
    order = np.argsort(level, kind="stable")
    start = np.concatenate(([0], np.cumsum(size[there])[:-1]))
    sums = np.add.reduceat(shown[order], start, axis=0)
    freedom = (int(there.sum()) - 1) * max(1, shown.shape[1] - 1)
    return float(((sums**2 / size[there, None]).sum() - freedom) / math.sqrt(2 * freedom)) if freedom else 0.0
