"""The classes come in other shares than in the rows that were learned from.

What it is
    Between two tables, or two parts of one, the shares of the classes differ: more fraud in test than in training,
    more illness at one site than at the others, more sales this year than last.

Why it matters
    A calibrated model carries the class shares of its training rows in every answer. Where they change, its
    probabilities are off and a threshold that was right is wrong, even if everything else stayed as it was.

How it is measured
    For each named pair of tables, on the rows of classes that both have (a class that one lacks is a new category):
    the total variation between the class shares, that is the share of rows that would have to change class, tested
    against a twentieth. Two classes: exactly, as a difference of two shares (melded Clopper-Pearson). More: which
    classes gained is searched on one half of the rows and their joint gain tested on the other, or any single class is
    tested on all rows, times their number. Between the halves of the order neighbours are alike, so that the test must
    hold over blocks of rows too (Welch's t over twenty a side, whose noise is that between neighbouring blocks): the
    larger p counts.

Example
    >>> import pyarrow as pa, assay
    >>> a, b = (pa.table({"x": range(500), "y": ["no"] * k + ["yes"] * (500 - k)}) for k in (400, 200))
    >>> assay.check(a, test=b, target="y")["S03"].verdict
    'found'

Remedy
    Correct the output: multiply each probability by the ratio of the class's share there to its share in training and
    divide by the sum; the ratios come with the finding. Where the new rows have no labels yet, their class shares can
    be estimated from a calibrated model's answers by expectation maximisation. Right where only the shares moved;
    where the classes themselves look otherwise (see concept-shift), it is not enough.

Known false alarms
    A test set that was balanced on purpose. Rows that come in clusters (many of one patient) make intervals too short.

Sources
    Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
    Computation 14 (2002); Lipton, Wang and Smola, "Detecting and correcting for label shift with black box
    predictors", ICML (2018); Fay, Proschan and Brittain, Biometrics 71 (2015) 146.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Sample
from assay.core.words import percent, text_of
from assay.probes.order import moments
from assay.probes.sides import Side, Sides, pair_for_plant, with_second
from assay.stats.distances import tv, tv_or_bin_above, tv_or_bin_interval
from assay.stats.welch import welch_above, welch_interval

CHALLENGE = Challenge(
    code="S03",
    name="label-shift",
    title="class shares differ from those that were learned",
    stage="data",
    needs=("comparison", "target", "classes"),
    category="costs",
    scope="comparison",
    promise=Dose(0.2, 1_000, "one row in five of the second table has another class"),
    materiality=(
        Threshold("moved", 0.05, "share of rows", "one row in twenty would have to change class: at even classes a "
                  "calibrated answer is off by up to five points"),
    ),
    proof="gain",
    safety="safe",
)  # fmt: skip
BLOCKS, FEWEST = 20, 20


def measure(subject: Subject, sides: Sides, options: Options) -> Iterator[Claim]:
    target = subject.roles.named("target")[0]
    for side in sides:
        if target in side.a.names and target in side.b.names:
            made = claim(subject, side, target, options["moved"])
            if made is not None:
                yield made


def claim(subject: Subject, side: Side, target: str, limit: float) -> Claim | None:
    classes = subject.roles.classes
    first, second = (class_of(subject, rows) for rows in (side.a, side.b))
    ha, hb = (np.bincount(c[c >= 0], minlength=len(classes)) for c in (first, second))
    both = (ha > 0) & (hb > 0)
    if both.sum() < 2 or min(ha[both].sum(), hb[both].sum()) < FEWEST:
        return None
    classes = tuple(c for c, kept in zip(classes, both, strict=True) if kept)
    first, second = (np.append(np.where(both, np.cumsum(both) - 1, -1), -1)[c] for c in (first, second))
    ha, hb = ha[both], hb[both]

    def rng() -> np.random.Generator:
        return subject.rng("S03", side.name)  # anew for test and interval: the same halves for both

    p = tv_or_bin_above(ha, hb, limit, rng())
    blocks = by_block(subject, side, first, second, hb / hb.sum() > ha / ha.sum()) if side.kind == "time" else None
    if blocks is not None:
        p = max(p, welch_above(*blocks, limit, in_order=True))

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = tv_or_bin_interval(ha, hb, alpha, rng())
        if blocks is not None:
            low, high = welch_interval(*blocks, alpha, in_order=True)
            lo, hi = min(lo, max(low, 0.0)), min(1.0, max(hi, high))
        return lo, hi

    a, b = ha / ha.sum(), hb / hb.sum()
    most = int(np.argmax(np.abs(a - b)))
    if len(classes) == 2 and subject.roles.positive in classes:
        most = classes.index(str(subject.roles.positive))
    says = f"{side.name}: {target} {classes[most]} is {percent(a[most])} of the rows, then {percent(b[most])}"
    if len(classes) > 2:
        says += f"; {percent(tv(ha, hb))} of the rows would have to change class"
    shown = np.argsort(-np.abs(a - b), kind="stable")[:40]
    evidence = {
        "shares": {classes[i]: [float(a[i]), float(b[i])] for i in shown}, "kind": side.kind,
        "chart": {"kind": "bars", "title": f"Change of class share, {side.name}", "x": [classes[i] for i in shown],
                  "y": [float(b[i] - a[i]) for i in shown], "x_title": target, "y_title": "share of rows"},
    }  # fmt: skip
    return Claim(
        About((target,), comparison=side.name), Effect(tv(ha, hb), "share of rows", limit, bound), "test", says,
        int(min(ha.sum(), hb.sum())), p=p, family="slice", evidence=evidence,
        impact=Impact("costs", why_unmeasured="needs a model's answers on both sides"),
    )  # fmt: skip


def class_of(subject: Subject, rows: Sample) -> I64:
    """Position of each row's class in ``roles.classes``; -1 where it is unknown."""
    codes, levels = rows.codes(subject.roles.named("target")[0])
    place = {name: i for i, name in enumerate(subject.roles.classes)}
    return np.array([*(place.get(v, -1) for v in levels), -1], np.int64)[codes]


