"""Scores with intervals that respect how rows depend on each other, and realised coverage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assay.core.result import Score
from assay.core.table import F64, I64, U64

from .measures import AP, DISTANCE, KAPPA, RARE, Judged, headline_metric, measure_of, measured

BLOCKS = 20  # time blocks or bundles of groups that an interval is taken over: 19 degrees of freedom
SHOWN_BLOCKS = 10
WHOSE = "judged model"


def headline(rows: Judged, label: str, *, timed: bool = False, first: bool = True) -> Score:
    """The score that people read (AUC, log-loss for more classes, R2 or D2 for values), with a 95 % interval.

    ``timed``: blocks follow time, and the score in each is shown.
    """
    metric = headline_metric(rows)
    value, interval = measured(rows, metric)
    shown = _by_block(rows, metric) if timed and rows.block is not None else ()
    note = "" if rows.weight is None else "rows count by their weight"
    return Score(label, value, metric, interval, first, note, shown)


def others(rows: Judged) -> tuple[Score, ...]:
    """Further measures on the same rows: what else people ask for, and the headline with every row counting once."""
    aim = rows.aim
    if aim.values:
        metrics = ["MAE"] if aim.kind != "quantile" else ["pinball loss"]
    else:
        metrics = ["log-loss", "accuracy"] if rows.two else ["accuracy"]
        if rows.two and float(np.average(rows.y, weights=rows.w)) < RARE:
            metrics.insert(0, AP)
        if aim.kind == "ordinal":
            metrics += [DISTANCE, KAPPA]
    out = [_score(rows, metric) for metric in metrics]
    if rows.weight is not None:
        metric = headline_metric(rows)
        value, interval = measured(replace(rows, weight=None), metric)
        out.append(Score("every row counted once", value, metric, interval))
    return tuple(out)


def _score(rows: Judged, metric: str) -> Score:
    value, interval = measured(rows, metric)
    return Score(WHOSE, value, metric, interval)


def naive(y_train: F64, rows: Judged, outputs: int, weight: F64 | None = None) -> Score:
    """What the one best answer for all rows would score, learned from the training rows: class shares, or a value."""
    answer = rows.aim.constant(y_train, outputs, weight)
    known = replace(rows, output=rows.aim.everywhere(answer, len(rows)))
    metric = headline_metric(rows)
    label = f"{rows.aim.says} for every row" if rows.aim.values else "the class shares for every row"
    return Score(label, measure_of(metric)(known), metric)


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


def _by_block(rows: Judged, metric: str) -> tuple[tuple[str, float], ...]:
    assert rows.block is not None
    wide, measure = rows.block * SHOWN_BLOCKS // (int(rows.block.max()) + 1), measure_of(metric)
    shown = ((f"{b + 1} of {SHOWN_BLOCKS}", measure(rows.take(np.flatnonzero(wide == b)))) for b in np.unique(wide))
    return tuple((name, value) for name, value in shown if np.isfinite(value))
