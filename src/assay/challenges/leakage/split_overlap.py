"""Train and test share rows, exactly or nearly.

What it is
    The same row on both sides of a split: written twice, exported twice, or measured again with a tiny difference.
    Where no split is given, the rows that a random one would put on both sides.

Why it matters
    A model that remembers the training row scores on its twin without having learned anything.

How it is measured
    Exact: rows are hashed over all columns but the id and split columns; over the whole table the share of test rows
    with an equal row in training is counted. Without a split, the expected share for a random quarter as test: a row
    in a group of g equal rows has a twin in training with probability 1 - 0.25^(g-1). With a group role equal rows of
    one group stay together and do not count. Equal is not the same as copied: where columns are coarse, different
    cases look alike. So each column in turn is left out of the comparison: copies still pair with the same rows,
    while coarse rows find many new partners. If leaving out one column at least doubles the rows with a twin, or the
    pairs of equal rows, nothing is claimed.
    Near: numbers within 0.005 standard deviations (or quartile ranges, if less) of each other in every column, all
    else equal, found with a k-d tree in the largest distance over columns. What chance gives is measured beside it,
    and taken off: by rows whose nearest other row is up to four times as far (at least three times the room), or by
    rows that are near in all columns but one, weighed by how often different rows agree in that column, whichever
    gives more. Where chance moves one number alone in one row of a hundred, two must have moved.
    The claim is a binomial test that the share of test rows with a near twin exceeds one in a hundred. Ten near rows
    of one case are there or not together, so that rows and hits are counted in such units (their design effect). On a
    sample, twins outside the sample are missed, so the share is a lower bound.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> x[:80] = x[80:160]
    >>> table = pa.table({"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] > 0, "yes", "no")})
    >>> report = assay.check(table, target="y")
    >>> report["K04"].verdict
    'found'

Remedy
    Split by content: equal rows, and near ones, on one side. Safe: no row is lost.

Known false alarms
    Repeated measurements that are honestly equal (a count of zero twice). Grouping them costs nothing.

Sources
    Elangovan, He and Verspoor, "Memorization vs. generalization: quantifying data leakage in NLP", EACL 2021; Barz
    and Denzler, "Do we train on test data?", Journal of Imaging 6 (2020); Clopper and Pearson (1934); Kish, "Survey
    Sampling" (1965), and Korn and Graubard, Survey Methodology 24 (1998) 193, for counts of rows that come together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import I64, NUMERIC, Sample, SampleSpec, Table
from assay.probes.coincidence import expected, most_by_chance
from assay.probes.near_copies import TOLERANCE, NearCopies, compared, excess, group_sizes, near_twins
from assay.probes.written_again import written_again
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="K04",
    name="split-overlap",
    title="train and test share rows",
    stage="data",
    needs=("two-rows", "feature"),
    category="inflates",
    scope="marginal",
    promise=Dose(0.05, 2000, "one row in twenty is a copy with 0.1 % jitter"),
    materiality=(
        Threshold("shared", 0.01, "share of test rows", "below, the score moves by less than a point at most"),
    ),
    proof="honesty",
    safety="safe",
)  # fmt: skip
TEST_SHARE = 0.25
DOUBLED = 0.5
MOST_LEFT_OUT = 40  # columns that are left out in turn, those with the most different values first


def measure(subject: Subject, rows: Sample, near_copies: NearCopies, options: Options) -> Iterator[Claim]:
    if "images" in subject.evidence:
        raise NotApplicable("images are compared by their pixels: image-faults (D16)")
    m = options["shared"]
    given = False
    for pair in subject.comparisons:
        if pair.kind in ("time", "site"):  # parts of one table, which nobody trains and tests on as they are
            continue
        columns = compared(subject, pair.b)
        if columns and set(columns) <= {c.name for c in pair.a.columns} and pair.a.n_rows and pair.b.n_rows:
            given = True
            yield from between(subject, pair.a, pair.b, columns, pair.name, m)
    columns = compared(subject, subject.table)
    if not given and columns and rows.n >= 2:
        yield from within(subject, rows, near_copies, columns, m)


def within(
    subject: Subject, rows: Sample, near_copies: NearCopies, columns: tuple[str, ...], m: float
) -> Iterator[Claim]:
    """No split is given: what a random one would share."""
    table, n = subject.table, subject.table.n_rows
    sizes = group_sizes(table.row_hashes(columns))
    share = 0.0 if subject.roles.group is not None else float((1 - TEST_SHARE ** (sizes - 1.0)).mean())
    coarse = share > m and (by_chance(rows, columns, sizes, n) or looks_alike(table, columns, sizes))
    twins = np.flatnonzero(sizes > 1)
    says = (
        f"{len(twins):,} of {n:,} rows equal another: a random quarter as test shares {share:.1%} of its rows with "
        f"training"
    )
    yield exact_claim(share, m, coarse, says, columns, Rows.at(twins), n, None)
    if subject.roles.group is None:
        near, size = near_copies.at, near_copies.together
        k = excess(len(near), near_copies.by_chance, near_copies.sway)
        room = 1 - TEST_SHARE  # a twin is in training with this probability
        hits = int(k * room)
        words = (
            f"at least {hits / rows.n:.1%} of the rows of a random test quarter have a near twin in training "
            f"(numbers within {TOLERANCE} sd)"
        )
        yield near_claim(hits, rows.n, max(1.0, size * room), m, words, columns, rows.position[near], None)


def between(subject: Subject, a: Table, b: Table, columns: tuple[str, ...], name: str, m: float) -> Iterator[Claim]:
    """Two sides are given: rows of b that a holds too."""
    seen = np.isin(b.row_hashes(columns), a.row_hashes(columns))
    share = float(seen.mean())
    coarse = False
    if share > m:
        coarse = any(
            share < DOUBLED * float(np.isin(b.row_hashes(c), a.row_hashes(c)).mean()) for c in left_out(b, columns)
        )
    says = f"{int(seen.sum()):,} of {b.n_rows:,} rows ({share:.1%}) of the second side are on the first too ({name})"
    yield exact_claim(share, m, coarse, says, columns, Rows.at(np.flatnonzero(seen)), b.n_rows, name)
    most = 50_000
    old, new = (t.sample(SampleSpec(n=most)) for t in (a, b))
    found = near_twins(new, old, columns, same=False)
    near, size, hits = found.at, found.together, excess(len(found.at), found.by_chance, found.sway)
    words = (
        f"at least {hits / new.n:.1%} of the rows of the second side have a near twin on the first ({name}; "
        f"numbers within {TOLERANCE} sd)"
    )
    yield near_claim(hits, new.n, size, m, words, columns, new.position[near], name)


def exact_claim(
    share: float, m: float, coarse: bool, says: str, columns: tuple[str, ...], at: Rows, n: int, pair: str | None
) -> Claim:
    if coarse:
        says += "; their columns are coarse, so that different cases look alike"
    effect = Effect(min(share, m) if coarse else share, "share of test rows", m)
    impact = Impact("inflates", why_unmeasured="needs a refit on a split by content")
    evidence = {"share": round(share, 9), "coarse": coarse, "kind": "equal"}
    return Claim(About(columns, at, comparison=pair), effect, "exact", says, n, impact=impact, evidence=evidence)


def near_claim(
    k: int, n: int, size: float, m: float, says: str, columns: tuple[str, ...], at: I64, pair: str | None
) -> Claim:
    """``size`` near rows come and go together, so that k of n rows are worth k / size of n / size."""
    effect = Effect(k / n, "share of test rows", m, partial(share_interval, k / size, n / size))
    impact = Impact("inflates", why_unmeasured="needs a refit on a split by content")
    where = About(columns, Rows.at(at), slice="near", comparison=pair)
    return Claim(
        where, effect, "test", says, n, p=share_above(k / size, n / size, m), impact=impact,
        evidence={"kind": "near", "k": k, "together": round(size, 6)},
    )  # fmt: skip


def left_out(table: Table, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The columns less one, for each that has more than one value and is no free text (which is identity itself)."""
    sample = table.sample(SampleSpec(n=2_000))
    kinds = {c.name: c.kind for c in sample.columns}
    values = {c: different(sample, c, kinds[c]) for c in columns if kinds[c] != "text"}
    order = sorted((c for c in values if values[c] > 1), key=lambda c: (-values[c], c))[:MOST_LEFT_OUT]
    for name in order:
        rest = tuple(c for c in columns if c != name)
        if rest:
            yield rest


