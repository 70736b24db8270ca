"""The model is too plain for what its columns tell.

What it is
    The model cannot even fit the rows it was trained on as well as a more flexible model predicts rows that it has
    never seen. Its form is too stiff: too few trees, too strong a penalty, a straight line where there is none.

Why it matters
    The columns hold signal that is paid for and not used, and no amount of further rows will bring it out: the error is
    bias, not noise.

How it is measured
    A short search (boosted trees of two sizes stopped on the choose rows, a forest, a linear model) is trained on the
    build rows with the columns that no leak rule suspects; the best on the choose rows is compared with the model,
    paired, on the judged rows, which neither trained nor chose. Loss is Brier's (classes) or squared error (numbers).
    The effect is what the model loses more, as a share of what the usual answer loses (a difference of R2, or of
    Brier's skill); p-value and interval by Fieller's t over rows, time blocks or groups. It is underfitting, and not a
    matter of tuning (M04), where the model's loss on its own training rows is above that of the flexible model on the
    choose rows; where the training rows are not known, M04 speaks. The loss of the flexible model bounds the noise
    floor of the labels from above: what both lose may be noise.

Example
    >>> import numpy as np
    >>> from assay.stats.ratios import ratio_above
    >>> stiff, flexible, usual = np.tile([0.4, 0.6], 200), np.tile([0.3, 0.5], 200), np.tile([0.9, 1.1], 200)
    >>> bool(ratio_above(stiff - flexible, usual, 0.01) < 0.01)
    True

Remedy
    Safe, on trial: more capacity, as the flexible model has it. ``assay fit`` tries it.

Known false alarms
    Where the model was kept from a column on purpose (a protected one, a cost, a law), the flexible model may use it:
    give the roles, or the model's own columns alone. Where the search learned from fewer rows than the model, it can
    only be the weaker for it.

Sources
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), section 7.3 (bias and variance);
    Fieller, JRSS B 16 (1954).
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
from assay.core.subject import BUILD, Planted, Subject
from assay.probes.flexible import Flexible
from assay.probes.headroom import FEWEST, headroom, pulled
from assay.probes.judged import Judged

CHALLENGE = Challenge(
    code="M02",
    name="underfitting",
    title="the model is too plain for what its columns tell",
    stage="model",
    needs=("target", "predictions", "feature"),
    category="costs",
    scope="model",
    promise=Dose(0.8, 5_000, "four fifths of the way from the model's answers to the usual answer"),
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
    seen = np.flatnonzero(judged.part == BUILD)
    if flexible is None or len(seen) < FEWEST:
        return
    own = float(judged.quadratic()[seen].mean())
    stiff = own > flexible.chosen_loss
    says = f"the model loses {own:.3g} a row even where it was trained, {flexible.name} {{least:.3g}} on fresh rows"
    yield from headroom(judged, flexible, options["loss"], says, counts=stiff, more={"loss_on_training_rows": own})


def remedy(subject: Subject, finding: Finding) -> Remedy:
    return Remedy(
        "training", "safe", "gain", f"train {finding.claim.evidence['rival']} instead; assay fit does",
        options={"family": finding.claim.evidence["rival"]},
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Pull every prediction ``dose`` of the way towards the usual answer, on the training rows too."""
    given = subject.predictions
    if given is None:
        raise InputError("underfitting is planted in predictions; the subject has none")
    known = np.isfinite(given.y) & (given.part == BUILD)
    if not known.any():
        raise InputError("underfitting is planted in predictions of training rows; the subject has none")
    return Planted(replace(subject, predictions=replace(given, output=pulled(given, dose, known))), (), dose)
