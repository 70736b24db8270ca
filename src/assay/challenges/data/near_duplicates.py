"""The same thing written twice, not quite the same way.

What it is
    Rows that repeat another row with tiny differences: numbers measured again or rounded, a word retyped in other case,
    abbreviated or misspelt. Exact repeats are D07.

Why it matters
    They pass every check for duplicates, and do the same harm: the first stands in training, its twin in the test, and
    the score is that of memory. Counts and shares count one thing several times.

How it is measured
    *Numbers*, a test: rows whose numbers all lie within .005 standard deviations (or quartile ranges, if less) of
    another row's, at least two of them not equal, all else equal or one word retyped (equal but for case and
    punctuation, or four fifths of its letters in order). What chance gives is measured beside it: rows whose nearest
    such row is up to four times as far stand for others by the room that they have, and are taken off. So dense,
    coarse or low-dimensional tables explain their own near rows. The claim is that the share of rows with a near twin
    exceeds one in a hundred; near rows come in clusters, and the interval counts clusters.
    *Texts*, a reading, where texts tell records apart (a fifth or more of a column's values are different): pairs from
    shared rare values and from hashing three-letter pieces; each pair weighed column by column as Fellegi and Sunter
    do, the weights learned without labels; pairs with odds of nine to one joined to clusters by average linkage. They
    count as written twice if all columns agree or nearly do; or if all telling texts do, no more columns differ than
    agree (in values that are not common), and over all such pairs at least a fifth of the telling texts are written
    differently: where all agree to the letter, it is one thing that many rows are about, not one row written twice.
    On a sample, twins outside it are missed, so that shares are lower bounds.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(600, 3))
    >>> x[:60] = x[60:120] + rng.normal(size=(60, 3)) * 0.001
    >>> table = pa.table({name: x[:, i] for i, name in enumerate("abc")})
    >>> assay.check(table)["D08"].verdict
    'found'

Remedy
    Keep near rows on one side of every split. Nothing is dropped: which of two writings is right, the rows do not say.

Known false alarms
    Branches of one firm, members of one family, new editions of one product: different things whose records agree in
    all but a word. Series of repeated measurements that are meant to be nearly equal.

Sources
    Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969); Winkler, "Using the EM algorithm for weight
    computation in the Fellegi-Sunter model", ASA Proceedings (1988); Broder, "On the resemblance and containment of
    documents", SEQUENCES (1997); Clopper and Pearson (1934); Kish, "Survey Sampling" (1965).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import I64, Mask, Sample, SampleSpec
from assay.core.words import listed, percent
from assay.probes.grams import parted, plain
from assay.probes.linkage import Linked, clusters
from assay.probes.near_copies import (
    RING,
    TOLERANCE,
    NearCopies,
    Space,
    chance_of,
    compared,
    coordinates,
    excess,
    space,
    spread,
    together,
)
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="D08",
    name="near-duplicates",
    title="the same thing written twice, not quite the same way",
    stage="data",
    needs=("two-rows", "feature"),
    category="inflates",
    scope="marginal",
    promise=Dose(0.03, 2000, "three rows in a hundred again, numbers moved by 0.1 % and one word retyped"),
    materiality=(
        Threshold("near", 0.01, "share of rows", "below, the score moves by less than a point at most"),
        Threshold("retyped", 0.2, "share of agreeing texts", "a value that is looked up agrees to the letter"),
    ),
    proof="honesty",
    safety="safe",
)
NEIGHBOURS = 6
ALIKE = 0.8  # of the letters, in order
MOST_WORDS = 20_000  # pairs of words that are compared letter by letter


def measure(
    subject: Subject, rows: Sample, near_copies: NearCopies, linkage: Linked | None, options: Options
) -> Iterator[Claim]:
    small = rows.take(np.arange(rows.n))
    columns = compared(subject, subject.table)
    where = space(small, columns) if small.n else Space((), (), (), {})
    if not where.numbers and linkage is None:
        raise NotApplicable("neither numbers with many values nor texts that tell rows apart")
    if where.numbers:
        yield by_numbers(small, where, near_copies, columns, options["near"])
    if linkage is not None:
        yield by_texts(small, linkage, options["near"], options["retyped"])


def by_numbers(rows: Sample, where: Space, equal: NearCopies, columns: tuple[str, ...], m: float) -> Claim:
    i, j, (chance, sway) = retyped(rows, where)
    own = np.isin(i, equal.at, invert=True)
    near = np.union1d(equal.at, i)
    chance += equal.by_chance
    k = excess(len(near), chance, float(np.hypot(sway, equal.sway)))
    label = clusters(np.concatenate((equal.at, i)), np.concatenate((equal.to, j)), rows.n)
    size = max(1.0, together(np.unique(label[near], return_inverse=True)[1].ravel()))
    n = rows.n
    words = len(np.unique(i[own]))
    also = f", {words:,} of them with a word retyped" if words and k else ""
    says = f"{k:,} of {n:,} rows ({percent(k / max(1, n))}) nearly repeat another: numbers within {TOLERANCE} sd{also}"
    effect = Effect(k / max(1, n), "share of rows", m, partial(share_interval, k / size, n / size))
    impact = Impact("inflates", why_unmeasured="needs a refit on a split that keeps near rows together")
    return Claim(
        About(columns, Rows.at(rows.position[near], rows.row_id[near]), slice="numbers"), effect, "test", says, n,
        p=share_above(k / size, n / size, m), impact=impact,
        evidence={"kind": "numbers", "near": len(near), "by_chance": round(chance, 3),
                  "retyped": words, "together": round(size, 6)},
    )  # fmt: skip


def retyped(rows: Sample, where: Space) -> tuple[I64, I64, tuple[float, float]]:
    """Rows near another in all numbers (two of them moved) that differ in one word, which looks retyped; the other
    row; and how many of them chance gives."""
    from scipy.spatial import cKDTree

    none = (np.empty(0, np.int64), np.empty(0, np.int64), (0.0, 0.0))
    words = [c for c in where.rest if any(k.name == c and k.kind in ("category", "text") for k in rows.columns)]
    if len(where.numbers) < 2 or not words or rows.n < 2:
        return none
    x = coordinates(rows, where, where.numbers)
    k = min(NEIGHBOURS + 1, rows.n)
    gap, at = cKDTree(x).query(x, k=k, p=np.inf, distance_upper_bound=RING, workers=1)
    i, j = np.repeat(np.arange(rows.n), k), np.asarray(at).ravel()
    gap = np.asarray(gap).ravel()
    fine = np.isfinite(gap) & (i != j)
    i, j, gap = i[fine], j[fine], gap[fine]
    keep = (x[i] != x[j]).sum(1) >= 2
    i, j, gap = i[keep], j[keep], gap[keep]
    other = np.stack([differs(rows, c)[i] != differs(rows, c)[j] for c in where.rest], axis=1)
    one = other.sum(1) == 1
    i, j, gap, other = i[one], j[one], gap[one], other[one]
    looks = np.zeros(len(i), bool)
    for c in words:
        mine = np.flatnonzero(other[:, where.rest.index(c)])
        looks[mine] = same_word(rows, c, i[mine], j[mine])
    i, j, gap = i[looks], j[looks], gap[looks]
    if where.more and len(i):
        far = np.abs(coordinates(rows.take(i), where, where.more) - coordinates(rows.take(j), where, where.more))
        gap = np.maximum(gap, far.max(1))
    around = np.bincount(i, minlength=rows.n)
    order = np.lexsort((j, gap, i))
    first = order[np.concatenate(([True], i[order][1:] != i[order][:-1]))] if len(order) else order
    i, j, gap = i[first], j[first], gap[first]
    near = gap <= 1.0
    return i[near], j[near], chance_of(around[i[~near & (gap <= RING)]])


def differs(rows: Sample, name: str) -> I64:
    """Codes that are equal where the values are; null is a value."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in ("category", "text", "mixed"):
        return rows.codes(name)[0].astype(np.int64)
    return np.unique(rows.numbers(name), return_inverse=True)[1].ravel().astype(np.int64)


