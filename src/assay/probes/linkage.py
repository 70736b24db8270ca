"""Records that look like one thing written twice: blocking, comparison by column, and Fellegi and Sunter's weights.

Each column of two records agrees, is nearly the same text, differs, or is missing on a side. How often columns agree in
records of different things is counted on random pairs (for equal values: how common the value is); how often in records
of one thing is learned with the share of such pairs by expectation and maximisation. Nothing is labelled.

Fellegi & Sunter (1969), JASA 64:1183; Winkler (1988) for EM; Winkler (2000) for the frequency of values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, NUMERIC, Mask, Sample

from .fields import DIFFERENT, EQUAL, MISSING, NEAR, VERY_NEAR, Field, fields_of
from .grams import bucketed, unique_pairs
from .identifying import written_twice
from .wording import MORE, OTHER, PROSE, SAME

MOST_ROWS, MOST_BYTES = 20_000, 1_000_000
MOST_PAIRS = 100_000  # of all fields together, by the rarest values first
MOST_WORK, LEARNED = 1_500_000, 500_000  # pairs times fields: all, and those that weights are learned from
MOST_FIELDS, MOST_TEXTS = 24, 6  # columns that are compared, and those of them as texts: those that identify best
FEWEST = 100  # records, and different texts of a column that can tell records apart
TELLING = 0.2  # different values of such a column, as a share of its values
LETTERS = 6  # of its texts, on average
MOST_ALIKE = 60  # records of one value that are still compared with one another
RANDOM, MOST_LETTERS = 200_000, 5_000_000  # pairs of any two records, and bytes of their texts
ROUNDS, SETTLING = 30, 1e-3
MOST_TOGETHER = 2_000  # records of one component that are still parted
SURE = 0.9
SETTLED, MOST_ASKED = 0.5, 5_000
COMMON = 0.05  # share of records from which on an equal value is no sign


@dataclass(frozen=True)
class Linked:
    """Pairs of records (positions in the sample, i < j) that look like one thing, and the cluster of every record.

    ``mostly`` (pairs,) says that all telling texts agree or nearly do, that none says another thing, and of all columns
    two or more agree, and as many as differ, where what agrees is not common; ``whole`` that no column says otherwise,
    of three at least, all telling texts the same, and one of them in another writing. Both need two fields that
    identify (``identifying.written_twice``). ``equal`` numbers records (n,): the same where all columns are.
    ``changed`` is the share of telling texts that agree (of mostly agreeing pairs) that are written differently. ``n``
    records were compared.
    """

    i: I64
    j: I64
    cluster: I64
    mostly: Mask
    whole: Mask
    equal: I64
    changed: float
    n: int
    fields: tuple[str, ...]
    telling: tuple[str, ...]


@probe(needs=("two-rows", "feature"), cost="sample")
def linkage(subject: Subject, rows: Sample) -> Linked | None:
    """Links among the records of the sample; None where no column of text tells records apart."""
    skip = {*subject.roles.named("id"), *subject.roles.named("split"), *subject.roles.named("target")}
    small = rows.take(np.arange(min(rows.n, MOST_ROWS)))
    texts = [c.name for c in small.columns if c.kind in ("text", "category") and c.name not in skip]
    telling = [c for c in sorted(texts) if tells(small, c)]
    if not telling or small.n < FEWEST:
        return None
    telling = sorted(best(small, telling, MOST_TEXTS))
    weight = sum(letters(small, c) for c in telling)
    small = small.take(np.arange(min(small.n, max(FEWEST, int(MOST_BYTES / max(1.0, weight))))))
    others = [c.name for c in small.columns if c.name not in skip and c.name not in telling]
    names = sorted([*telling, *best(small, others, MOST_FIELDS - len(telling))])
    return link(small, names, telling, subject.rng("linkage", "pairs"), max(1.0, weight))


def best(rows: Sample, names: Sequence[str], most: int) -> list[str]:
    """The columns in which fewest pairs of records agree; a name decides between equals."""
    return sorted(names, key=lambda c: (alone(rows, c), c))[:most]


def alone(rows: Sample, name: str) -> float:
    """The chance that two records agree in this column, missing values apart; one where they are missing."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in NUMERIC:
        x = rows.numbers(name)
        count = np.unique(x[np.isfinite(x)], return_counts=True)[1]
    else:
        code = rows.codes(name)[0]
        count = np.bincount(code[code >= 0], minlength=1)
    missing = 1 - count.sum() / max(1, rows.n)
    return float((count.astype(float) ** 2).sum() / max(1, rows.n) ** 2 + missing**2)


