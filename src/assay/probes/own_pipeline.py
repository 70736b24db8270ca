"""Calling the user's own pipeline: what it is given, what it may give back, and how that is scored against chance."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError
from assay.core.subject import Task
from assay.core.table import F64, Sample
from assay.core.words import text_of
from assay.stats.auc import auc, auc_ovr, midranks

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """The score of one run, what chance gives, its name, and how many rows were predicted."""

    score: float
    chance: float
    metric: str
    n: int

    @property
    def above(self) -> float:
        return self.score - self.chance


def table_of(rows: Sample, columns: tuple[str, ...]) -> Any:
    """The rows as the user's code knows them: a pandas frame where pandas is installed, else an Arrow table."""
    arrow = rows.arrow.select(list(columns))
    try:
        import pandas  # noqa: F401
    except ImportError:
        return arrow
    return arrow.to_pandas()


def answers_of(rows: Sample, target: str) -> NDArray[Any]:
    """The target as the table has it: numbers, booleans, or text as objects."""
    column = rows.arrow[target]
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    return np.asarray(values)


def run(pipeline: Callable[[Any, Any], Any], X: Any, y: NDArray[Any], task: Task) -> Outcome:
    """Call the pipeline on copies, and score what it gives against the target that it was given.

    Raises:
        InputError: it failed, or gave neither predictions nor (score, chance); Ctrl-C passes.
    """
    with guarded("the pipeline"):
        given = pipeline(X.copy() if hasattr(X, "copy") else X, y.copy())
    if hasattr(given, "reindex") and hasattr(X, "index") and given.index.is_unique:
        given = given.reindex(X.index)  # folds put together in another order, or only some of the rows
    return scored(given, y, task)


def scored(given: Any, y: NDArray[Any], task: Task) -> Outcome:
    """Predictions by row, with NaN or None where a row was not predicted; or a pair (score, chance)."""
    if isinstance(given, tuple) and len(given) == 2 and all(np.ndim(v) == 0 for v in given):
        return pair_of(given, len(y))
    if np.ndim(given) == 0:
        raise InputError(
            f"the pipeline must give a prediction for every row, or (score, chance); got {described(given)}"
        )
    made = np.asarray(given) if hasattr(given, "dtype") else np.array(given, object)
    if len(made) != len(y):
        raise InputError(f"the pipeline must give a prediction for each of {len(y):,} rows; got {len(made):,}")
    if made.ndim > 2:
        raise InputError(f"the pipeline must give one prediction a row; got an array of {made.ndim} dimensions")
    if made.ndim == 2 and made.shape[1] == 1:
        made = made[:, 0]
    if task == "regression":
        return regression(made, y)
    classes, code = np.unique(y, return_inverse=True)
    return shares(numbers(made), classes, code) if made.ndim == 2 else labels_or_scores(made, classes, code)


def pair_of(given: tuple[Any, Any], n: int) -> Outcome:
    try:
        score, chance = (float(v) for v in given)
    except (TypeError, ValueError):
        score, chance = np.nan, np.nan
    if not (np.isfinite(score) and np.isfinite(chance)):
        raise InputError(f"the pipeline's (score, chance) must be two numbers; got {described(given)}")
    return Outcome(score, chance, "score", n)


def regression(made: NDArray[Any], y: NDArray[Any]) -> Outcome:
    if made.ndim == 2:
        raise InputError(f"the pipeline must give one value for each row; got {made.shape[1]} columns")
    x = numbers(made)
    said = np.isfinite(x)
    value = rank_correlation(x[said], numbers(y)[said])
    return Outcome(enough(value), 0.0, "rank correlation", int(said.sum()))


def shares(p: F64, classes: NDArray[Any], code: NDArray[Any]) -> Outcome:
    """Class probabilities, one column a class in sorted order, as scikit-learn has them."""
    if p.shape[1] != len(classes):
        raise InputError(f"the pipeline must give {len(classes)} columns, one a class; got {p.shape[1]}")
    said = np.isfinite(p).all(1)
    value = auc(code[said] == 1, p[said, 1]) if len(classes) == 2 else auc_ovr(code[said], p[said])
    return Outcome(enough(value), 0.5, "AUC", int(said.sum()))


def labels_or_scores(made: NDArray[Any], classes: NDArray[Any], code: NDArray[Any]) -> Outcome:
    """Class labels, or for two classes scores of the one that sorts last."""
    place = {str(text_of(c)): k for k, c in enumerate(classes.tolist())}
    values = made.tolist()
    said = np.array([v is not None and v == v for v in values], bool)
    named = np.array([place.get(str(text_of(v)), -1) for v in values])
    if said.any() and (named[said] >= 0).all():
        right = [(named[said & (code == k)] == k).mean() for k in range(len(classes)) if (said & (code == k)).any()]
        return Outcome(enough(np.mean(right)), 1 / len(right), "balanced accuracy", int(said.sum()))
    if len(classes) > 2:
        raise InputError(
            f"the pipeline must give one of the {len(classes)} classes, or one probability a class, for each row"
        )
    x = numbers(made)
    said = np.isfinite(x)
    return Outcome(enough(auc(code[said] == 1, x[said])), 0.5, "AUC", int(said.sum()))


def numbers(made: NDArray[Any]) -> F64:
    try:
        return made.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError("the pipeline's predictions must be numbers or classes of the target; got text") from None


def enough(score: Any) -> float:
    if not np.isfinite(score):
        raise InputError("the pipeline must predict rows of at least two classes, or of two values; it predicted fewer")
    return float(score)


def rank_correlation(x: F64, y: F64) -> float:
    """Spearman's; 0 where one side is constant."""
    if len(x) < 3:
        return float("nan")
    a, b = midranks(x), midranks(y)
    spread = float(np.std(a) * np.std(b))
    return float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread else 0.0


def described(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]}" if value is not None else "nothing"


def cross_validated(estimator: Any) -> Callable[[Any, Any], Any]:
    """A scikit-learn estimator as a pipeline: five folds, everything that it holds fitted inside them."""

    def pipeline(X: Any, y: Any) -> Any:
        from sklearn.base import is_classifier
        from sklearn.model_selection import cross_val_predict

        ways = ("predict_proba", "decision_function", "predict") if is_classifier(estimator) else ("predict",)
        method = next(w for w in ways if hasattr(estimator, w))
        return cross_val_predict(estimator, X, y, cv=FOLDS, method=method)

    return pipeline


@contextlib.contextmanager
def guarded(what: str, where: str = "") -> Iterator[None]:
    """A call of the user's code: what it prints goes ``aside``; Ctrl-C and want of memory pass.

    Raises:
        InputError: it fails, or ends the program.
    """
    try:
        with aside():
            yield
    except SystemExit as error:
        raise InputError(f"{what} ended the program with code {error.code}; it must return") from None
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{what} failed{where}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """What the user's code prints goes to standard error, by Python and by the descriptor: reports own the other."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, ValueError, io.UnsupportedOperation):
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
