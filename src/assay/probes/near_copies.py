"""Rows that stand in the table twice with tiny differences: numbers moved a little, all else equal.

A copy with jitter has its twin far nearer than the density of the rows explains. How many rows lie so near by chance
is read off the ring around each row, up to four times as far, and off how many others lie within it. So dense, coarse
and low-dimensional tables explain their own near rows; where sixteen or more crowd within the ring nothing is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I32, I64, U64, Sample, Table

Coded = tuple[I32, tuple[str, ...]]
TOLERANCE = 0.005  # of a standard deviation: three to four times the difference of two copies with 0.1 % jitter
RING = 4.0
SURE = 2.33  # standard deviations: the 99 % point
CROWD = 16  # others within the ring from which on a row says nothing: among so many one is near anyway
FEW_VALUES = 20  # a number with at most so many values is compared exactly
MOST_NUMBERS = 12
KIN = 8  # neighbours that are looked at for who belongs together: enough to connect larger clusters too
APART = 1_000.0  # in tolerances: rows that differ in what must be equal


@dataclass(frozen=True, slots=True)
class NearCopies:
    """``at``: rows with a near twin that is not equal, ``to`` the twin; ``by_chance``: how many such rows chance gives,
    and ``sway`` its standard deviation;    ``together``: how many of the near ones come together (a design effect)."""

    at: I64
    to: I64
    by_chance: float
    sway: float
    together: float


NONE = NearCopies(np.empty(0, np.int64), np.empty(0, np.int64), 0.0, 0.0, 1.0)


@probe(needs=("two-rows", "feature"), cost="sample")
def near_copies(subject: Subject, rows: Sample) -> NearCopies:
    """Near twins within the shared sample, over all columns but id and split."""
    columns = compared(subject, subject.table)
    if not columns or rows.n < 2:
        return NONE
    small = rows.take(np.arange(rows.n))
    return near_twins(small, small, columns, same=True)


def compared(subject: Subject, table: Table) -> tuple[str, ...]:
    """Columns in which two rows are compared: all but id and split, sorted."""
    out = {*subject.roles.named("id"), *subject.roles.named("split")}
    return tuple(sorted(c.name for c in table.columns if c.name not in out))


def group_sizes(hashes: U64) -> I64:
    """Size of the group of equal rows that each row stands in."""
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return counts[inverse]


@dataclass(frozen=True, slots=True)
class Space:
    """``numbers`` span the tree; ``more`` numbers are checked for the pairs it finds; the ``rest`` must be equal."""

    numbers: tuple[str, ...]
    more: tuple[str, ...]
    rest: tuple[str, ...]
    spread: dict[str, float]


def space(sample: Sample, columns: Sequence[str]) -> Space:
    """Numbers with many values, by the most different ones first, and all other columns."""
    kinds = {c.name: c.kind for c in sample.columns}
    found: list[tuple[int, str, float]] = []
    for name in columns:
        if kinds[name] not in ("number", "date", "clock"):
            continue
        x = sample.numbers(name)
        x = x[np.isfinite(x)]
        distinct, width = (len(np.unique(x)), spread(x)) if len(x) else (0, 0.0)
        if distinct > FEW_VALUES and width > 0:
            found.append((-distinct, name, width))
    found.sort()
    names = tuple(name for _, name, _ in found)
    rest = tuple(c for c in columns if c not in set(names))
    return Space(names[:MOST_NUMBERS], names[MOST_NUMBERS:], rest, {name: width for _, name, width in found})


def spread(x: F64) -> float:
    """The standard deviation, or the quartile range on its scale where that is less: a long tail must not widen the
    tolerance. Zero where half of the values are one: such a column is compared exactly."""
    low, high = np.quantile(x, (0.25, 0.75))
    return float(min(np.std(x), (high - low) / 1.349))


def near_twins(new: Sample, old: Sample, columns: Sequence[str], same: bool) -> NearCopies:
    """Rows of ``new`` whose nearest, not equal, row of ``old`` lies within the tolerance, in the largest difference
    over numbers. Rows with an equal row do not count (within one table: ``same``)."""
    from scipy.spatial import cKDTree

    where = space(old, columns)
    if not where.numbers or not old.n or not new.n:
        return NONE
    x, y = coordinates(new, where, where.numbers), coordinates(old, where, where.numbers)
    labels = [(new.codes(c), old.codes(c)) for c in where.rest]
    both = group_of([a for a, _ in labels], new.n, [b for _, b in labels], old.n)
    x, y = np.column_stack((x, both[: new.n] * APART)), np.column_stack((y, both[new.n :] * APART))
    points, first = np.unique(y, axis=0, return_index=True)
    if len(points) < 1 + same:
        return NONE
    k = CROWD + same
    gap, at = cKDTree(points).query(x, k=k, p=np.inf, distance_upper_bound=RING, workers=1)
    gap = np.asarray(gap).reshape(len(x), k)
    around = np.isfinite(gap).sum(1) - same
    nearest = gap[:, 1] if same else np.where(gap[:, 0] == 0, np.inf, gap[:, 0])
    if same:
        counts = group_sizes(new.content)
        nearest = np.where(counts > 1, np.inf, nearest)
    # a jitter moves every number; neighbours on a grid of coarse values agree in all but one
    to = np.minimum(np.asarray(at).reshape(len(x), k)[:, 1 if same else 0], len(points) - 1)
    moved = (x[:, :-1] != points[to][:, :-1]).sum(1)
    nearest = np.where(moved >= min(2, len(where.numbers)), nearest, np.inf)
    nearest = np.where(around < CROWD, nearest, np.inf)
    found = np.flatnonzero(nearest <= RING)
    if where.more and len(found):
        own = coordinates(new.take(found), where, where.more)
        other = coordinates(old.take(first[to[found]]), where, where.more)
        nearest[found] = np.maximum(nearest[found], np.abs(own - other).max(1))
    near = np.flatnonzero(nearest <= 1.0)
    unit = clusters(x[near]) if same else to[near]
    by_chance, sway = chance_of(around[(nearest > 1.0) & (nearest <= RING)])
    return NearCopies(near, np.asarray(first[to[near]], np.int64), by_chance, sway, together(unit))


def chance_of(around: I64) -> tuple[float, float]:
    """Near rows that chance gives beside rows whose nearest other lies in the ring, by how many lie within it.

    Of c others anywhere within RING one lies within 1 with probability P = 1 - (1 - 1 / RING)^c in one dimension, and
    less in more; so each row that has none stands for P / (1 - P) rows that have, however dense the rows are there.
    Returns that number and the standard deviation of what is counted less it (rows come in pairs: twice the variance).
    """
    weight = (RING / (RING - 1)) ** around - 1
    return float(weight.sum()), float(np.sqrt(2 * (weight**2 + weight).sum()))


def clusters(x: F64) -> I64:
    """The cluster of each row: rows within the tolerance of one another, and of these in turn."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(x)
    if n < 2:
        return np.arange(n)
    _, at = cKDTree(x).query(x, k=min(KIN, n), p=np.inf, distance_upper_bound=1.0 + 1e-9, workers=1)
    row, to = np.repeat(np.arange(n), min(KIN, n)), np.asarray(at).ravel()
    edge = to < n
    graph = coo_array((np.ones(int(edge.sum())), (row[edge], to[edge])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def together(unit: I64) -> float:
    """Rows of one unit are all there or all not: the design effect of counting them one by one, which is the sum of
    squared sizes over the sum of sizes (Kish 1965). 1 where every unit has one row."""
    size = np.bincount(unit)
    return float((size**2).sum() / size.sum()) if len(unit) else 1.0


def coordinates(sample: Sample, where: Space, names: Sequence[str]) -> F64:
    """Numbers in units of the tolerance; a missing one stands far from all others."""
    made = [sample.numbers(c) / (where.spread[c] * TOLERANCE) for c in names]
    return np.column_stack([np.where(np.isfinite(v), v, -1e12) for v in made])


def group_of(new: Sequence[Coded], n: int, old: Sequence[Coded], m: int) -> F64:
    """One number for every combination of levels, over both samples: equal where all levels are."""
    group = np.zeros(n + m, np.int64)
    for (a, levels), (b, others) in zip(new, old, strict=True):
        place = {v: i for i, v in enumerate(sorted({*levels, *others}))}
        own = np.array([*(place[v] for v in levels), -1])[a]
        other = np.array([*(place[v] for v in others), -1])[b]
        codes = np.concatenate((own, other)) + 1
        group = np.unique(group * (len(place) + 1) + codes, return_inverse=True)[1].ravel()
    return group.astype(np.float64)


def excess(near: int, by_chance: float, sway: float) -> int:
    """Near rows beyond what chance gives; none where they are within the 99 % point of that."""
    more = near - int(np.ceil(by_chance))
    return more if more > SURE * sway else 0