def tells(rows: Sample, name: str) -> bool:
    codes, levels = rows.codes(name)
    known = int((codes >= 0).sum())
    wordy = sum(any(c.isalpha() for c in v) for v in levels) >= len(levels) / 2  # dates and codes are no texts
    return wordy and len(levels) >= max(FEWEST, TELLING * known) and letters(rows, name) >= LETTERS * known / rows.n


def letters(rows: Sample, name: str) -> float:
    """Bytes of a column's texts, a record."""
    codes, levels = rows.codes(name)
    size = np.array([len(v) for v in levels] or [0])
    return float(size[codes[codes >= 0]].sum() / max(1, rows.n))


def link(
    rows: Sample, names: Sequence[str], telling: Sequence[str], rng: np.random.Generator, weight: float
) -> Linked | None:
    fields = [f for name in names for f in fields_of(rows, name, name in telling)]
    if not any(f.rich for f in fields):
        return None
    i, j = blocked(fields, int(min(MOST_PAIRS, MOST_LETTERS / weight, MOST_WORK / len(fields))))
    levels = np.stack([f.levels(i, j) for f in fields], axis=1)
    logit = weighed(fields, levels, i, rows.n, rng, int(min(RANDOM, MOST_LETTERS / weight)))
    sure = np.flatnonzero(logit >= np.log(SURE / (1 - SURE)))
    keep = sure[one_thing(fields, levels, i, j, sure)]
    twice = written_twice(fields, (levels >= EQUAL) & (levels < DIFFERENT), (i, j), (i[keep], j[keep]))
    i, j, levels = i[keep], j[keep], levels[keep]
    cluster = clusters(i, j, rows.n)
    known = levels != MISSING
    agree = known & (levels < DIFFERENT)
    rich = [k for k, f in enumerate(fields) if f.rich]
    said = np.stack([fields[k].wordings(i, j) for k in rich], axis=1)
    told = (~known[:, rich] | (levels[:, rich] <= VERY_NEAR) | (said == SAME)).all(1) & known[:, rich].any(1)
    often = np.stack([(f.often[f.code[i]] > COMMON) & (f.code[i] >= 0) for f in fields], axis=1)
    backed = (agree & ~(often & (levels == EQUAL))).sum(1)
    mostly = told & (backed >= (levels == DIFFERENT).sum(1)) & (backed >= min(2, len(fields)))
    raw = np.array([fields[k].raw for k in rich]).reshape(len(rich), rows.n).T
    mostly &= (said != OTHER).all(1) & twice
    tells = (said == SAME) | (said == MORE)
    changed = float(((raw[i] != raw[j]) & tells)[mostly].sum() / max(1, tells[mostly].sum()))
    whole = (~known | (levels <= VERY_NEAR)).all(1) & (known.sum(1) >= 3) & ((said == SAME) | (said == MISSING)).all(1)
    differs = ((raw[i] != raw[j]) & tells).any(1)
    whole &= twice & differs
    same = equal(rows, [c for c in names if not numbered(rows, c)])
    return Linked(i, j, cluster, mostly, whole, same, changed, rows.n, tuple(names), tuple(telling))


