"""Rows that stand in the table more than once.

What it is
    Rows that repeat an earlier row in every column, or in every column but the keys.

Why it matters
    A random split puts the first on one side and its twin on the other: the model is then tested on rows that it has
    seen, and the score is too high. Copies also count one case several times.

How it is measured
    An exact count: rows beyond the first of each group of equal rows, over the whole table, without the id columns
    (the declared or guessed ones, and row numbers that nobody declared, which would hide every copy). The sentence
    claims the count and nothing else, since equal is not the same as copied: where columns are coarse, different
    cases look alike. How many repeats chance alone would give is estimated and said: the chance that two different
    rows agree in a column, and in each pair of columns, multiplied along the tree of the most dependent pairs (the
    tree of Chow and Liu, with agreement in place of information). If the count is below the 99 % point of what
    chance gives, it has to reach the larger threshold; if moreover more than half of the rows repeat another, the
    columns are too coarse to tell rows apart, and nothing is claimed. Below the larger threshold copies are a cost;
    at and above it they can move a score by a point, and inflate it.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> x = np.random.default_rng(0).normal(size=200)
    >>> x[100:110] = x[:10]
    >>> table = pa.table({"x": x, "z": np.round(x * 7), "y": np.where(x > 0, "a", "b")})
    >>> report = assay.check(table, target="y")
    >>> report["D07"].verdict
    'found'

Remedy
    Safe: keep equal rows on one side of every split. Unsafe: leave the repeats out, offered only where the declared
    id or time is repeated too, so that it is one record and not two cases that look alike.

Known false alarms
    Surveys and other tables of few coarse columns; a table of counts written out row by row. Grouping them costs
    nothing; dropping them would bias every share.

Sources
    Chow and Liu, "Approximating discrete probability distributions with dependence trees", IEEE Transactions on
    Information Theory 14 (1968); Barz and Denzler, "Do we train on test data? Purging CIFAR of near-duplicates",
    Journal of Imaging 6 (2020); Renyi, "On measures of entropy and information" (1961), for agreement as entropy of
    order two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact, ImpactKind
from assay.core.errors import NotApplicable
from assay.core.facts import Distinct, Duplicates, Holes, Range
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Facts, Sample
from assay.core.words import listed, percent
from assay.probes.coincidence import expected, most_by_chance

CHALLENGE = Challenge(
    code="D07",
    name="duplicates",
    title="rows that stand in the table more than once",
    stage="data",
    needs=("two-rows",),
    category="inflates",
    scope="marginal",
    promise=Dose(0.02, 500, "one row in fifty is written again"),
    materiality=(
        Threshold(
            "copies", 0.002, "share of rows", "two in a thousand can move a score by as much, the last digit read"
        ),
        Threshold(
            "repeats", 0.01, "share of rows", "where chance may give them, only what can move a score by a point"
        ),
    ),
    proof="honesty",
    safety="safe",
)
COARSE = 0.5  # share that repeats by nature
ALONE = "needs a refit on a split that keeps equal rows together"


def asks(subject: Subject) -> Iterable[Ask]:
    columns = compared(subject)
    yield Ask("duplicates", columns)
    yield Ask("duplicates", tuple(sorted(c.name for c in subject.table.columns)))
    for name in columns:
        if subject.table.column(name).storage == "BIGINT":
            yield from (Ask("distinct", (name,)), Ask("range", (name,)), Ask("holes", (name,)))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    if "images" in subject.evidence:
        raise NotApplicable("images are compared by their pixels: image-faults (D16)")
    n = subject.table.n_rows
    numbered = tuple(c for c in compared(subject) if is_row_number(subject, facts, c))
    columns = tuple(c for c in compared(subject) if c not in numbered)
    if n < 2 or not columns:
        return
    equal: Duplicates = facts[Ask("duplicates", columns)]
    whole: Duplicates = facts[Ask("duplicates", tuple(sorted(c.name for c in subject.table.columns)))]
    chance = expected(rows, columns, n) if equal.extra else 0.0
    by_chance = equal.extra <= most_by_chance(chance)
    share = equal.extra / n
    limit = options["repeats"] if by_chance else options["copies"]
    if by_chance and share > COARSE:
        limit = 1.0
    left_out = tuple(sorted({*subject.roles.named("id"), *numbered}))
    but = f" in everything but {listed(left_out)}" if left_out else ""
    says = f"{equal.extra:,} of {n:,} rows ({percent(share)}) repeat another row{but}"
    if chance >= equal.extra > 0:
        says += "; chance alone makes as many look alike"
    elif chance >= 1:
        says += f"; about {round(chance):,} would look alike by chance"
    declared = bool(subject.roles.named("id") or set(subject.roles.named("order")) - {"@row"})
    kind: ImpactKind = "tidy" if by_chance else "inflates" if share >= options["repeats"] else "costs"
    why = "chance makes as many rows look alike, in new data too" if by_chance else ALONE
    yield Claim(
        About(columns, equal.where),
        Effect(share, "share of rows", limit),
        "exact",
        says,
        n,
        impact=Impact(kind, why_unmeasured=why),
        evidence={
            "extra": equal.extra, "groups": equal.groups, "largest": equal.largest, "rows": equal.rows,
            "expected_by_chance": round(chance, 3), "with_ids": whole.extra, "without": list(left_out),
            "same_record": declared and whole.extra == equal.extra,
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    if evidence["same_record"]:
        says = f"leave out the {evidence['extra']:,} repeated records: their id or time is the same too"
        return Remedy("rows", "unsafe", "honesty", says, rows=finding.claim.about.rows, options={"keep": "first"})
    options = {"group": "content", "columns": list(finding.columns)}
    return Remedy("split", "safe", "honesty", "keep equal rows on one side of every split", options=options)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write a share ``dose`` of the rows once more, over other rows, keys and order left as they are."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    picked = rng.permutation(n)[: 2 * min(round(dose * n), n // 2)]
    origin, over = picked[: len(picked) // 2], picked[len(picked) // 2 :]
    source = np.arange(n)
    source[over] = origin
    kept = set(subject.roles.named("id"))
    copied = arrow.take(pa.array(source))
    columns = [arrow[name] if name in kept else copied[name] for name in arrow.column_names]
    table = pa.table(dict(zip(arrow.column_names, columns, strict=True)))
    return Planted(
        subject.with_table(subject.table.derive(table)), (), len(over) / n if n else 0.0, Rows.at(np.sort(over))
    )


def compared(subject: Subject) -> tuple[str, ...]:
    ids = set(subject.roles.named("id"))
    return tuple(sorted(c.name for c in subject.table.columns if c.name not in ids))


def is_row_number(subject: Subject, facts: Facts, name: str) -> bool:
    """Whole numbers without a gap and without a repeat: 0, 1, 2 ... in any order."""
    if subject.table.column(name).storage != "BIGINT" or subject.table.n_rows < 3:
        return False
    distinct: Distinct = facts[Ask("distinct", (name,))]
    span: Range | None = facts[Ask("range", (name,))]
    holes: Holes = facts[Ask("holes", (name,))]
    return span is not None and holes.n == 0 and distinct.n == subject.table.n_rows == span.hi - span.lo + 1
