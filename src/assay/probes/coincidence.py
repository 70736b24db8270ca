"""How many rows would look alike by chance: columns of few values cannot tell cases apart.

The chance that two different rows agree in a column, and in each pair of columns, is multiplied along the tree of the
most dependent pairs (the tree of Chow and Liu 1968, with agreement, Renyi's entropy of order two, in place of
information).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from assay.core.table import F64, I64, Sample

SAMPLE, WIDEST = 3_000, 30  # rows and columns for the estimate


def expected(rows: Sample, columns: tuple[str, ...], n: int) -> float:
    """Pairs among n different cases that would agree in all columns, by the tree of most dependent pairs."""
    few = rows.take(np.arange(min(rows.n, SAMPLE)))
    different = np.unique(np.stack([coded(few, c) for c in columns], axis=1), axis=0)
    m, pairs = len(different), len(different) * (len(different) - 1) / 2
    if m < 2:
        return 0.0
    alone = np.array([agree(column) for column in different.T]) / pairs
    if alone.min() == 0:
        return 0.0
    keep = np.argsort(alone, kind="stable")[:WIDEST]
    different, alone = different[:, keep], alone[keep]
    gain = np.zeros((len(keep), len(keep)))
    for i, j in combinations(range(len(keep)), 2):
        both = agree(different[:, i] * (different[:, j].max() + 1) + different[:, j]) / pairs
        gain[i, j] = gain[j, i] = max(0.0, np.log(both / (alone[i] * alone[j]))) if both else 0.0
    return float(n * (n - 1) / 2 * np.exp(np.log(alone).sum() + widest_tree(gain)))


def coded(rows: Sample, name: str) -> I64:
    """Whole numbers from 0 that are equal where the values are; null is a value."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    values = rows.codes(name)[0] if kind in ("category", "text", "mixed") else rows.numbers(name)
    return np.unique(values, return_inverse=True)[1].ravel().astype(np.int64)


def agree(codes: I64) -> float:
    """Pairs of rows with the same code."""
    counts = np.unique(codes, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def widest_tree(weight: F64) -> float:
    """Total weight of the maximum spanning tree (Prim)."""
    reach, total = weight[0].copy(), 0.0
    outside = np.arange(len(weight)) != 0
    while outside.any():
        best = int(np.argmax(np.where(outside, reach, -np.inf)))
        total += float(reach[best])
        outside[best] = False
        reach = np.maximum(reach, weight[best])
    return total


def most_by_chance(mean: float) -> float:
    """The 99 % point of a Poisson count."""
    from scipy.special import pdtrik

    return float(np.ceil(pdtrik(0.99, mean))) if mean > 1e-9 else 0.0
