"""What is left of the budget goes to the leading family: Optuna's TPE proposes, the race decides.

Tuning one family buys less than another family does (notes on 20 settings against five: under one standard error),
so it comes last, and every proposal runs over the same folds, may be dropped like any candidate, and counts as a try
where the winner's optimism is charged (M03). Not below 5,000 rows: the best of thirty on few rows is mostly the
luckiest, and calibration and sets that are made of its out-of-fold predictions then promise too much (on 700 rows of
noise the winner's had an AUC above .5 at the .001 level). Search spaces are those of the libraries' own guides, on
log scales.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.learn.forms import Family
from assay.learn.learners import Config

from .clock import Budget
from .portfolio import SMALL, available
from .race import Race, Runner

MOST_TRIALS = 30  # where the clock allows as many, the result does not depend on the clock
PATIENCE = 15  # trials without a better one
KEPT_BACK = 0.15  # of the budget: for the score of a shuffled split and for training again (M11)
STARTUP = 8  # random proposals before TPE has anything to go by
TUNED = ", tuned "


def tune(race: Race, budget: Budget, notes: list[str]) -> None:
    """Run proposals for the family that leads, until trials, patience or budget are used up."""
    lead = race.best()
    if lead is None or lead.done < len(race.folds) or lead.config.family in ("tree", "network"):
        return
    if len(race.material.build) < SMALL or len(race.folds) < 2:
        return
    cost = lead.seconds
    if budget.left - race.reserve() - KEPT_BACK * budget.seconds < cost:
        return
    if not available("optuna"):
        notes.append("what was left of the budget was not used: pip install 'assay[boost]' adds tuning and XGBoost")
        return
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=race.material.seed, n_startup_trials=STARTUP)
    study = optuna.create_study(sampler=sampler)
    family, best, since, tried = lead.config.family, mean(lead), 0, 0
    for k in range(MOST_TRIALS):
        if since >= PATIENCE:
            break
        if budget.left - race.reserve() - KEPT_BACK * budget.seconds < cost:
            budget.bound = True
            break
        budget.say(
            f"tuning {lead.config.name}, proposal {k + 1} of at most {MOST_TRIALS}", 0.45 + 0.15 * k / MOST_TRIALS
        )
        trial = study.ask()
        config = Config(f"{family}{TUNED}{k + 1}", family, proposal(trial, lead.config, len(race.material.build)))
        runner = race.run(config, proposed=True)
        tried += 1
        cost = max(cost, runner.seconds)
        if runner.state == "failed" or not runner.done:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        value = mean(lead) + race.gap(runner, lead)[0]  # on the rows that both predicted
        study.tell(trial, value)
        since = 0 if value < best else since + 1
        best = min(best, value)
    gain = mean(lead) - best
    found = f"the best gains {gain:.2g} in loss" if gain > 0 else "none was better"
    notes.append(f"{tried} further settings of {family} were tried with what was left of the budget: {found}")


def mean(runner: Runner) -> float:
    return float(np.nanmean(runner.loss))


def proposal(trial: Any, lead: Config, n: int) -> dict[str, Any]:
    """Parameters for one more candidate of the family of ``lead``; what is not searched stays as it has it."""
    family: Family = lead.family
    if family == "linear":
        return {"C": trial.suggest_float("C", 1e-3, 1e2, log=True)}
    if family == "extra-trees":
        return {
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 20, log=True),
            "max_features": trial.suggest_float("max_features", 0.15, 1.0),
        }
    if family == "catboost":
        return {
            **lead.params,
            "depth": trial.suggest_int("depth", 4, 8),
            "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 30.0, log=True),
            "random_strength": trial.suggest_float("random_strength", 0.1, 10.0, log=True),
        }
    if family == "xgboost":
        found = {
            "max_depth": trial.suggest_int("max_depth", 3, 10),
            "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 50.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.6, 1.0),
            "colsample_bynode": trial.suggest_float("colsample_bynode", 0.3, 1.0),
            "lambda": trial.suggest_float("lambda", 0.1, 50.0, log=True),
        }
    else:
        widest = int(np.clip(n // 20, 8, 255))
        found = {
            "num_leaves": trial.suggest_int("num_leaves", 4, 8 if family == "additive" else widest, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 2, int(np.clip(n // 10, 4, 200)), log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.6, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 50.0, log=True),
            "extra_trees": trial.suggest_categorical("extra_trees", [False, True]),
            "bagging_freq": 1,
        }
    return {**lead.params, **found}
