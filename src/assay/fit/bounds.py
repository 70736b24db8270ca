"""Bounds on the score of the judged model, each with the method behind it, and whether that is exact.

Exact means that the interval holds the truth at least as often as it says, at every number of rows: Clopper-Pearson
for accuracy, betting (Waudby-Smith & Ramdas 2024) for losses that cannot exceed a bound. AUC, R2 and errors of values
have no such interval that would be of use: theirs are near, and say so. Where rows depend on each other (stretches of
time, groups), or count by weights, nothing is exact any more, and the jackknife over blocks is what is left.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assay.core.table import F64

from .measures import LEAST, Judged, jackknife, measured

CUT = float(np.log(100.0))  # a row that is wrong at 99 % and one that is wrong at 99.9 % then cost the same


@dataclass(frozen=True, slots=True)
class Bound:
    metric: str
    value: float
    interval: tuple[float, float] | None
    how: str
    exact: bool

    def to_doc(self) -> dict[str, Any]:
        return asdict(self)


def bounds(rows: Judged) -> tuple[Bound, ...]:
    """Bounds of the measures that people ask for; empty where there are too few rows for any."""
    if len(rows) < LEAST:
        return ()
    if rows.aim.values:
        return tuple(_near(rows, metric) for metric in (rows.aim.metric, "MAE"))
    classes, each = rows.output.shape[1], brier(rows)
    top = 1.0 if classes == 2 else 2.0
    found = [_near(rows, "AUC")] if rows.two else []
    found.append(_accuracy(rows))
    found.append(_bounded(rows, "Brier score", each, top))
    return (*found, _bounded(rows, f"log-loss, at most {CUT:.3g} a row", np.minimum(rows.losses, CUT), CUT))


def brier(rows: Judged) -> F64:
    """(n,) squared error of the probabilities: of the positive class (two classes), else summed over classes."""
    if rows.output.shape[1] == 2:
        return np.asarray((rows.output[:, 1] - rows.y) ** 2)
    truth = np.eye(rows.output.shape[1])[rows.y.astype(np.int64)]
    return np.asarray(((rows.output - truth) ** 2).sum(axis=1))


def free(rows: Judged) -> bool:
    return rows.block is None and rows.weight is None


def _accuracy(rows: Judged) -> Bound:
    value, interval = measured(rows, "accuracy")
    return Bound("accuracy", value, interval, "Clopper-Pearson" if free(rows) else _lost(rows), free(rows))


def _bounded(rows: Judged, metric: str, each: F64, top: float) -> Bound:
    from assay.stats.means import bounded_mean_interval, mean_interval

    value = float(np.average(each, weights=rows.w))
    if free(rows):
        ends = bounded_mean_interval(np.clip(each, 0.0, top), rows.alpha, 0.0, top)
        return Bound(metric, value, (float(ends[0]), float(ends[1])), "betting", True)
    if rows.block is None:
        ends = mean_interval(value + rows.w * (each - value) / rows.w.mean(), rows.alpha)
        return Bound(metric, value, ends, _lost(rows), False)
    place = np.arange(len(rows), dtype=np.float64)  # carried through ``take``, so that blocks can be left out
    at = Judged(place, rows.y, rows.aim, rows.weight, rows.block, rows.alpha)
    interval = jackknife(at, lambda some: float(np.average(each[some.output.astype(np.int64)], weights=some.w)))
    return Bound(metric, value, interval, _lost(rows), False)


def _near(rows: Judged, metric: str) -> Bound:
    value, interval = measured(rows, metric)
    if not free(rows):
        return Bound(metric, value, interval, _lost(rows), False)
    how = "normal theory"
    if metric == "AUC":
        how = "DeLong on the logit scale, wider where few rows are misplaced"
    elif metric == "MAE":
        how = "Student's t"
    return Bound(metric, value, interval, how, False)


def _lost(rows: Judged) -> str:
    if rows.block is None:
        return "normal theory: rows count by their weight"
    return f"jackknife over {len(np.unique(rows.block))} blocks: rows depend on each other"
