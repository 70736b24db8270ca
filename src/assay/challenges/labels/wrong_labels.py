"""Some labels are wrong.

What it is
    Rows whose recorded class is not what they are: a slip of the key, a tired reader, a class mistaken for another.

Why it matters
    A model learns the errors, and is judged by them: with 3 % wrong labels in a test, a perfect model scores 97 %, and
    of two models the worse may win. Most tools list the rows that a model gets wrong; where the outcome is open that
    is a third of the table, and nothing is wrong with their labels.

How it is measured
    Several unlike models (a booster, a linear model, nearest neighbours; random trees and a kernel machine where these
    find something) predict every row from other rows, with columns that no leak rule suspects. A pool of them and a
    matrix of label noise are fitted together by likelihood: doubt that follows the columns belongs to the pool, and a
    label that the pool leaves open is no error; only disagreement that stays however sure the models are is noise.
    Classes have noise rates of their own only where most rows of every class are told; else two classes that the
    columns cannot tell apart would look like one with wrong labels. A row is *probably wrong* where the posterior is
    above one half. The effect counts the surest only, above 0.8, less the number that the pool's own doubt would put
    there were every label right, as a share of all rows: a lower end of the wrong labels, since an error among open
    cases cannot be told; *clear* speaks of errors that can. Where the models name the recorded class in half of the
    rows or fewer, nothing is said: noise as large as the signal cannot be told from what models miss. Two tests
    against the material share must both reject: the exact binomial of that count, and the likelihood ratio of a noise
    rate above it. Rates by class, and by group, are in the evidence with Clopper-Pearson intervals.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> x, z = rng.normal(size=(2, 800))
    >>> y = np.where(x + z > 0, "a", "b")
    >>> y[:40] = np.where(y[:40] == "a", "b", "a")
    >>> report = assay.check(pa.table({"x": x, "z": z, "y": y}), target="y")
    >>> report["L01"].verdict
    'found'

Remedy
    Unsafe, on trial: give the row the class that the models name, leave it out, or let it count by the chance that its
    label is right. Look at the first of them before: a wrong label is often one person, one day or one device.

Known false alarms
    A class that the columns cannot see in some rows, and tell surely in all others: its rows there look mislabelled.
    A rule that changed with time (L07) or place (S04) makes labels of one side look wrong to models of both.

Sources
    Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", JRSS C 28 (1979);
    Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70 (2021);
    Patrini et al., "Making deep neural networks robust to label noise", CVPR (2017); Frenay and Verleysen,
    "Classification in the presence of label noise: a survey", IEEE TNNLS 25 (2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import Mask, Sample, SampleSpec
from assay.core.words import percent
from assay.learn import target as targets
from assay.probes.doubt import LIKELY, SURE, Doubt
from assay.probes.settled import settled
from assay.stats.label_noise import Noise, noise_above
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="L01",
    name="wrong-labels",
    title="labels that are probably wrong",
    stage="data",
    needs=("target", "classes", "feature", "two-rows"),
    category="costs",
    scope="association",
    promise=Dose(0.05, 1_500, "one label in twenty is another, where the columns settle the class"),
    materiality=(
        Threshold(
            "wrong", 0.005, "share of labels", "half a point of accuracy: what a perfect model would seem to lose"
        ),
    ),
    proof="gain",
    safety="unsafe",
)
MOSTLY = 0.5  # share of rows whose recorded class the models name: a witness who is mostly wrong contradicts nobody
CHECKABLE = 0.1  # share of rows in which an error could be told; with fewer nothing is said of the table
SHOWN, MOST_LEVELS, LEAST_OF_LEVEL = 50, 20, 30


def measure(subject: Subject, rows: Sample, doubt: Doubt, options: Options) -> Iterator[Claim]:
    if doubt.noise is None:
        raise NotApplicable("too few rows to learn what the columns say")
    n, least = len(doubt.y), options["wrong"]
    checkable = doubt.noise.checkable(max(least, doubt.noise.rate), SURE)
    if checkable < CHECKABLE * n:
        raise NotApplicable(
            f"the columns leave the class open: they could contradict a label in {percent(checkable / n)} of the rows"
        )
    named = float((doubt.noise.clean.argmax(1) == doubt.y).mean())
    if named <= MOSTLY:
        raise NotApplicable(
            f"the columns tell too little of the class to contradict a label: they name it in {percent(named)} of rows"
        )
    ratio, noise = noise_above(doubt.logs, doubt.y, doubt.noise, least, even=doubt.even)
    sure, likely = noise.wrong > SURE, np.flatnonzero(noise.wrong > LIKELY)
    count, chance = int(sure.sum()), noise.by_chance(SURE)
    at, meant = doubt.index[likely], np.where(np.arange(noise.clean.shape[1]) == doubt.y[:, None], -1.0, noise.clean)
    target = subject.roles.named("target")[0]

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = share_interval(count, n, alpha)
        return max(0.0, lo - chance / n), hi

    whole = rows.n == subject.table.n_rows
    says = f"{len(likely):,} of {n:,} labels in {target}{'' if whole else ' (a sample)'} are probably wrong"
    says += f": in {count:,} rows the other columns name another class surely, where doubt alone gives {chance:.1f}"
    order = np.argsort(-noise.wrong[likely], kind="stable")[:SHOWN]
    yield Claim(
        About((target,), Rows.at(rows.position[at], rows.row_id[at])),
        Effect(max(0.0, (count - chance) / n), "share of labels", least, bound),
        "test",
        says,
        n,
        p=max(ratio, float(share_above(count, n, min(1.0, least + chance / n)))),
        family="row",
        impact=Impact("costs", why_unmeasured="needs a refit with other labels, judged on labels that are right"),
        evidence={
            "probably_wrong": len(likely), "surely_wrong": count, "by_doubt_alone": round(chance, 3),
            "noise_rate": noise.rate, "one_rate_for_all": doubt.even, "checkable": checkable,
            "models": dict(zip(doubt.names, np.round(noise.weights, 3).tolist(), strict=True)),
            "by_class": by_class(noise, doubt), "by_group": by_group(subject, rows, doubt, noise),
            "first": [
                {"row": int(rows.position[doubt.index[i]]), "id": f"{int(rows.row_id[doubt.index[i]]):016x}",
                 "label": doubt.classes[doubt.y[i]], "rather": doubt.classes[int(meant[i].argmax())],
                 "wrong": round(float(noise.wrong[i]), 3)}
                for i in likely[order]
            ],
            "relabel": {
                str(int(rows.position[doubt.index[i]])): doubt.classes[int(meant[i].argmax())] for i in likely[:10_000]
            },
        },
    )  # fmt: skip


def by_class(noise: Noise, doubt: Doubt) -> list[dict[str, Any]]:
    """Of the rows with each label, the share that is probably wrong, and what they rather are."""
    likely, out = noise.wrong > LIKELY, []
    for i, name in enumerate(doubt.classes):
        own = doubt.y == i
        if not own.any():
            continue
        out.append({"label": name, **rate(own, likely)})
        if (own & likely).any():
            meant = np.delete(noise.clean[own & likely], i, axis=1).argmax(1)
            most = int(np.bincount(meant + (meant >= i)).argmax())
            out[-1]["mostly"] = doubt.classes[most]
    return out


def by_group(subject: Subject, rows: Sample, doubt: Doubt, noise: Noise) -> dict[str, list[dict[str, Any]]]:
    """The same by level of protected, site and group columns of few levels."""
    likely, out = noise.wrong > LIKELY, {}
    for name in sorted({c for role in ("protected", "site", "group") for c in subject.roles.named(role)}):
        codes, levels = rows.codes(name)
        own = codes[doubt.index]
        size = np.bincount(own[own >= 0], minlength=len(levels))
        if 2 <= (size > 0).sum() <= MOST_LEVELS:
            out[name] = [
                {"level": level, **rate(own == i, likely)}
                for i, level in enumerate(levels)
                if size[i] >= LEAST_OF_LEVEL
            ]
    return out


def rate(own: Mask, likely: Mask) -> dict[str, Any]:
    k, n = int((own & likely).sum()), int(own.sum())
    lo, hi = share_interval(k, n, 0.05)
    return {"wrong": k, "rows": n, "share": k / n, "interval": [lo, hi]}


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    says = f"look at the {evidence['probably_wrong']:,} rows; then relabel them as the models say, or leave them out"
    return Remedy(
        "rows", "unsafe", "gain", says, rows=finding.claim.about.rows, options={"relabel": dict(evidence["relabel"])}
    )


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Let the columns settle the class, then give a share ``dose`` of the rows another one.

    First each row gets the class that a linear model of its columns ranks it in (shares as they were, for two classes):
    an error among labels that are open by nature is no error that anyone could find.
    """
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    arrow, n = subject.table.arrow(), subject.table.n_rows
    rows = subject.table.sample(SampleSpec(n=max(1, n)))
    truth = targets.labels(rows, subject.roles)
    at = np.flatnonzero(truth.known)
    if len(at) < 2 or len(np.unique(truth.y[at])) < 2:
        raise InputError("wrong labels are planted in a target with at least two classes; this one has fewer")
    y = truth.y.copy()
    y[at] = settled(subject, rows, truth, at)
    wrong = rng.permutation(at)[: round(dose * len(at))]
    y[wrong] = (y[wrong] + rng.integers(1, truth.outputs, len(wrong))) % truth.outputs
    first = np.unique(truth.y[at], return_index=True)[1]
    example = np.full(truth.outputs, -1)
    example[truth.y[at[first]].astype(int)] = rows.position[at[first]]
    source = np.full(n, -1)
    source[rows.position[at]] = example[y[at].astype(int)]
    column = arrow[target].take(pa.array(source, mask=source < 0))
    table = arrow.set_column(arrow.column_names.index(target), target, column)
    return Planted(
        subject.with_table(subject.table.derive(table)), (target,), len(wrong) / len(at),
        Rows.at(rows.position[wrong], rows.row_id[wrong]),
    )  # fmt: skip
