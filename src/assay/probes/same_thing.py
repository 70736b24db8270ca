"""Columns that carry the same thing: whatever is said of one of them could as well be said of another.

Numbers, dates and columns of two levels by Spearman's rank correlation, categories by Cramér's V, corrected for chance
(Bergsma, Journal of the Korean Statistical Society 42, 2013). A number and a category of many levels are not compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.table import F64, I64, NUMERIC, Sample

from .collinear import joined, pairwise, ranks

ALIKE = 0.8  # correlation from which credit cannot be divided: two thirds of what one says the other says
MOST_LEVELS = 200
MOST_CATEGORIES = 60


def same_thing(rows: Sample, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of two columns or more, sorted inside; a column is in one group at most."""
    kinds = {c.name: c.kind for c in rows.columns}
    ordered = [c for c in columns if kinds[c] in NUMERIC or len(rows.codes(c)[1]) == 2]
    X = np.column_stack([_ordered(rows, c, kinds[c]) for c in ordered]) if ordered else np.empty((rows.n, 0))
    found = [tuple(sorted(ordered[int(j)] for j in g)) for g in joined(pairwise(ranks(X)), ALIKE)] if ordered else []
    named = [c for c in columns if c not in ordered and 2 < len(rows.codes(c)[1]) <= MOST_LEVELS][:MOST_CATEGORIES]
    if len(named) > 1:
        codes = [rows.codes(c)[0].astype(np.int64) for c in named]
        V = np.eye(len(named))
        for a in range(len(named)):
            for b in range(a):
                V[a, b] = V[b, a] = cramer(codes[a], codes[b])
        found += [tuple(sorted(named[int(j)] for j in g)) for g in joined(V, ALIKE)]
    return found


def signs(rows: Sample, group: Sequence[str]) -> list[int]:
    """1 or -1 for each column of a group: whether it rises with the first one; 0 for all where it holds categories."""
    kinds = {c.name: c.kind for c in rows.columns}
    if not all(kinds[c] in NUMERIC for c in group):
        return [0] * len(group)
    R = pairwise(ranks(np.column_stack([rows.numbers(c) for c in group])))
    return [1 if r >= 0 else -1 for r in (1.0, *R[0, 1:])]


def _ordered(rows: Sample, column: str, kind: str) -> F64:
    if kind in NUMERIC:
        return rows.numbers(column)
    codes = rows.codes(column)[0]
    return np.where(codes < 0, np.nan, codes)


def cramer(a: I64, b: I64) -> float:
    """Bias-corrected Cramér's V of two columns of codes, -1 left out."""
    there = (a >= 0) & (b >= 0)
    n = int(there.sum())
    if n < 30:
        return 0.0
    a, b = np.unique(a[there], return_inverse=True)[1], np.unique(b[there], return_inverse=True)[1]
    r, k = int(a.max()) + 1, int(b.max()) + 1
    if min(r, k) < 2:
        return 0.0
    table = np.bincount(a * k + b, minlength=r * k).reshape(r, k)
    expected = np.outer(table.sum(1), table.sum(0)) / n
    phi = float(((table - expected) ** 2 / expected).sum()) / n
    phi = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    r_, k_ = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    return float(np.sqrt(phi / max(1e-12, min(r_, k_) - 1)))
