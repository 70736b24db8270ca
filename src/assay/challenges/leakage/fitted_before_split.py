"""A pipeline that has seen the answers of the rows that it is tested on.

What it is
    Something in your own pipeline learns from all rows before they are split: features are selected, categories are
    encoded by the mean of the target, rows are oversampled, or parameters are tuned, and only then is the score made
    by cross-validation or on rows held out.

Why it matters
    The score is made on rows whose answers shaped the model. With many columns and few rows, pure noise scores .9.

How it is measured
    The whole pipeline is run again and again on the target in random order (30 times, 100 if it is fast, or as often
    as the ``budget`` of the settings allows, in seconds). There is then nothing to find, so a pipeline that keeps its
    test rows apart falls to chance. The effect is the mean score above chance; the claim is a t test over the runs
    against 0.02, since orders drawn one by one give independent scores. With fewer than 20 runs it is only a reading.
    Name it with ``--pipeline my_code:run`` (the module in the working directory), or ``assay.check(...,
    pipeline=run)``. ``run(X, y)`` gets the rows with a known target (at most 20,000; in time order where there is
    one): X the features as a pandas frame (an Arrow table where pandas is not installed), y the target as an array.
    It returns one of: a held-out prediction for every row, NaN or None where a row was not predicted (labels; or for
    two classes a score of either, turned the way in which it serves; or one probability a class, in sorted order; or
    values for a number); or a pair (score, chance). Chance is 0.5 for AUC, one over the number of classes for balanced
    accuracy, 0 for rank correlation, or what the pair says. What it prints goes to standard error.
    A scikit-learn estimator is taken too, and cross-validated in five folds: whatever it holds is then fitted inside
    the folds, so that it can hardly peek; what happens before it is what needs a function.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> table = pa.table({"x": rng.normal(size=300), "y": rng.random(300) < 0.5})
    >>> def run(X, y):  # the mean of the target for every row, the row's own among them
    ...     cell = rng.integers(0, 100, len(y))
    ...     return np.bincount(cell, y, 100)[cell] / np.bincount(cell, minlength=100)[cell]
    >>> assay.check(table, target="y", pipeline=run)["K07"].verdict
    'found'

Remedy
    Put every step that learns from rows inside the folds, fitted on the training rows alone.

Known false alarms
    None by design: with the target in random order there is nothing honest to find. The other way round it is blind:
    to steps that learn from all rows without looking at the target (scaling, imputation), which cost next to nothing,
    and to a pipeline that reads the answers from elsewhere.

Sources
    Ambroise and McLachlan, "Selection bias in gene extraction on the basis of microarray gene-expression data", PNAS
    99 (2002) 6562; Hastie, Tibshirani and Friedman, Elements of Statistical Learning, 2nd ed. (2009), section 7.10.2;
    Ojala and Garriga, "Permutation tests for studying classifier performance", JMLR 11 (2010) 1833.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.settings import Settings
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Sample, SampleSpec
from assay.learn.splits import order_values
from assay.learn.target import Labels
from assay.probes.own_pipeline import Outcome, answers_of, run, table_of
from assay.stats.means import mean_above, mean_interval

CHALLENGE = Challenge(
    code="K07",
    name="fitted-before-split",
    title="a pipeline that has seen the answers of its test rows",
    stage="data",
    needs=("target", "feature", "pipeline", "two-rows"),
    category="voids",
    scope="leak",
    promise=Dose(1.0, 300, "the best 20 of 1,000 columns of noise are chosen on all rows, then cross-validated"),
    materiality=(
        Threshold("above", 0.02, "score above chance", "two points separate the best learners from the defaults"),
    ),
    proof="honesty",
    safety="safe",
    refits=True,
)  # fmt: skip
MOST_RUNS, RUNS, RUNS_OF_A_TEST, FEWEST_RUNS = 100, 30, 20, 5
MOST_ROWS = 20_000
NOISE, CHOSEN, FOLDS = 1_000, 20, 5


def measure(subject: Subject, rows: Sample, labels: Labels, settings: Settings, options: Options) -> Iterator[Claim]:
    pipeline = subject.pipeline
    assert pipeline is not None
    index = in_order(subject, rows, labels)
    if len(index) < 10 or len(np.unique(labels.y[index])) < 2:
        raise NotApplicable("fewer than ten rows with a known target, or all of one class")
    rows = rows.take(index)
    X, y = table_of(rows, subject.features), answers_of(rows, subject.roles.named("target")[0])
    seconds: list[float] = []

    def once(answers: Any) -> Outcome:
        start = time.perf_counter()
        made = run(pipeline, X, answers, labels.task)
        seconds.append(time.perf_counter() - start)
        return made

    def shuffled(i: int) -> float:
        return once(y[subject.rng("K07", f"shuffle {i}").permutation(len(y))]).above

    real = once(y)
    above = [shuffled(0)]
    count = runs(min(seconds), settings.budget)
    above += [shuffled(i) for i in range(1, count)]
    turn = -1.0 if real.metric == "AUC" and real.above < 0 else 1.0  # it scores the class that sorts first
    score = real.chance + turn * real.above
    yield claim(turn * np.array(above), score, real.chance, real.metric, len(y), options["above"])


def runs(seconds: float, budget: float) -> int:
    """Runs that fit: 100 in a quarter of the budget, else 30, else what there is room for.

    Raises:
        NotApplicable: fewer than five.
    """
    if seconds * MOST_RUNS <= budget / 4:
        return MOST_RUNS
    count = RUNS if seconds * RUNS <= budget else int(budget / seconds)
    if count < FEWEST_RUNS:
        raise NotApplicable(
            f"one run of the pipeline takes {seconds:.3g} s: set budget = {seconds * RUNS:.3g} for {RUNS} runs"
        )
    return count


def claim(above: F64, score: float, chance: float, metric: str, n: int, m: float) -> Claim:
    value, tested = float(above.mean()), len(above) >= RUNS_OF_A_TEST
    unit = f"{metric} above chance"
    says = (
        f"with the target in random order your pipeline still scores {metric} {chance + value:.3f}, and chance is "
        f"{chance:.3f} ({len(above)} runs on {n:,} rows): it has seen the answers of its test rows"
    )
    return Claim(
        About(),
        Effect(value, unit, m, partial(mean_interval, above) if tested else None),
        "test" if tested else "heuristic",
        says if tested else f"{says}, it looks like",
        len(above),
        p=mean_above(above, m) if tested else None,
        family="challenge",
        impact=Impact("voids", value, mean_interval(above, 0.05), unit),
        evidence={
            "score": round(score, 6), "chance": round(chance, 6), "runs": len(above), "rows": n,
            "above": above.round(6).tolist(),
            "chart": {
                "kind": "bars", "title": f"what the pipeline scores, {metric}",
                "x": ["as it is", "target in random order", "chance"],
                "y": [round(score, 6), round(chance + value, 6), round(chance, 6)],
                "x_title": "run", "y_title": metric,
            },
        },
    )  # fmt: skip


def in_order(subject: Subject, rows: Sample, labels: Labels) -> I64:
    """Rows with a known target, at most 20,000, in time order where there is one, else in random order."""
    index = np.flatnonzero(labels.known)[:MOST_ROWS]
    when = order_values(rows, subject.roles)
    return index if when is None else index[np.lexsort((rows.row_id[index], when[index]))]


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    says = "fit every step of the pipeline on the training rows alone, inside the folds"
    return Remedy("training", "safe", "honesty", says, options={"fit": "inside the folds"})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Put a pipeline in place that chooses the best 20 of ``dose`` times 1,000 columns of noise on all rows, and then
    cross-validates them. The true effect is that of 20 columns whose chance correlations are the largest."""
    from scipy.special import ndtr, ndtri

    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    count = max(CHOSEN + 1, round(NOISE * dose))
    cut = float(ndtri(1 - CHOSEN / 2 / count))
    largest = float(np.exp(-cut * cut / 2) / np.sqrt(2 * np.pi) / (CHOSEN / 2 / count))
    shift = 2 * largest * np.sqrt(CHOSEN / max(1, rows.n))  # in standard deviations between two even classes
    pipeline = choosing(int(rng.integers(2**31)), count, inside=False)
    return Planted(replace(subject, pipeline=pipeline), (), float(ndtr(shift / np.sqrt(2)) - 0.5))


