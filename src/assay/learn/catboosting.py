"""CatBoost (extra ``catboost``) on encoded features: symmetric trees, written out as plain ones.

Ordered boosting on symmetric trees (Prokhorenkova et al. 2018). Categories come as the codes and target means of the
encoder, so that the model has a form; the library's own handling of categories has none outside the library.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import MissingExtra
from assay.core.subject import Task
from assay.core.table import F64

from .forms import Forest, Form, Link, Tree
from .learners import F32, MOST_ROUNDS, Config, Data, Rounds, Run, TimeUp, patience

DEFAULTS: dict[str, Any] = {"learning_rate": 0.06, "depth": 6, "l2_leaf_reg": 3.0, "max_bin": 128}
OBJECTIVE: dict[Task, tuple[str, Link]] = {
    "binary": ("Logloss", "sigmoid"),
    "multiclass": ("MultiClass", "softmax"),
    "regression": ("RMSE", "identity"),
}
PROBE = 6  # rounds that tell what a round costs
USUAL = 400  # rounds that early stopping usually keeps at this rate


@dataclass(frozen=True)
class CatBoosted(Rounds):
    """A CatBoost model cut to the rounds that early stopping kept."""

    outputs: int

    @property
    def grown(self) -> int:
        return int(self.native.tree_count_)

    def staged(self, X: F32, rounds: int) -> F64:
        """See ``learners.Staged``."""
        kind = "RawFormulaVal" if self.task == "regression" else "Probability"
        return np.asarray(self.native.predict(X, prediction_type=kind, ntree_end=rounds, thread_count=1), np.float64)

    def form(self) -> Form:
        return forms_of_catboost(self.native, self.rounds, OBJECTIVE[self.task][1])


def train(
    config: Config,
    data: Data,
    run: Run,
) -> CatBoosted:
    """See ``learners.train``.

    Raises:
        MissingExtra: the package is not installed. ValueError: a class has no row, for which the library has no output.
    """
    try:
        from catboost import CatBoost, Pool
    except ImportError:
        raise MissingExtra("catboost", "catboost", "the CatBoost family") from None
    if data.task == "multiclass" and len(np.unique(data.y)) < data.outputs:
        raise ValueError("CatBoost needs a row of every class")
    late: list[bool] = []

    class Clock:
        def after_iteration(self, info: Any) -> bool:
            if info.iteration % 5 == 0 and run.late:
                late.append(True)
            return not late

    params = DEFAULTS | dict(config.params) | {"loss_function": OBJECTIVE[data.task][0], "random_seed": run.seed}
    params |= {"iterations": run.rounds or MOST_ROUNDS, "thread_count": run.threads, "verbose": False}
    model = CatBoost(params | {"allow_writing_files": False})
    y = data.y if data.task == "regression" else data.y.astype(np.int64)
    options: dict[str, Any] = {}
    if run.watched is not None:
        held, of = run.watched
        of = of if data.task == "regression" else of.astype(np.int64)
        options = {"eval_set": Pool(held, of), "early_stopping_rounds": patience(params["learning_rate"])}
        options["use_best_model"] = False  # the trees that early stopping waited for are asked too
    model.fit(Pool(data.X, y, weight=data.weight), callbacks=[Clock()], **options)
    if late:
        raise TimeUp
    best = int(model.get_best_iteration()) + 1 if options else int(model.tree_count_)
    return CatBoosted(model, data.task, best, data.outputs)


def expected_seconds(config: Config, data: Data, *, seed: int) -> float:
    """CPU seconds of a usual fit, from a few rounds."""
    start = time.process_time()
    train(config, data, Run(seed, rounds=1))
    once = time.process_time()
    train(config, data, Run(seed, rounds=1 + PROBE))
    first, more = once - start, time.process_time() - once
    return first + max(0.0, more - first) / PROBE * USUAL


def forms_of_catboost(native: Any, rounds: int, link: Link) -> Forest:
    """Convert the first ``rounds`` trees of a model of float features, from the library's documented JSON.

    Split i of a symmetric tree sets bit i of the leaf's number where x > border; a hole counts as below or above every
    border, as the feature says.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        native.save_model(str(path), format="json")
        model = json.loads(path.read_text("utf-8"))
    features = model["features_info"]["float_features"]
    column = [int(f["flat_feature_index"]) for f in features]
    above = [f["nan_value_treatment"] == "AsTrue" for f in features]
    scale, bias = model["scale_and_bias"]
    base = np.atleast_1d(np.array(bias, np.float64))
    outputs = len(base)
    trees: list[Tree] = []
    kept = model["oblivious_trees"][:rounds]
    for t in kept:
        splits = t["splits"] or []
        value = np.array(t["leaf_values"], np.float64).reshape(-1, outputs) * float(scale)
        trees += [_written_out(splits, value[:, k], column, above) for k in range(outputs)]
    output = np.tile(np.arange(outputs, dtype=np.int32), len(kept))
    return Forest(tuple(trees), output, base, link)


def _written_out(splits: list[dict[str, Any]], value: F64, column: list[int], above: list[bool]) -> Tree:
    """A symmetric tree of depth d as 2^(d+1) - 1 nodes, level by level; level l asks split d - 1 - l."""
    depth = len(splits)
    inner = 2**depth - 1
    node = np.arange(inner)
    level = np.floor(np.log2(node + 1)).astype(np.int64)
    asked = [int(s["float_feature_index"]) for s in reversed(splits)]
    border = np.array([s["border"] for s in reversed(splits)], np.float64).astype(np.float32)
    none = np.full(len(value), -1, np.int32)
    feature = np.array([column[j] for j in asked], np.int32)
    nan_left = np.array([not above[j] for j in asked], np.bool_)
    return Tree(
        feature=np.concatenate((feature[level] if inner else feature, none)).astype(np.int32),
        threshold=np.concatenate((border[level] if inner else border, np.zeros(len(value), np.float32))),
        left=np.concatenate((2 * node + 1, none)).astype(np.int32),
        right=np.concatenate((2 * node + 2, none)).astype(np.int32),
        nan_left=np.concatenate((nan_left[level] if inner else nan_left, np.zeros(len(value), np.bool_))),
        value=np.concatenate((np.zeros(inner), value)),
        members={},
    )
