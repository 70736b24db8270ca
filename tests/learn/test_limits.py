"""Every family that says it keeps a constraint keeps it, on data that pulls the other way; and free ones do not."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from scipy.optimize import minimize

from assay.core.aim import Aim, aim_of
from assay.core.constraints import Constraints
from assay.learn.families import can
from assay.learn.forms import EncoderSpec, Family, Feature
from assay.learn.learners import Config, Data, train
from assay.learn.limits import Limits, bounds_of, cannot_keep, limits_of
from assay.learn.linear import terms_of
from assay.learn.linear_signs import bounded_weights

FAMILIES = ("lightgbm", "additive", "xgboost", "linear", "extra-trees", "tree")
AIMS = (aim_of("binary"), aim_of("regression"), Aim("quantile", 0.8), Aim("count"))


def data(aim: Aim, seed: int = 0, n: int = 900) -> Data:
    """The truth falls and rises with x, so that a free model breaks either direction; z has holes."""
    rng = np.random.default_rng(seed)
    x, z, u = rng.uniform(-2, 2, n), rng.normal(size=n), rng.normal(size=n)
    signal = 2 * np.cos(2 * x) + z * u
    y = {
        "class": lambda: (rng.random(n) < 1 / (1 + np.exp(-signal))).astype(float),
        "count": lambda: rng.poisson(np.exp(0.5 * signal)).astype(float),
    }.get(aim.kind, lambda: signal + rng.normal(size=n))()
    X = np.column_stack((x, z, u)).astype(np.float32)
    task = "binary" if aim.kind == "class" else "regression"
    return Data(X, y, task, 2 if task == "binary" else 1, said=aim)


def swept(model, X: np.ndarray, feature: int) -> np.ndarray:
    """(values, rows) answers with one feature moved over its range."""
    out = []
    for value in np.linspace(-2.2, 2.2, 40, dtype=np.float32):
        moved = X[:150].copy()
        moved[:, feature] = value
        made = model.predict(moved)
        out.append(made[:, 1] if made.ndim == 2 else made)
    return np.stack(out)


def worst(model, X: np.ndarray, sign: int) -> float:
    answers = swept(model, X, 0)
    return float(-(sign * np.diff(answers, axis=0)).min()) / float(np.abs(answers).max())


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.word or aim.kind)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_direction_is_kept_by_all_that_say_so(family, aim) -> None:
    if family == "xgboost" and importlib.util.find_spec("xgboost") is None:
        pytest.skip("xgboost-cpu is not installed")
    asked = Constraints(increasing=("x",))
    if not can(family, aim) or cannot_keep(family, asked, aim):
        pytest.skip("it has no turn")
    given = data(aim)
    config = Config(family, family, {"num_leaves": 15} if family in ("lightgbm", "additive") else {})
    free = train(config, given, seed=1, rounds=60)
    if family != "linear":  # a line has no bends to break a direction with
        assert worst(free, given.X, 1) > 0.01
    for sign in (1, -1):
        model = train(config, replace(given, limits=Limits((sign, 0, 0))), seed=1, rounds=60)
        assert worst(model, given.X, sign) <= 1e-9
        assert np.ptp(model.predict(given.X)) > 0


def test_quantile_leaves_are_why_boosters_have_no_turn() -> None:
    """The reason given is true: LightGBM refuses a direction beside leaves that are set anew."""
    given = data(Aim("quantile", 0.8))
    with pytest.raises(Exception, match="monotone_constraints"):
        train(Config("b", "lightgbm"), replace(given, limits=Limits((1, 0, 0))), seed=1, rounds=60)


@pytest.mark.parametrize("family", ["lightgbm", "additive", "xgboost", "linear"])
def test_columns_outside_a_group_add_up(family) -> None:
    """f(a, b) + f(a', b') = f(a, b') + f(a', b) where two columns may not act together, and not where they may."""
    if family == "xgboost" and importlib.util.find_spec("xgboost") is None:
        pytest.skip("xgboost-cpu is not installed")
    given = data(aim_of("regression"))
    apart = replace(given, limits=Limits((0, 0, 0), ((0, 1), (2,))))
    model = train(Config(family, family, {}), apart, seed=1, rounds=60)
    assert mixed(model, given.X) < 1e-5
    if family in ("lightgbm", "xgboost"):
        assert mixed(train(Config(family, family, {}), given, seed=1, rounds=60), given.X) > 0.1


def mixed(model, X: np.ndarray) -> float:
    a, b = X[:300].copy(), X[300:600].copy()
    c, d = a.copy(), b.copy()
    c[:, 2], d[:, 2] = b[:, 2], a[:, 2]
    return float(np.abs(model.predict(a) + model.predict(b) - model.predict(c) - model.predict(d)).max())


@pytest.mark.parametrize("kind", ["class", "mean", "count"])
def test_bounded_weights_are_the_best_inside_their_bounds(kind) -> None:
    """No other point inside the bounds has a lower loss, by a search without gradients."""
    given = data(Aim(kind), seed=3, n=300)  # type: ignore[arg-type]
    D = np.asarray(given.X, np.float64)
    link = {"class": "sigmoid", "mean": "identity", "count": "exp"}[kind]
    ends = [(0.0, None), (None, 0.0), (None, None)]
    weights, start = bounded_weights(D, given.y, link, 1.0, ends)  # type: ignore[arg-type]
    assert weights[0] >= 0 >= weights[1]

    def loss(beta):
        z = D @ beta[1:] + beta[0]
        y = given.y
        lost = {
            "sigmoid": np.logaddexp(0, z) - y * z,
            "identity": 0.5 * (z - y) ** 2 / y.std() ** 2,
            "exp": np.exp(z) - y * z,
        }[link]
        ridge = 0.5 / (y.std() ** 2 if link == "identity" else 1.0)
        return lost.sum() + ridge * (beta[1:] ** 2).sum()

    own = loss(np.array([start, *weights]))
    other = minimize(
        loss, np.array([start, *(weights + 0.05)]).clip([-99, 0, -99, -99], [99, 99, 0, 99]), method="Powell",
        bounds=[(-99, 99), (0, 99), (-99, 0), (-99, 99)], options={"maxiter": 4000, "xtol": 1e-8, "ftol": 1e-12},
    ).fun  # fmt: skip
    assert own <= other + 1e-4 * abs(other)


def test_a_family_that_nobody_vouches_for_has_no_turn() -> None:
    """Every family is either held to its word above, or left out under a constraint."""
    for family in set(get_args(Family)) - set(FAMILIES):
        assert cannot_keep(family, Constraints(increasing=("x",)), aim_of("binary"))
        assert cannot_keep(family, Constraints(interactions=("additive",)), aim_of("binary"))


def test_limits_follow_columns_and_not_features() -> None:
    spec = EncoderSpec((), (Feature("d (hour)", "d", "hour"), Feature("d", "d", "number"), Feature("k", "k", "codes"),
                            Feature("x", "x", "number")))  # fmt: skip
    asked = Constraints(decreasing=("x",), interactions=("d, k",))
    made = limits_of(asked, spec)
    assert made == Limits((0, 0, 0, -1), ((0, 1, 2), (3,)))
    assert limits_of(Constraints(interactions=("additive",)), spec).together == ((0, 1), (2,), (3,))
    assert limits_of(Constraints(without=("x",)), spec) is None
    assert limits_of(Constraints(increasing=("gone",)), spec) is None
    given = data(aim_of("regression"))
    assert bounds_of(Limits((1, 0, -1)), terms_of(given)) == [(0.0, None), (None, None), (None, 0.0)]
