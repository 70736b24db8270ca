"""The same patient, customer or device on both sides of a split.

What it is
    Rows come in groups (visits of a patient, orders of a customer, readings of a device), and a split cuts through
    them: the test asks about somebody whom the model has already met.

Why it matters
    A model can recognise the group and say what it knows of it. If it is meant for new patients, customers or
    devices, the score promises what it cannot keep.

How it is measured
    Two claims. Overlap, an exact count over the whole table: the share of the rows of the second side whose group is
    on the first side too, for every train and test pair that is given; without one, what a random quarter as test
    would have (a row of a group of g rows meets its group in training with probability 1 - 0.25^(g-1)). Rows without
    a group are their own.
    Inflation, a test, where there is overlap and a target: on up to 20,000 rows of whole groups, two models of equal
    size answer the *same* test rows from the honest columns less the group's own. One has learned from no row of the
    test row's group, the other from a random draw of the remaining rows, as a random split does. The effect is the
    mean, over up to 20 blocks of whole groups, of the difference in AUC (mean one-against-rest AUC, R2); the claim is
    a t test over blocks against 0.02, in which a block counts for at most 0.1. Overlap without inflation is a matter
    of tidiness: somebody is met again, and it does not help. So is overlap without a target, and overlap in a column
    that was only guessed to name a group, until the inflation is measured.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> who = np.repeat(np.arange(300), 4)
    >>> table = pa.table({"patient": who, "x": rng.normal(size=1200), "y": rng.random(1200) < 0.5})
    >>> report = assay.check(table, target="y", group="patient")
    >>> report["K05"].verdict
    'found'

Remedy
    Keep all rows of a group on one side of every split. Safe: no row is lost. ``fit`` does, where a group is named and
    rows are not ordered.

Known false alarms
    A model that will only ever serve groups it was trained on: there a random split asks the right question. Say so by
    naming no group.

Sources
    Saeb, Lonini, Jayaraman, Mohr and Kording, "The need to approximate the use-case in clinical machine learning",
    GigaScience 6 (2017) 1; Roberts et al., "Cross-validation strategies for data with temporal, spatial, hierarchical,
    or phylogenetic structure", Ecography 40 (2017) 913; Schmeiser, Operations Research 30 (1982) 556, for blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.facts import Holes
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Comparison, Planted, Subject
from assay.core.table import F64, Ask, Facts, SampleSpec, Table
from assay.core.words import percent
from assay.probes.grouped import Grouped
from assay.stats.means import blocks_above, blocks_interval

CHALLENGE = Challenge(
    code="K05",
    name="group-overlap",
    title="the same person or thing on both sides of a split",
    stage="data",
    needs=("group", "two-rows"),
    category="inflates",
    scope="marginal",
    promise=Dose(0.5, 3000, "half of the rows stand in groups of six that share their outcome and a trait"),
    materiality=(
        Threshold("shared", 0.01, "share of test rows", "below, the score moves by less than a point at most"),
        Threshold(
            "gain", 0.02, "AUC or R2", "two points: what separates the best learners from the defaults on most tables"
        ),
        Threshold("most", 0.1, "AUC or R2", "a block counts for at most this, so that no single one carries the claim"),
    ),
    proof="honesty",
    safety="safe",
)
TEST_SHARE = 0.25
PLANTED, ROWS_OF_GROUP = "planted trait", 6


def asks(subject: Subject) -> Iterable[Ask]:
    for name in subject.roles.named("group")[:1]:
        yield Ask("holes", (name,))


def measure(subject: Subject, facts: Facts, options: Options, grouped: Grouped | None = None) -> Iterator[Claim]:
    column = subject.roles.named("group")[0]
    m = options["shared"]
    pairs = [pair for pair in subject.comparisons if is_split(pair, column)]
    counted = [between(pair, column) for pair in pairs] or [within(subject.table, facts, column)]
    shares = [float(twice.mean()) if pair else expected for pair, twice, expected, _ in counted]
    measured = grouped if max(shares) > m else None
    for share, (pair, twice, _, says) in zip(shares, counted, strict=True):
        yield Claim(
            About((column,), Rows.at(np.flatnonzero(twice)), comparison=pair),
            Effect(share, "share of test rows", m),
            "exact",
            says,
            len(twice),
            impact=impact(subject, measured, options),
            evidence={"share": round(share, 9), "rows": int(twice.sum()), "kind": "overlap"},
        )
    if measured is not None:
        yield inflation(measured, column, options)


def is_split(pair: Comparison, column: str) -> bool:
    """A pair of sides that a score is made over: not the halves of the order, nor one site against the others."""
    named = all(t.n_rows and column in {c.name for c in t.columns} for t in (pair.a, pair.b))
    return pair.kind in ("reference", "test", "split") and named


Counted = tuple[str | None, np.ndarray, float, str]  # pair, rows whose group is met again, share, sentence


def within(table: Table, facts: Facts, column: str) -> Counted:
    """No split is given: what a random one would share."""
    n = table.n_rows
    holes: Holes = facts[Ask("holes", (column,))]
    _, inverse, counts = np.unique(table.row_hashes((column,)), return_inverse=True, return_counts=True)
    if holes.n:  # rows without a group share one hash; of several groups of that size any gives the same shares
        counts[np.flatnonzero(counts == holes.n)[:1]] = 1
    size = counts[inverse]
    share = float((1 - TEST_SHARE ** (size - 1.0)).mean())
    twice = size > 1
    says = (
        f"{int(twice.sum()):,} of {n:,} rows share their {column} with another: of a random quarter as test, "
        f"{percent(share)} of the rows have theirs in training too"
    )
    return None, twice, share, says


def between(pair: Comparison, column: str) -> Counted:
    """Two sides are given: rows of b whose group a holds too."""
    rows = pair.b.sample(SampleSpec(n=pair.b.n_rows, columns=(column,)))
    named = np.zeros(pair.b.n_rows, bool)
    named[rows.position] = ~rows.null(column)
    twice = np.isin(pair.b.row_hashes((column,)), pair.a.row_hashes((column,))) & named
    share = float(twice.mean())
    says = (
        f"{int(twice.sum()):,} of {pair.b.n_rows:,} rows of the second side ({percent(share)}) have their {column} on "
        f"the first too ({pair.name})"
    )
    return pair.name, twice, share, says


def impact(subject: Subject, made: Grouped | None, options: Options) -> Impact:
    """Overlap inflates a score unless that was measured: then it is a cost that is open, or none. Where there is no
    score, or nobody but we said that the column names a group, overlap alone is worth knowing and no more."""
    said = subject.roles.group is not None and subject.roles.group.source == "user"
    if made is None:
        why = "no target, or too few groups to compare two splits on"
        return Impact("inflates" if said and subject.roles.target is not None else "tidy", why_unmeasured=why)
    value, interval = float(made.gain.mean()), blocks_interval(made.gain, 0.05)
    if interval[1] <= options["gain"]:
        return Impact("tidy", value, interval, f"{made.metric} that a random split adds")
    kind = "inflates" if interval[0] > options["gain"] else "costs" if said else "tidy"
    return Impact(kind, value, interval, f"{made.metric} that a random split adds")  # type: ignore[arg-type]


def inflation(made: Grouped, column: str, options: Options) -> Claim:
    m = options["gain"]
    clipped = np.minimum(made.gain, options["most"])
    value, apart, mixed = (float(v.mean()) for v in (made.gain, made.apart, made.mixed))
    return Claim(
        About((column,), slice="inflation"),
        Effect(value, made.metric, m, partial(bounds, made.gain, clipped)),
        "test",
        f"rows of one {column} give each other away: on the same test rows a random split promises {made.metric} "
        f"{mixed:.3f}, and a split by {column} gets {apart:.3f} ({len(made.gain)} blocks)",
        int(made.rows.sum()),
        p=blocks_above(clipped, m),
        impact=Impact("inflates", value, blocks_interval(made.gain, 0.05), made.metric),
        evidence={
            "kind": "inflation", "mixed": round(mixed, 6), "apart": round(apart, 6), "trained_on": made.trained_on,
            "groups": made.groups, "by_block": made.gain.round(6).tolist(),
            "chart": {
                "kind": "bars", "title": f"score on the same rows, {made.metric}",
                "x": ["random split", f"split by {column}"], "y": [round(mixed, 6), round(apart, 6)],
                "x_title": "training rows", "y_title": made.metric,
            },
        },
    )  # fmt: skip


def bounds(gain: F64, clipped: F64, alpha: float) -> tuple[float, float]:
    """Lower bound from the clipped blocks (their mean is at most the true one), upper from the blocks as they are."""
    return blocks_interval(clipped, alpha)[0], blocks_interval(gain, alpha)[1]


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    column = subject.roles.named("group")[0]
    says = f"keep all rows of one {column} on one side of every split"
    if subject.roles.order is not None:
        says = f"hold out whole {column} as well as later rows, if the model is to serve new ones"
    return Remedy("split", "safe", "honesty", says, options={"split": "group", "group": column})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Put a share ``dose`` of the rows into groups of six that share their target, and a trait that names the group."""
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    moved = rng.permutation(rows.n)[: int(dose * rows.n) // ROWS_OF_GROUP * ROWS_OF_GROUP]
    source = np.arange(rows.n)
    source[moved] = np.repeat(moved[::ROWS_OF_GROUP], ROWS_OF_GROUP)
    trait = np.round(rng.normal(size=rows.n), 6)[source]
    back = pa.array(np.argsort(rows.position))
    made = {name: rows.arrow[name].take(back) for name in subject.table.arrow().column_names}
    for name in (subject.roles.named("group")[0], *subject.roles.named("target")):
        made[name] = rows.arrow[name].take(pa.array(source)).take(back)
    made[PLANTED] = pa.array(trait).take(back)
    share = len(moved) / max(1, rows.n) * (1 - TEST_SHARE ** (ROWS_OF_GROUP - 1))
    return Planted(
        subject.with_table(subject.table.derive(pa.table(made))), (PLANTED,), share, Rows.at(rows.position[moved])
    )
