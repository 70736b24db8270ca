"""Split conformal sets: class-conditional for classes, residuals for values, by group where rows suffice.

Class k is in the set where p_k >= 1 - q_k, with q_k the ceil((n_k + 1) c)-th smallest of 1 - p_k over the held-out rows
of class k: coverage c holds for each class (Vovk 2012; Sadinle, Lei & Wasserman 2019). For values the set is
middle +- max(0, half + q), with q the same order statistic of |y - middle| - half. Without a band the middle is the
prediction and half is 0: one width for all rows (Lei et al. 2018). With one, middle and half are those of a low and a
high quantile: widths that follow the row (conformalised quantile regression, Romano, Patterson & Candes 2019).

Groups: a class in a group (values: a group) has its own q where ``CELL`` rows of it, and as many as the coverage
needs, stand behind it; else that of the class over all groups (Mondrian conformal prediction, Vovk 2012).

Predictions may be cross-fitted over folds (CV+, Barber et al. 2021), whose worst-case promise is weaker; realised
coverage is measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Task
from assay.core.table import F64, I64, Mask
from assay.stats.conformal import enough

from .forms import Cells, Conformal, Forest

COVERAGES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
DEFAULT = 0.9
CELL = 50  # rows of a class in a group: realised coverage of .9 then has a standard deviation of .042
SLACK = 1e-6  # rows that tie with the quantile must stay inside after the graph's float32 rounding
UNBOUNDED = float(np.finfo(np.float32).max)  # too few rows for this coverage: the interval is everything


def fit_conformal(
    output: F64,
    y: F64,
    task: Task,
    coverage: float = DEFAULT,
    *,
    band: F64 | None = None,
    form: Forest | None = None,
    column: str = "",
    group: I64 | None = None,
    levels: tuple[str, ...] = (),
) -> Conformal:
    """Quantiles for ``COVERAGES`` from held-out ``output``: (n, classes) probabilities or (n,) values.

    A class with too few rows for a coverage gets q = 1 (always in the set); for values q is unbounded.

    Args:
        band: (n, 2) middle and half width of held-out rows, and ``form`` what makes them (values only).
        group: (n,) index into ``levels`` of the raw ``column``, -1 for none. Levels without a cell of their own at any
            coverage are not written down.
    """
    table = _table(output, y, task, coverage, band, None)
    cells = None
    if group is not None and column:
        kept, quantiles = [], []
        for i, level in enumerate(levels):
            rows = group == i
            own = _table(output[rows], y[rows], task, coverage, None if band is None else band[rows], table)
            if own != table:
                kept.append(level)
                quantiles.append(own)
        by = tuple((c, tuple(own[i][1] for own in quantiles)) for i, (c, _) in enumerate(table))
        cells = Cells(column, tuple(kept), by)
    return Conformal(coverage, dict(table)[coverage], tuple(table), cells, form if band is not None else None)


Table = list[tuple[float, tuple[float, ...]]]


def _table(output: F64, y: F64, task: Task, coverage: float, band: F64 | None, fallback: Table | None) -> Table:
    """(coverage, q) for every coverage; of a cell with too few rows the q of ``fallback`` stands in."""
    if task == "regression":
        scores, beyond = [excess(output, y, band)], UNBOUNDED
    else:
        scores, beyond = [1.0 - output[y == k, k] for k in range(output.shape[1])], 1.0
    out: Table = []
    for i, c in enumerate(sorted({*COVERAGES, coverage})):
        own = tuple(min(beyond, _quantile(s, c, beyond)) for s in scores)
        if fallback is not None:
            least = max(CELL, enough(c))
            own = tuple(q if len(s) >= least else f for q, s, f in zip(own, scores, fallback[i][1], strict=True))
        out.append((c, own))
    return out


def excess(output: F64, y: F64, band: F64 | None) -> F64:
    """(n,) how far each value lies beyond its band; without one, from its prediction."""
    return np.abs(y - output) if band is None else np.abs(y - band[:, 0]) - band[:, 1]


def _quantile(score: F64, coverage: float, beyond: float) -> float:
    rank = int(np.ceil((len(score) + 1) * coverage - 1e-9))
    if rank > len(score):
        return beyond
    value = float(np.partition(score, rank - 1)[rank - 1])
    return value + SLACK * max(1.0, abs(value))


def prediction_sets(
    conformal: Conformal, output: F64, task: Task, *, band: F64 | None = None, texts: NDArray[Any] | None = None
) -> NDArray[Any]:
    """(n, classes) booleans, or (n, 2) interval ends for regression, at the default coverage.

    Args:
        band: (n, 2) middle and half width, where ``conformal`` has a band.
        texts: (n,) group of each row as text, None for null, where it has cells.
    """
    q = np.tile(np.asarray(conformal.q), (len(output), 1))
    if conformal.cells is not None and texts is not None:
        q = quantiles_of(conformal, cell_of(conformal.cells, texts))
    if task == "regression":
        return ends(output if band is None else band[:, 0], None if band is None else band[:, 1], q[:, 0])
    return np.asarray(output >= 1.0 - q)


def cell_of(cells: Cells, texts: NDArray[Any]) -> I64:
    """(n,) index into ``cells.levels``; their number where a row belongs to none."""
    place = {level: i for i, level in enumerate(cells.levels)}
    return np.array([place.get(t, len(place)) for t in texts.tolist()], np.int64)


def quantiles_of(conformal: Conformal, cell: I64, coverage: float | None = None) -> F64:
    """(n, classes or 1) the q of each row's cell at a coverage that was calibrated."""
    wanted = conformal.coverage if coverage is None else coverage
    whole = conformal.q if coverage is None else dict(conformal.table)[wanted]
    own = () if conformal.cells is None else dict(conformal.cells.table)[wanted]
    return np.array([*own, whole])[cell]


def ends(middle: F64, half: F64 | None, q: F64) -> F64:
    """(n, 2) middle +- max(0, half + q)."""
    width = q if half is None else half + q
    return np.column_stack((middle - np.maximum(width, 0.0), middle + np.maximum(width, 0.0)))


def middle_and_half(raw: F64, output: F64 | None = None) -> F64:
    """(n, 2) from the raw outputs of a band: a low and a high quantile; or one, the half width about ``output``."""
    if raw.shape[1] == 1 and output is not None:
        return np.column_stack((output, raw[:, 0]))
    return np.column_stack((0.5 * raw[:, 0] + 0.5 * raw[:, 1], 0.5 * raw[:, 1] - 0.5 * raw[:, 0]))


def covered(sets: NDArray[Any], y: F64, task: Task) -> Mask:
    """(n,) whether the truth lies in its set."""
    if task == "regression":
        return np.asarray((sets[:, 0] <= y) & (y <= sets[:, 1]))
    return np.asarray(sets[np.arange(len(y)), y.astype(np.int64)])
