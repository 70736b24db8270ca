"""Recalibration: Platt (1999) on logits for two classes, temperature (Guo et al. 2017) for more.

Parameters minimise log-loss on out-of-sample predictions. A map is kept only where rows that did not fit it show a
lower log-loss (``earns_its_keep``); otherwise probabilities stay as the learners gave them.
"""

from __future__ import annotations

import numpy as np

from assay.core.aim import Aim, aim_of
from assay.core.subject import Task
from assay.core.table import F64, I64

from .forms import Calibration
from .replay import TINY, calibrate

Z_KEEP = 1.645  # one-sided 5 %: an unneeded map costs variance, so the gain must be shown
LEAST_ROWS = 50  # under this no test of a map has any power


def row_losses(output: F64, y: F64, aim: Aim | Task) -> F64:
    """(n,) the loss of each row by what is predicted: log-loss, squared error, pinball loss or Poisson deviance."""
    return (aim_of(aim) if isinstance(aim, str) else aim).losses(output, y)


def fit_calibration(output: F64, y: F64, task: Task, weight: F64 | None = None) -> Calibration:
    """Fit the map of the task on out-of-sample ``output`` (n, classes); none for regression or one class.

    ``weight`` (n,) says how much each row counts.
    """
    if task == "regression" or len(np.unique(y)) < 2:
        return Calibration("none")
    p = np.clip(output, TINY, 1.0 - TINY)
    v = np.ones(len(y)) if weight is None else weight
    return _platt(np.log(p[:, 1] / (1.0 - p[:, 1])), y, v) if task == "binary" else _temperature(np.log(p), y, v)


def _platt(z: F64, y: F64, v: F64) -> Calibration:
    """Newton steps with backtracking (Lin, Lin & Weng 2007) on (a, b); smoothed targets keep separable rows finite."""
    from scipy.special import expit

    positives, n = float((v * y).sum()), float(v.sum())
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (n - positives + 2))

    def loss(a: float, b: float) -> float:
        raw = a * z + b
        return float(np.sum(v * (np.logaddexp(0.0, raw) - target * raw)))

    a, b = 1.0, 0.0
    now = loss(a, b)
    for _ in range(100):
        p = expit(a * z + b)
        w = v * p * (1 - p)
        gradient = np.array([np.sum(v * (p - target) * z), np.sum(v * (p - target))])
        hessian = np.array([[np.sum(w * z * z), np.sum(w * z)], [np.sum(w * z), np.sum(w)]]) + 1e-9 * np.eye(2)
        da, db = (float(v) for v in np.linalg.solve(hessian, gradient))
        slope = float(gradient @ np.array([da, db]))
        step = 1.0
        while step > 1e-10 and (new := loss(a - step * da, b - step * db)) > now - 1e-4 * step * slope:
            step /= 2
        if step <= 1e-10 or slope < 1e-12 * max(1.0, now):
            break
        a, b, now = a - step * da, b - step * db, new
    return Calibration("platt", a, b) if a > 0 else Calibration("none")


def _temperature(log_p: F64, y: F64, v: F64) -> Calibration:
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(y))
    k = y.astype(np.int64)

    def loss(log_a: float) -> float:
        scaled = log_p * np.exp(log_a)
        top = scaled.max(axis=1)
        lost = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[rows, k]
        return float(np.mean(v * lost))

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-8})
    return Calibration("temperature", float(np.exp(found.x)))


def earns_its_keep(
    fitted: Calibration, output: F64, y: F64, task: Task, unit: I64 | None = None, weight: F64 | None = None
) -> tuple[bool, F64]:
    """Test a map on rows that did not fit it: whether to keep it, and the paired (gain, standard error) in log-loss.

    ``unit`` (n,) numbers groups of dependent rows; the error is then of unit sums. ``weight`` (n,), with mean one, says
    how much each row counts.
    """
    if fitted.kind == "none" or len(y) < LEAST_ROWS:
        return False, np.array([0.0, 0.0])
    v = np.ones(len(y)) if weight is None else weight
    after = calibrate(fitted, output)
    gain, error = paired(v * row_losses(output, y, task), v * row_losses(after, y, task), unit)
    return gain > Z_KEEP * error, np.array([gain, error])


def paired(worse: F64, better: F64, unit: I64 | None = None) -> tuple[float, float]:
    """Mean of ``worse - better`` and its standard error, by units of dependent rows where given."""
    d = worse - better
    n = len(d)
    mean = float(d.mean()) if n else 0.0
    centred = d - mean if unit is None else np.bincount(unit, weights=d - mean)
    m = len(centred)
    if m < 2:
        return mean, float("inf")
    return mean, float(np.sqrt(m / (m - 1) * np.sum(centred**2)) / n)
