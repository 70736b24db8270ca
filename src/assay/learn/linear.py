"""Regularised linear models on a design of scaled numbers, null flags and levels: classes, means, other values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.subject import Task
from assay.core.table import F64

from .forms import Form, Linear, Link, Term
from .learners import F32, Config, Data, Run
from .replay import design, replay_form

LEAST_OF_LEVEL = 5  # rows that a level or null flag needs before it gets a weight of its own
MOST_TERMS = 1_500  # beyond this the rarest levels go without a weight
MOST_CELLS = 60_000_000  # of the design in memory (480 MB): more rows are left out, first the last in hash order
CHUNK = 20_000  # rows predicted at a time
MANY_CLASSES = "The number of unique classes"  # of a warning: the fit's own notes say it
MOST_NEWTON = 800  # terms times outputs up to which the Hessian is cheap to factor


@dataclass(frozen=True)
class LinearModel:
    """The fitted form is the model: what is predicted here is what the graph computes."""

    native: Any
    task: Task
    fitted: Linear
    rounds: int = 0

    def predict(self, X: F32) -> F64:
        parts = [replay_form(self.fitted, X[i : i + CHUNK]) for i in range(0, max(1, len(X)), CHUNK)]
        raw = np.concatenate(parts)
        if self.task == "multiclass":
            return raw
        return np.column_stack((1.0 - raw[:, 0], raw[:, 0])) if self.task == "binary" else raw[:, 0]

    def form(self) -> Form:
        return self.fitted


def terms_of(data: Data) -> tuple[Term, ...]:
    """The design: numbers centred and scaled, a flag where nulls were seen, each level with five rows or more."""
    coded = set(data.categorical)
    terms: list[Term] = []
    support: list[int] = []
    for i in range(data.X.shape[1]):
        value = data.X[:, i]
        null = np.isnan(value)
        if i in coded:
            counts = np.bincount(value[~null].astype(np.int64)) if (~null).any() else np.zeros(0, np.int64)
            often = np.flatnonzero(counts >= LEAST_OF_LEVEL)
            terms += [Term(i, "level", level=int(k)) for k in often]
            support += counts[often].tolist()
        else:
            present = value[~null].astype(np.float64)
            if len(present) == 0:
                continue
            # rounded to float32, so that the graph's float32 subtraction has no bias
            mean, scale = float(np.float32(present.mean())), float(np.float32(present.std()))
            if scale > 1e-12 * max(1.0, abs(mean)):
                terms.append(Term(i, "number", mean=mean, scale=scale))
                support.append(len(value))
        if LEAST_OF_LEVEL <= int(null.sum()) <= len(value) - LEAST_OF_LEVEL:
            terms.append(Term(i, "null"))
            support.append(int(null.sum()))
    kept = np.sort(np.argsort(-np.asarray(support), kind="stable")[:MOST_TERMS])
    return tuple(terms[i] for i in kept)


def train(config: Config, data: Data, run: Run) -> LinearModel:
    """Logistic regression (penalty C, default 1) or ridge (alpha, default 1). See ``learners.train``."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    terms = terms_of(data)
    rows = MOST_CELLS // max(1, len(terms))
    if rows < len(data.y):
        weight = None if data.weight is None else data.weight[:rows]
        data = replace(data, X=data.X[:rows], y=data.y[:rows], weight=weight)
    D = design(terms, data.X)
    strength = float(config.params.get("C", 1.0))
    if not terms:
        D, terms = np.zeros((len(data.y), 1)), (Term(0, "number"),)
    with threadpool_limits(limits=1):
        if data.limits is not None and data.limits.directed and data.task != "multiclass":
            return _one_sided(D, terms, data, strength)
        if data.aim.kind in ("quantile", "count"):
            return _of_values(D, terms, data, strength)
        if data.task == "regression":
            model: Any = Ridge(alpha=1.0 / strength).fit(D, data.y, sample_weight=data.weight)
            weights, intercept = model.coef_.reshape(-1, 1), np.atleast_1d(model.intercept_)
            return LinearModel(model, data.task, Linear(terms, _f(weights), _f(intercept), "identity"))
        newton = len(terms) * (data.outputs if data.task == "multiclass" else 1) <= MOST_NEWTON
        model = LogisticRegression(C=strength, solver="newton-cholesky" if newton else "lbfgs", max_iter=200)
        _fit_quietly(model, D, data)
    if data.task == "binary":
        link: Link = "sigmoid"
        return LinearModel(model, data.task, Linear(terms, _f(model.coef_.T), _f(model.intercept_), link))
    seen = model.classes_.astype(np.int64)
    weights, intercept = np.zeros((len(terms), data.outputs)), np.full(data.outputs, -30.0)
    if len(seen) == 2:
        weights[:, seen], intercept[seen] = (
            np.column_stack((0 * model.coef_[0], model.coef_[0])),
            (0, model.intercept_[0]),
        )
    else:
        weights[:, seen], intercept[seen] = model.coef_.T, model.intercept_
    return LinearModel(model, data.task, Linear(terms, weights, intercept, "softmax"))


def _of_values(D: F64, terms: tuple[Term, ...], data: Data, strength: float) -> LinearModel:
    """A quantile, or the logarithm of an expected count."""
    from sklearn.linear_model import PoissonRegressor

    from .linear_values import quantile_weights

    if data.aim.kind == "quantile":
        weights, intercept = quantile_weights(D, data.y, data.aim.level, strength, data.weight)
        return LinearModel(None, data.task, Linear(terms, weights.reshape(-1, 1), np.array([intercept]), "identity"))
    solver = "newton-cholesky" if len(terms) <= MOST_NEWTON else "lbfgs"
    model = PoissonRegressor(alpha=1.0 / (strength * len(data.y)), solver=solver, max_iter=200)
    _fit_quietly(model, D, data, data.y)
    form = Linear(terms, _f(model.coef_).reshape(-1, 1), np.atleast_1d(_f(model.intercept_)), "exp")
    return LinearModel(model, data.task, form)


def _one_sided(D: F64, terms: tuple[Term, ...], data: Data, strength: float) -> LinearModel:
    """Weights with the signs that ``data.limits`` asks for."""
    from .limits import bounds_of
    from .linear_signs import bounded_weights
    from .linear_values import quantile_weights

    assert data.limits is not None
    bounds = bounds_of(data.limits, terms)
    link: Link = "sigmoid" if data.task == "binary" else "exp" if data.aim.kind == "count" else "identity"
    if data.aim.kind == "quantile":
        weights, start = quantile_weights(D, data.y, data.aim.level, strength, data.weight, bounds)
    else:
        weights, start = bounded_weights(D, data.y, link, strength, bounds, data.weight)
    return LinearModel(None, data.task, Linear(terms, weights.reshape(-1, 1), np.array([start]), link))


def _fit_quietly(model: Any, D: F64, data: Data, y: Any = None) -> None:
    """A penalised fit that stops at its iteration cap is still a valid candidate: the race judges it."""
    import warnings

    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        warnings.filterwarnings("ignore", MANY_CLASSES, UserWarning)
        model.fit(D, data.y.astype(np.int64) if y is None else y, sample_weight=data.weight)


def _f(value: Any) -> F64:
    return np.asarray(value, dtype=np.float64)
