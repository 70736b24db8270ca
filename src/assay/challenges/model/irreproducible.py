"""The same question gets another answer.

What it is
    A model that is asked about the same rows again, in another order, in halves or one by one gives other answers; or
    the predictions that came with it are not what it says now.

Why it matters
    A score is a promise about answers that can be had again. Where an answer depends on who else is asked in the same
    call, on chance or on the order of rows, what was judged is not what will be served, one row at a time, and no
    decision can be explained afterwards.

How it is measured
    Up to 1,000 judged rows are asked as they are, then again, then in another order, in two halves, and up to 32 of
    them one by one. Counted are the rows of which any answer differs by more than 0.0001: of a probability, or of the
    spread of a number. That is the limit within which a file must agree with the model that it was made from. A model
    that fails when it is asked so gives no answer, which counts as another one. Recorded predictions are compared with
    what the model says now of the same rows, those that do answer the same each time; they may have been rounded, so
    a last digit of theirs, and of a probability three decimals, are allowed for. Counts are exact.
    Whether a refit would give the same model is not asked here: nothing is trained.

Example
    >>> import numpy as np
    >>> once, again = np.array([0.2, 0.4, 0.9]), np.array([0.2, 0.41, 0.9])
    >>> int((np.abs(once - again) > 1e-4).sum())
    1

Remedy
    Advice only: put layers such as dropout and batch normalisation in their mode for prediction, fix the seed, scale
    with what training knew instead of the rows at hand; predict anew where the file is old.

Known false alarms
    Models that are meant to answer by lot. Predictions of one model beside another model: then the count is right, and
    the two were named together by mistake.

Sources
    keras-team/keras issues 12400 and 13762, ludwig-ai/ludwig pull request 2299 (answers that depend on the batch);
    tensorflow/tensorflow issue 63282 (float32 differences between batch sizes stay near 0.00002); Pineau et al.,
    "Improving reproducibility in machine learning research", JMLR 22 (2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.subject import Model, Planted, Subject, Through
from assay.core.table import F64, I64, Mask, Sample
from assay.core.words import listed
from assay.probes.asked import answers
from assay.probes.judged import Judged

CHALLENGE = Challenge(
    code="M12",
    name="irreproducible",
    title="the same question gets another answer",
    stage="model",
    needs=("target", "predictions", "model"),
    category="voids",
    scope="model",
    promise=Dose(0.2, 1_000, "a fifth of the rows answered by who else is asked"),
    materiality=(
        Threshold(
            "difference",
            1e-4,
            "probability, or share of spread",
            "the limit within which a file must agree with the model that it was made from",
        ),
        Threshold("rows", 0.0, "share of rows", "one row with two answers is enough to show that there are two"),
    ),
)
MOST_ROWS, SINGLY = 1_000, 32
ROUNDED = 1e-3  # of a recorded probability: three decimals, as people round them
DIGITS = 6
SWAY = 0.5  # of the way from the own answer to the mean of all who are asked: the plant


def measure(subject: Subject, judged: Judged, options: Options) -> Iterator[Claim]:
    assert subject.model is not None
    index = judged.judge[:MOST_ROWS]  # sorted by hash, so the first are a random draw
    if not len(index):
        return
    rows = judged.rows.take(index)
    first = answers(subject.model, rows)
    spread = 1.0 if judged.classes else float(judged.y.std()) or 1.0
    other = asked_again(subject.model, rows, first, subject.rng("M12", "order"), options["difference"] * spread)
    moved = np.any([way.differs for way in other], axis=0)
    yield again(moved, other, options["rows"], spread)
    kept = np.flatnonzero(~moved)
    if len(kept):
        yield recorded(first[kept], judged.output[index[kept]], options, spread)


@dataclass(frozen=True)
class Way:
    """One way of asking the same rows: which of the rows it was asked of answer otherwise, and how far they are off."""

    name: str
    asked: int
    differs: Mask
    most: float


def asked_again(model: Model, rows: Sample, first: F64, rng: np.random.Generator, limit: float) -> list[Way]:
    line, half = rng.permutation(rows.n), rows.n // 2
    singly = np.sort(rng.choice(rows.n, min(SINGLY, rows.n), replace=False))
    everyone = np.arange(rows.n)
    ways: list[tuple[str, list[I64]]] = [
        ("asked again", [everyone]),
        ("in another order", [line]),
        ("in halves", [everyone[:half], everyone[half:]]),
        ("one by one", [singly[i : i + 1] for i in range(len(singly))]),
    ]
    out = []
    for name, parts in ways:
        parts = [part for part in parts if len(part)]
        try:
            made = np.concatenate([answers(model, rows.take(part)) for part in parts])
        except InputError:  # it answered these rows a moment ago, and now it does not
            made = np.full((sum(map(len, parts)), *first.shape[1:]), np.nan)
        at = np.concatenate(parts)
        far = distance(made, first[at]) if made.shape == first[at].shape else np.full(len(at), np.inf)
        differs = np.zeros(rows.n, bool)
        differs[at] = ~(far <= limit)
        out.append(Way(name, len(at), differs, float(np.max(far[np.isfinite(far)], initial=0.0))))
    return out


def distance(a: F64, b: F64) -> F64:
    """(n,) largest difference of an answer."""
    gap = np.abs(a - b)
    return np.asarray(gap if gap.ndim == 1 else gap.max(1), np.float64)


def again(moved: Mask, ways: list[Way], most: float, spread: float) -> Claim:
    n, hit = len(moved), int(moved.sum())
    told = [f"{int(w.differs.sum()):,} of {w.asked:,} {w.name}" for w in ways if w.differs.any()]
    far = max(w.most for w in ways)
    where = f": {listed(told)}; at most {far:.2g} apart" if told else ""
    return Claim(
        About(comparison="the same rows asked again"),
        Effect(hit / n, "share of rows", most),
        "exact",
        f"{hit:,} of {n:,} rows get another answer when they are asked again{where}",
        n,
        family="challenge",
        impact=Impact("voids", hit / n, (hit / n, hit / n), "share of rows"),
        evidence={
            "differ": {w.name: int(w.differs.sum()) for w in ways}, "asked": {w.name: w.asked for w in ways},
            "furthest": {w.name: w.most / spread for w in ways},
            "chart": {
                "kind": "bars", "title": "Rows that get another answer", "x_title": "", "y_title": "share of rows",
                "x": [w.name for w in ways], "y": [float(w.differs.sum() / max(1, w.asked)) for w in ways],
            },
        },
    )  # fmt: skip


def recorded(now: F64, then: F64, options: Options, spread: float) -> Claim:
    allowed = max(options["difference"], ROUNDED if now.ndim == 2 else 0.0) * spread
    allowed = max(allowed, 0.5001 * last_digit(then, spread))
    far = distance(now, then) if now.shape == then.shape else np.full(len(now), np.inf)
    hit, n = int((~(far <= allowed)).sum()), len(now)
    worst = float(np.max(far[np.isfinite(far)], initial=0.0))
    return Claim(
        About(comparison="recorded predictions against the model now"),
        Effect(hit / n, "share of rows", options["rows"]),
        "exact",
        f"{hit:,} of {n:,} recorded predictions are not what the model says now; they are up to {worst:.2g} apart",
        n,
        family="challenge",
        impact=Impact("voids", hit / n, (hit / n, hit / n), "share of rows"),
        evidence={"differ": hit, "asked": n, "furthest": worst / spread, "allowed": allowed / spread},
    )


def last_digit(values: F64, spread: float) -> float:
    """The step to which all values are rounded, 1 or the spread at most; 0 where none is seen."""
    for digits in range(DIGITS + 1):
        if 10.0**-digits <= spread and np.allclose(values, np.round(values, digits), rtol=0, atol=1e-9):
            return float(10.0**-digits)
    return 0.0


@dataclass(frozen=True)
class Swayed(Through):
    """A model of which a share ``dose`` of the rows is answered half by the mean of all that are asked with them, as
    batch normalisation does that was left in training."""

    dose: float

    def predict_rows(self, rows: Sample) -> F64:
        made = np.array(self.inner.predict_rows(rows), np.float64)
        hit = (rows.row_id * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)) < self.dose * 2.0**53
        if rows.n:
            made[hit] += SWAY * (made.mean(0) - made[hit])
        return made


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Let the answers to a share ``dose`` of the rows depend on who else is asked."""
    if subject.model is None:
        raise InputError("irreproducible is planted in a model; the subject has none")
    return Planted(replace(subject, model=Swayed(subject.model, dose)), (), dose)
