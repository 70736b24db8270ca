"""The columns say nothing about what is asked.

What it is
    The target has nothing to do with the other columns: they were joined by the wrong key, the target was shuffled
    or comes from elsewhere, or what decides it was never recorded.

Why it matters
    A model can then be trained, tuned and shipped, and its answers are as good as a coin's. More rows of the same
    columns change nothing.

How it is measured
    Three folds; in each, boosted trees and a regularised linear model learn from the other rows and rank the rows
    that they have not seen. The effect is the share of pairs of rows (one of the class, one of the rest) that the
    better learner puts in the wrong order: one half says nothing, and 1 - AUC is another name for it. For a target
    of numbers it is (1 - rank correlation)/2, the same for two values.
    A permuted target gives one half. The claim is the hard half of that comparison: a test against the hypothesis
    that a small effect is there. Both learners, and every class of 30 rows or more, must be shown to stay below it
    (an intersection-union test, so that nothing is paid for trying several). In few rows a small effect may be learned
    the wrong way round, and then its ranks look like chance: how likely that is in any fold, by the rank-sum test of
    the training rows, is added to p. Where rows are too few to show it, the verdict is undecided, with the number of
    rows that it would take; a score near one half alone claims nothing.
    Columns under suspicion of a leak (K02) take part: where they tell the target, that is another fault.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> table = {f"c{i}": rng.normal(size=8000) for i in range(4)} | {"y": rng.integers(0, 2, 8000)}
    >>> assay.check(pa.table(table), target="y")["D13"].verdict
    'found'

Remedy
    None in the table. Look at how the target was joined; ask those who decide what they look at, and record that.

Known false alarms
    A signal that neither learner can see in so many rows: parity of several columns, text and images (which are not
    read), an effect of one row on the next. A question where a share of pairs just under one half is money.

Sources
    Cohen, Statistical Power Analysis (1988), for the small effect; Hanley and McNeil, Radiology 143 (1982) 29;
    Ojala and Garriga, "Permutation tests for studying classifier performance", JMLR 11 (2010); Berger,
    "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24 (1982), for intersection-union;
    Fieller, Hartley and Pearson, Biometrika 44 (1957) 470, for the rank correlation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Sample
from assay.learn.target import Labels
from assay.probes.learning_curve import LINEAR, LearningCurve
from assay.probes.out_of_fold import FOLDS, OutOfFold, folds
from assay.stats.auc import auc, auc_above, auc_interval, midranks

CHALLENGE = Challenge(
    code="D13",
    name="no-signal",
    title="the columns say nothing about what is asked",
    stage="data",
    needs=("target", "feature"),
    category="voids",
    scope="marginal",
    promise=Dose(1.0, 4_000, "the whole target is shuffled"),
    materiality=(
        Threshold(
            "wrong", 0.444, "share of pairs in wrong order",
            "Cohen's small effect: classes 0.2 standard deviations apart, AUC .556; less is nothing to build on",
        ),
        Threshold(
            "wrong_ranks", 0.45, "share of pairs in wrong order",
            "Cohen's small effect: a correlation of .1, one hundredth of the variance",
        ),
    ),
)  # fmt: skip
FEWEST_OF_CLASS = 30  # of a class with fewer rows nothing can be shown either way
LEARNED_FROM = 1 - 1 / FOLDS  # share of the rows that a fold is learned from
NOISE = 1.06  # variance of Fisher's z of a rank correlation, times n - 3 (Fieller, Hartley and Pearson)
Bound = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Ranking:
    """How one learner ranks: the share of pairs in wrong order, p against H0: it is at most m, and its interval."""

    wrong: float
    p: float
    bound: Bound
    by: str


def measure(
    subject: Subject,
    rows: Sample,
    labels: Labels,
    out_of_fold: OutOfFold,
    learning_curve: LearningCurve | None,
    options: Options,
) -> Iterator[Claim]:
    if out_of_fold.state != "done" or learning_curve is None:
        return
    m = options["wrong_ranks" if labels.task == "regression" else "wrong"]
    curve, made = learning_curve, out_of_fold
    ranked = rankings("boosted trees", made.output, labels.y[made.index], made.fold, labels, m)
    ranked += rankings(LINEAR, curve.output[LINEAR][-1], curve.y, curve.fold, labels, m)
    if set(made.features) != set(subject.features) and max((r.p for r in ranked), default=1.0) < 0.05:
        every = folds(subject, rows, labels, subject.features, only=1)
        if every.state == "done":
            ranked += rankings(
                "boosted trees with suspects", every.output, labels.y[every.index], every.fold, labels, m
            )
    if not ranked:
        return
    best = min(ranked, key=lambda r: (r.wrong, r.by))

    def bound(alpha: float) -> tuple[float, float]:
        ends = [r.bound(alpha) for r in ranked]
        return min(lo for lo, _ in ends), min(hi for _, hi in ends)

    target = subject.roles.named("target")[0]
    name, value = ("rank correlation", 1 - 2 * best.wrong) if labels.task == "regression" else ("AUC", 1 - best.wrong)
    yield Claim(
        About((target,)),
        Effect(best.wrong, "share of pairs in wrong order", m, bound),
        "test",
        f"no column says anything about {target}: the best of {len(ranked)} rankings of rows not seen has "
        f"{name} {value:.3f} ({len(made.index):,} rows)",
        len(made.index),
        p=max(r.p for r in ranked),
        family="challenge",
        impact=Impact("voids", why_unmeasured="without signal there is no score to lose"),
        evidence={
            "rankings": {r.by: round(1 - r.wrong, 6) for r in ranked}, "features": len(made.features),
            "chart": {
                "kind": "bars", "title": "pairs of rows in the right order (.5 is chance)",
                "x": [r.by for r in ranked][:40], "y": [round(1 - r.wrong, 6) for r in ranked][:40],
                "x_title": "", "y_title": "share of pairs",
            },
        },
    )  # fmt: skip


def rankings(learner: str, output: F64, y: F64, fold: I64, labels: Labels, m: float) -> list[Ranking]:
    """One ranking of values or of two classes, else one for each class with rows enough. Each fold is centred, since
    the mean that a fold was learned with moves against the mean of its test rows."""
    if labels.task == "regression":
        return [of_values(learner, centred(output, fold), y, m)]
    out = []
    for k, name in enumerate(labels.classes):
        if labels.task == "binary" and k == 0:
            continue
        own = y == k
        if min(int(own.sum()), int((~own).sum())) < FEWEST_OF_CLASS:
            continue
        by = learner if labels.task == "binary" else f"{learner}, {name} against the rest"
        out.append(of_class(by, centred(output[:, k], fold), own, m))
    return out


def centred(output: F64, fold: I64) -> F64:
    rank = midranks(output)
    mean = np.bincount(fold, rank) / np.maximum(np.bincount(fold), 1)
    return np.asarray(rank - mean[fold], np.float64)


def of_class(by: str, score: F64, own: np.ndarray, m: float) -> Ranking:
    from scipy.special import ndtr

    k, n = int(own.sum()), len(own)
    error = float(np.sqrt((n + 1) / (12 * k * (n - k)) / LEARNED_FROM))  # of an AUC in the training rows of a fold
    turned = FOLDS * float(ndtr(-(0.5 - m) / error))

    def bound(alpha: float) -> tuple[float, float]:
        return learned(lambda a: auc_interval(own, -score, a), alpha, turned)

    return Ranking(1 - float(auc(own, score)), min(1.0, auc_above(own, -score, m) + turned), bound, by)


def learned(bound: Bound, alpha: float, turned: float) -> tuple[float, float]:
    """The interval, its lower end at the level that is left when a small effect was learned the wrong way round."""
    left = alpha - 2 * turned
    return bound(left)[0] if left > 0 else 0.0, bound(alpha)[1]


def of_values(by: str, score: F64, y: F64, m: float) -> Ranking:
    """Rank correlation with Fisher's z; ties share their mean rank."""
    from scipy.special import ndtr, ndtri

    n = len(y)
    if n < 10 or np.ptp(score) == 0 or np.ptp(y) == 0:
        return Ranking(0.5, 1.0, lambda alpha: (0.0, 1.0), by)
    r = float(np.corrcoef(midranks(score), midranks(y))[0, 1])
    z, error = float(np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9))), float(np.sqrt(NOISE / (n - 3)))
    small = float(np.arctanh(1 - 2 * m))
    turned = FOLDS * float(ndtr(-small / error * np.sqrt(LEARNED_FROM)))

    def whole(alpha: float) -> tuple[float, float]:
        half = -float(ndtri(alpha / 2)) * error
        return (1 - float(np.tanh(z + half))) / 2, (1 - float(np.tanh(z - half))) / 2

    p = min(1.0, float(ndtr((z - small) / error)) + turned)
    return Ranking((1 - r) / 2, p, lambda alpha: learned(whole, alpha, turned), by)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Shuffle the target among a share ``dose`` of the rows. The true effect is that of a table where all is shuffled,
    one half, at dose 1, and is not known below (it depends on the signal that is left)."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    name = subject.roles.named("target")[0]
    hit = np.sort(rng.permutation(n)[: round(dose * n)])
    source = np.arange(n)
    source[hit] = rng.permutation(hit)
    arrow = arrow.set_column(arrow.schema.get_field_index(name), name, arrow[name].take(pa.array(source)))
    return Planted(subject.with_table(subject.table.derive(arrow)), (name,), 0.5 if dose >= 1 else float("nan"))
