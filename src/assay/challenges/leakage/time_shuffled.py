"""A random split over a process that moves in time.

What it is
    Rows that lie close in time resemble each other, or the process changes, and the test rows are drawn at random:
    then most of them have neighbours in training that no later row will ever have.

Why it matters
    The score promises what production cannot keep. Trees in particular use columns such as month, day or batch to
    remember the stretch of time in which a row lies.

How it is measured
    The last two thirds of the rows, in order, are cut into up to twenty blocks (at least five). For the *same* test
    rows models of equal size are compared, with the honest features only: one learned from a random draw of the rows
    before the block, less an embargo of one row in two hundred; the others from a random third of all rows that does
    not hold the test row, as a random split does. Thirds are dealt twice (once above 100 features), so that four
    models tell each row; their scores are averaged. The effect is the mean over blocks of the difference in AUC (mean
    one-against-rest AUC, R2).
    The claim is a t test against 0.02 about these very blocks: how unequal they are is part of what happened, and not
    noise. What is noise is measured in each block, from sums over five stretches of it, within which rows may depend
    on each other; and between the models of disjoint thirds. A block counts for at most 0.2, so that one of twenty
    cannot carry the claim, and the p-value is never below one half to the number of blocks. On a process that stands
    still all models see exchangeable rows, and the effect is nil.
    Evidence only: the score by block, the forward score without columns that are step functions of the order, and the
    share of rows whose target repeats the row before (a yardstick only where labels arrive that fast).

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> day = np.repeat(np.arange(100), 60)
    >>> busy = rng.random(100)[day] < 0.5
    >>> x = rng.normal(size=6000)
    >>> late = rng.random(6000) < 1 / (1 + np.exp(-(x + np.where(busy, 2.0, -2.0))))
    >>> table = pa.table({"day": day, "week": day // 7, "x": x, "late": late})
    >>> report = assay.check(table, target="late", roles={"order": "@row"})
    >>> report["K06"].verdict
    'found'

Remedy
    Split forward: train on the past, test on what comes later. The lost score was never there.

Known false alarms
    A backlog that is scored as a whole, between rows that are already labelled: there a random split is right. The
    claim is about the stretch of time that the table holds; another stretch may move less, or more.

Sources
    Bergmeir and Benitez, Information Sciences 191 (2012) 192; Roberts et al., Ecography 40 (2017) 913; Lopez de
    Prado, Advances in Financial Machine Learning (2018), chapter 7, for the embargo; Cochran, Sampling Techniques
    (1977), chapter 5, for strata; Schmeiser, Operations Research 30 (1982) 556, for sums over stretches; DeLong,
    DeLong and Clarke-Pearson, Biometrics 44 (1988) 837.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.subject import Planted, Subject
from assay.core.table import Sample, SampleSpec
from assay.learn.target import Labels
from assay.learn.target import labels as labels_of
from assay.probes.block_gains import BATCHES
from assay.probes.forward import Forward, blocks
from assay.probes.order import calendar_columns, moments
from assay.stats.strata import capped, strata_above, strata_interval

CHALLENGE = Challenge(
    code="K06",
    name="time-shuffled",
    title="a random split over a process that moves",
    stage="data",
    needs=("target", "order", "feature"),
    category="inflates",
    scope="order",
    promise=Dose(0.6, 9000, "in six of ten rows the stretch of time decides the outcome"),
    materiality=(
        Threshold(
            "gain", 0.02, "AUC or R2", "two points: what separates the best learners from the defaults on most tables"
        ),
        Threshold(
            "most", 0.2, "AUC or R2", "a block counts for at most this: one of twenty for half of what is material"
        ),
    ),
    proof="honesty",
    safety="safe",
)
PLANTED = "planted batch"
ROWS_A_BATCH = 60


def measure(
    subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...], forward: Forward | None, options: Options
) -> Iterator[Claim]:
    if forward is None:
        return
    m, most = options["gain"], options["most"]
    clipped, squared = capped(forward.gain, forward.squared, most)
    value, p = float(forward.gain.mean()), strata_above(clipped, squared, BATCHES - 1, m, forward.learned)
    calendar = calendar_columns(subject, rows, honest)
    without = trial(subject, rows, labels, honest, calendar) if p <= 0.05 else None
    past, mixed = float(forward.past.mean()), float(forward.shuffled.mean())
    says = (
        f"on the same later rows a shuffled split promises {forward.metric} {mixed:.3f}, and a model of the past gets "
        f"{past:.3f} ({len(forward.past)} blocks)"
    )
    if without is not None:
        says += f"; without {', '.join(calendar)} the past gets {without:.3f}"
    order = subject.roles.named("order")
    yield Claim(
        About(calendar or tuple(c for c in order if c != "@row")),
        Effect(value, forward.metric, m, partial(bounds, forward, most)),
        "test",
        says,
        int(forward.rows.sum()),
        p=p,
        family="challenge",
        impact=Impact("inflates", value, bounds(forward, np.inf, 0.05), forward.metric),
        evidence={
            "past": round(past, 6), "shuffled": round(mixed, 6), "trained_on": forward.trained_on,
            "by_block": forward.gain.round(6).tolist(), "calendar": list(calendar),
            "past_without_calendar": without, "last_target_again": forward.repeat,
            "chart": {
                "kind": "line", "title": "what a shuffled split promises too much, by block",
                "x": list(range(1, len(forward.gain) + 1)), "y": forward.gain.round(6).tolist(),
                "x_title": "block, in order", "y_title": forward.metric,
            },
        },
    )  # fmt: skip


def bounds(forward: Forward, most: float, alpha: float) -> tuple[float, float]:
    """Lower bound from the capped blocks (their mean is at most the true one), upper from the blocks as they are."""
    low, high = (
        strata_interval(gain, squared, BATCHES - 1, alpha, forward.learned)
        for gain, squared in (capped(forward.gain, forward.squared, most), (forward.gain, forward.squared))
    )
    return low[0], high[1]


def trial(
    subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...], calendar: tuple[str, ...]
) -> float | None:
    """The forward score without the calendar columns; shown, never a reason for the claim."""
    rest = tuple(c for c in honest if c not in calendar)
    if not calendar or not rest:
        return None
    made = blocks(subject, rows, labels, rest, "forward", past_only=True)
    return None if made is None else round(float(made.past.mean()), 6)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    order = subject.roles.named("order")[0]
    says = f"split forward on {order}: train on the past, test on what comes later"
    return Remedy("split", "safe", "honesty", says, options={"split": "forward", "order": order})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Cut the order into batches, let the batch decide the target in a share ``dose`` of rows, and number the batches.

    The true effect is the gain in the long run of a learner that knows the batch against one that does not, for an
    even binary target: dose / 2.
    """
    import pyarrow as pa

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels_of(rows, subject.roles)
    when = moments(subject, rows)
    rank = np.empty(rows.n, np.int64)
    rank[np.lexsort((rows.row_id, when))] = np.arange(rows.n)
    batch = rank // ROWS_A_BATCH
    count = rows.n // ROWS_A_BATCH + 1
    name = subject.roles.named("target")[0]
    donor = rng.permutation(np.flatnonzero(truth.known))[np.arange(count) % max(1, int(truth.known.sum()))]
    moved = truth.known & (rng.random(rows.n) < dose)
    source = np.where(moved, donor[batch], np.arange(rows.n))
    back = pa.array(np.argsort(rows.position))
    arrow = subject.table.arrow()
    arrow = arrow.set_column(
        arrow.schema.get_field_index(name), name, rows.arrow[name].take(pa.array(source)).take(back)
    )
    arrow = arrow.append_column(PLANTED, pa.array(batch).take(back))
    return Planted(subject.with_table(subject.table.derive(arrow)), (PLANTED,), dose / 2)
