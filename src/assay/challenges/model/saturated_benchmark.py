"""The judged rows can no longer tell models apart.

What it is
    What is left to win on these rows is less than the smallest difference between two models that they would show:
    the errors that remain are few, or are mostly those of the labels.

Why it matters
    Models are still ranked on such rows, and the ranking is noise. Work goes into the third decimal, and the choice
    between candidates is made by chance.

How it is measured
    For classes, loss is one for a wrong class. Left to win are the model's errors less those that are wrong labels:
    each error counts by the probability that its label is right, from a noise model as L01 has it (a pool of the plain
    models, none of which learned from the judged rows, and a matrix of label noise; the model that is judged does not
    testify in its own cause). For numbers it is the squared error, all of it, since nothing says how noisy the target
    is.
    The smallest difference that the rows would show is that which a paired t test at 5 % finds four times in five:
    2.8 standard errors of the difference on the same rows (over rows, time blocks or groups). Of which two models? The
    smaller of two answers is taken: this one and the plain model nearest to it; and this one and one as good, whose
    remaining errors have nothing to do with its own. The effect is that difference in units of what is left to win:
    from 1 on, all that is left is less than these rows would show. With single rows that is when fewer than 16 errors
    with right labels remain.
    p-value: what is left to win is at least the amount at which the effect is material (exact binomial, fractions
    rounded up; Student's and Hall's t where rows come in blocks, or for numbers; the largest). How much the model and
    the plain ones differ is taken as these rows have it.

Example
    >>> from assay.challenges.model.saturated_benchmark import detectable
    >>> import numpy as np
    >>> apart = np.tile([1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 100)
    >>> round(detectable(apart), 3)
    0.04

Remedy
    Advice only: more judged rows, harder ones, or labels that were looked at twice (L01 names the rows).

Known false alarms
    Few judged rows show little of any model: the finding is right about these rows, and more of them end it. Where the
    classes overlap, nobody can win all errors: what is left is then less than is counted here, and the finding comes
    late, not early.

Sources
    Northcutt, Athalye and Mueller, "Pervasive label errors in test sets destabilize machine learning benchmarks",
    NeurIPS Datasets and Benchmarks (2021); Card et al., "With little power comes great responsibility", EMNLP (2020);
    Dietterich, Neural Computation 10 (1998) 1895; Dawid and Skene, JRSS C 28 (1979) 20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.subject import Planted, Subject
from assay.core.table import F64
from assay.core.words import percent
from assay.probes.judged import FLOOR, Judged
from assay.stats.label_noise import fit_noise, softmax
from assay.stats.ratios import ratio_above, ratio_interval
from assay.stats.shares import share_above, share_interval

CHALLENGE = Challenge(
    code="M13",
    name="saturated-benchmark",
    title="the judged rows can no longer tell models apart",
    stage="model",
    needs=("target", "predictions", "feature"),
    category="tidy",
    scope="model",
    promise=Dose(0.995, 10_000, "199 of 200 errors of the model mended"),
    materiality=(
        Threshold(
            "blur",
            1.0,
            "times what is left to win",
            "all that is left to win is then less than these rows would show",
        ),
    ),
)
POWERED = 2.8015852  # z(.975) + z(.80): a paired t test at 5 % finds such a difference four times in five
MOST_CELLS = 12_000  # rows by classes that the noise model is fitted on, which takes time with both
FEWEST_NOISY = 100  # judged rows below which no noise of labels is read off them


def measure(subject: Subject, judged: Judged, plain_models: Mapping[str, F64], options: Options) -> Iterator[Claim]:
    fresh = judged.judge
    if len(fresh) < 30 or not plain_models:
        return
    y = judged.y[fresh]

    def losses(output: F64) -> F64:
        said = output[fresh]
        return np.asarray(said.argmax(1) != y if judged.classes else judged.aim.losses(said, y), np.float64)

    own = losses(judged.output)
    gaps = {
        name: detectable(judged.means_by_unit(fresh, own - losses(output))) for name, output in plain_models.items()
    }
    gaps = {name: gap for name, gap in gaps.items() if gap > 0}  # a model that never differs is the same model
    if not gaps or (not judged.classes and not own.any()):
        return
    name = min(sorted(gaps), key=lambda k: gaps[k])
    right = labels_right(judged, plain_models, fresh) if judged.classes else np.ones(len(fresh))
    yield claim(judged, fresh, own, own * right, gaps[name], name, options["blur"])


def detectable(apart: F64) -> float:
    """The mean paired difference that as many units, as spread as these, would show with power .8 at level .05."""
    return POWERED * float(apart.std(ddof=1)) / float(np.sqrt(len(apart))) if len(apart) > 1 else 0.0


def labels_right(judged: Judged, plain_models: Mapping[str, F64], fresh: np.ndarray) -> F64:
    """(n,) the probability that each label is right, by the plain models, which did not learn from these rows: the
    model that is judged must not testify that its own errors are none."""
    y = judged.y[fresh].astype(np.int64)
    if len(fresh) < FEWEST_NOISY or len(np.unique(y)) < 2:
        return np.ones(len(fresh))
    logs = np.stack([np.log(np.clip(plain_models[k][fresh], FLOOR, 1.0)) for k in sorted(plain_models)])
    few = max(FEWEST_NOISY, MOST_CELLS // judged.classes)  # sorted by row_id: the first are a random draw
    noise = fit_noise(logs[:, :few], y[:few], even=True)
    clean = softmax(np.tensordot(noise.weights, logs, 1) + noise.offsets)
    rows = np.arange(len(y))
    kept = clean[rows, y] * np.diag(noise.matrix)[y]
    return np.asarray(kept / np.maximum((clean @ noise.matrix)[rows, y], 1e-12), np.float64)


def claim(judged: Judged, fresh: np.ndarray, own: F64, left: F64, plain: float, name: str, most: float) -> Claim:
    n, whole = len(left), float(left.sum())
    sums, sizes = judged.by_unit(fresh, left), judged.by_unit(fresh, np.ones(n))
    blocks, few = judged.units != "rows" or not judged.classes, int(np.ceil(whole - 1e-9))
    error = float(np.var(judged.means_by_unit(fresh, left), ddof=1)) / len(sums) if len(sums) > 1 else 0.0
    alone = whole / n * (1 - whole / n) / n  # its square, were all rows on their own
    clumped = max(1.0, error / alone) if blocks and alone > 0 else 1.0

    def gap(h: float) -> float:
        """The smallest difference that shows, were ``h`` left to win."""
        if not judged.classes:
            return min(plain, float(np.sqrt(2 * error)) * POWERED)
        return min(plain, POWERED * float(np.sqrt(2 * h * clumped / n)))

    def blur(h: float) -> float:
        return gap(h) / h if h > 0 else np.inf

    aim = gap(0.0) / most  # what is left to win below which the effect is material
    if judged.classes:
        aim = min(plain / most, 2 * clumped / n * (POWERED / most) ** 2)
    p = float(share_above(n - few, n, 1 - min(aim, 1.0))) if judged.classes else 0.0
    if blocks:
        p = max(p, ratio_above(-sums, sizes, -aim))

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = share_interval(few, n, alpha) if judged.classes else (np.inf, 0.0)
        if blocks:
            low, high = ratio_interval(sums, sizes, alpha)
            lo, hi = min(lo, low), max(hi, high)
        return blur(hi), blur(lo)

    mean, size = float(own.mean()), max(whole, 0.5 if judged.classes else 0.0) / n
    if judged.classes:
        noisy = float(own.sum()) - whole
        labels = f", of which {percent(noisy / n)} look like wrong labels" if noisy >= 1 else ""
        says = (
            f"{n:,} judged rows would show a difference of {percent(gap(size))} between two models, and "
            f"{percent(size)} is left to win (the model errs in {percent(mean)}{labels})"
        )
    else:
        says = (
            f"{n:,} judged rows would show a difference of {gap(size):.3g} in {judged.aim.loss_name} between two "
            f"models, and {size:.3g} is all there is"
        )
    return Claim(
        About(comparison=f"model against {name}"),
        Effect(blur(size), "times what is left to win", most, bound),
        "test",
        says,
        n,
        p=p,
        family="challenge",
        impact=Impact("tidy", blur(size), bound(0.05), "times what is left to win"),
        evidence={
            "detectable": gap(size), "left_to_win": size, "loss": mean, "nearest": name, "units": judged.units,
            "rows_to_tell": int(np.ceil(n * blur(size) ** 2)) if np.isfinite(blur(size)) else None,
        },
    )  # fmt: skip


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Mend a share ``dose`` of the model's errors: the right class gets nine tenths (a number, its true value)."""
    given = subject.predictions
    if given is None:
        raise InputError("a saturated benchmark is planted in predictions; the subject has none")
    output, known = given.output.copy(), np.isfinite(given.y)
    if output.ndim == 1:
        gap = np.where(known, given.y - output, 0.0)
        return mended(subject, output + (1 - np.sqrt(1 - dose)) * gap)
    y = np.where(known, given.y, 0).astype(np.int64)
    wrong = np.flatnonzero(known & (output.argmax(1) != y))
    hit = wrong[rng.random(len(wrong)) < dose]
    output[hit] = 0.1 / max(1, output.shape[1] - 1)
    output[hit, y[hit]] = 0.9
    return mended(subject, output)


def mended(subject: Subject, output: F64) -> Planted:
    """``true_effect`` is what is left to win, in units of what was: the rows that judge decide how much that is."""
    assert subject.predictions is not None
    given = subject.predictions
    if output.ndim == 1:
        before, after = (np.nanmean((o - given.y) ** 2) for o in (given.output, output))
    else:
        before, after = (np.mean(o.argmax(1) != given.y) for o in (given.output, output))
    effect = float(before / after) if after > 0 else float(len(output))
    return Planted(replace(subject, predictions=replace(given, output=output)), (), effect)
