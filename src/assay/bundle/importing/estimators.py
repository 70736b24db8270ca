"""Fitted estimators of scikit-learn, LightGBM and XGBoost as neutral forms on the matrix that they take."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from assay.core.errors import SettingsError
from assay.core.table import F64
from assay.core.words import text_of
from assay.learn.forests import forms_of_forest
from assay.learn.forms import Forest, Link, Tree
from assay.learn.from_lightgbm import forms_of_lightgbm
from assay.learn.xgboosting import forms_of_xgboost

from .columns import Col, transformed

Task = Literal["binary", "multiclass", "regression"]
ELSEWHERE = "export it to ONNX (skl2onnx, onnxmltools) and take assay import theirs.onnx"
FORESTS = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
EXPONENTIAL = ("PoissonRegressor", "GammaRegressor")
XGB_LINKS: dict[str, Link] = {
    "binary:logistic": "sigmoid", "multi:softprob": "softmax", "multi:softmax": "softmax",
    "reg:squarederror": "identity", "reg:linear": "identity", "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity", "reg:quantileerror": "identity",
    "count:poisson": "exp", "reg:gamma": "exp", "reg:tweedie": "exp",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What an estimator is: its task and classes, and one form on columns ``cols`` of its matrix."""

    task: Task
    classes: tuple[str, ...]
    class_values: tuple[Any, ...]
    cols: tuple[Col, ...]
    forest: Forest | None = None
    single: bool = True  # whether the library rounds the matrix to float32
    weights: F64 | None = None  # (columns, outputs) of a linear model
    intercept: F64 | None = None
    link: Link = "identity"


def understood(made: Any, cols: Sequence[Col]) -> Found:
    """
    Raises:
        SettingsError: a model that has no form here; the sentence says which way is left.
    """
    if type(made).__name__ == "Pipeline":
        for _, step in made.steps[:-1]:
            cols = transformed(step, cols)
        return understood(made.steps[-1][1], cols)
    room, name = type(made).__module__.split(".")[0], type(made).__name__
    if room == "lightgbm":
        return _lightgbm(made, cols)
    if room == "xgboost":
        return _xgboost(made, cols)
    if room != "sklearn":
        raise SettingsError(f"{name} of {room} has no form here: {ELSEWHERE}")
    if not hasattr(made, "n_features_in_"):
        raise SettingsError(f"the model must be fitted; this {name} is not")
    if "HistGradientBoosting" in name:
        return _histogram(made, cols)
    if name.startswith("GradientBoosting"):
        return _gradient(made, cols)
    task, classes = _task(made)
    if name.startswith(FORESTS):
        if np.ndim(getattr(made, "n_outputs_", 1)) or getattr(made, "n_outputs_", 1) != 1:
            raise SettingsError(f"a {name} of several targets has no form here: {ELSEWHERE}")
        form = forms_of_forest(_renamed(made), task, len(classes))
        return Found(task, _texts(classes), classes, tuple(cols), forest=form)
    if hasattr(made, "coef_") and hasattr(made, "intercept_"):
        return _linear(made, name, task, classes, cols)
    raise SettingsError(f"{name} of scikit-learn has no form here: {ELSEWHERE}")


def _task(made: Any) -> tuple[Task, tuple[Any, ...]]:
    known = getattr(made, "classes_", None)
    if known is None:
        return "regression", ()
    classes = tuple(np.asarray(known).tolist())
    if len(classes) < 2:
        raise SettingsError("a model of one class predicts nothing; it was fitted on rows of one class only")
    return ("binary" if len(classes) == 2 else "multiclass"), classes


def _texts(classes: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(text_of(c)) for c in classes)


class _Numbered:
    """A forest whose classes are numbers from 0, as ``forms_of_forest`` takes them."""

    def __init__(self, made: Any) -> None:
        self.estimators_ = list(np.ravel(getattr(made, "estimators_", [made])))
        self.classes_ = np.arange(len(getattr(made, "classes_", ())))


def _renamed(made: Any) -> Any:
    return _Numbered(made)


def _linear(made: Any, name: str, task: Task, classes: tuple[Any, ...], cols: Sequence[Col]) -> Found:
    weights = np.atleast_2d(np.asarray(made.coef_, np.float64))
    intercept = np.broadcast_to(np.atleast_1d(np.asarray(made.intercept_, np.float64)), (len(weights),))
    link: Link = "identity"
    if task == "regression":
        if len(weights) != 1:
            raise SettingsError(f"a {name} of several targets has no form here: {ELSEWHERE}")
        if name in EXPONENTIAL or (name == "TweedieRegressor" and _exponential(made)):
            link = "exp"
    elif not callable(getattr(made, "predict_proba", None)):
        raise SettingsError(f"{name} gives no probabilities, which a model of classes needs here; calibrate it first")
    elif name == "SGDClassifier" and (len(weights) > 1 or made.loss != "log_loss"):
        raise SettingsError(f"SGDClassifier of {made.loss}, {len(classes)} classes, has no form here: {ELSEWHERE}")
    else:
        link = "sigmoid" if len(weights) == 1 else "softmax"
    return Found(task, _texts(classes), classes, tuple(cols), weights=weights.T, intercept=intercept.copy(), link=link)


def _exponential(made: Any) -> bool:
    return bool(made.link == "log" or (made.link == "auto" and made.power > 0))


