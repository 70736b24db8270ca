"""The prediction sets hold the truth less often than promised.

What it is
    A model that answers with sets ("yes or no", "between 3 and 5") promises that they hold the truth in, say, 90 % of
    cases. For some class or group they do so less often.

Why it matters
    Sets are handed to people as a guarantee. Marginal coverage of 90 % can be 72 % for the rare class, which is
    usually the one that the model was built for.

How it is measured
    Of the judged rows of each class (for numbers: each quarter of the prediction), of each group that came with the
    predictions, and of each value of the protected roles, the share of truths outside their set. The effect is that
    share less the one promised, with a Clopper-Pearson interval, which is also the Beta interval of realised coverage;
    exact binomial p-value against the materiality. Where rows are ordered or grouped, the same by a t test over time
    blocks or groups, and the more cautious of the two is taken. Units of under 30 rows are not looked at.

Example
    >>> from assay.stats.shares import share_above
    >>> bool(share_above(40, 200, 0.10 + 0.02) < 0.01)
    True

Remedy
    Advice only: calibrate the sets by class on fresh rows, or promise less.

Known false alarms
    Sets calibrated on a few hundred rows miss by chance once and for all: the finding is then right about this model,
    and a fresh calibration mends it. Later rows that have drifted are under-covered for that reason.

Sources
    Clopper and Pearson, Biometrika 26 (1934); Vovk, "Conditional validity of inductive conformal predictors", ACML
    (2012); Angelopoulos and Bates, "Conformal prediction: a gentle introduction" (2023), section 3 and appendix C.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.subject import Planted, Predictions, Subject
from assay.core.table import I64, Mask
from assay.probes.judged import Judged
from assay.stats.ratios import ratio_above, ratio_interval
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="M08",
    name="under-covering",
    title="the prediction sets hold the truth less often than promised",
    stage="model",
    needs=("target", "predictions", "sets"),
    category="voids",
    scope="model",
    promise=Dose(0.1, 10_000, "coverage a tenth below the promise"),
    materiality=(
        Threshold(
            "shortfall", 0.02, "share of rows", "two standard deviations of the coverage that 900 rows calibrate"
        ),
    ),
)
FEWEST = 30
MOST_LEVELS = 50
USUAL = 0.9  # the promise where predictions came with sets but without one


def measure(subject: Subject, judged: Judged, options: Options) -> Iterator[Claim]:
    given = subject.predictions
    if given is None or judged.sets is None:
        return
    promised = USUAL if given.coverage is None else given.coverage
    missed = outside(judged)
    for name, index in units(subject, judged, given):
        if len(index) >= FEWEST:
            yield claim(name, index, missed[index], promised, judged, options["shortfall"])


def outside(judged: Judged) -> Mask:
    """Rows whose truth is not in their set."""
    sets = judged.sets
    assert sets is not None
    if not judged.classes:
        return np.asarray(~((judged.y >= sets[:, 0]) & (judged.y <= sets[:, 1])))
    return np.asarray(~sets[np.arange(len(judged.y)), judged.y.astype(int)].astype(bool))


def units(subject: Subject, judged: Judged, given: Predictions) -> Iterator[tuple[str, I64]]:
    """Every slice that is looked at, with the indices of its judged rows."""
    fresh = judged.judge
    if judged.classes:
        for k in range(judged.classes):
            label = subject.roles.classes[k] if k < len(subject.roles.classes) else str(k)
            yield f"class {label}", fresh[judged.y[fresh] == k]
    else:
        by_size = fresh[np.argsort(judged.output[fresh], kind="stable")]
        for i, part in enumerate(np.array_split(by_size, 4)):
            yield f"quarter {i + 1} of the prediction", part
    if judged.given_group is not None:
        levels = np.unique(judged.given_group[fresh])
        for level in levels[: MOST_LEVELS if len(levels) <= MOST_LEVELS else 0]:
            yield f"group {level}", fresh[judged.given_group[fresh] == level]
    for column in subject.roles.named("protected"):
        codes, texts = judged.rows.codes(column)
        for i, text in enumerate(texts if len(texts) <= MOST_LEVELS else ()):
            yield f"{column} {text}", fresh[codes[fresh] == i]


def claim(name: str, index: I64, missed: Mask, promised: float, judged: Judged, most: float) -> Claim:
    k, n, allowed = int(missed.sum()), len(missed), 1 - promised
    clustered = judged.units != "rows"
    out = judged.by_unit(index, missed.astype(np.float64))
    size = judged.by_unit(index, np.ones(n))
    p = float(share_above(k, n, allowed + most))
    if clustered:
        p = max(p, ratio_above(out, size, allowed + most))

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = (float(v) for v in share_interval(k, n, alpha))
        if clustered:
            low, high = ratio_interval(out, size, alpha)
            lo, hi = max(0.0, min(lo, low)), min(1.0, max(hi, high))
        return lo - allowed, hi - allowed

    short = k / n - allowed
    lo, hi = bound(0.05)
    return Claim(
        About(slice=name),
        Effect(short, "share of rows", most, bound),
        "test",
        f"{name}: the sets hold the truth in {1 - k / n:.1%} of {n:,} rows; {promised:.0%} was promised",
        n,
        p=p,
        family="slice",
        impact=Impact("voids", short, (lo, hi), "share of rows"),
        evidence={
            "coverage": 1 - k / n,
            "interval": (1 - allowed - hi, 1 - allowed - lo),
            "promised": promised,
            "units": judged.units,
        },
    )


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Take the truth out of sets until coverage is the promise less ``dose``. Without sets, full ones are made."""
    given = subject.predictions
    if given is None:
        raise InputError("under-covering is planted in prediction sets; the subject has no predictions")
    known = np.isfinite(given.y)
    truth = np.where(known, given.y, 0.0)
    at = np.arange(len(truth))
    if given.output.ndim == 2:
        sets = np.ones(given.output.shape, bool) if given.sets is None else given.sets.astype(bool).copy()
        held = known & sets[at, truth.astype(int)]
    else:
        wide = np.column_stack((np.full(len(truth), -np.inf), np.full(len(truth), np.inf)))
        sets = wide if given.sets is None else given.sets.astype(np.float64).copy()
        held = known & (sets[:, 0] <= truth) & (truth <= sets[:, 1])
    promised = USUAL if given.coverage is None else given.coverage
    wanted = max(0.0, promised - dose)
    coverage = held.sum() / max(1, known.sum())
    hit = held & (rng.random(len(truth)) < (1 - wanted / coverage if coverage > wanted else 0.0))
    if given.output.ndim == 2:
        sets[at[hit], truth[hit].astype(int)] = False
    else:
        sets[hit, 1] = np.nextafter(truth[hit], -np.inf)
        sets[hit, 0] = np.minimum(sets[hit, 0], sets[hit, 1])
    short = promised - float((held & ~hit).sum() / max(1, known.sum()))
    return Planted(replace(subject, predictions=replace(given, sets=sets, coverage=promised)), (), short)
