"""The same thing written twice, not quite the same way.

What it is
    Rows that repeat another row with tiny differences: numbers measured again or rounded, a word retyped in other case,
    abbreviated or misspelt. Exact repeats are D07.

Why it matters
    They pass every check for duplicates, and do the same harm: the first stands in training, its twin in the test, and
    the score is that of memory. Counts and shares count one thing several times.

How it is measured
    *Numbers*, a test: rows whose numbers all lie within .005 standard deviations (or quartile ranges, if less) of
    another row's, all else equal but for one slip at most: a word retyped (equal but for case and punctuation, or, in
    columns of few words, four fifths of its letters in order), or a whole number with a standard deviation of ten or
    more that is off by one. What chance gives is measured beside it, and taken off: rows whose nearest such row is up
    to four times as far, and rows that agree with another in all columns but one, weighed by how often different rows
    agree in that column (for slips: how often other words look like this one, or two numbers differ by one). So
    dense, coarse or low-dimensional tables explain their own near rows, and where many words agree, or a nearly unique
    one, one number that has moved suffices.
    What goes on from row to row is alike by nature, and left out: a number that takes every step of its grid or names
    things (a place, never a measurement), and a row with another one to two tolerances away (a line, a grid or a slow
    series has as many there as nearer, a copy has not); an off-by-one of a series, whose rows like the next, S1, are
    about sqrt(n S2) at most, S2 being those like the one after next (each row has one next, like it with a chance p of
    its own, and the mean of p^2 is at least the square of the mean); a word that half of the others look like, or that
    stands mostly in rows without such a twin (VII beside VIII is a level of a design, a slip is made in a copy). Where
    chance alone moves as many numbers as there are, nothing is said. The claim is that the share of rows with a near
    twin exceeds one in a hundred; near rows come in clusters, and the interval counts clusters.
    *Texts*, a reading, where texts tell records apart (a fifth or more of a column's values are different): pairs from
    shared rare values and from hashing three-letter pieces; each pair weighed column by column as Fellegi and Sunter
    do, the weights learned without labels. Two records are one thing by the texts that settle what a record is (prose,
    or half of the pairs that say the same have odds of nine to one): as many say the same as another. The same are
    words equal but for case, punctuation, abbreviation and slips; another has a word or number where the other has
    another ("E5500", "E6700"); prose is the same with ten words, four fifths of its pieces and
    half of its pairs of next words. Pairs are joined to
    clusters by average linkage. They count as written twice if all columns agree or nearly do; or if no telling text
    says another thing, no more columns differ than agree (in values that are not common), and over all such pairs at
    least a fifth of the telling texts are written differently: where all agree to the letter, it is one thing that
    many rows are about, not one row written twice. And two fields must say so that are independent and identify: in
    each the two have the same rare value (one record in a hundred at most) or two writings of it, half of all pairs
    that agree in it are borne out by another such field, neither text is spelt out of the other's words, and more
    such fields agree than differ. So zip codes of one city, models of one make and volumes of one work, which share
    what they share by nature, are none. A prose is evidence by itself; where one record in five has such a twin
    but for some words, those are what a form is filled in with.
    Compared are the six texts and 24 columns in which fewest records agree, a million bytes of texts, and 100,000
    pairs or less, those of the rarest values first; the finding says of how many rows it speaks.
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
    Events of one occasion (two victims of one shooting, minutes apart). Members of a unit that was measured once, where
    no column says so.
    Branches of one firm, members of one family, new editions of one product: different things whose records agree in
    all but a word. Series of repeated measurements that are meant to be nearly equal.

Sources
    Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969); Winkler, "Using the EM algorithm for weight
    computation in the Fellegi-Sunter model", ASA Proceedings (1988); Broder, "On the resemblance and containment of
    documents", SEQUENCES (1997); Grassberger and Procaccia, Physica D 9 (1983), for the dimension of near rows;
    Damerau, CACM 7 (1964); Clopper and Pearson (1934); Kish, "Survey Sampling" (1965).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact, ImpactKind
from assay.core.errors import InputError, NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import Sample
from assay.core.words import listed, percent
from assay.probes.linkage import Linked, clusters
from assay.probes.near_copies import TOLERANCE, NearCopies, compared, excess, together
from assay.probes.written_again import many_whole, one_off, written_again
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


def measure(
    subject: Subject, rows: Sample, near_copies: NearCopies, linkage: Linked | None, options: Options
) -> Iterator[Claim]:
    columns = compared(subject, subject.table)
    if not columns:
        raise NotApplicable("no column but ids and the split")
    yield by_numbers(rows, near_copies, columns, options["near"])
    if linkage is not None:
        yield by_texts(rows, linkage, options["near"], options["retyped"])


def by_numbers(rows: Sample, equal: NearCopies, columns: tuple[str, ...], m: float) -> Claim:
    slips = equal.slips
    near = np.union1d(equal.at, slips.at)
    chance = equal.by_chance + slips.by_chance
    k = excess(len(near), chance, float(np.hypot(slips.sway, equal.sway)))
    label = clusters(np.concatenate((equal.at, slips.at)), np.concatenate((equal.to, slips.to)), rows.n)
    size = max(1.0, together(np.unique(label[near], return_inverse=True)[1].ravel()))
    n = rows.n
    slipped = min(k, len(slips.at) - int(np.floor(slips.by_chance)))  # beyond chance too, as the whole is
    also = f", {slipped:,} of them but for one slip" if slipped > 0 else ""
    says = f"{k:,} of {n:,} rows ({percent(k / max(1, n))}) nearly repeat another: numbers within {TOLERANCE} sd{also}"
    effect = Effect(k / max(1, n), "share of rows", m, partial(share_interval, k / size, n / size))
    # Rows of a short panel may differ in a single value by nature: only moved numbers inflate.
    harm: ImpactKind = "inflates" if len(equal.at) > len(slips.at) else "costs"
    impact = Impact(harm, why_unmeasured="needs a refit on a split that keeps near rows together")
    return Claim(
        About(columns, Rows.at(rows.position[near], rows.row_id[near]), slice="numbers"), effect, "test", says, n,
        p=share_above(k / size, n / size, m), impact=impact,
        evidence={"kind": "numbers", "near": len(near), "by_chance": round(chance, 3),
                  "slips": len(slips.at), "together": round(size, 6)},
    )  # fmt: skip


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
    impact = Impact("costs", why_unmeasured="needs a refit on a split that keeps near rows together")
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
    word in other case with a full stop, or, where no column has words, one whole number that is off by one."""
    import pyarrow as pa

    again = written_again(subject, dose, rng)
    rows, over = again.rows, again.over
    kept = {*subject.roles.named("id"), *subject.roles.named("target")}
    free = sorted(c.name for c in rows.columns if c.name not in kept)
    kinds = {c.name: c.kind for c in rows.columns}
    words = [c for c in free if kinds[c] in ("category", "text")]
    counted = [c for c in free if many_whole(rows.arrow[c])]
    if words:
        column = again.columns[words[0]]
        texts = np.array(column.to_pylist(), object)
        texts[over] = [None if t is None else f"{t.upper()}." for t in texts[over]]
        again.columns[words[0]] = pa.array(texts.tolist(), column.type)
    elif counted and not again.moved.any():
        again.columns[counted[0]] = one_off(again.columns[counted[0]], over, rng)
    elif len(over) and not again.moved.any():
        raise InputError("a copy nearly like its row needs a number of many values or a word; the table has none")
    return Planted(again.table(subject), (), 2 * len(over) / max(rows.n, 1), Rows.at(rows.position[over]))