def choosing(seed: int, count: int, inside: bool) -> Callable[[Any, Any], Any]:
    """A pipeline over ``count`` columns of noise that keeps the 20 nearest to the target, and scores rows by their sum
    in five folds. ``inside``: they are chosen anew on the training rows of every fold, which is honest."""

    drawn: dict[int, F64] = {}

    def pipeline(X: Any, y: Any) -> F64:
        if len(y) not in drawn:
            drawn[len(y)] = np.random.default_rng(seed).normal(size=(len(y), count))
        noise = drawn[len(y)]
        wanted = one_hot(y)
        made = np.empty(wanted.shape)
        fold = np.arange(len(y)) % FOLDS
        for k in range(FOLDS):
            train = fold != k
            of = train if inside else np.ones(len(y), bool)
            near = noise[of].T @ (wanted[of] - wanted[of].mean(0))
            best = np.argsort(-np.abs(near).max(1), kind="stable")[:CHOSEN]
            weight = np.sign(noise[train][:, best].T @ (wanted[train] - wanted[train].mean(0)))
            made[fold == k] = noise[fold == k][:, best] @ weight
        return made

    return pipeline


def one_hot(y: Any) -> F64:
    """(n, classes) zeros and ones; (n, 1) values where there are too many to be classes."""
    values, code = np.unique(y, return_inverse=True)
    if len(values) > 100 or (len(values) > 20 and np.asarray(y).dtype.kind == "f"):
        return np.asarray(y, np.float64)[:, None]
    return np.eye(len(values))[code.ravel()]
