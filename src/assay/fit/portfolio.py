"""The fixed portfolio, in order of expected value, and the plan that a cost probe makes of it.

Other families buy more than tuning one (notes on 20 configurations against five: under one standard error; another
family: 5 to 30 times that). So the portfolio spreads over families and shapes and holds no fine grid.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import dataclass, replace

import numpy as np

from assay.learn.boosting import load
from assay.learn.families import FAMILIES
from assay.learn.learners import Config, Data, train

TINY, SMALL, LARGE = 200, 5_000, 20_000
PROBE_ROUNDS = 25
ROUNDS_TIMES_RATE = 10.0  # boosting stops near 10 / rate rounds: 200 at 0.05; the clock guards against more
FITS_BEYOND_FOLDS = 3  # build -> choose, build + choose, and a refit on all rows or the shuffled split


@dataclass(frozen=True, slots=True)
class Plan:
    """``rows`` caps the training rows of one fit (0: no cap); ``binding`` says whether the budget shaped the plan."""

    folds: int
    rate: float
    rows: int
    seconds: float  # expected CPU seconds of one fit of the first booster
    a_round: float  # expected CPU seconds of one more round
    binding: bool


def portfolio(n: int, rate: float) -> tuple[Config, ...]:
    """Candidates for ``n`` training rows. Cheap ones first: they cost little and make any later cut-off harmless."""
    leaf = int(np.clip(n // 40, 3, 20))
    plain = {"learning_rate": rate, "min_data_in_leaf": leaf, "feature_fraction": 0.8, "lambda_l2": 1.0}
    small = plain | {
        "num_leaves": 6,
        "feature_fraction": 0.5,
        "lambda_l2": 5.0,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
    }
    loose = plain | {"extra_trees": True, "num_leaves": 48, "feature_fraction": 0.6}
    additive = plain | {
        "learning_rate": 3 * rate,
        "num_leaves": 4,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
    }
    large = plain | {"num_leaves": 127, "feature_fraction": 0.6, "lambda_l2": 3.0, "min_data_in_leaf": 30}
    linear = Config("linear", "linear")
    strict = Config("linear, strict", "linear", {"C": 0.05})
    booster = Config("lightgbm", "lightgbm", plain)
    shallow = Config("lightgbm, small", "lightgbm", small)
    random = Config("lightgbm, random splits", "lightgbm", loose)
    forest = Config("extra-trees", "extra-trees")
    tree = Config("tree of 16 leaves", "tree")
    effects = Config("additive trees", "additive", additive)
    if n < TINY:
        few = Config("extra-trees", "extra-trees", {"n_estimators": 50})
        return (linear, strict, shallow, few, tree)
    second, third = Config("xgboost", "xgboost", {"learning_rate": rate}), Config("catboost", "catboost")
    nets, many = Config("network", "network"), Config("lightgbm, large", "lightgbm", large)
    found: tuple[Config, ...]
    if n < SMALL:
        found = (linear, shallow, booster, forest, second, nets, random, effects, strict, tree, third)
    elif n < LARGE:
        found = (linear, booster, forest, second, nets, random, effects, shallow, tree, third)
    else:
        found = (linear, booster, many, forest, second, nets, random, effects, shallow, tree, third)
    return tuple(c for c in found if available(FAMILIES[c.family].package))


def available(package: str) -> bool:
    """Whether a package of an extra is there; without it a family has no turn, or nothing is tuned."""
    return not package or importlib.util.find_spec(package) is not None


def make_plan(data: Data, budget: float, threads: int, seed: int) -> Plan:
    """Choose folds, learning rate and rows from 25 boosting rounds on at most 50,000 of the training rows.

    The first booster, with its folds and the fits after the race, may take half of the budget. Under 2,000 rows
    8 folds (under 200: 5), else 5; then 3, then 2; a faster rate before fewer rows.
    """
    n = len(data.y)
    load()  # a second of CPU that is no part of what one fit costs
    m = min(n, 50_000)
    part = replace(data, X=data.X[:m], y=data.y[:m], weight=None if data.weight is None else data.weight[:m])
    config = Config("probe", "lightgbm", {"learning_rate": 0.1, "min_data_in_leaf": int(np.clip(n // 40, 3, 20))})
    clock = [time.process_time()]
    for rounds in (1, 1 + PROBE_ROUNDS):
        train(config, part, seed=seed, threads=threads, rounds=rounds)
        clock.append(time.process_time())
    once = (clock[1] - clock[0]) * n / m
    a_round = max(1e-4, (clock[2] - clock[1]) * n / m - once) / PROBE_ROUNDS
    best_folds, best_rate = (8 if TINY <= n < 2_000 else 5), (0.03 if n < SMALL else 0.05)
    for folds in (f for f in (8, 5, 3, 2) if f <= best_folds):
        for rate in (best_rate, 0.1):
            seconds = once + a_round * ROUNDS_TIMES_RATE / rate
            if seconds * (folds + FITS_BEYOND_FOLDS) <= 0.5 * budget:
                return Plan(folds, rate, 0, seconds, a_round, (folds, rate) != (best_folds, best_rate))
    seconds = once + a_round * ROUNDS_TIMES_RATE / 0.1
    share = 0.5 * budget / (seconds * (2 + FITS_BEYOND_FOLDS))
    rows = max(2_000, int(n * share))
    seconds, a_round = seconds * min(1.0, rows / n), a_round * min(1.0, rows / n)
    return Plan(2, 0.1, rows if rows < n else 0, seconds, a_round, True)