def same_word(rows: Sample, name: str, i: I64, j: I64) -> Mask:
    """Whether the values of rows i and j are one text written in two ways. A number is no misspelling of another."""
    codes, levels = rows.codes(name)
    a, b = codes[i].astype(np.int64), codes[j].astype(np.int64)
    pair = np.minimum(a, b) * (len(levels) + 1) + np.maximum(a, b)
    own, back = np.unique(np.where((a < 0) | (b < 0), -1, pair), return_inverse=True)
    if len(own) > MOST_WORDS or not len(own):
        return np.zeros(len(i), bool)
    texts = plain(levels)
    digits = parted(texts)[1]
    same = np.zeros(len(own), bool)
    for k, value in enumerate(own):
        if value >= 0:
            s, t = int(value // (len(levels) + 1)), int(value % (len(levels) + 1))
            if digits[s] == digits[t] and texts[s] and texts[t]:
                same[k] = texts[s] == texts[t] or difflib.SequenceMatcher(None, texts[s], texts[t]).ratio() >= ALIKE
    return np.asarray(same[back.ravel()], bool)


def by_texts(rows: Sample, linked: Linked, m: float, least: float) -> Claim:
    often = linked.changed >= least
    keep = linked.mostly if often else linked.whole
    i, j = linked.i[keep], linked.j[keep]
    cluster = linked.cluster if keep.all() else clusters(i, j, linked.n)
    n = linked.n
    pairs = np.unique(np.stack((cluster, linked.equal), axis=1), axis=0)
    size = np.bincount(pairs[:, 0], minlength=int(cluster.max(initial=0)) + 1)
    extra = int((size - 1).clip(0).sum())
    at = np.flatnonzero(size[cluster] > 1)
    says = (
        f"{extra:,} of {n:,} rows ({percent(extra / n)}) look like another row written differently, "
        f"by {listed(linked.telling, 3)}"
    )
    impact = Impact("inflates", why_unmeasured="needs a refit on a split that keeps near rows together")
    return Claim(
        About(linked.fields, Rows.at(rows.position[at], rows.row_id[at]), slice="texts"),
        Effect(extra / n, "share of rows", m), "heuristic", says, n, impact=impact,
        evidence={"kind": "texts", "extra": extra, "links": len(i), "clusters": int((size > 0).sum()),
                  "largest": int(size.max(initial=0)), "written_differently": round(linked.changed, 6)},
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    options = {"group": "content", "near": True, "columns": list(finding.columns)}
    return Remedy("split", "safe", "honesty", "keep near rows on one side of every split", options=options)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write a share ``dose`` of the rows once more over other rows: numbers jittered by 0.1 % of their spread, and one
    word in other case with a full stop."""
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    n, moved = rows.n, min(round(dose * rows.n), rows.n // 2)
    picked = rng.permutation(n)
    origin, over = picked[:moved], picked[moved : 2 * moved]
    source = np.arange(n)
    source[over] = origin
    kept = {*subject.roles.named("id")}
    target = subject.roles.named("target")
    kinds = {c.name: c.kind for c in rows.columns}
    words = sorted(c for c in rows.names if kinds[c] in ("category", "text") and c not in kept and c not in target)
    back = pa.array(np.argsort(rows.position))
    made = {}
    for name in subject.table.arrow().column_names:
        column = rows.arrow[name] if name in kept else rows.arrow[name].take(pa.array(source))
        if name not in kept and pa.types.is_floating(column.type):
            x = np.array(column.to_numpy(zero_copy_only=False), np.float64)
            known = x[np.isfinite(x)]
            x[over] += rng.normal(0, 0.001 * spread(known) if len(known) else 0.0, moved)
            column = pa.array(x, from_pandas=True).cast(column.type)
        elif words and name == words[0]:
            texts = np.array(column.to_pylist(), object)
            texts[over] = [None if t is None else f"{t.upper()}." for t in texts[over]]
            column = pa.array(texts.tolist(), column.type)
        made[name] = column.take(back)
    return Planted(
        subject.with_table(subject.table.derive(pa.table(made))),
        (),
        2 * moved / max(n, 1),
        Rows.at(rows.position[over]),
    )
