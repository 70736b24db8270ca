"""One class has far fewer rows than another.

What it is
    The rarest class of the target is so rare that most rows do not help to tell it from the rest.

Why it matters
    Always naming the common class is then nearly always right, so accuracy praises a model that has learned
    nothing. What is learned, and how surely it can be judged, depends on the few rows of the rare class and not on
    the size of the table.

How it is measured
    Exact counts of the classes. Telling a class of share p from the rest is as hard as with n p(1 - p) rows in
    units of rows; if all K classes were even it would be n (K - 1)/K^2. The effect is the share of rows that do no
    work for the rarest class, 1 - p(1 - p) K^2/(K - 1): for two classes 1 - 4p(1 - p). It is material above one
    half (for two classes a share below 14.6 %). The evidence also holds what the counts do to the metrics: accuracy
    of always naming the most common class, average precision of a random ranking (the rare share), the half-width
    of the 95 % interval of recall and of AUC that one fifth of the rows would give, and the threshold that the
    stated costs ask for.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> table = pa.table({"x": rng.normal(size=1000), "y": ["ill"] * 30 + ["well"] * 970})
    >>> assay.check(table, target="y")["L03"].verdict
    'found'

Remedy
    Safe, on trial: class weights in training and a threshold set by the costs (where none are stated, by the rare
    share itself, which treats both classes alike). Not oversampling: copies and synthetic rows add no information,
    leak into the test side where they are made before the split, and distort the probabilities, which weights and a
    threshold put right at no cost.

Known false alarms
    None in the count. Imbalance does no harm by itself to a calibrated model that is judged by log-loss or by cost:
    the finding then says how few rows the judgement rests on, and no more.

Sources
    Kish, "Survey Sampling" (1965), for the effective number of rows; Elkan, "The foundations of cost-sensitive
    learning", IJCAI (2001); van den Goorbergh, van Smeden, Timmerman and Van Calster, "The harm of class imbalance
    corrections for risk prediction models", JAMIA 29 (2022); Hanley and McNeil, "The meaning and use of the area
    under a receiver operating characteristic curve", Radiology 143 (1982).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.settings import Settings
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Facts
from assay.core.words import percent, text_of
from assay.probes.labels import class_counts
from assay.stats.shares import share_interval

CHALLENGE = Challenge(
    code="L03",
    name="class-imbalance",
    title="one class is far rarer than another",
    stage="data",
    needs=("target", "classes"),
    category="costs",
    scope="marginal",
    promise=Dose(
        0.8, 1_000, "four fifths of the rows do no work: of two classes, one row in nineteen is of the rare one"
    ),
    materiality=(
        Threshold(
            "lost",
            0.5,
            "share of rows",
            "more than half of the rows do not help to tell the rarest class from the rest",
        ),
    ),
    proof="gain",
    safety="safe",
)
MOST, RECALL, AUC, JUDGED = 100, 0.8, 0.8, 0.2  # classes; a decent recall and AUC; share of rows that judge


def asks(subject: Subject) -> Iterable[Ask]:
    yield Ask("top", subject.roles.named("target"), args=(MOST,))


def measure(subject: Subject, facts: Facts, settings: Settings, options: Options) -> Iterator[Claim]:
    target = subject.roles.named("target")
    counts = {str(text_of(value)): int(k) for value, k in facts[Ask("top", target, args=(MOST,))] if k > 0}
    if len(counts) < 2:
        return
    rare = min(sorted(counts), key=lambda name: counts[name])
    common = max(sorted(counts), key=lambda name: counts[name])
    n, a, b, k = sum(counts.values()), counts[rare], counts[common], len(counts)
    worth = a * (n - a) / n * k * k / (k - 1)
    lost = max(0.0, 1 - worth / n)
    costs = settings.question.cost_false_alarm, settings.question.cost_miss
    says = (
        f"only {a:,} of {n:,} rows ({percent(a / n)}) are {rare} in {target[0]}: to tell them from the rest, the table"
    )
    says += (
        f" is worth {max(1, round(worth)):,} rows of even classes; always saying {common} is {percent(b / n)} accurate"
    )
    shown = sorted(counts, key=lambda name: (-counts[name], name))[:40]
    yield Claim(
        About(target, slice=f"{target[0]} = {rare}"),
        Effect(lost, "share of rows", options["lost"]),
        "exact",
        says,
        n,
        impact=Impact("costs", why_unmeasured="the trial of weights and threshold measures it"),
        evidence={
            "rare": rare, "common": common, "counts": {name: counts[name] for name in shown},
            "weights": {name: n / (len(counts) * counts[name]) for name in shown},
            "worth": worth, "metrics": metrics(a, n), "threshold": threshold(a, n, *costs),
            "costs_stated": None not in costs,
            "chart": {"kind": "bars", "title": f"Rows by {target[0]}", "x": shown, "y": [counts[s] for s in shown],
                      "x_title": target[0], "y_title": "rows"},
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    options: dict[str, Any] = {"class_weight": dict(evidence["weights"]), "oversample": False}
    if len(evidence["counts"]) == 2:
        options |= {"threshold": evidence["threshold"], "positive": evidence["rare"]}
    why = "the stated costs" if evidence["costs_stated"] else "the share of the rare class, until costs are stated"
    tail = f", and set the threshold by {why}" if "threshold" in options else ""
    return Remedy("training", "safe", "gain", f"weigh the classes in training{tail}", options=options)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Leave out rows of the rarest class until a share ``dose`` of the rows does no work."""
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    arrow = subject.table.arrow()
    words, levels, counts = class_counts(subject, "class imbalance is")
    rare, k, rest = levels[int(np.argmin(counts))], len(levels), int(counts.sum() - counts.min())
    p = (1 - np.sqrt(max(0.0, 1 - 4 * (1 - dose) * (k - 1) / k**2))) / 2  # where p(1 - p) K^2/(K - 1) is 1 - dose
    members = np.flatnonzero(words == rare)
    left = min(len(members), max(1, round(p / (1 - p) * rest)))
    out = np.sort(rng.permutation(members)[left:])
    keep = np.setdiff1d(np.arange(len(words)), out)
    table = subject.table.derive(arrow.take(pa.array(keep)))
    share = left / (left + rest)
    return Planted(
        subject.with_table(table),
        (target,),
        1 - share * (1 - share) * k * k / (k - 1),
        Rows.at(np.flatnonzero(words[keep] == rare)),
    )


def metrics(rare: int, n: int) -> dict[str, float]:
    """What the counts alone do to the metrics, with one fifth of the rows to judge on."""
    a, b = max(1, round(JUDGED * rare)), max(1, round(JUDGED * (n - rare)))
    lo, hi = share_interval(round(RECALL * a), a, 0.05)
    q1, q2 = AUC / (2 - AUC), 2 * AUC**2 / (1 + AUC)
    error = np.sqrt((AUC * (1 - AUC) + (a - 1) * (q1 - AUC**2) + (b - 1) * (q2 - AUC**2)) / (a * b))
    return {
        "accuracy_of_always_common": 1 - rare / n, "average_precision_of_chance": rare / n, "rare_rows_that_judge": a,
        "recall_half_width": (hi - lo) / 2, "auc_half_width": float(1.96 * error),
    }  # fmt: skip


def threshold(rare: int, n: int, false_alarm: float | None, miss: float | None) -> float:
    """Name the rare class above this probability: cost of a false alarm over both costs, else the rare share."""
    if false_alarm is None or miss is None or false_alarm + miss <= 0:
        return rare / n
    return false_alarm / (false_alarm + miss)
