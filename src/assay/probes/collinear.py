"""Numbers that follow from other numbers: searched on rows handed in, for as many as 500 columns at once.

``pairwise`` gives all correlations over the rows that both columns have; ``follows`` the columns whose multiple
correlation with the others is as high (variance inflation; Belsley, Kuh & Welsch 1980), each with as few of the others
as carry it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assay.core.table import F64, I64, Mask

MOST_PARTS = 12
MOST_FOUND = 8
SLIGHT = 0.01  # of a standardised weight: such a part carries nothing
RIDGE = 1e-7
FEWEST = 30


@dataclass(frozen=True, slots=True)
class Follows:
    """Column ``whole`` is ``base + weights @ parts`` (positions in the matrix searched) up to what r leaves."""

    whole: int
    parts: tuple[int, ...]
    weights: tuple[float, ...]
    base: float

    def value(self, X: F64) -> F64:
        return np.asarray(X[:, list(self.parts)] @ np.array(self.weights) + self.base)


def standard(X: F64) -> F64:
    """Columns with mean 0 and deviation 1 over their finite values, NaN elsewhere; what does not vary becomes NaN."""
    with np.errstate(all="ignore"):
        X = np.where(np.isfinite(X), X, np.nan)
        top = np.nanmax(np.abs(X), axis=0, initial=0.0)
        X = X / np.where(top > 0, top, 1.0)
        middle = np.nansum(X, axis=0) / np.maximum(np.isfinite(X).sum(0), 1)
        X = X - middle
        spread = np.sqrt(np.nansum(X**2, axis=0) / np.maximum(np.isfinite(X).sum(0), 1))
        return np.asarray(np.where(spread > 1e-12, X / np.where(spread > 0, spread, 1.0), np.nan))


def ranks(X: F64) -> F64:
    """Each column's values as ranks, ties in the middle of theirs (Spearman), NaN where not finite."""
    out = np.full(X.shape, np.nan)
    for j in range(X.shape[1]):
        fine = np.isfinite(X[:, j])
        _, at, count = np.unique(X[fine, j], return_inverse=True, return_counts=True)
        out[fine, j] = (np.cumsum(count) - count / 2)[at.ravel()]
    return out


def pairwise(X: F64) -> F64:
    """Correlations (p, p) of all columns, each over the rows where both are finite; 0 where those are under 30."""
    Z = standard(X)
    M = np.isfinite(Z).astype(np.float64)
    Z = np.nan_to_num(Z)
    n = M.T @ M
    with np.errstate(all="ignore"):
        mean = Z.T @ M / n  # of column i where j is present
        var = (Z**2).T @ M / n - mean**2
        r = (Z.T @ Z / n - mean * mean.T) / np.sqrt(var * var.T)
    return np.where(np.isfinite(r) & (n >= FEWEST) & (var > 1e-9) & (var.T > 1e-9), np.clip(r, -1, 1), 0.0)


def follows(X: F64, least: float) -> Iterator[Follows]:
    """Columns of X (n, p) with a multiple correlation above ``least``; one that was found is not a part of others.

    Chance makes no such fit as long as rows are five times as many as columns; with fewer rows nothing is searched.
    """
    Z = standard(X)
    if X.shape[1] < 3 or len(X) < 5 * X.shape[1]:
        return
    R = pairwise(X)
    pool = [j for j in range(X.shape[1]) if np.isfinite(Z[:, j]).mean() >= 0.5]
    for _ in range(MOST_FOUND):
        if len(pool) < 3:
            return
        C = R[np.ix_(pool, pool)].copy()
        np.fill_diagonal(C, 1.0 + RIDGE)
        try:
            P = np.linalg.inv(C)
        except np.linalg.LinAlgError:
            return
        diagonal = np.diag(P)
        explained = np.where(diagonal >= 1, 1 - 1 / np.maximum(diagonal, 1), 1.0)
        j = int(np.argmax(np.round(explained, 9)))
        if explained[j] < least**2:
            return
        beta = -P[j] / P[j, j]
        beta[j] = 0.0
        found = fitted(X, Z, pool, j, beta, least)
        if found is None:  # the pairwise matrix says it, complete rows do not
            pool.pop(j)
            continue
        yield found
        pool.remove(found.whole)


def fitted(X: F64, Z: F64, pool: list[int], j: int, beta: F64, least: float) -> Follows | None:
    """The few parts that carry column ``pool[j]``, by backward elimination from the largest weights."""
    order = np.argsort(-np.abs(beta), kind="stable")[: MOST_PARTS + 4]
    parts = [pool[i] for i in order if abs(beta[i]) > SLIGHT and i != j]
    whole = pool[j]
    while parts:
        r, weights = regressed(Z, whole, parts)
        if r < least:
            return None
        if len(parts) <= 2:
            break
        weakest = int(np.argmin(np.abs(weights)))
        fewer = parts[:weakest] + parts[weakest + 1 :]
        if regressed(Z, whole, fewer)[0] < least:
            break
        parts = fewer
    if len(parts) < 2 or len(parts) > MOST_PARTS:
        return None
    whole, parts = named_whole(Z, whole, parts)
    rows = complete(X, [whole, *parts])
    A = np.column_stack((np.ones(int(rows.sum())), X[rows][:, parts]))
    scale = np.abs(A).max(0)
    w = np.linalg.lstsq(A / scale, X[rows, whole], rcond=None)[0] / scale
    return Follows(whole, tuple(parts), tuple(float(v) for v in w[1:]), float(w[0]))


def named_whole(Z: F64, whole: int, parts: list[int]) -> tuple[int, list[int]]:
    """Of columns that follow from one another, the one that the others add up to reads best as the whole."""
    members = sorted([whole, *parts])
    for candidate in members:
        others = [m for m in members if m != candidate]
        if np.all(regressed(Z, candidate, others)[1] > 0):
            return candidate, others
    return whole, sorted(parts)


def regressed(Z: F64, whole: int, parts: list[int]) -> tuple[float, F64]:
    """Multiple correlation and standardised weights over the complete rows; 0 where they are too few."""
    rows = complete(Z, [whole, *parts])
    if rows.sum() < max(FEWEST, 5 * len(parts)):
        return 0.0, np.zeros(len(parts))
    A, y = Z[rows][:, parts], Z[rows, whole]
    A, y = A - A.mean(0), y - y.mean()
    total = float((y**2).sum())
    w = np.linalg.lstsq(A, y, rcond=1e-10)[0]
    left = float(((y - A @ w) ** 2).sum())
    return float(np.sqrt(max(0.0, 1 - left / total))) if total > 0 else 0.0, w


def complete(X: F64, columns: list[int]) -> Mask:
    return np.asarray(np.isfinite(X[:, columns]).all(1))


def joined(R: F64, least: float) -> list[I64]:
    """Groups of two columns or more in which every column has |r| >= least with the group's first; in order."""
    near = np.abs(R) >= least
    np.fill_diagonal(near, False)
    free = np.ones(len(R), bool)
    out = []
    for i in np.flatnonzero(near.any(1)):
        if free[i]:
            members = np.flatnonzero(near[i] & free)
            if len(members):
                own = np.concatenate(([i], members))
                free[own] = False
                out.append(own)
    return out
