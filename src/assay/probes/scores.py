"""The honesty bars: all columns shuffled, honest columns shuffled, honest columns forward."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.core.challenge import probe
from assay.core.result import Score
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import F64, Sample
from assay.learn.target import Labels
from assay.stats.auc import auc_interval
from assay.stats.means import blocks_interval, mean_interval

from .forward import Forward
from .out_of_fold import OutOfFold, folds
from .suspects import Suspicion


@probe(needs=("target", "feature"), cost="fit")
def scores(
    subject: Subject,
    settings: Settings,
    rows: Sample,
    labels: Labels,
    suspects: Mapping[str, Suspicion],
    out_of_fold: OutOfFold,
    forward: Forward | None,
) -> tuple[Score, ...]:
    """At most three bars with intervals at the report's level; the last is the headline. Empty where nothing could be
    learned. Without suspects the first bar is left out, without an order the last."""
    if out_of_fold.state != "done":
        return ()
    bars = []
    if suspects:
        every = folds(subject, rows, labels, subject.features, only=1)
        if every.state == "done":
            bars.append(bar("all columns, shuffled", every, labels, settings.level, f"with {', '.join(suspects)}"))
    bars.append(bar("honest columns, shuffled", out_of_fold, labels, settings.level, ""))
    if forward is not None:
        bars.append(forward_bar(forward, settings.level))
    last = bars[-1]
    bars[-1] = Score(last.label, last.value, last.metric, last.interval, True, last.note, last.blocks)
    return tuple(bars)


def bar(label: str, made: OutOfFold, labels: Labels, alpha: float, note: str) -> Score:
    return Score(
        label, made.score, made.metric, interval(made.output, labels.y[made.index], labels.task, alpha), False, note
    )


def interval(output: F64, y: F64, task: str, alpha: float) -> tuple[float, float] | None:
    """DeLong for two classes; for values R2 at the bounds of the mean squared error; none for more classes."""
    if task == "binary":
        return auc_interval(y, output[:, 1], alpha)
    if task == "regression" and len(y) > 2 and np.ptp(y) > 0:
        loss = (output - y) ** 2 / float(np.var(y))
        lo, hi = mean_interval(loss, alpha)
        return 1 - hi, min(1 - lo, 1.0)
    return None


def forward_bar(made: Forward, alpha: float) -> Score:
    lo, hi = blocks_interval(made.past, alpha)
    by_block = tuple((f"{i + 1}", float(v)) for i, v in enumerate(made.past))
    note = f"{len(made.past)} blocks, each after the rows it was learned from"
    return Score("honest columns, later rows", float(made.past.mean()), made.metric, (lo, hi), False, note, by_block)
