"""LightGBM: training with early stopping on a CPU clock."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Task
from assay.core.table import F64

from .forms import Form
from .learners import F32, MOST_ROUNDS, Config, Data, Rounds, Run, TimeUp, patience

DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "min_data_per_group": 50,
    "max_cat_to_onehot": 4,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
}
OBJECTIVE: dict[Task, str] = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
METRIC: dict[Task, str] = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "l2"}


def _objective(data: Data) -> dict[str, Any]:
    if data.aim.kind == "quantile":
        return {"objective": "quantile", "metric": "quantile", "alpha": data.aim.level}
    if data.aim.kind == "count":
        return {"objective": "poisson", "metric": "poisson"}
    return {"objective": OBJECTIVE[data.task], "metric": METRIC[data.task]}


def load() -> Any:
    """Import LightGBM so that its threads sleep while they wait.

    By default they spin: on a busy machine two threads then burn ten times the CPU seconds of one (measured on adult:
    3 to 13 s against 0.4 s for 30 rounds). The policy is read once, when the library loads, and is put back after.
    """
    policy = os.environ.get("OMP_WAIT_POLICY")
    if "lightgbm" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        _sleeps.append(os.environ["OMP_WAIT_POLICY"].upper() == "PASSIVE")
    try:
        import lightgbm
    finally:
        if policy is None:
            os.environ.pop("OMP_WAIT_POLICY", None)
    return lightgbm


_sleeps: list[bool] = []  # filled where this module loaded the library: only then is a second thread worth its CPU


@dataclass(frozen=True)
class Boosted(Rounds):
    """A LightGBM booster with the number of rounds that early stopping kept."""

    @property
    def grown(self) -> int:
        return int(self.native.current_iteration())

    def staged(self, X: F32, rounds: int) -> F64:
        """See ``learners.Staged``."""
        raw = np.asarray(self.native.predict(X, num_iteration=rounds, num_threads=1), dtype=np.float64)
        return np.column_stack((1.0 - raw, raw)) if self.task == "binary" else raw

    def form(self) -> Form:
        from .from_lightgbm import forms_of_lightgbm

        return forms_of_lightgbm(self.native, self.rounds)

    def contributions(self, X: F32) -> NDArray[np.float64]:
        """Exact tree attributions (Lundberg et al. 2020): (n, features + 1), or (n, classes * (features + 1))."""
        return np.asarray(self.native.predict(X, num_iteration=self.rounds, pred_contrib=True, num_threads=1))


def train(
    config: Config,
    data: Data,
    run: Run,
) -> Boosted:
    """See ``learners.train``."""
    lgb = load()
    threads = run.threads if _sleeps == [True] else 1
    params = DEFAULTS | dict(config.params) | _objective(data)
    params |= {"seed": run.seed, "num_threads": threads}
    if data.task == "multiclass":
        params["num_class"] = data.outputs
    if data.limits is not None:
        params |= data.limits.lightgbm()
    if config.family == "additive":
        params["interaction_constraints"] = [[j] for j in range(data.X.shape[1])]
    most = run.rounds or int(params.pop("rounds", MOST_ROUNDS))
    params.pop("rounds", None)
    cat: list[int] = list(data.categorical)
    fixed = {"verbosity": -1, "feature_pre_filter": False, "num_threads": threads, "seed": run.seed}
    fixed |= {name: params[name] for name in ("max_bin", "min_data_in_bin") if name in params}
    own = lgb.Dataset(data.X, data.y, weight=data.weight, categorical_feature=cat, params=fixed)
    callbacks: list[Any] = [_clock(run)]
    sets = []
    if run.watched is not None:
        sets = [lgb.Dataset(*run.watched, reference=own, categorical_feature=cat, params=fixed)]
        callbacks.append(lgb.early_stopping(patience(params["learning_rate"]), verbose=False))
    booster = lgb.train(params, own, num_boost_round=most, valid_sets=sets, callbacks=callbacks)
    best = booster.best_iteration if sets and booster.best_iteration > 0 else booster.current_iteration()
    return Boosted(booster, data.task, int(best))


def _clock(run: Run) -> Any:
    def check(env: Any) -> None:
        if env.iteration % 5 == 0 and run.late:
            raise TimeUp

    return check
