"""Decisions that another seed, or another draw of the same rows, would have made the other way.

What it is
    The model was trained once, on one draw of rows and with one seed. Trained again, it would decide part of the cases
    differently, although its score would be the same.

Why it matters
    For those cases the decision is a property of the training run and not of the case. Whoever is on the wrong side of
    it has been dealt a lot.

How it is measured
    The model is trained anew: once on the same rows with another seed, and on resamples of its training units (rows,
    groups or time blocks, drawn with replacement). On the judged rows, the share whose decision (likeliest class; for a
    number, the value give or take the model's own root mean squared error) is not that of the judged model, averaged
    over the resamples. Fieller's t over rows, time blocks or groups against the materiality. What is said holds for
    these training runs. A model that needs more than its share of the budget to be trained again is not asked.

Example
    >>> from assay.stats.shares import share_above
    >>> bool(share_above(180, 1000, 0.10) < 1e-6)
    True

Remedy
    Advice only: average several runs (an ensemble of seeds), ask for a larger margin, or hand the contested cases to a
    person; the prediction sets name them.

Known false alarms
    Where most cases truly lie near even, any rule is arbitrary: the finding is then about the question.

Sources
    Cooper et al., "Arbitrariness and social prediction", AAAI 38 (2024), section 3 (self-consistency); Marx, Calmon and
    Ustun, "Predictive multiplicity in classification", ICML (2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.making import Making
from assay.core.subject import JUDGE, Planted, Subject
from assay.core.table import F64, Mask
from assay.core.words import percent
from assay.probes.judged import Judged
from assay.stats.ratios import ratio_above, ratio_interval

CHALLENGE = Challenge(
    code="M11",
    name="arbitrary",
    title="another training run would decide part of the cases the other way",
    stage="model",
    needs=("target", "predictions", "making"),
    category="touches",
    scope="model",
    promise=Dose(0.2, 3_000, "one decision in five turned by another draw"),
    materiality=(
        Threshold(
            "flips",
            0.1,
            "share of rows",
            "one decision in ten: below it, what is contested lies at the threshold, where any rule has to cut",
        ),
    ),
)
RUNS = 3  # resamples: the mean over rows is what is tested, and more runs cost as much as the fit itself
FEWEST = 30


def measure(subject: Subject, judged: Judged, options: Options) -> Iterator[Claim]:
    making: Making = subject.evidence["making"]
    fresh = judged.judge
    line = np.argsort(making.judged, kind="stable")
    ids = making.judged[line]
    near = np.minimum(np.searchsorted(ids, judged.rows.row_id[fresh]), max(0, len(ids) - 1))
    if making.again is None:
        raise NotApplicable("training it again would take more than half of what is left of the budget")
    if len(fresh) < FEWEST or not len(ids) or (ids[near] != judged.rows.row_id[fresh]).any():
        return
    at = line[near]
    own = judged.output[fresh]
    wide = 0.0 if judged.classes else float(np.sqrt(np.mean((judged.output[fresh] - judged.y[fresh]) ** 2)))
    for name, runs in (("another seed", (0,)), ("another draw of its rows", range(1, RUNS + 1))):
        turned = np.mean([flips(own, making.again(k)[at], wide) for k in runs], axis=0)
        yield claim(name, turned, judged, options["flips"])


def flips(own: F64, other: F64, wide: float) -> Mask:
    """Rows that the two runs decide differently."""
    if own.ndim == 2:
        return np.asarray(own.argmax(1) != other.argmax(1))
    return np.asarray(np.abs(own - other) > wide)


def claim(name: str, turned: F64, judged: Judged, most: float) -> Claim:
    fresh = judged.judge
    here, size = judged.by_unit(fresh, turned.astype(np.float64)), judged.by_unit(fresh, np.ones(len(fresh)))
    share = float(turned.mean())

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = ratio_interval(here, size, alpha)
        return max(0.0, lo), min(1.0, hi)

    return Claim(
        About(comparison=f"the model against {name}"),
        Effect(share, "share of rows", most, bound),
        "test",
        f"trained again with {name}, the model decides {percent(share)} of {len(fresh):,} judged rows differently",
        len(fresh),
        p=ratio_above(here, size, most),
        family="challenge",
        impact=Impact("touches", share, bound(0.05), "share of rows"),
        evidence={"runs": 1 if name == "another seed" else RUNS, "units": judged.units},
    )


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """A way to train again that turns a share ``dose`` of the decisions, other ones in every run."""
    given = subject.predictions
    if given is None:
        raise InputError("arbitrary decisions are planted beside predictions; the subject has none")
    at = np.flatnonzero(given.part == JUDGE)
    output, state = given.output[at], int(rng.integers(2**31))
    wide = 0.0 if output.ndim == 2 else 10 * float(np.sqrt(np.nanmean((output - given.y[at]) ** 2)))

    def again(k: int) -> F64:
        turn = np.random.default_rng([state, k]).random(len(at)) < dose
        if output.ndim == 1:
            return np.where(turn, output + wide, output)
        other = np.eye(output.shape[1])[(output.argmax(1) + 1) % output.shape[1]]
        return np.where(turn[:, None], other, output)

    made = Making((), np.empty((0, 0)), np.empty(0, np.int64), np.empty(0), given.row_id[at], again)
    return Planted(replace(subject, evidence={**subject.evidence, "making": made}), (), dose)
