"""XGBoost (extra ``boost``): a second family of boosters, its trees in neutral form.

Histogram splits with sets of categories (Chen & Guestrin 2016; partition-based splits as in its documentation), early
stopping on a CPU clock as for LightGBM. The library adds leaves in float32, the form in double.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import MissingExtra
from assay.core.subject import Task
from assay.core.table import F64

from .forms import Forest, Form, Link, Tree
from .learners import F32, MOST_ROUNDS, Config, Data, Rounds, Run, TimeUp, patience

DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_depth": 6,
    "min_child_weight": 1.0,
    "subsample": 0.9,
    "colsample_bynode": 0.8,
    "lambda": 1.0,
    "max_cat_to_onehot": 4,
    "tree_method": "hist",
    "verbosity": 0,
}
OBJECTIVE: dict[Task, tuple[str, str, Link]] = {
    "binary": ("binary:logistic", "logloss", "sigmoid"),
    "multiclass": ("multi:softprob", "mlogloss", "softmax"),
    "regression": ("reg:squarederror", "rmse", "identity"),
}


@dataclass(frozen=True)
class XGBoosted(Rounds):
    """An XGBoost booster with the number of rounds that early stopping kept."""

    types: tuple[str, ...]

    @property
    def grown(self) -> int:
        return int(self.native.num_boosted_rounds())

    def staged(self, X: F32, rounds: int) -> F64:
        """See ``learners.Staged``."""
        import xgboost

        rows = xgboost.DMatrix(X, feature_types=list(self.types), enable_categorical=True, nthread=1)
        raw = np.asarray(self.native.predict(rows, iteration_range=(0, rounds)), dtype=np.float64)
        return np.column_stack((1.0 - raw, raw)) if self.task == "binary" else raw

    def form(self) -> Form:
        return forms_of_xgboost(self.native, self.rounds, OBJECTIVE[self.task][2])


def train(
    config: Config,
    data: Data,
    run: Run,
) -> XGBoosted:
    """See ``learners.train``.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        import xgboost
    except ImportError:
        raise MissingExtra("xgboost-cpu", "boost", "the XGBoost family") from None

    class Stop(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if epoch % 5 == 0 and run.late:
                raise TimeUp
            return False

    objective, metric, _ = OBJECTIVE[data.task]
    params = DEFAULTS | dict(config.params) | {"objective": objective, "eval_metric": metric}
    params |= {"seed": run.seed, "nthread": run.threads}
    if data.limits is not None:
        params |= data.limits.xgboost()
    if data.task == "multiclass":
        params["num_class"] = data.outputs
    coded = set(data.categorical)
    types = tuple("c" if i in coded else "q" for i in range(data.X.shape[1]))
    options = {"feature_types": list(types), "enable_categorical": True, "nthread": run.threads}
    own = xgboost.QuantileDMatrix(data.X, data.y, weight=data.weight, max_bin=params.get("max_bin", 256), **options)
    callbacks: list[Any] = [Stop()]
    sets = []
    if run.watched is not None:
        sets = [(xgboost.QuantileDMatrix(*run.watched, ref=own, **options), "valid")]
        callbacks.append(xgboost.callback.EarlyStopping(rounds=patience(params["learning_rate"])))
    booster = xgboost.train(
        params, own, num_boost_round=run.rounds or MOST_ROUNDS, evals=sets, callbacks=callbacks, verbose_eval=False
    )
    best = booster.best_iteration + 1 if sets else booster.num_boosted_rounds()
    return XGBoosted(booster, data.task, int(best), types)


def forms_of_xgboost(booster: Any, rounds: int, link: Link) -> Forest:
    """Convert the first ``rounds`` iterations, from the library's documented JSON model.

    A row goes left where x < condition, hence x <= the next float32 below it; a category of a node's set goes right,
    so its children change places.
    """
    model = json.loads(booster.save_raw("json"))["learner"]
    body = model["gradient_booster"]["model"]
    start = np.array(json.loads(model["learner_model_param"]["base_score"]), np.float64).reshape(-1)
    outputs = max(1, int(model["learner_model_param"]["num_class"]))
    base = np.broadcast_to(np.log(start / (1.0 - start)) if link == "sigmoid" else start, (outputs,)).copy()
    kept = int(body["iteration_indptr"][rounds])
    trees = tuple(_tree(t) for t in body["trees"][:kept])
    return Forest(trees, np.array(body["tree_info"][:kept], np.int32), base, link)


def _tree(t: dict[str, Any]) -> Tree:
    left, right = (np.array(t[k], np.int32) for k in ("left_children", "right_children"))
    value = np.array(t["split_conditions"], np.float32)
    leaf = left < 0
    nan_left = np.array(t["default_left"], np.bool_) & ~leaf
    members: dict[int, NDArray[np.int32]] = {}
    for node, at, size in zip(t["categories_nodes"], t["categories_segments"], t["categories_sizes"], strict=True):
        members[int(node)] = np.array(t["categories"][at : at + size], np.int32)
        left[node], right[node] = right[node], left[node]
        nan_left[node] = not nan_left[node]
    below = np.nextafter(value, np.float32(-np.inf))
    below[list(members)] = 0.0
    return Tree(
        feature=np.where(leaf, -1, np.array(t["split_indices"], np.int32)).astype(np.int32),
        threshold=np.where(leaf, np.float32(0), below).astype(np.float32),
        left=left,
        right=right,
        nan_left=nan_left,
        value=np.where(leaf, value.astype(np.float64), 0.0),
        members=members,
    )
