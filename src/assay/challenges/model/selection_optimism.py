"""The score that chose the model promises more than the model holds.

What it is
    Of many tries the one with the best score is taken, and its score is reported. Part of that score is luck, and the
    more was tried, and the fewer rows decided, the larger is that part: the winner's curse.

Why it matters
    The reported score is the one that plans are made with. With fifty equal candidates on a few hundred rows the best
    one looks better than all of them are.

How it is measured
    From the out-of-fold losses of all tries (log-loss or squared error) the *procedure of choosing* is scored by
    bootstrap bias-corrected cross-validation: the winner of the units drawn is scored on those not drawn. The effect is
    what this adds to the winner's loss, as a share of what the usual answer loses; its standard error is that of a
    jackknife over 20 blocks of units, and the p-value Student's t. What fresh rows say stands beside it. Tries that did
    not see every row are left out.

    A locked test (``assay split``) that was looked at k times is worth less too: what is tried next depends on what
    was seen. If each look decides only whether a try is kept, an interval at .05 / (2^k - 1) holds for all of them,
    however they were chosen, and the effect is the share of the test's rows that this width costs.

Example
    >>> import numpy as np
    >>> from assay.stats.selection import corrected
    >>> luck = np.random.default_rng(0).normal(1.0, 1.0, (50, 400))
    >>> made = corrected(luck, np.arange(400), np.random.default_rng(1))
    >>> bool(made.naive < 0.95 < made.corrected)
    True

Remedy
    Advice only: report the corrected score with its interval, or the score on rows that chose nothing. ``assay fit``
    reports the latter.

Known false alarms
    None known. Where fresh rows are of a later time or of other groups, they are harder for that reason too; the
    corrected score does not know of it, and the sentence about fresh rows does.

Sources
    Blum and Hardt, "The Ladder", ICML 2015; Dwork et al., "Generalization in adaptive data analysis and holdout
    reuse", NeurIPS 2015; Tsamardinos, Greasidou and Borboudakis, Machine Learning 107 (2018), section 3; Cawley and
    Talbot, "On over-fitting in model selection", JMLR 11 (2010); Varma and Simon, BMC Bioinformatics 7 (2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.making import Look, Making
from assay.core.subject import JUDGE, Planted, Subject
from assay.learn.scoring import own_and_usual
from assay.probes.judged import Judged
from assay.stats.looks import level, used_up
from assay.stats.selection import BLOCKS, corrected

CHALLENGE = Challenge(
    code="M03",
    name="selection-optimism",
    title="the score that chose the model promises more than the model holds",
    stage="model",
    needs=("target", "predictions", "search"),
    category="inflates",
    scope="model",
    promise=Dose(1.0, 3_000, "a winner among 60 guesses that is as good as all of them"),
    materiality=(
        Threshold(
            "optimism", 0.01, "share of naive loss", "one percent of what knowing nothing loses: less changes no plan"
        ),
        Threshold("used", 0.5, "share of the test", "from there on a new test of half the size would say more"),
    ),
)
FEWEST, FEWEST_TRIES = 30, 2
ALPHA = 0.05


def measure(subject: Subject, judged: Judged, options: Options) -> Iterator[Claim]:
    from scipy.special import stdtr, stdtrit

    making: Making | None = subject.evidence.get("making")
    look: Look | None = subject.evidence.get("looks")
    if look is not None and len(judged.judge):
        yield looked(look, len(judged.judge), options["used"])
    if making is None:
        return
    weight = subject.roles.weight
    if weight is not None and weight.source == "user":
        raise NotApplicable(f"the race counted rows by their weight ({weight.column}); here every row counts once")
    whole = np.flatnonzero(np.isfinite(making.loss).mean(1) >= 1.0)
    fresh = judged.judge
    if len(whole) < FEWEST_TRIES:
        if look is not None:
            return
        raise NotApplicable("fewer than two tries saw every row, so nothing was chosen between them")
    if making.loss.shape[1] < FEWEST or not judged.enough(fresh):
        return
    made = corrected(making.loss[whole], making.unit, subject.rng("M03", "bootstrap"))
    usual = max(float(making.usual.mean()), 1e-12)
    optimism, error, most = made.optimism / usual, made.error / usual, options["optimism"]
    now = float((judged.log() if judged.classes else judged.quadratic())[fresh].mean())

    def bound(alpha: float) -> tuple[float, float]:
        half = float(stdtrit(BLOCKS - 1, 1 - alpha / 2)) * error
        return optimism - half, optimism + half

    name = making.names[whole[made.winner]]
    yield Claim(
        About(),
        Effect(optimism, "share of naive loss", most, bound),
        "test",
        f"{name} won among {len(whole)} tries with a loss of {made.naive:.3g}; chosen like that, {made.corrected:.3g} "
        f"is to be expected, and fresh rows say {now:.3g}",
        making.loss.shape[1],
        p=float(stdtr(BLOCKS - 1, (most - optimism) / error)) if error > 0 else float(optimism <= most),
        family="challenge",
        impact=Impact("inflates", optimism, bound(0.05), "share of naive loss"),
        evidence={
            "tries": len(whole),
            "promised": made.naive,
            "corrected": made.corrected,
            "interval": made.interval,
            "fresh": now,
        },
    )


def looked(look: Look, rows: int, most: float) -> Claim:
    """What the looks so far have taken from a locked test."""
    used = used_up(ALPHA, look.number)
    left = max(1, round((1 - used) * rows))
    times = "once" if look.number == 1 else f"{look.number} times"
    return Claim(
        About(comparison=f"looks at {look.test}"),
        Effect(used, "share of the test", most),
        "exact",
        f"{look.test} was looked at {times}: an interval that holds for whichever of them is kept is as wide as "
        f"{left:,} of its {rows:,} rows would make it at first sight",
        rows,
        family="challenge",
        impact=Impact("inflates", used, (used, used), "share of the test"),
        evidence={"looks": look.number, "level": level(ALPHA, look.number), "rows": rows, "worth": left},
    )


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """60 tries whose losses are the model's own, each with luck of its own; the luckiest is said to have won.

    ``dose`` is the size of the luck in standard deviations of the model's loss.
    """
    given = subject.predictions
    if given is None:
        raise InputError("selection-optimism is planted beside predictions; the subject has none")
    rest = np.flatnonzero((given.part != JUDGE) & np.isfinite(given.y))
    rest = rest[rng.permutation(len(rest))[:300]]
    if len(rest) < FEWEST:
        raise InputError(f"selection-optimism is planted on at least {FEWEST} rows that were not judged")
    y, output = given.y[rest], given.output[rest]
    own, usual = own_and_usual(output, y)
    loss = own + dose * own.std() * rng.normal(size=(60, len(y)))
    names = tuple(f"try {k + 1}" for k in range(60))
    made = Making(names, loss, np.arange(len(y)), usual, given.row_id[given.part == JUDGE])
    return Planted(replace(subject, evidence={**subject.evidence, "making": made}), (), dose)
