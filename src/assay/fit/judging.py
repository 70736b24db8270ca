"""Scores with intervals that respect how rows depend on each other, and realised coverage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assay.core.result import Score
from assay.core.subject import Task
from assay.core.table import F64, I64, U64
from assay.learn.calibration import row_losses
from assay.learn.conformal import covered, prediction_sets
from assay.learn.forms import Conformal

from .fitted import ConformalRecord, Coverage

ALPHA = 0.05
BLOCKS = 20  # time blocks or bundles of groups that an interval is taken over: 19 degrees of freedom
SHOWN_BLOCKS = 10
Z = 1.959963984540054
Measure = Callable[[F64, F64], float]


def headline(
    output: F64, y: F64, task: Task, label: str, *, block: I64 | None, timed: bool = False, first: bool = True
) -> Score:
    """The score that people read (AUC, log-loss for more classes, R2), with a 95 % interval.

    ``block`` (n,) numbers blocks of dependent rows, None where rows are independent. ``timed``: blocks follow time, and
    the score in each is shown.
    """
    metric, measure = _metric(task, y)
    value = measure(output, y)
    interval = _interval(output, y, metric, measure, value, block)
    shown: tuple[tuple[str, float], ...] = ()
    if timed and block is not None:
        shown = _by_block(output, y, measure, block)
    return Score(label, value, metric, interval, first, blocks=shown)


def others(output: F64, y: F64, task: Task, block: I64 | None) -> tuple[Score, ...]:
    """Further measures on the same rows: log-loss and accuracy, or the mean absolute error."""
    from assay.stats.means import mean_interval
    from assay.stats.shares import share_interval

    if task == "regression":
        absolute = np.abs(output - y)
        spread = _interval(output, y, "MAE", lambda o, t: float(np.abs(o - t).mean()), float(absolute.mean()), block)
        return (Score("judged model", float(absolute.mean()), "MAE", spread),)
    losses = row_losses(output, y, task)
    hits = int((output.argmax(axis=1) == y).sum())
    log_loss = Score("judged model", float(losses.mean()), "log-loss", mean_interval(losses, ALPHA))
    accuracy = Score("judged model", hits / len(y), "accuracy", share_interval(hits, len(y), ALPHA))
    if block is not None:
        measure: Measure = lambda o, t: float(row_losses(o, t, task).mean())  # noqa: E731
        right: Measure = lambda o, t: float((o.argmax(axis=1) == t).mean())  # noqa: E731
        log_loss = Score("judged model", log_loss.value, "log-loss", _jackknife(output, y, measure, block))
        accuracy = Score("judged model", accuracy.value, "accuracy", _jackknife(output, y, right, block))
    return (accuracy,) if _metric(task, y)[0] == "log-loss" else (log_loss, accuracy)


def naive(y_train: F64, y: F64, task: Task, outputs: int) -> Score:
    """What knowing only the class shares, or the mean, of the training rows would score."""
    if task == "regression":
        output = np.full(len(y), float(y_train.mean()))
    else:
        share = np.bincount(y_train.astype(np.int64), minlength=outputs) / len(y_train)
        output = np.tile(share, (len(y), 1))
    metric, measure = _metric(task, y)
    label = "the mean for every row" if task == "regression" else "the class shares for every row"
    return Score(label, measure(output, y), metric)


def realised(
    conformal: Conformal, output: F64, y: F64, task: Task, classes: tuple[str, ...], method: str, n: int
) -> ConformalRecord:
    """Coverage of the sets on rows that made none of it, by class and over all, with Clopper-Pearson intervals.

    ``n`` is the number of rows behind the quantiles.
    """
    from assay.stats.shares import share_interval

    if not len(y):
        return ConformalRecord(conformal.coverage, n, method, (), float("nan"))
    sets = prediction_sets(conformal, output, task)
    hit = covered(sets, y, task)
    groups = [(name, y == k) for k, name in enumerate(classes)] + [("all rows", np.ones(len(y), dtype=np.bool_))]
    found = []
    for name, rows in groups:
        total, hits = int(rows.sum()), int(hit[rows].sum())
        if total:
            lo, hi = share_interval(hits, total, ALPHA)
            found.append(Coverage(name, hits, total, (float(lo), float(hi))))
    size = float((sets[:, 1] - sets[:, 0]).mean()) if task == "regression" else float(sets.sum(axis=1).mean())
    return ConformalRecord(conformal.coverage, n, method, tuple(found), size)


def blocks_of(order: F64 | None, key: U64 | None, index: I64) -> I64 | None:
    """Block numbers of the rows ``index``: 20 stretches of time, 20 bundles of groups, or None for free rows."""
    if len(index) < 2 * BLOCKS:
        return None
    if order is not None:
        rank = np.empty(len(index), dtype=np.int64)
        rank[np.argsort(np.nan_to_num(order[index], nan=-np.inf), kind="stable")] = np.arange(len(index))
        return rank * BLOCKS // len(index)
    if key is None:
        return None
    return np.asarray(np.unique(key[index], return_inverse=True)[1] % BLOCKS)


def _metric(task: Task, y: F64) -> tuple[str, Measure]:
    from assay.stats.auc import auc

    if task == "regression":
        return "R2", _r2
    if task == "binary" and 0 < y.sum() < len(y):
        return "AUC", lambda o, t: float(auc(t, o[:, 1])) if 0 < t.sum() < len(t) else float("nan")
    return "log-loss", lambda o, t: float(row_losses(o, t, task).mean())


def _r2(output: F64, y: F64) -> float:
    spread = float(((y - y.mean()) ** 2).sum())
    return 1.0 - float(((y - output) ** 2).sum()) / spread if spread > 0 else 0.0


def _interval(
    output: F64, y: F64, metric: str, measure: Measure, value: float, block: I64 | None
) -> tuple[float, float] | None:
    from assay.stats.auc import auc_interval
    from assay.stats.means import mean_interval

    if len(y) < 10:
        return None
    if block is not None:
        return _jackknife(output, y, measure, block)
    if metric == "AUC":
        return auc_interval(y, output[:, 1], ALPHA)
    if metric == "log-loss":
        return mean_interval(row_losses(output, y, "multiclass"), ALPHA)
    if metric == "MAE":
        return mean_interval(np.abs(output - y), ALPHA)
    spread = float(((y - y.mean()) ** 2).mean())
    if spread == 0:
        return None
    # delta method for a ratio of means: residual of the numerator on the denominator, row by row
    error = ((y - output) ** 2 - (1.0 - value) * (y - y.mean()) ** 2) / spread
    half = Z * float(error.std(ddof=1) / np.sqrt(len(y)))
    return (value - half, value + half)


def _jackknife(output: F64, y: F64, measure: Measure, block: I64) -> tuple[float, float] | None:
    """Delete-a-block jackknife (Künsch 1989), t quantile: rows inside a block may depend on each other."""
    from scipy.special import stdtrit

    numbers = np.unique(block)
    values = np.array([measure(output[block != b], y[block != b]) for b in numbers])
    values = values[np.isfinite(values)]
    g = len(values)
    if g < 5:
        return None
    error = float(np.sqrt((g - 1) / g * np.sum((values - values.mean()) ** 2)))
    middle = measure(output, y)
    half = float(stdtrit(g - 1, 1 - ALPHA / 2)) * error
    return (middle - half, middle + half)


def _by_block(output: F64, y: F64, measure: Measure, block: I64) -> tuple[tuple[str, float], ...]:
    wide = block * SHOWN_BLOCKS // (int(block.max()) + 1)
    shown = ((f"{b + 1} of {SHOWN_BLOCKS}", measure(output[wide == b], y[wide == b])) for b in np.unique(wide))
    return tuple((name, value) for name, value in shown if np.isfinite(value))