def one_thing(fields: Sequence[Field], levels: I64, i: I64, j: I64, sure: I64) -> Mask:
    """Which of the ``sure`` pairs are one thing by the telling texts that settle what a record is, where half of the
    pairs that say the same are sure: as many say the same (or more, but not where one is all that is known) as another.
    """
    same, more, other = (np.zeros(len(sure), np.int64) for _ in range(3))
    certain = np.zeros(len(i), bool)
    certain[sure] = True
    for k, f in enumerate(fields):
        if not f.rich:
            continue
        alike = np.flatnonzero((levels[:, k] >= EQUAL) & (levels[:, k] < DIFFERENT))
        alike = alike[:: max(1, len(alike) // MOST_ASKED)]
        alike = alike[f.wordings(i[alike], j[alike]) == SAME]
        prose = np.mean([len(t.split()) for t in f.texts]) >= PROSE  # says of itself that it was copied
        if prose or certain[alike].sum() >= SETTLED * len(alike):
            said = f.wordings(i[sure], j[sure])
            same, more, other = same + (said == SAME), more + (said == MORE), other + (said == OTHER)
    return np.asarray((same + more >= other) & ((same > 0) | (more > 0) & (more + other > 1)))


def numbered(rows: Sample, name: str) -> bool:
    """Whole numbers, all different: a key, though nobody declared it, would make every record another."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    x = rows.numbers(name) if kind == "number" else np.zeros(0)
    whole = bool(len(x)) and bool(np.all(np.isfinite(x))) and bool(np.all(x == np.round(x)))
    return whole and len(np.unique(x)) == len(x)


def equal(rows: Sample, names: Sequence[str]) -> I64:
    """One number a record: the same where all these columns are equal as written; null is a value."""
    out = np.zeros(rows.n, np.int64)
    for name in names:
        kind = next(c.kind for c in rows.columns if c.name == name)
        own = rows.numbers(name) if kind in NUMERIC else rows.codes(name)[0]
        code = np.unique(own, return_inverse=True)[1].ravel()
        out = np.unique(out * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1].ravel()
    return out


def blocked(fields: Sequence[Field], most: int) -> tuple[I64, I64]:
    """Pairs of records that share a value which few have, or have telling texts that meet in a band. Where they are too
    many each field gives an equal part, the rarest values first; what one does not need the others have."""
    keys = [f for f in fields if f.pieces is not None or len(f.often) >= FEWEST]
    sizes = [np.sort(np.bincount(f.code[f.code >= 0])) for f in keys]
    sizes = [size[size <= MOST_ALIKE] for size in sizes]
    wanted = np.array([float((size * (size - 1) // 2).sum()) for size in sizes])
    found = []
    for turn, k in enumerate(np.argsort(wanted, kind="stable").tolist()):
        f, part = keys[k], most // (len(keys) - turn)
        few = sizes[k][np.cumsum(sizes[k] * (sizes[k] - 1) // 2) <= part]
        known = np.flatnonzero(f.code >= 0)
        a, b = bucketed(f.code[known], int(few.max(initial=0)))
        found.append((known[a], known[b]))
        if f.pieces is not None:
            i, j = f.pieces.meeting()
            a, b = some(i, j, part)
            near = f.pieces.alike(a, b) >= NEAR
            i, j = spread_out(f.code, a[near], b[near])
            found.append(some(i, j, part))
        most -= min(part, sum(len(own[0]) for own in found[-1 - (f.pieces is not None) :]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    i, j = (np.concatenate([pair[s] for pair in found]) for s in (0, 1))
    return unique_pairs(np.minimum(i, j), np.maximum(i, j))


def some(i: I64, j: I64, most: int) -> tuple[I64, I64]:
    """So many of the pairs at most, drawn by their hash."""
    if len(i) <= most:
        return i, j
    keep = np.sort(np.argsort((i * 2654435761 + j * 40503) % 2**31, kind="stable")[:most])
    return i[keep], j[keep]


def spread_out(code: I64, a: I64, b: I64) -> tuple[I64, I64]:
    """All pairs of records with value a and value b, for values that few records have."""
    order = np.argsort(code, kind="stable")
    size = np.bincount(code[code >= 0], minlength=int(code.max(initial=0)) + 1)
    start = int((code < 0).sum()) + np.concatenate(([0], np.cumsum(size)[:-1]))
    few = size[a] * size[b] <= MOST_ALIKE
    a, b = a[few], b[few]
    many = size[a] * size[b]
    pair = np.repeat(np.arange(len(a)), many)
    k = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    return order[start[a[pair]] + k // size[b[pair]]], order[start[b[pair]] + k % size[b[pair]]]


def weighed(fields: Sequence[Field], levels: I64, i: I64, n: int, rng: np.random.Generator, random: int) -> F64:
    """Log odds of each candidate pair to be one thing; weights from a draw of the pairs, where there are many."""
    if not len(levels):
        return np.zeros(0)
    a, b = rng.integers(0, n, random), rng.integers(0, n, random)
    a, b = a[a != b], b[a != b]
    log_u = np.zeros(levels.shape)
    for k, f in enumerate(fields):
        seen = np.bincount(f.levels(a, b) + 1, minlength=5)[1:]
        u = (seen + 0.5) / (seen.sum() + 2.0)
        log_u[:, k] = np.log(u)[np.maximum(levels[:, k], 0)]
        equal = levels[:, k] == EQUAL
        log_u[equal, k] = np.log(f.often[f.code[i[equal]]])
    many = max(1, LEARNED // len(fields))
    drawn = np.arange(len(levels)) if len(levels) <= many else np.sort(rng.permutation(len(levels))[:many])
    at, each = (levels[drawn] + 1).T, len(levels) / len(drawn)
    base = -np.where(levels[drawn] != MISSING, log_u[drawn], 0.0).sum(1)
    m = np.tile(np.array([0.7, 0.1, 0.1, 0.1]), (len(fields), 1))
    total, found = n * (n - 1) / 2, n / 10
    for _ in range(ROUNDS):
        logit = base + scores(m, at) + np.log(found / total)
        odds = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
        before, found = found, max(1.0, each * float(odds.sum()))
        for k in range(len(fields)):
            seen = each * np.bincount(at[k], odds, 5)[1:] + np.array([0.7, 0.1, 0.1, 0.1])
            m[k] = seen / seen.sum()
        if abs(found - before) < SETTLING * found:
            break
    logit = scores(m, (levels + 1).T) - np.where(levels != MISSING, log_u, 0.0).sum(1) + np.log(found / total)
    return np.asarray(logit, np.float64)


def scores(m: F64, at: I64) -> F64:
    """The log of how likely each pair's levels (fields, pairs; one above the level, so that 0 is missing) are, if one
    thing."""
    out: F64 = np.zeros(at.shape[1])
    for row, own in zip(m, at, strict=True):
        out += np.concatenate(([0.0], np.log(row)))[own]
    return out


def clusters(i: I64, j: I64, n: int) -> I64:
    """The cluster of each record: connected, and in each cluster's growth half of the pairs across are links.

    Connection alone lets one wrong link join two things; average linkage (Sokal & Michener 1958) does not.
    """
    from scipy.cluster.hierarchy import fcluster
    from scipy.cluster.hierarchy import linkage as agglomerated
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    whole = np.asarray(connected_components(graph, directed=False)[1], np.int64)
    if not len(i):
        return whole
    size, links = np.bincount(whole), np.bincount(whole[i], minlength=int(whole.max()) + 1)
    out, fresh = whole.copy(), int(whole.max()) + 1
    order = np.argsort(whole[i], kind="stable")
    start = np.concatenate(([0], np.cumsum(links)))
    members = np.split(np.argsort(whole, kind="stable"), np.cumsum(size)[:-1])
    for c in np.flatnonzero((size > 2) & (size <= MOST_TOGETHER) & (links < size * (size - 1) // 2)):
        own, edge = members[c], order[start[c] : start[c + 1]]
        apart = np.ones((len(own), len(own)))
        a, b = np.searchsorted(own, i[edge]), np.searchsorted(own, j[edge])
        apart[a, b] = apart[b, a] = 0.0
        label = fcluster(agglomerated(apart[np.triu_indices(len(own), 1)], "average"), 0.5, "distance")
        out[own] = fresh + label
        fresh += int(label.max()) + 1
    return np.unique(out, return_inverse=True)[1].ravel()
