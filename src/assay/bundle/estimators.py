"""scikit-learn estimators over fit and bundle: ``model_`` is a ``Model``, and it is what predicts.

X is a numeric array, or a pandas or polars frame with columns of any kind; NaN and null are missing. Rows are taken as
independent of one another: no role is guessed and no column is left out. For time, groups, leaks and repairs use
``assay.fit``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_y,
    check_is_fitted,
    validate_data,
)

from assay.core.errors import AssayError
from assay.core.remedy import Recipe
from assay.core.settings import Settings

from .model import Model

FEWEST = 4
NO_GUESS = ("order", "group", "id", "protected", "weight", "split", "site")


class _Assay(BaseEstimator):  # type: ignore[misc]
    """Parameters: ``budget`` in CPU seconds, ``ship`` ("judged", "refit" or None: by size), ``random_state`` (int)."""

    def __init__(
        self, budget: float = 60.0, ship: Literal["judged", "refit"] | None = None, random_state: int = 0
    ) -> None:
        self.budget = budget
        self.ship = ship
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _columns(self, X: Any, *, reset: bool) -> dict[str, Any]:
        """X as columns by name, checked against the X of ``fit`` unless ``reset``."""
        if hasattr(X, "columns") and not callable(X.columns):
            _check_feature_names(self, X, reset=reset)
            _check_n_features(self, X, reset=reset)
            if len(X) < (FEWEST if reset else 1):
                raise ValueError(f"Found array with {len(X)} sample(s) while a minimum of {FEWEST} is required.")
            return {str(c): X[c] for c in X.columns}
        least = FEWEST if reset else 1
        X = validate_data(self, X, reset=reset, ensure_all_finite="allow-nan", ensure_min_samples=least)
        return {f"x{i:04d}": X[:, i].astype(np.float64) for i in range(X.shape[1])}

    def _fit(self, columns: dict[str, Any], target: Any, task: str) -> None:
        import pyarrow as pa

        from assay.audit.opening import open_subject
        from assay.fit import fit

        from .make import pack_fitted

        name = "target"
        while name in columns:
            name += "_"
        table = pa.table({k: _arrow(v) for k, v in columns.items()} | {name: pa.array(target)})
        settings = Settings(seed=int(self.random_state), budget=float(self.budget))
        roles: dict[str, Any] = dict.fromkeys(NO_GUESS, ()) | {"task": task}
        try:
            subject = open_subject(table, target=name, roles=roles, settings=settings, cache=False)
            made = fit(subject, Recipe(), settings, ship=self.ship)
            self.fitted_ = replace(made, making=replace(made.making, again=None))  # it would keep the training rows
            self.model_ = pack_fitted(subject, self.fitted_, settings)
        except AssayError as error:
            raise ValueError(str(error)) from error

    def _rows(self, X: Any) -> dict[str, Any]:
        check_is_fitted(self, "model_")
        columns = self._columns(X, reset=False)
        return {c: columns[c] for c in self.model_.columns} if self.model_.columns else columns


class AssayClassifier(ClassifierMixin, _Assay):  # type: ignore[misc]
    """Race, calibrate and bundle a classifier. Attributes: ``classes_``, ``model_`` (a ``Model``), ``fitted_``."""

    model_: Model

    def fit(self, X: Any, y: Any) -> AssayClassifier:
        """Fit on (n, features) and (n,) class labels."""
        columns = self._columns(X, reset=True)
        y = _check_y(y, estimator=self)
        check_classification_targets(y)
        _same_rows(columns, y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_[0]!r}")
        task = "binary" if len(self.classes_) == 2 else "multiclass"
        self._fit(columns, [f"{k:04d}" for k in index], task)
        return self

    def predict_proba(self, X: Any) -> Any:
        """(n, classes) probabilities, in the order of ``classes_``."""
        rows = self._rows(X)
        found = self.model_.predict_proba(rows, on_bad="null")
        out = np.zeros((len(found), len(self.classes_)))
        out[:, [int(c) for c in self.model_.classes]] = found
        return out

    def predict(self, X: Any) -> Any:
        """(n,) labels of the most probable class."""
        rows = self._rows(X)
        return self.classes_[self.model_.predict(rows, on_bad="null").astype(np.int64)]


class AssayRegressor(RegressorMixin, _Assay):  # type: ignore[misc]
    """Race and bundle a regressor. Attributes: ``model_`` (a ``Model``), ``fitted_``."""

    model_: Model

    def fit(self, X: Any, y: Any) -> AssayRegressor:
        """Fit on (n, features) and (n,) values."""
        columns = self._columns(X, reset=True)
        y = _check_y(y, y_numeric=True, estimator=self).astype(np.float64)
        _same_rows(columns, y)
        self._fit(columns, y, "regression")
        return self

    def predict(self, X: Any) -> Any:
        """(n,) values."""
        rows = self._rows(X)
        return self.model_.predict(rows, on_bad="null")


def _same_rows(columns: dict[str, Any], y: Any) -> None:
    n = len(next(iter(columns.values()))) if columns else 0
    if n != len(y):
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{n}, {len(y)}]")


def _arrow(column: Any) -> Any:
    import pyarrow as pa

    if hasattr(column, "to_arrow"):
        return column.to_arrow()
    return pa.array(column, from_pandas=True)