def different(sample: Sample, name: str, kind: str) -> int:
    """Different values of a column in a sample."""
    if kind in NUMERIC:
        return len(np.unique(sample.numbers(name)))
    return len(sample.codes(name)[1])


def by_chance(rows: Sample, columns: tuple[str, ...], sizes: I64, n: int) -> bool:
    """No more rows repeat another than chance gives in columns of so few values (the rule of D07)."""
    return int((1 - 1 / sizes).sum().round()) <= most_by_chance(expected(rows, columns, n))


def looks_alike(table: Table, columns: tuple[str, ...], sizes: I64) -> bool:
    """Leaving out one column at least doubles the rows with a twin, or the pairs of equal rows."""
    for rest in left_out(table, columns):
        wider = group_sizes(table.row_hashes(rest))
        if (sizes > 1).sum() < DOUBLED * (wider > 1).sum() or (sizes - 1).sum() < DOUBLED * (wider - 1).sum():
            return True
    return False


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    options = {"group": "content", "near": finding.claim.evidence["kind"] == "near", "columns": list(finding.columns)}
    return Remedy(
        "split", "safe", "honesty", "split by content: equal and nearly equal rows on one side", options=options
    )


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write a share ``dose`` of the rows once more over other rows, numbers jittered by 0.1 % of their spread."""
    if subject.roles.group is not None:
        raise InputError("rows of one group stay on one side; near twins are planted where nobody named the groups")
    again = written_again(subject, dose, rng)
    if len(again.over) and not again.moved.any():
        raise InputError("near twins are planted in numbers that 0.1 % moves; the table has none")
    n = max(again.rows.n, 1)
    share = 2 * len(again.over) / n * (1 - TEST_SHARE)
    return Planted(again.table(subject), (), share, Rows.at(again.rows.position[again.over]))
