"""Realised coverage of prediction sets on judged rows: by class, over all, and by group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Task
from assay.core.table import F64, I64, U64, Mask
from assay.learn.conformal import covered

from .fitted import ConformalRecord, Coverage

ALPHA = 0.05
FEWEST_UNITS = 5
FEWEST = 30  # judged rows of a group below which its coverage is not printed: an interval of .35 and more
QUARTERS = ("the lowest", "the second", "the third", "the highest")


def realised(
    sets: NDArray[Any],
    output: F64,
    y: F64,
    task: Task,
    classes: tuple[str, ...],
    *,
    coverage: float,
    method: str,
    n: int,
    unit: I64 | U64 | None = None,
    groups: tuple[tuple[str, Mask], ...] = (),
    crossed: bool = False,
) -> ConformalRecord:
    """Coverage on rows that made none of the sets, with 95 % intervals.

    Args:
        sets: (rows, classes) booleans or (rows, 2) interval ends.  n: rows behind the quantiles.
        unit: (rows,) what dependent rows share: a stretch of time, a group, or being copies of one another, which the
            split keeps together. Clopper-Pearson is then not exact, and the wider of it and of a t interval over the
            sums of units is given.
        groups: name and rows of every group that is reported; ``crossed``: by class inside each group as well.
    """
    if not len(y):
        return ConformalRecord(coverage, n, method, (), float("nan"))
    hit = covered(sets, y, task)
    everyone = np.ones(len(y), dtype=np.bool_)
    slices: list[tuple[str, Mask]] = [(name, y == k) for k, name in enumerate(classes)]
    slices.append(("all rows", everyone))
    if task == "regression" and len(y) >= 4 * FEWEST:
        quarter = np.empty(len(y), np.int64)
        quarter[np.argsort(output, kind="stable")] = np.arange(len(y)) * 4 // len(y)
        slices += [(f"{word} quarter of predictions", quarter == i) for i, word in enumerate(QUARTERS)]
    for name, rows in groups:
        slices.append((name, rows))
        if crossed:
            slices += [(f"{name}: {label}", rows & (y == k)) for k, label in enumerate(classes)]
    plain = len(classes) + 1
    found = []
    for i, (name, rows) in enumerate(slices):
        total, hits = int(rows.sum()), int(hit[rows].sum())
        if total >= (1 if i < plain else FEWEST):
            found.append(Coverage(name, hits, total, *_interval(hit[rows], None if unit is None else unit[rows])))
    wide = sets[:, 1] - sets[:, 0] if task == "regression" else sets.sum(axis=1)
    return ConformalRecord(coverage, n, method, tuple(found), float(wide.mean()))


def _interval(hit: Mask, unit: I64 | U64 | None) -> tuple[tuple[float, float], str]:
    from assay.stats.ratios import ratio_interval
    from assay.stats.shares import share_interval

    lo, hi = (float(v) for v in share_interval(int(hit.sum()), len(hit), ALPHA))
    if unit is None:
        return (lo, hi), "rows"
    number = np.unique(unit, return_inverse=True)[1]
    if number.max() < FEWEST_UNITS - 1:
        return (0.0, 1.0), "too few units"
    size = np.bincount(number).astype(np.float64)
    hits = np.asarray(np.bincount(number, hit.astype(np.float64)), np.float64)
    low, high = ratio_interval(hits, size, ALPHA)
    return (max(0.0, min(lo, low)), min(1.0, max(hi, high))), "units"
