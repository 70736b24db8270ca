"""Twice the rows would make the model materially better.

What it is
    The learning curve is still steep where the table ends: the same columns with more rows would teach more.

Why it matters
    Tuning and other learners are then the dear way to a better score, and collecting the cheap one. Where the curve
    is flat it is the other way round. And what was learned from too few rows changes with every draw of them.

How it is measured
    In three folds (one from 9,000 rows on) boosted trees and a regularised linear model learn from a quarter, a half
    and all of the training rows, and are tested on the same rows. At each size the best blend of the two and of
    knowing nothing counts, so that a learner that overfits is not mistaken for a lack of rows. The effect is what
    the next doubling of the whole table would save, as a share of the loss of knowing nothing (log-loss or squared
    error). The doubling from half to all is seen, the next one is not: the loss is taken to fall as a power n^-c, and a
    doubling to gain no more than the one before (c at least 0). The gain of doubling N rows, from a curve that ends
    at n, is then the gain seen times (2N/n)^-c. The claim takes c = 1, the rate of a model of fixed size, or
    what the step from the quarter shows where that is surely faster; paired differences by unit (group, or set of equal
    rows) are tested against 0.02 (2N/n)^c. The interval has the lower bound at that c and the upper bound at c = 0;
    the value in the sentence takes c as seen. Rows for each parameter of the linear model are evidence.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 200, 900)
    >>> sold = (rng.random(200) < 0.5)[shop] ^ (rng.random(900) < 0.03)
    >>> table = pa.table({"shop": np.char.add("s", shop.astype(str)), "x": rng.normal(size=900), "sold": sold})
    >>> assay.check(table, target="sold")["D14"].verdict
    'found'

Remedy
    Collect more rows, first of what the table has least of; or fewer columns, a stronger penalty, a model of another
    table to start from.

Known false alarms
    More rows of the same people, shops or days teach less than new ones; name the group (--group), and the doubling
    is one of groups.

Sources
    Viering and Loog, "The shape of learning curves: a review", IEEE TPAMI 45 (2023) 7799; Amari, Fujita and
    Shinomoto, "Four types of learning curves", Neural Computation 4 (1992) 605, for the rate 1/n; Hestness et al.,
    "Deep learning scaling is predictable, empirically" (2017); Figueroa et al., BMC Medical Informatics and Decision
    Making 12 (2012) 8.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, SampleSpec
from assay.learn.target import labels as labels_of
from assay.probes.learning_curve import LearningCurve
from assay.stats.means import mean_above
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="D14",
    name="too-little-data",
    title="twice the rows would make the model materially better",
    stage="data",
    needs=("target", "feature"),
    category="costs",
    scope="association",
    promise=Dose(0.9, 20_000, "of two hundred rows a stretch of a line twenty are left, in many stretches fewer"),
    materiality=(
        Threshold(
            "gain", 0.02, "share of the loss of knowing nothing",
            "two in a hundred: four times what keeps a repair, since as many rows again cost more than a repair",
        ),
    ),
    refits=True,
)  # fmt: skip
PLANTED = "planted place"
# A stretch of a line is learned leaf by leaf, so that the loss falls as a power of the rows at all sizes. Names of
# places are not: where more than half of the rows have a name of their own learners leave it out, and the curve falls
# in one step, which says nothing of the next. Of the gain seen, .06 must be sure: three times what matters.
ROWS_A_STRETCH, MOST_TAKEN = 200, 0.98
SURE = 0.9  # of its rows have the stretch's own outcome
A_LEAF = 20  # rows of the smallest leaf


def measure(subject: Subject, learning_curve: LearningCurve | None, options: Options) -> Iterator[Claim]:
    curve = learning_curve
    if curve is None:
        return
    m = options["gain"]
    (quarter, _), (half, _), (whole, best) = (curve.losses(k) for k in range(3))
    base = curve.known_nothing()
    saved, stake = by_unit(half - whole, curve.unit), by_unit(base, curve.unit)
    if len(saved) < 2 or float(stake.mean()) <= 0:
        return
    share = float(saved.mean() / stake.mean())
    before = float((quarter - half).mean() / base.mean())
    steps = max(
        1.0, 2 * subject.table.n_rows / float(curve.size[-1])
    )  # times n from the curve's end to twice the table
    seen = float(np.log2(before / share)) if share > 0 and before > 0 else 0.0
    rate = seen if seen > 0 else 1.0  # gains that still grow say nothing about how they will fall
    faster = mean_above(by_unit(quarter + 2 * whole - 3 * half, curve.unit), 0.0) <= 0.05
    least = steps ** -(seen if faster else 1.0)
    value = share * steps**-rate if share > 0 else share * least

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = ratio_interval(saved, stake, alpha)
        return lo * least if lo > 0 else lo, hi if hi > 0 else hi * least

    losses = [float(v.mean() / base.mean()) for v in (quarter, half, whole)]
    sizes = [round(float(s)) for s in curve.size]
    n = subject.table.n_rows
    yield Claim(
        About(subject.roles.named("target")),
        Effect(value, "share of the loss of knowing nothing", m, bound),
        "test",
        f"twice the rows would save about {100 * value:.1f} % of the loss of knowing nothing: from {sizes[1]:,} to "
        f"{sizes[2]:,} rows it fell from {100 * losses[1]:.1f} to {100 * losses[2]:.1f} %",
        len(curve.y),
        p=ratio_above(saved, stake, m / least),
        family="challenge",
        impact=Impact("costs", value, bound(0.05), "share of the loss of knowing nothing"),
        evidence={
            "rows": n, "best": best, "rate": round(rate, 4), "rows_per_parameter": round(n / curve.terms, 3),
            "chart": {
                "kind": "line", "title": "loss by rows learned from (1 is knowing nothing)", "x": sizes,
                "y": [round(v, 6) for v in losses], "x_title": "rows", "y_title": "share of loss",
            },
        },
    )  # fmt: skip


def by_unit(loss: F64, unit: I64) -> F64:
    """Sums by unit, scaled so that their mean is the mean over rows."""
    totals = np.bincount(unit, loss)
    return np.asarray(totals * (len(totals) / max(1, len(loss))), np.float64)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Give rows a place along a line whose stretches have an outcome of their own, and take a share ``dose`` of the
    rows away (98 in a hundred at most).

    The k-th longest stretch has 1/sqrt(k) of the rows of the longest, two hundred on average, so that what is new falls
    as a power of the rows. The true effect is that of a tree that names a stretch as soon as its rows fill a leaf: the
    rows of stretches that fill none now, and would with twice as many.
    """
    import pyarrow as pa
    from scipy.special import pdtr

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    truth = labels_of(rows, subject.roles)
    many = max(2, rows.n // ROWS_A_STRETCH)
    share = 1 / np.sqrt(np.arange(1, many + 1))
    share = rng.permutation(share / share.sum())
    place = rng.random(rows.n)
    stretch = np.searchsorted(np.cumsum(share)[:-1], place, side="right")
    known = np.flatnonzero(truth.known)
    donor = rng.permutation(known)[np.arange(many) % max(1, len(known))]
    moved = truth.known & (rng.random(rows.n) < SURE)
    source = np.where(moved, donor[stretch], np.arange(rows.n))
    name = subject.roles.named("target")[0]
    back = np.argsort(rows.position)
    arrow = subject.table.arrow()
    outcome = rows.arrow[name].take(pa.array(source)).take(pa.array(back))
    arrow = arrow.set_column(arrow.schema.get_field_index(name), name, outcome)
    arrow = arrow.append_column(PLANTED, pa.array(place[back]))
    left = np.sort(rng.permutation(rows.n)[: max(2, round((1 - min(dose, MOST_TAKEN)) * rows.n))])
    full = [1 - pdtr(A_LEAF - 1, share * times * len(left)) for times in (1, 2)]
    effect = SURE**2 * float((share * (full[1] - full[0])).sum())
    return Planted(subject.with_table(subject.table.derive(arrow.take(pa.array(left)))), (PLANTED,), effect)
