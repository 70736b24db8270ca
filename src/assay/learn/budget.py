"""What one boosting fit may cost, and which columns it sees where it would cost more.

Work is counted in steps: a tree goes once through all rows for each level of its depth, in every feature, and through
three histograms a leaf; a round grows a tree a class. A step takes one to two nanoseconds. Up to ``MOST_WORK`` steps a
fit is made as asked. Beyond, in this order: trees of 7 leaves on 63 bins (a quarter of the steps), three fifths of the
rounds at a rate that reaches as far, and the columns that tell most of the target alone, as many as there is work for,
at least 50. These are chosen on the training rows, inside the fit: rows that are scored never have a say. What matters
only together with another column can then be missed.
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
LOOKED_AT = 2_000  # rows that columns are ranked on: a correlation to .022
EIGHTHS = 8
MOST_ROWS, MOST_CELLS, FEW_CLASSES, LEAST_LEARNT = 30_000, 20_000_000, 4, 4_000
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


def rows_to_learn(outputs: int, columns: int) -> int:
    """Rows that a booster learns from: 30,000, or 20,000,000 cells; fewer above four classes, since a round grows a
    tree a class; never under 4,000."""
    most = min(MOST_ROWS, MOST_CELLS // max(1, columns))
    return max(LEAST_LEARNT, most * FEW_CLASSES // max(FEW_CLASSES, outputs))


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
    sets = set(categorical)
    levels = (levels_of(X[:, j], j in sets) for j in range(features))
    if task == "regression":
        scaled = (y - y.mean()) / (float(y.std()) or 1.0)
        told = np.array([by_values(level, scaled) for level in levels])
    else:
        classes = np.unique(y, return_inverse=True)[1].ravel()
        told = np.array([by_classes(level, classes) for level in levels])
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


def by_classes(level: I64, y: I64) -> float:
    """Chi-square of levels and classes (numbered without gaps), in standard deviations above chance."""
    k, n = int(y.max()) + 1, len(y)
    seen = np.bincount(level * k + y, minlength=(int(level.max()) + 1) * k).reshape(-1, k)
    seen = seen[seen.any(1)]
    square = n * float((seen**2 / (seen.sum(1, keepdims=True) * seen.sum(0))).sum()) - n
    return above_chance(square, (len(seen) - 1) * (k - 1))


def by_values(level: I64, y: F64) -> float:
    """Variance between levels of ``y`` (mean 0, variance 1), in standard deviations above chance."""
    size = np.bincount(level)
    there = size > 0
    square = float((np.bincount(level, y)[there] ** 2 / size[there]).sum())
    return above_chance(square, int(there.sum()) - 1)


def above_chance(square: float, freedom: int) -> float:
    return (square - freedom) / math.sqrt(2 * freedom) if freedom > 0 else 0.0
