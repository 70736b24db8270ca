"""A fitted scikit-learn, LightGBM or XGBoost object as a bundle: its own graph, written by our writer and checked.

The graph is compared with the object on the rows that are given, and refused above 1e-4. Nothing is fitted, held out or
audited here, and the dossier says so.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.bundle.layout import named
from assay.bundle.model import Model
from assay.bundle.parity import MOST_ROWS
from assay.bundle.write import build
from assay.core.errors import InputError, SettingsError, did_you_mean
from assay.core.table import F64, SampleSpec
from assay.core.versions import versions
from assay.core.words import text_of
from assay.learn.conformal import fit_conformal
from assay.learn.forms import Assembly, Calibration, Family, Form, Member

from .columns import Col
from .estimators import Found, understood
from .features import Features

if TYPE_CHECKING:
    import pyarrow as pa

FAMILIES: dict[str, Family] = {"lightgbm": "lightgbm", "xgboost": "xgboost"}
LIBRARIES = {"sklearn": "scikit-learn", "lightgbm": "lightgbm", "xgboost": "xgboost-cpu"}


def import_model(
    model: Any, rows: Any, *, target: str | None = None, name: str = "model", version: str = "0.1.0"
) -> Model:
    """Take over a fitted model of scikit-learn (linear, trees, forests, boosting, pipelines), LightGBM or XGBoost.

    Args:
        model: the fitted object.
        rows: rows as it takes them (pandas, numpy, Arrow, polars, dict of arrays): the graph is checked on the first
            5,000, and ranges and categories of the schema are read from them.
        target: what it predicts; a column of that name in ``rows`` is not given to the model.
        name, version: of the bundle.

    Raises:
        SettingsError: the model, or a step before it, has no form here. InputError: the rows do not fit the model.
        BundleError: the graph differs from the model by more than 1e-4.
    """
    from assay.tables import open_table

    named(name)
    if model is None or isinstance(model, (type, str, bytes, os.PathLike)):
        what = f"the class {model.__name__}" if isinstance(model, type) else f"{model!r:.80}"
        raise SettingsError(
            f"a fitted object was expected; got {what}: files of other libraries are never loaded here, as that runs "
            "code: load it yourself and hand over the object"
        )
    table, given, columns = _rows(model, rows, target)
    if table.num_rows == 0:
        raise InputError("an imported model is checked on rows: give some that it was made for, a hundred or more")
    kinds = {c: _kind(c, table.schema.field(c).type) for c in columns}
    cols = [Col(c, text=kinds[c] == "category") for c in columns]
    found = understood(model, cols)
    classes = _classes(found, rows, target)
    sample = open_table(table, cache=False).sample(SampleSpec(n=MOST_ROWS))
    features = Features(found.cols, kinds, {c: _sorted(table, c) for c in columns if kinds[c] == "number"})
    form = _form(found, features)
    what = type(model).__name__ if type(model).__name__ != "Pipeline" else f"Pipeline of {type(model[-1]).__name__}"
    room = _room(model)
    member = Member(what, FAMILIES.get(room, "linear" if found.weights is not None else "tree"), 1.0, form)
    nothing = np.empty((0, len(classes))) if classes else np.empty(0)
    conformal = fit_conformal(nothing, np.empty(0), found.task)
    assembly = Assembly(found.task, classes, features.spec(), (member,), Calibration("none"), conformal)
    native = _outputs(model, given, table.num_rows, found)[sample.position]
    made_with = versions(["assay", "numpy", LIBRARIES.get(room, room)])
    return build(
        assembly, None, imported_dossier(what, LIBRARIES.get(room, room), found.task, classes, columns, sample.n),
        samples=sample, held_out=sample, native=native, target=target, name=name, version=version,
        lineage={"imported": what, "rows_checked": sample.n, "versions": made_with},
        class_type=_class_type(found.class_values),
    )  # fmt: skip


def imported_dossier(
    what: str, maker: str, task: str, classes: Sequence[str], columns: Sequence[str], rows: int
) -> dict[str, Any]:
    """A dossier that says what is not known."""
    whence = f"{maker} ({what})" if what else maker
    says = (
        f"Imported from {whence}: it was neither fitted nor audited here, no score of it is known, and its "
        "prediction sets hold everything, because nothing was held out."
    )
    return {
        "kind": "fit",
        "report": None,
        "model": {
            "task": task,
            "classes": list(classes),
            "features": list(columns),
            "imported": {"says": says, "from": whence, "rows": rows},
            "shipped": {"which": "imported", "label": "not known: the model was imported"},
            "limits": [
                "No challenge was asked of the table that this model was trained on, nor of the model.",
                "Ranges, categories and typical values of the schema are those of the rows given at the import.",
            ],
        },
    }


def _room(model: Any) -> str:
    return type(model[-1] if type(model).__name__ == "Pipeline" else model).__module__.split(".")[0]


def _rows(model: Any, rows: Any, target: str | None) -> tuple[pa.Table, Any, tuple[str, ...]]:
    """(Arrow table of the model's columns, the rows as it takes them, its columns in order)."""
    import pyarrow as pa

    own = _fitted_names(model)
    if isinstance(rows, np.ndarray):
        if rows.ndim != 2:
            raise InputError(f"rows must be a matrix of one row each; got {rows.ndim} dimensions")
        names = own or tuple(f"x{i}" for i in range(rows.shape[1]))
        if len(names) != rows.shape[1]:
            raise InputError(f"the model takes {len(names)} columns; the rows have {rows.shape[1]}")
        return pa.table({n: rows[:, i] for i, n in enumerate(names)}), rows, names
    frame = rows if type(rows).__module__.startswith("pandas") else _frame(rows)
    there = [str(c) for c in frame.columns]
    names = own or tuple(c for c in there if c != target)
    if lost := [c for c in names if c not in there]:
        raise InputError(f"the model takes the column {lost[0]!r}, which the rows lack{did_you_mean(lost[0], there)}")
    picked = frame[[c for c in frame.columns if str(c) in names]]
    picked = picked[sorted(picked.columns, key=lambda c: names.index(str(c)))]
    try:
        return pa.Table.from_pandas(picked, preserve_index=False), picked, names
    except pa.ArrowException as error:
        raise InputError(f"the rows cannot be read: {str(error).splitlines()[0][:150]}") from None


def _frame(rows: Any) -> Any:
    from assay.tables import open_table

    try:
        import pandas as pd
    except ImportError:
        raise InputError(
            "rows for a live model must be a pandas frame or a numpy matrix; pandas is not installed"
        ) from None
    if isinstance(rows, dict):
        return pd.DataFrame(rows)
    return open_table(rows, cache=False).arrow().to_pandas()


def _fitted_names(model: Any) -> tuple[str, ...]:
    known = getattr(model, "feature_names_in_", None)
    if known is None and hasattr(model, "feature_name") and callable(model.feature_name):  # a LightGBM booster
        known = model.feature_name()
        known = None if all(n == f"Column_{i}" for i, n in enumerate(known)) else known
    if known is None and type(model).__module__.startswith("xgboost"):
        known = getattr(model, "feature_names", None)
    return () if known is None else tuple(str(c) for c in known)


def _kind(column: str, t: Any) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(t):
        return "category"
    if pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return "category"
    if pa.types.is_boolean(t):
        return "bool"
    if pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t):
        return "number"
    raise InputError(f"column {column!r} holds {t}; an imported model takes numbers, text, and true or false")