def by_block(
    subject: Subject, side: Side, first: I64, second: I64, gained: np.ndarray
) -> tuple[F64, F64] | None:  # fmt: skip
    """Share of the classes that gained, by block along the order: of the second half, then of the first."""
    out = []
    for rows, own in ((side.b, second), (side.a, first)):
        when = moments(subject, rows)
        known = np.flatnonzero((own >= 0) & np.isfinite(when))
        known = known[np.lexsort((rows.row_id[known], when[known]))]
        if len(known) < FEWEST:
            return None
        out.append(np.array([gained[own[block]].mean() for block in np.array_split(known, BLOCKS)]))
    return out[0], out[1]


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    shares = finding.claim.evidence["shares"]
    ratios = {name: round(b / a, 6) for name, (a, b) in shares.items() if a > 0}
    says = f"multiply the probabilities by the ratios of class shares ({finding.claim.about.comparison}) and normalise"
    return Remedy("output", "safe", "gain", says, options={"prior_ratio": ratios})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Leave out rows of the second table until one class has gained a share ``dose`` of its rows.

    Where the subject has no pair yet, its table is cut into two halves at random.
    """
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    pair = pair_for_plant(subject, rng)
    arrow = pair.b.arrow()
    words = np.array([text_of(v) or "" for v in arrow[target].to_pylist()])
    names, counts = np.unique(words[words != ""], return_counts=True)
    if len(names) < 2:
        raise InputError("a label shift is planted in a target with at least two classes; this one has fewer")
    rare = names[int(np.argmin(counts))]
    share = min(0.95, counts.min() / counts.sum() + dose)
    others = np.flatnonzero((words != rare) & (words != ""))
    kept = min(len(others), round(counts.min() * (1 - share) / share))
    out = rng.permutation(others)[kept:]
    at = np.setdiff1d(np.arange(len(words)), out)
    moved = pair.b.derive(arrow.take(pa.array(at)))
    gain = counts.min() / (counts.min() + kept) - counts.min() / counts.sum()
    return Planted(
        with_second(subject, pair, moved), (target,), float(gain), Rows.at(np.flatnonzero(words[at] == rare))
    )
