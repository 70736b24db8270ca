"""Rows that stand in the table twice with tiny differences: numbers moved a little, all else equal.

A copy with jitter has its twin far nearer than the density of the rows explains. How many rows lie so near by chance
is read off twice, and the larger number holds: off the ring around each row, up to four times as far, and how many
others lie in it; and off the rows that are near in all but one column (``one_apart``), and how often different rows
agree in that column. So dense, coarse and low-dimensional tables explain their own near rows; where too many crowd
around a row, or where another lies one to two tolerances away, it says nothing: on a grid, in a series and on a smooth
curve rows lie so by nature, and there at least as many lie that far as nearer. Agreement in many words, or in a text
that is nearly unique, is what chance does not give: there one moved number suffices, and two are asked for only where
chance moves one alone; where it moves all that there are, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, U64, Sample, Table
from assay.probes.one_apart import (
    LOG_ROOM,
    NO_SLIPS,
    Slips,
    coded_alike,
    hashed,
    mixed,
    one_apart,
    row_groups,
    slips_of,
)
from assay.tables.roles import names_things

TOLERANCE = 0.005  # of a standard deviation: three to four times the difference of two copies with 0.1 % jitter
RING, NEXT = 4.0, 2.0
SURE, LOWER = 2.33, 1.645  # standard deviations: the 99 % point, and the 95 % point
CROWD = 16  # others within the ring from which on a row says nothing: among so many one is near anyway
FEW_VALUES = 20  # a number with at most so many values is compared exactly
FULL = 1.1  # steps of a grid to the values that are taken
MOST_NUMBERS = 12
KIN = 8  # neighbours that are looked at for who belongs together: enough to connect larger clusters too
OFTEN = 0.01  # of the rows: where chance moves one number alone so often, two must have moved (materiality of K04)
APART = 1_000.0  # in tolerances: rows that differ in what must be equal


@dataclass(frozen=True, slots=True)
class NearCopies:
    """``at``: rows with a near twin that is not equal, ``to`` the twin; ``by_chance``: how many such rows chance gives,
    and ``sway`` its standard deviation; ``together``: how many of the near ones come together (a design effect);
    ``slips``: rows that differ from a near twin in one slip besides."""

    at: I64
    to: I64
    by_chance: float
    sway: float
    together: float
    slips: Slips = NO_SLIPS


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
        if kinds[name] not in ("number", "date", "clock") or names_things(name):
            continue  # numbers that name things are equal or not
        x = sample.numbers(name)
        x = x[np.isfinite(x)]
        values, width = np.unique(x), spread(x) if len(x) else 0.0
        if len(values) <= FEW_VALUES or every_step(values):
            continue
        if 0 < np.diff(values).min() <= RING * TOLERANCE * width:
            found.append((-len(values), name, width))
    found.sort()
    names = tuple(name for _, name, _ in found)
    rest = tuple(c for c in columns if c not in set(names))
    return Space(names[:MOST_NUMBERS], names[MOST_NUMBERS:], rest, {name: width for _, name, width in found})


def every_step(values: F64) -> bool:
    """Whether these sorted different values are the steps of a grid, with no more than one in ten left out: a place in
    a series or in a field. Rows next to each other differ by one step by nature, so that it is equal or not."""
    step = np.diff(values)
    return bool((values[-1] - values[0]) / step.min() + 1 <= FULL * len(values))


def spread(x: F64) -> float:
    """The standard deviation, or the quartile range on its scale where that is less: a long tail must not widen the
    tolerance. Zero where half of the values are one: such a column is compared exactly."""
    low, high = np.quantile(x, (0.25, 0.75))
    return float(min(np.std(x), (high - low) / 1.349))


def near_twins(new: Sample, old: Sample, columns: Sequence[str], same: bool) -> NearCopies:
    """Rows of ``new`` whose nearest, not equal, row of ``old`` lies within the tolerance, in the largest difference
    over numbers. Rows with an equal row do not count (within one table: ``same``)."""
    where = space(old, columns)
    if not old.n or not new.n:
        return NONE
    both = (new,) if same else (new, old)
    x = np.concatenate([coordinates(s, where, where.numbers) for s in both])
    codes = coded_alike(both, where.rest)
    asked, among = np.arange(new.n), np.arange(len(x) - old.n, len(x))
    group = row_groups(codes)
    equal = np.zeros(new.n, bool)
    if same:
        exact = hashed(codes)
        for k, name in enumerate((*where.numbers, *where.more), codes.shape[1]):
            exact += mixed(coordinates(new, where, (name,))[:, 0].view(np.int64), k)
        equal = group_sizes(exact) > 1
    around, within, beyond, nearest, to = ring(np.column_stack((x, group * APART)), asked, among, same)
    equal |= nearest == 0
    nearest[equal] = np.inf
    beside = one_apart(both, x, codes, where.rest, asked, among)
    if where.more and len(beside.at):
        own = coordinates(new.take(beside.at), where, where.more)
        other = coordinates(old.take(beside.to), where, where.more)
        keep = np.abs(own - other).max(1) <= 1
        beside = replace(beside, at=beside.at[keep], to=beside.to[keep])
    found = np.flatnonzero(nearest <= RING)
    if where.more and len(found):
        own = coordinates(new.take(found), where, where.more)
        other = coordinates(old.take(to[found]), where, where.more)
        nearest[found] = np.maximum(nearest[found], np.abs(own - other).max(1))
        around[nearest > RING] = 0
    room = room_of(around - within, beyond)
    slips = slips_of(beside, (nearest <= 1) | equal)
    out = equal.copy()
    if excess(len(slips.at), slips.by_chance, slips.sway):
        out[slips.at] = True  # copies with a slip lie beside their twins, which says nothing of the others
    moved = (x[asked] != x[among[to]]).sum(1)
    for least, agree in enumerate(beside.agree[: max(1, len(where.numbers))], 1):
        gap = np.where(moved >= least, nearest, np.inf)
        around = np.where(np.isfinite(gap), around, 0)
        rooms: tuple[F64, F64] = (around.astype(np.float64) * room, agree)
        crowded = rooms[0] + rooms[1] + within * beside.most >= CROWD * LOG_ROOM
        crowded |= beyond > 0
        close = (gap <= 1) & ~crowded
        by_chance, sway = max(chance_of(room[~close & ~out & ~crowded]) for room in rooms)
        if by_chance <= OFTEN * new.n:
            break
    else:  # chance moves as many numbers as there are: how many more have moved would hang on how well that is known
        close = np.zeros(new.n, bool)
    near = np.flatnonzero(close)
    unit = clusters(np.column_stack((x, group * APART))[near]) if same else to[near]
    return NearCopies(near, to[near], by_chance, sway, together(unit), slips)


def ring(at: F64, asked: I64, among: I64, same: bool) -> tuple[I64, I64, I64, F64, I64]:
    """For each row asked: how many different points lie in the ring, within the tolerance, and between one tolerance
    and two; how far the nearest is that is not the row itself, and whose it is (a position in ``among``); an equal row
    of another table is at 0."""
    from scipy.spatial import cKDTree

    points, first = np.unique(at[among], axis=0, return_index=True)
    if at.shape[1] < 2 or len(points) < 1 + same:
        none = np.zeros(len(asked), np.int64)
        return none, none, none, np.full(len(asked), np.inf), none
    k = CROWD + same
    gap, to = cKDTree(points).query(at[asked], k=k, p=np.inf, distance_upper_bound=RING, workers=1)
    gap, to = np.asarray(gap).reshape(len(asked), k), np.asarray(to).reshape(len(asked), k)
    around = np.isfinite(gap).sum(1) - same
    nearest = gap[:, int(same)].copy()
    beyond = ((gap > 1) & (gap <= NEXT)).sum(1)
    return around, (gap <= 1).sum(1) - same, beyond, nearest, first[np.minimum(to[:, int(same)], len(points) - 1)]


def room_of(outside: I64, beyond: I64) -> float:
    """Minus the log of the chance that one of the others in the ring, none of which lies between one tolerance and two,
    lies further out.

    Twice as far lie 2^v times as many in v dimensions (Grassberger and Procaccia 1983): v is read off those beyond one
    tolerance, two and four, less its error, and is one at least. Copies are not among these.
    """
    far, next_to = float((outside - beyond).sum()), float(beyond.sum())
    v = 1.0
    if min(far, next_to) > 0:
        v = max(1.0, float(np.log(far / next_to) - LOWER * np.sqrt(1 / far + 1 / next_to)) / np.log(NEXT))
    return float(np.log1p(1 / (RING**v - NEXT**v)))


def chance_of(room: F64) -> tuple[float, float]:
    """Near rows that chance gives beside rows that have others around and none near, by the room that these leave:
    minus the log of the chance that none of them is near.

    Of c others within RING, and not next to the row, one lies within 1 with a probability P (``room_of``), so that each
    row that has none stands for P / (1 - P) rows that have, however dense the rows are there.
    Returns that number and the standard deviation of what is counted less it (rows come in pairs: twice the variance).
    """
    weight = np.expm1(room)
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
    out = np.column_stack([np.empty((sample.n, 0)), *(np.where(np.isfinite(v), v, -1e12) for v in made)])
    return out + 0.0  # minus zero is zero


def excess(near: int, by_chance: float, sway: float) -> int:
    """Near rows beyond what chance gives; none where they are within the 99 % point of that."""
    more = near - int(np.ceil(by_chance))
    return more if more > SURE * sway else 0
