"""ExtraTrees with a leaf floor and a size cap, and one tree of at most 16 leaves, with their neutral forms."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.subject import Task
from assay.core.table import F64

from .forms import Forest, Form, Tree
from .from_lightgbm import down_to_float32
from .learners import F32, Config, Data, Run
from .linear import MANY_CLASSES

MOST_NODES = 800_000  # of a whole forest, counted once for each output: a graph of about 15 MB
FEWEST_TREES, MOST_TREES = 80, 200  # fewer trees first, then larger leaves, keep a forest under the cap
MOST_ROWS = 50_000  # rows of a forest: under the size cap more rows only make larger leaves
READABLE_LEAVES = 16


@dataclass(frozen=True)
class Grown:
    """A scikit-learn forest or tree."""

    native: Any
    task: Task
    outputs: int
    rounds: int = 0

    def predict(self, X: F32) -> F64:
        if self.task == "regression":
            return np.asarray(self.native.predict(X), dtype=np.float64)
        found = np.asarray(self.native.predict_proba(X), dtype=np.float64)
        whole = np.zeros((len(X), self.outputs))
        whole[:, self.native.classes_.astype(np.int64)] = found
        return whole

    def form(self) -> Form:
        return forms_of_forest(self.native, self.task, self.outputs)


def train(config: Config, data: Data, run: Run) -> Grown:
    """See ``learners.train``. One thread.

    A forest leaves out rows beyond 50,000 (rows stand in the order of their hash, so the first are a random sample).
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    params = dict(config.params)
    if config.family == "extra-trees" and len(data.y) > MOST_ROWS:
        weight = None if data.weight is None else data.weight[:MOST_ROWS]
        data = replace(data, X=data.X[:MOST_ROWS], y=data.y[:MOST_ROWS], weight=weight)
    y = data.y if data.task == "regression" else data.y.astype(np.int64)
    n = len(y)
    criterion: dict[str, Any] = {"criterion": "poisson"} if data.aim.kind == "count" else {}
    kept = {} if data.limits is None else data.limits.forest()
    if config.family == "tree":
        leaf = int(np.clip(n // 50, 2, max(20, n // 200)))  # smaller leaves give shares of 0 and 1, which cost most
        options: dict[str, Any] = {
            "max_leaf_nodes": READABLE_LEAVES,
            "min_samples_leaf": leaf,
            "random_state": run.seed,
        }
        kind = DecisionTreeRegressor if data.task == "regression" else DecisionTreeClassifier
        model = kind(**(options | criterion | kept | params))
    else:
        params, (trees, leaf) = _rest(params), forest_size(data, params)
        options = {"n_estimators": trees, "min_samples_leaf": leaf, "random_state": run.seed, "n_jobs": 1}
        options["max_features"] = params.pop("max_features", 0.5)
        kind = ExtraTreesRegressor if data.task == "regression" else ExtraTreesClassifier
        model = kind(**(options | criterion | kept | params))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", MANY_CLASSES, UserWarning)
        model.fit(data.X, y, sample_weight=data.weight)
    if criterion:
        _towards_the_mean(model, float(np.average(y, weights=data.weight)))
    return Grown(model, data.task, data.outputs)


def _towards_the_mean(model: Any, mean: float) -> None:
    """Each leaf as if it held one more row, of the mean count: a leaf without an event would say that none can happen,
    and one event would then cost more than all else."""
    for tree in getattr(model, "estimators_", [model]):
        grown = tree.tree_
        size = grown.weighted_n_node_samples
        grown.value[:, 0, 0] = (grown.value[:, 0, 0] * size + mean) / (size + 1.0)


def forest_size(data: Data, params: Mapping[str, Any]) -> tuple[int, int]:
    """Trees and leaf floor: a forest with leaf floor f on n rows has about 1.2 n / f nodes a tree and output."""
    floor = int(params.get("min_samples_leaf", 3))
    copies = data.outputs if data.task == "multiclass" else 1
    affordable = MOST_NODES * floor / (1.2 * min(len(data.y), MOST_ROWS) * copies)
    trees = int(params.get("n_estimators", np.clip(affordable, FEWEST_TREES, MOST_TREES)))
    return trees, max(floor, int(np.ceil(floor * trees / affordable)))


def _rest(params: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in params.items() if k not in ("n_estimators", "min_samples_leaf")}


def expected_seconds(config: Config, data: Data, *, seed: int) -> float:
    """CPU seconds that a forest would take, from two of its trees."""
    start = time.process_time()
    trees, leaf = forest_size(data, config.params)
    two = replace(config, params={**config.params, "n_estimators": 2, "min_samples_leaf": leaf})
    train(two, data, Run(seed))
    return (time.process_time() - start) * trees / 2


def forms_of_forest(native: Any, task: Task, outputs: int) -> Forest:
    """Convert a scikit-learn tree or forest: leaf values are divided by the number of trees, link identity.

    Binary forests have one output, the probability of the positive class; with more classes each tree stands once for
    each class (they share their node arrays).
    """
    grown = [t.tree_ for t in getattr(native, "estimators_", [native])]
    column = {} if task == "regression" else {int(c): i for i, c in enumerate(native.classes_)}
    wanted = [0] if task == "regression" else [1] if task == "binary" else list(range(outputs))
    trees: list[Tree] = []
    output: list[int] = []
    for tree in grown:
        leaf = tree.children_left < 0
        feature = np.where(leaf, -1, tree.feature).astype(np.int32)
        threshold = np.where(leaf, np.float32(0), down_to_float32(np.asarray(tree.threshold, np.float64)))
        left, right = tree.children_left.astype(np.int32), tree.children_right.astype(np.int32)
        nan_left = np.asarray(tree.missing_go_to_left, dtype=np.bool_) & ~leaf
        for place, k in enumerate(wanted):
            if task == "regression":
                value = tree.value[:, 0, 0]
            elif k in column:
                value = tree.value[:, 0, column[k]] / tree.value[:, 0, :].sum(axis=1)
            else:
                value = np.zeros(len(leaf))
            value = np.where(leaf, value, 0.0) / len(grown)
            trees.append(Tree(feature, threshold.astype(np.float32), left, right, nan_left, value, {}))
            output.append(place)
    return Forest(tuple(trees), np.array(output, np.int32), np.zeros(len(wanted)), "identity")
