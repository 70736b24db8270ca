"""Rows that are near another in all columns but one: what one slip makes, and what chance makes in coarse columns.

Each column that is compared exactly is left out in turn, and rows are looked for that agree in all the others, lie near
each other in the numbers, and differ in that one. Copies have no such partners; rows that are alike because their
columns are coarse have many, and how many tells how often chance makes them agree in the last column too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from assay.core.table import F64, I32, I64, U64, Mask, Sample
from assay.probes.coincidence import agree
from assay.probes.retyped import chance_to_look_alike, plain_codes, same_word
from assay.tables.roles import names_things

MOST_COLUMNS = 60  # that are left out in turn, those that tell most rows apart first
RING = 4.0  # tolerances, or units of a whole number, up to which others tell how dense the rows are
LOG_ROOM = float(np.log(RING / (RING - 1)))
WIDE = 10.0  # units in a standard deviation from which on a whole number that is off by one is a slip: four units are
# then less than half of one, and values about as frequent
TELLING = 0.2  # share of different values from which on a text tells rows apart
NEXT = 5  # rows that each row is held against; they come by their hash, so that neighbours are any two
CROWD = 16  # points within the tolerance from which on a row says nothing
SAMPLE, FEWEST = 3_000, 20.0  # rows for the chance to agree; pairs that a chance under a condition is weighed against
HALF = 0.5  # of the rows of a misspelling are copies
MOST_CHANCE = 0.5  # a column that the others settle tells nothing, so its chance is not estimated above


@dataclass(frozen=True, slots=True)
class Apart:
    """One column left out: ``i`` and ``j`` (positions among all rows) of pairs that differ in it alone, and, for
    each row asked, ``count``: how many rows so differ from it, and ``moved``: how many of these in one number
    too, or in two."""

    column: int
    i: I64
    j: I64
    count: I64
    moved: tuple[I64, I64]


@dataclass(frozen=True, slots=True)
class Beside:
    """For each row asked, minus the logs of the chances that none of the rows that differ from it in one column alone
    would agree in that too (``agree``: of those that differ in one number at least, or in two), or differ by no more
    than a slip (``slip``); ``most``: that of a single one, in the column where it is largest; the rows that do differ
    by a slip, ``at`` and ``to``."""

    agree: tuple[F64, F64]
    most: F64
    slip: F64
    at: I64
    to: I64


@dataclass(frozen=True, slots=True)
class Slips:
    """Rows that differ from another by one slip, the other rows, and what chance gives of them: its mean and its
    standard deviation."""

    at: I64
    to: I64
    by_chance: float
    sway: float


NO_SLIPS = Slips(np.empty(0, np.int64), np.empty(0, np.int64), 0.0, 0.0)


def one_apart(both: Sequence[Sample], x: F64, codes: I32, rest: Sequence[str], asked: I64, among: I64) -> Beside:
    """What lies beside each row of ``asked`` in ``among``; both are positions among the rows of ``both`` together."""
    told = np.array([agree(column) for column in codes[among[:SAMPLE]].T]) if len(rest) else np.empty(0)
    order = [int(c) for c in np.argsort(told, kind="stable")[:MOST_COLUMNS] if len(np.unique(codes[:, c])) > 1]
    chance = dict(zip(order, chance_to_agree(codes[among[:SAMPLE]][:, order].astype(np.int64)), strict=True))
    once, twice, most, slip = (np.zeros(len(asked)) for _ in range(4))
    pairs = [np.empty((0, 2), np.int64)]
    for made in apart(x, codes, asked, among, order):
        count = made.count[asked]
        one = -float(np.log1p(-chance[made.column]))
        once, twice = once + made.moved[0][asked] * one, twice + made.moved[1][asked] * one
        most = np.maximum(most, np.where(made.moved[0][asked] > 0, one, 0.0))
        name = rest[made.column]
        kind = kind_of(both, name)
        if kind == "word":
            levels = levels_of(both, name)
            own = codes[:, made.column].astype(np.int64)
            if len(np.unique(own)) >= TELLING * len(own):
                # texts that tell rows apart are alike by nature (editions, branches): linkage weighs them. Here they
                # are one text if case and punctuation alone differ, which chance does not do
                group = row_groups(np.column_stack((np.delete(codes, made.column, axis=1), plain_codes(levels, own))))
                again = partners(x, group, own, asked, among, made.column, len(codes))
                pairs.append(np.column_stack((again.i, again.j)))
                continue
            looks, room = retyped(made, levels, own, asked, among)
            slip += count * room
        elif kind == "number" and len(made.i):
            value = np.concatenate([s.numbers(name) for s in both])
            known = value[np.isfinite(value)]
            if (known % 1).any() or np.std(known) < WIDE or names_things(name):
                continue
            far = np.abs(value[made.i] - value[made.j])
            looks = far == 1
            if goes_on(x, codes, made.column, value, asked, among, int(looks.sum())):
                continue
            room = -np.log1p(-chance_of_one(value[among]))
            slip += np.bincount(made.i[far <= RING], minlength=len(asked))[: len(asked)] * room
        else:
            continue
        crowded = count >= CROWD
        slip[crowded] = np.inf
        pairs.append(np.column_stack((made.i, made.j))[looks])
    found = np.concatenate(pairs)
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    at, first = np.unique(found[:, 0], return_index=True)
    return Beside((once, twice), most, slip, at, found[first, 1] - int(among[0]) if len(among) else at)


def retyped(made: Apart, levels: Sequence[str], own: I64, asked: I64, among: I64) -> tuple[Mask, F64]:
    """Which pairs look like one word written twice, and for each row asked minus the log of the chance that another
    word would not look like its own.

    Equal but for case and punctuation is no chance. Of a word that looks like most others (one of a series, or of two)
    neither is said.
    """
    if not len(made.i):
        return np.zeros(0, bool), np.zeros(len(asked))
    plainly = plain_codes(levels, own)
    same = plainly[made.i] == plainly[made.j]
    often = chance_to_look_alike(levels, own[among], own)
    rare = np.maximum(often[made.i], often[made.j]) < MOST_CHANCE
    looks = same_word(levels, own[made.i], own[made.j]) & rare
    looks = same | (looks & misspelt(made, own, looks))
    silent = (often >= MOST_CHANCE)[asked]
    silent[np.searchsorted(asked, made.i[same])] = True
    return looks, np.where(silent, 0.0, -np.log1p(-np.minimum(often[asked], MOST_CHANCE)))


def misspelt(made: Apart, own: I64, looks: Mask) -> Mask:
    """Pairs one of whose words stands, in half of its rows or more, beside a row that has the other: a slip is made in
    rows that are written again. A word that has rows of its own is another word."""
    wide = int(own.max(initial=0)) + 2
    word, of = own[made.i], own[made.j]
    first = np.unique(made.i * wide + of + 1, return_index=True)[1]  # each row once, however many twins it has
    first = first[looks[first]]
    kinds, many = np.unique(word[first] * wide + of[first], return_counts=True)
    if not len(kinds):
        return np.zeros(len(looks), bool)
    share = many / np.maximum(1, np.bincount(own[own >= 0], minlength=wide)[kinds // wide])
    out = np.zeros(len(looks), bool)
    for key in (word * wide + of, of * wide + word):
        place = np.minimum(np.searchsorted(kinds, key), len(kinds) - 1)
        out |= (kinds[place] == key) & (share[place] >= HALF)
    return out


def slips_of(beside: Beside, explained: Mask) -> Slips:
    """The slips of rows that are not near or equal to another already, nor crowded."""
    told = ~explained & (beside.slip < CROWD * LOG_ROOM)
    keep = told[beside.at]
    none = told & (beside.slip > 0)
    none[beside.at] = False
    weight = np.expm1(beside.slip[none])
    sway = float(np.sqrt(2 * (weight**2 + weight).sum()))
    return Slips(beside.at[keep], beside.to[keep], float(weight.sum()), sway)


def coded_alike(both: Sequence[Sample], names: Sequence[str]) -> I32:
    """One column of whole numbers for each name, over the rows of all samples: equal where the values are; null is a
    value."""
    n = sum(s.n for s in both)
    out = np.empty((n, len(names)), np.int32)  # a wide table has many
    for k, name in enumerate(names):
        if kind_of(both, name) == "word":
            place = {v: i for i, v in enumerate(levels_of(both, name))}
            coded = [s.codes(name) for s in both]
            out[:, k] = np.concatenate([np.array([*(place[v] for v in levels), -1])[own] for own, levels in coded])
        else:
            value = np.concatenate([s.numbers(name) for s in both])
            out[:, k] = np.unique(value, return_inverse=True)[1].ravel()
    return out


def kind_of(both: Sequence[Sample], name: str) -> str:
    """The kind of a column that all samples give it, ``word`` for all that are no numbers."""
    kinds = {c.kind for s in both for c in s.columns if c.name == name}
    return kinds.pop() if len(kinds) == 1 and kinds <= {"number", "date", "clock", "bool"} else "word"


def levels_of(both: Sequence[Sample], name: str) -> list[str]:
    return sorted({v for s in both for v in s.codes(name)[1]})


def row_groups(codes: I32) -> I64:
    """One number for each combination of codes."""
    return np.asarray(np.unique(hashed(codes), return_inverse=True)[1].ravel(), np.int64)


def hashed(codes: I32) -> U64:
    whole = np.zeros(len(codes), np.uint64)
    for c in range(codes.shape[1]):
        whole += mixed(codes[:, c].astype(np.int64), c)
    return whole


def mixed(codes: I64, column: int) -> U64:
    """A hash of each code that differs between columns (splitmix64)."""
    z = codes.astype(np.uint64) + np.uint64((column + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(z ^ (z >> np.uint64(31)), np.uint64)


def apart(x: F64, codes: I32, asked: I64, among: I64, order: Sequence[int]) -> Iterator[Apart]:
    """For each column of ``codes`` (rows, columns) in ``order``: rows of ``among`` that lie within 1 of a row of
    ``asked`` in all of ``x``, agree in all other codes, and differ in this one. Rows with a crowd of partners have
    their count, but no pairs."""
    whole = hashed(codes)
    for c in order:
        own = codes[:, c].astype(np.int64)
        group = np.unique(whole - mixed(own, c), return_inverse=True)[1].ravel()
        low, high = np.full(group.max(initial=0) + 1, np.iinfo(np.int64).max), np.full(group.max(initial=0) + 1, -1)
        np.minimum.at(low, group, own)
        np.maximum.at(high, group, own)
        differs = (low < high)[group]
        yield partners(x, group, own, asked[differs[asked]], among[differs[among]], c, len(codes))


def partners(
    x: F64, group: I64, own: I64, asked: I64, among: I64, column: int, n: int, crowd: int = CROWD
) -> Apart:  # fmt: skip
    from scipy.spatial import cKDTree

    count, far, none = np.zeros(n, np.int64), np.zeros((2, n), np.int64), np.empty(0, np.int64)
    if not len(asked) or not len(among):
        return Apart(column, none, none, count, (far[0], far[1]))
    at = np.column_stack((x, group * 1_000.0))
    points, point = np.unique(at[among], axis=0, return_inverse=True)
    point = point.ravel()
    key = point * (own.max() + 2) + own[among] + 1
    member = np.argsort(point, kind="stable")
    start, size = np.searchsorted(point[member], np.arange(len(points))), np.bincount(point, minlength=len(points))
    k = min(crowd, len(points))
    gap, to = cKDTree(points).query(at[asked], k=k, p=np.inf, distance_upper_bound=1.0 + 1e-9, workers=1)
    gap, to = np.asarray(gap).reshape(len(asked), k), np.asarray(to).reshape(len(asked), k)
    row, column_of = np.nonzero(np.isfinite(gap))
    to = to[row, column_of]
    keys, same = np.unique(key, return_counts=True)
    wanted = to * (own.max() + 2) + own[asked[row]] + 1
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    others = size[to] - np.where(keys[place] == wanted, same[place], 0)
    total = np.bincount(row, weights=others, minlength=len(asked)).astype(np.int64)
    count[asked] = total
    numbers = (at[asked[row]] != points[to]).sum(1)
    for k in (0, 1):
        far[k, asked] = np.bincount(row, weights=np.where(numbers > k, others, 0), minlength=len(asked))
    few = (total[row] < crowd) & (others > 0) & (size[to] <= 4 * crowd)
    row, to = row[few], to[few]
    i = np.repeat(asked[row], size[to])
    offset = np.arange(len(i)) - np.repeat(np.cumsum(size[to]) - size[to], size[to])
    j = among[member[np.repeat(start[to], size[to]) + offset]]
    keep = own[i] != own[j]
    return Apart(column, i[keep], j[keep], count, (far[0], far[1]))


def goes_on(x: F64, codes: I32, column: int, value: F64, asked: I64, among: I64, ones: int) -> bool:
    """Whether rows that differ by one in this column go on to rows that differ by two, as the years of a panel and the
    rows of a field do, and no slip does.

    Each of n rows has one next row, which is like it with a probability p of its own. The one after next is like it
    with p^2 or more, and the mean of p^2 is the square of that of p or more: so of a series that has S rows like the
    one after next, about sqrt(n S) at most are like the next; both are counted from either side. Differences in the
    other numbers may grow with the steps.
    """
    rest = np.delete(codes, column, axis=1)
    group = row_groups(rest)
    step = np.zeros(len(codes), np.int64)
    known = np.isfinite(value)
    step[known] = np.unique(value[known], return_inverse=True)[1].ravel() + 1
    far = partners(x / 2, group, step, asked, among, column, len(codes), crowd=4 * CROWD)
    two = int((np.abs(value[far.i] - value[far.j]) == 2).sum())
    return bool(ones <= np.sqrt(len(asked) * 2.0 * (two + 2)))


def chance_to_agree(codes: I64) -> F64:
    """For each column the chance that two different rows agree in it, given that they agree in the other column that
    raises it most."""
    rows = np.unique(codes, axis=0)
    n, wide = len(rows), rows.shape[1]
    pairs = max(1.0, n * (n - 1) / 2)
    alone = np.array([agree(column) for column in rows.T])
    best = alone / pairs
    for i, j in combinations(range(wide), 2):
        both = agree(rows[:, i] * (rows[:, j].max() + 2) + rows[:, j])
        for d, e in ((i, j), (j, i)):
            best[d] = max(best[d], (both + FEWEST * alone[d] / pairs) / (alone[e] + FEWEST))
    return np.minimum(best, MOST_CHANCE)


def chance_of_one(value: F64) -> float:
    """How many of the pairs of rows that differ by one to four units differ by one; a quarter where values are even."""
    far = np.concatenate([np.abs(value[k:] - value[:-k]) for k in range(1, NEXT + 1)])
    some, one = (far >= 1) & (far <= RING), far == 1
    return max(1 / RING, float((one.sum() + 1) / (some.sum() + RING)))
