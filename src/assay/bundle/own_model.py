"""A model that assay did not make: an ONNX file, a live estimator, any function, or what ``module:name`` names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.audit.own_code import named
from assay.core.errors import InputError, SettingsError, did_you_mean
from assay.core.subject import Model, Subject
from assay.core.table import F64, Sample
from assay.core.words import text_of
from assay.probes.own_pipeline import guarded, table_of

from .foreign import OnnxModel
from .model import Model as Bundle

WAYS = ("predict_proba", "predict")  # of a classifier, best first; labels alone become shares of 0 and 1


def open_model(given: Any, subject: Subject) -> Model:
    """What predicts the target of ``subject``: a loaded model, a path (.assay, .onnx), the bytes of an .assay file,
    ``module:name``, an estimator (``predict_proba`` or ``predict``), or a function from a table of rows to one
    prediction a row.

    An estimator or a function gets a pandas frame (an Arrow table where pandas is not installed) of the columns that
    it was fitted on, where it names them (``feature_names_in_``), else of all but target, ids, weight and split.

    Raises:
        InputError, BundleError: a file cannot be read.  SettingsError: it is no model.
    """
    if isinstance(given, bytes):
        return Bundle.load(given)
    if isinstance(given, (str, Path)):
        word = str(given)
        if word.endswith(".onnx"):
            return OnnxModel.load(Path(word), subject)
        if ":" not in word or Path(word).exists():
            return Bundle.load(given)
        given = named(word, "--model")
    if isinstance(given, type):
        raise SettingsError(f"a model must be fitted; {given.__name__} is a class: name an object made of it")
    if hasattr(given, "predict_rows"):
        made: Model = given
        return made
    if any(callable(getattr(given, way, None)) for way in WAYS):
        return Estimator(given, subject)
    if callable(given):
        return Function(given, subject)
    raise SettingsError(
        "a model must be an .assay or .onnx file, module:name, a fitted estimator, or a function from rows to "
        f"predictions; got a {type(given).__name__}"
    )


class Own:
    """What all of these share: the columns they get, and that nothing is known of the rows they were trained on."""

    trained_on: str | None = None
    refitted = False
    size: int | None = None

    def __init__(self, subject: Subject, columns: tuple[str, ...] | None = None) -> None:
        self.known = subject.roles.classes
        self.named: tuple[str, ...] = ()
        by_place = [c.name for c in subject.table.columns]
        self.columns = columns or tuple(sorted(subject.features, key=by_place.index))
        lost = [c for c in self.columns if c not in by_place]
        if lost:
            raise InputError(
                f"the model was fitted on the column {lost[0]!r}, which {subject.table.name} does not have"
                f"{did_you_mean(lost[0], by_place)}"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        return self.named

    def call(self, rows: Any) -> Any:
        raise NotImplementedError

    def predict_rows(self, rows: Sample) -> F64:
        """(n, classes) shares or (n,) values, as the model gives them; what it prints goes to standard error.

        Raises:
            InputError: it fails, or gives something else than one prediction a row.
        """
        with guarded("the model", " on rows of this table"):
            given = self.call(table_of(rows, self.columns))
        return self.numbers(given, rows.n)

    def numbers(self, given: Any, n: int) -> F64:
        made = np.asarray(given)
        if made.ndim == 2 and made.shape[1] == 1:
            made = made[:, 0]
        if made.ndim not in (1, 2) or len(made) != n:
            raise InputError(f"the model must give one prediction for each of {n:,} rows; got {np.shape(given)}")
        if made.ndim == 1 and self.known and (self.named or len(self.known) > 2 or made.dtype.kind in "OUS"):
            self.named = self.named or self.known
            return shares_of(made, self.named)
        try:
            return made.astype(np.float64)
        except (TypeError, ValueError):
            raise InputError("the model must give numbers, or classes of the target; it gives text") from None


class Estimator(Own):
    """Anything with ``predict_proba`` or ``predict``, as scikit-learn, LightGBM, XGBoost and CatBoost have them."""

    def __init__(self, made: Any, subject: Subject) -> None:
        self.made = made
        fitted = getattr(made, "feature_names_in_", None)
        super().__init__(subject, None if fitted is None else tuple(str(c) for c in fitted))
        own = getattr(made, "classes_", None)
        if own is not None and self.known:
            self.named = tuple(str(text_of(c)) for c in np.asarray(own).tolist())

    def call(self, rows: Any) -> Any:
        shares = getattr(self.made, "predict_proba", None) if self.known else None
        return shares(rows) if callable(shares) else self.made.predict(rows)


class Function(Own):
    """rows -> shares of the classes in sorted order, of the positive class alone, a class a row, or values."""

    def __init__(self, call: Callable[[Any], Any], subject: Subject) -> None:
        required = [
            p
            for p in _parameters(call)
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if len(required) > 1:
            raise SettingsError(
                f"a model must be a function of the rows alone; {getattr(call, '__name__', 'this one')} takes "
                f"{len(required)} arguments (a pipeline that trains goes to --pipeline)"
            )
        self.given = call
        super().__init__(subject)

    def call(self, rows: Any) -> Any:
        return self.given(rows)


def _parameters(call: Callable[[Any], Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # a builtin tells nothing of itself
        return []


def shares_of(labels: NDArray[Any], classes: tuple[str, ...]) -> F64:
    """(n, classes): 1 for the label, 0 for the others.

    Raises:
        InputError: a label that is none of the classes.
    """
    names, code = np.unique(np.array([str(text_of(v)) for v in labels.tolist()]), return_inverse=True)
    place = {c: i for i, c in enumerate(classes)}
    if strange := [n for n in names.tolist() if n not in place]:
        raise InputError(f"the model predicts the class {strange[0]!r}, which is none of {', '.join(classes[:4])}")
    at = np.array([place[n] for n in names.tolist()], np.int64)[code]
    return np.eye(len(classes))[at]
