"""Split conformal sets: class-conditional for classes, absolute residuals for values.

Class k is in the set where p_k >= 1 - q_k, with q_k the ceil((n_k + 1) c)-th smallest of 1 - p_k over the held-out rows
of class k: coverage c holds for each class (Vovk 2012; Sadinle, Lei & Wasserman 2019). For values the set is
prediction +- q with q the same order statistic of the absolute residual (Lei et al. 2018). Predictions may be
cross-fitted over folds (CV+, Barber et al. 2021), whose worst-case promise is weaker; realised coverage is measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Task
from assay.core.table import F64, Mask

from .forms import Conformal

COVERAGES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
DEFAULT = 0.9
SLACK = 1e-6  # rows that tie with the quantile must stay inside after the graph's float32 rounding
UNBOUNDED = float(np.finfo(np.float32).max)  # too few rows for this coverage: the interval is everything


def fit_conformal(output: F64, y: F64, task: Task, coverage: float = DEFAULT) -> Conformal:
    """Quantiles for ``COVERAGES`` from held-out ``output``: (n, classes) probabilities or (n,) values.

    A class with too few rows for a coverage gets q = 1 (always in the set); for values q is unbounded.
    """
    levels = sorted({*COVERAGES, coverage})
    table: list[tuple[float, tuple[float, ...]]]
    if task == "regression":
        residual = np.abs(y - output)
        table = [(c, (_quantile(residual, c, UNBOUNDED),)) for c in levels]
    else:
        scores = [1.0 - output[y == k, k] for k in range(output.shape[1])]
        table = [(c, tuple(min(1.0, _quantile(s, c, 1.0)) for s in scores)) for c in levels]
    return Conformal(coverage, dict(table)[coverage], tuple(table))


def _quantile(score: F64, coverage: float, beyond: float) -> float:
    rank = int(np.ceil((len(score) + 1) * coverage - 1e-9))
    if rank > len(score):
        return beyond
    value = float(np.partition(score, rank - 1)[rank - 1])
    return value + SLACK * max(1.0, abs(value))


def prediction_sets(conformal: Conformal, output: F64, task: Task) -> NDArray[Any]:
    """(n, classes) booleans, or (n, 2) interval ends for regression, at the default coverage."""
    if task == "regression":
        return np.column_stack((output - conformal.q[0], output + conformal.q[0]))
    return np.asarray(output >= 1.0 - np.asarray(conformal.q))


def covered(sets: NDArray[Any], y: F64, task: Task) -> Mask:
    """(n,) whether the truth lies in its set."""
    if task == "regression":
        return np.asarray((sets[:, 0] <= y) & (y <= sets[:, 1]))
    return np.asarray(sets[np.arange(len(y)), y.astype(np.int64)])
