"""A short search finds a better model of the same columns.

What it is
    The model leaves score on the table: a search that takes seconds, over four kinds of models with their usual
    settings, wins on rows that neither has seen, although the model's form is not too stiff for its own training rows
    (that is underfitting, M02).

Why it matters
    Settings that were never looked at are the cheapest thing to mend. What they bring is also the yardstick for every
    dearer idea.

How it is measured
    As M02: the winner of the search on the choose rows against the model, paired, on the judged rows; the effect is
    what the model loses more, as a share of what the usual answer loses, with Fieller's t over rows, time blocks or
    groups. The price is stated with it: how many models were trained on how many rows. This challenge speaks where the
    model fits its own training rows at least as well as the winner predicts the choose rows, or where the training rows
    are not known.

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_interval
    >>> own, found, usual = np.tile([0.4, 0.6], 200), np.tile([0.3, 0.5], 200), np.tile([0.9, 1.1], 200)
    >>> bool(ratio_interval(own - found, usual, 0.05)[0] > 0.01)
    True

Remedy
    Safe, on trial: the winner's settings. ``assay fit`` searches wider, and within a budget that you name.

Known false alarms
    Where the model was kept from a column on purpose, the search may use it. Where an overfitted model loses (M01), a
    search wins too: mend M01 first.

Sources
    Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012); Probst, Boulesteix and
    Bischl, "Tunability", JMLR 20 (2019); Fieller, JRSS B 16 (1954).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import Claim
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.subject import BUILD, JUDGE, Planted, Subject
from assay.probes.flexible import Flexible
from assay.probes.headroom import FEWEST, headroom, pulled
from assay.probes.judged import Judged

CHALLENGE = Challenge(
    code="M04",
    name="untuned",
    title="a short search finds a better model of the same columns",
    stage="model",
    needs=("target", "predictions", "feature"),
    category="costs",
    scope="model",
    promise=Dose(0.8, 5_000, "four fifths of the way to the usual answer, training rows not given"),
    materiality=(
        Threshold(
            "loss", 0.01, "share of naive loss", "one percent of what knowing nothing loses: less is not worth a change"
        ),
    ),
    proof="gain",
    safety="safe",
    refits=True,
)


def measure(subject: Subject, judged: Judged, flexible: Flexible | None, options: Options) -> Iterator[Claim]:
    if flexible is None:
        return
    seen = np.flatnonzero(judged.part == BUILD)
    stiff = len(seen) >= FEWEST and float(judged.quadratic()[seen].mean()) > flexible.chosen_loss
    price = f"a search of {flexible.tried} models on {flexible.rows:,} rows"
    says = f"the model loses {{own:.3g}} a row and {flexible.name} {{least:.3g}}, after {price}"
    yield from headroom(judged, flexible, options["loss"], says, counts=not stiff, more={"price": price})


def remedy(subject: Subject, finding: Finding) -> Remedy:
    return Remedy(
        "training", "safe", "gain", f"train {finding.claim.evidence['rival']} with its usual settings; assay fit does",
        options={"family": finding.claim.evidence["rival"]},
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Pull predictions ``dose`` of the way towards the usual answer, and forget which rows trained the model."""
    given = subject.predictions
    if given is None:
        raise InputError("a model is made untuned in its predictions; the subject has none")
    known = np.isfinite(given.y)
    if not known.any():
        raise InputError("a model is made untuned in predictions of rows whose answer is known; there are none")
    part = np.full(len(given.part), JUDGE, np.int8)
    return Planted(replace(subject, predictions=replace(given, output=pulled(given, dose, known), part=part)), (), dose)