def _gradient(made: Any, cols: Sequence[Col]) -> Found:
    task, classes = _task(made)
    if type(made.init_).__name__ not in ("DummyClassifier", "DummyRegressor") and made.init_ != "zero":
        raise SettingsError(f"a {type(made).__name__} that starts from another model has no form here: {ELSEWHERE}")
    base = np.asarray(made._raw_predict_init(np.zeros((1, made.n_features_in_), np.float32)), np.float64)[0]
    grown = made.estimators_
    scale = made.learning_rate
    trees, output = [], []
    for stage in grown:
        for k, tree in enumerate(stage):
            one = forms_of_forest(tree, "regression", 1).trees[0]
            trees.append(replace(one, value=one.value * scale))
            output.append(k)
    link: Link = "identity" if task == "regression" else "sigmoid" if task == "binary" else "softmax"
    forest = Forest(tuple(trees), np.array(output, np.int32), base, link)
    if task == "binary" and made.loss == "exponential":  # its probability is sigmoid(2 raw)
        doubled = tuple(replace(t, value=2.0 * t.value) for t in forest.trees)
        forest = replace(forest, trees=doubled, base=2.0 * base)
    return Found(task, _texts(classes), classes, tuple(cols), forest=forest)


def _histogram(made: Any, cols: Sequence[Col]) -> Found:
    task, classes = _task(made)
    if getattr(made, "_preprocessor", None) is not None:  # it encodes categories itself, and puts them first
        known = np.asarray(made.is_categorical_, bool)
        coded = [c for c, is_one in zip(cols, known, strict=True) if is_one]
        encoder = made._preprocessor.named_transformers_["encoder"]
        cols = [*transformed(encoder, coded), *(c for c, is_one in zip(cols, known, strict=True) if not is_one)]
    trees, output = [], []
    for stage in made._predictors:
        for k, predictor in enumerate(stage):
            trees.append(_histogram_tree(predictor))
            output.append(k)
    base = np.asarray(made._baseline_prediction, np.float64).reshape(-1)
    log = task == "regression" and made.loss in ("poisson", "gamma")
    link: Link = "exp" if log else "identity" if task == "regression" else "sigmoid" if task == "binary" else "softmax"
    forest = Forest(tuple(trees), np.array(output, np.int32), base, link)
    return Found(task, _texts(classes), classes, tuple(cols), forest=forest, single=False)


def _histogram_tree(predictor: Any) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    members = {}
    for i in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf).tolist():
        words = np.asarray(predictor.raw_left_cat_bitsets[int(nodes["bitset_idx"][i])], np.uint32)
        members[i] = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).astype(np.int32)
    threshold = np.where(leaf, 0.0, nodes["num_threshold"].astype(np.float64))
    threshold[list(members)] = 0.0
    return Tree(
        feature=np.where(leaf, -1, nodes["feature_idx"].astype(np.int64)).astype(np.int32),
        threshold=threshold,  # double: ``Features`` rounds it
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)).astype(np.int32),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)).astype(np.int32),
        nan_left=nodes["missing_go_to_left"].astype(bool) & ~leaf,
        value=np.where(leaf, nodes["value"], 0.0),
        members=members,
    )


def _lightgbm(made: Any, cols: Sequence[Col]) -> Found:
    booster = getattr(made, "booster_", made)
    rounds = int(getattr(made, "best_iteration_", 0) or booster.best_iteration or booster.current_iteration())
    if rounds <= 0:
        rounds = booster.current_iteration()
    try:
        forest = forms_of_lightgbm(booster, rounds, doubles=True)
    except ValueError as error:
        raise SettingsError(f"this LightGBM model has no form here: {error}; {ELSEWHERE}") from None
    known = booster.pandas_categorical or []
    return _boosted(made, forest, _categories(cols, known, "LightGBM"), single=False)


def _boosted(made: Any, forest: Forest, cols: Sequence[Col], single: bool) -> Found:
    if forest.link not in ("sigmoid", "softmax"):
        return Found("regression", (), (), tuple(cols), forest=forest, single=single)
    task: Task = "binary" if forest.link == "sigmoid" else "multiclass"
    k = 2 if task == "binary" else len(forest.base)
    classes = _task(made)[1] if hasattr(made, "classes_") else tuple(range(k))
    return Found(task, _texts(classes), classes, tuple(cols), forest=forest, single=single)


def _categories(cols: Sequence[Col], known: Sequence[Sequence[Any]], what: str) -> list[Col]:
    """Text columns get the codes that the library gave to their categories, in the order of the columns."""
    words = [i for i, c in enumerate(cols) if c.text]
    if len(words) != len(known):
        raise SettingsError(
            f"{what} was trained with {len(known)} columns of categories; the rows have {len(words)} of text: "
            "give rows as the model takes them (pandas, with the same dtypes)"
        )
    out = list(cols)
    for i, categories in zip(words, known, strict=True):
        out[i] = Col(cols[i].raw, table={str(text_of(v)): float(k) for k, v in enumerate(categories)})
    return out


def _xgboost(made: Any, cols: Sequence[Col]) -> Found:
    booster = made.get_booster() if hasattr(made, "get_booster") else made
    config = json.loads(booster.save_config())["learner"]
    name, kind = config["objective"]["name"], config["gradient_booster"]["name"]
    if name not in XGB_LINKS or kind != "gbtree":
        raise SettingsError(f"XGBoost of {kind} with the objective {name} has no form here: {ELSEWHERE}")
    best = booster.attr("best_iteration")
    rounds = int(best) + 1 if best is not None else int(booster.num_boosted_rounds())
    forest = forms_of_xgboost(booster, rounds, XGB_LINKS[name])
    if forest.link == "exp":
        forest = replace(forest, base=np.log(forest.base))
    return _boosted(made, forest, _categories(cols, _trained_categories(booster), "XGBoost"), single=True)


def _trained_categories(booster: Any) -> list[list[Any]]:
    if not hasattr(booster, "get_categories"):
        return []
    found = booster.get_categories(export_to_arrow=True).to_arrow()
    return [column.to_pylist() for _, column in found or () if column is not None]