def _sorted(table: Any, column: str) -> F64:
    """The different values of a number, in order."""
    values = np.asarray(table[column].to_numpy(), np.float64)
    return np.unique(values[np.isfinite(values)])


def _classes(found: Found, rows: Any, target: str | None) -> tuple[str, ...]:
    """The classes by name: those of the model, or those of the target in the rows where it only counts them."""
    if found.classes != tuple(map(str, range(len(found.classes)))) or target is None or isinstance(rows, np.ndarray):
        return found.classes
    try:
        known = sorted({str(text_of(v)) for v in list(rows[target])} - {"None", "nan"})
    except (KeyError, TypeError, IndexError):
        return found.classes
    return tuple(known) if len(known) == len(found.classes) else found.classes


def _class_type(values: Sequence[Any]) -> str:
    for kind, name in ((bool, "bool"), (int, "integer"), (float, "number")):
        if values and all(type(v) is kind for v in values):
            return name
    return "text"


def _form(found: Found, features: Features) -> Form:
    if found.weights is not None and found.intercept is not None:
        return features.linear(found.cols, found.weights, found.intercept, found.link)
    if found.forest is None:
        raise SettingsError("the model has neither weights nor trees")
    made = features.forest(found.cols, found.forest, found.single)
    if not features.features:  # trees of single leaves: a constant, which a graph makes out of some column
        features.number(found.cols[0].raw)
    return made


def _outputs(model: Any, given: Any, n: int, found: Found) -> F64:
    """(n, classes) probabilities or (n,) values, by the library itself."""
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost

        rows = xgboost.DMatrix(given, enable_categorical=True, nthread=1)
        best = model.attr("best_iteration")
        out = model.predict(rows, iteration_range=(0, int(best) + 1) if best is not None else (0, 0))
    else:
        asks = getattr(model, "predict_proba", None) if found.classes else None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out = asks(given) if callable(asks) else model.predict(given)
        except Exception as error:
            raise InputError(f"the model failed on the rows: {str(error).splitlines()[0][:150]}") from None
    out = np.asarray(out, np.float64)
    if found.task == "binary" and out.ndim == 1:
        out = np.column_stack((1.0 - out, out))
    out = out[:, 0] if found.task == "regression" and out.ndim == 2 else out
    if len(out) != n:
        raise InputError(f"the model gives {len(out):,} predictions for {n:,} rows")
    return out
