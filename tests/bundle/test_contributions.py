"""Contributions of a trained model's columns: additive to 1e-9 of the raw score, and to the answer itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.learn.contributions import ADDS, columns_of, contributions
from assay.learn.forms import Calibration
from assay.learn.replay import replay

from .conftest import RECIPE, Case

KINDS = ["lightgbm", "linear", "tree", "mix"]


@pytest.fixture(scope="module", params=[(t, k) for t in ("binary", "multiclass", "regression") for k in KINDS
                                        if (t, k) not in {("multiclass", "tree"), ("regression", "tree")}],
                ids="-".join)  # fmt: skip
def made(request):
    from assay.learn.encoder import encode
    from assay.tables import recipe

    case = Case(*request.param)
    X = encode(case.assembly.spec, recipe.apply(RECIPE.ops(), case.raw))
    return case, X[:60], X[700:900]


def test_they_add_up_to_the_raw_score_and_to_the_answer(made):
    case, X, Z = made
    found = contributions(case.assembly, X, Z, columns_of(RECIPE.ops()))
    assert found.gap <= ADDS
    answer = replay(case.assembly, X)
    answer = answer if answer.ndim == 1 else answer[np.arange(len(X)), found.pick]
    left = found.base + found.moved.sum(1) - answer
    scale = max(1.0, float(np.abs(answer).max()))
    if case.task == "multiclass":  # a class can rise above the mean of the others and yet lose: then the slope is taken
        assert (np.abs(left) <= 1e-6).mean() > 0.8
    else:
        assert np.abs(left).max() <= 1e-6 * scale


def test_features_go_to_the_raw_column_that_they_come_from(made):
    case, X, Z = made
    found = contributions(case.assembly, X, Z, columns_of(RECIPE.ops()))
    assert set(found.columns) <= {c for c, _ in case.assembly.spec.columns}
    assert "amount" in found.columns and "amount was null" not in found.columns


def test_what_carries_the_answer_comes_first_and_noise_last(made):
    case, X, Z = made
    size = np.abs(contributions(case.assembly, X, Z, columns_of(RECIPE.ops())).moved).mean(0)
    found = contributions(case.assembly, X, Z, columns_of(RECIPE.ops()))
    rank = [found.columns[j] for j in np.argsort(-size)]
    assert rank[0] in ("amount", "clock")
    if "big" in rank:
        assert rank.index("big") > rank.index("amount")


def test_a_calibration_only_stretches(made):
    case, X, Z = made
    if case.task != "binary":
        pytest.skip("two classes only")
    plain = contributions(replace(case.assembly, calibration=Calibration("none")), X, Z)
    bent = contributions(case.assembly, X, Z)
    cells = np.abs(plain.moved) > 1e-9
    assert (np.sign(plain.moved[cells]) == np.sign(bent.moved[cells])).mean() > 0.99


def test_contributions_that_miss_are_an_error(monkeypatch, made):
    from assay.learn import contributions as module

    case, X, Z = made
    monkeypatch.setattr(module, "ADDS", -1.0)
    with pytest.raises(ArithmeticError, match="miss its raw score"):
        contributions(case.assembly, X, Z)


def test_rounding_is_dealt_and_more_than_rounding_refused():
    from assay.learn.contributions import dealt

    said = np.array([[[1.0], [-3.0], [0.0]]])
    made = dealt(said, np.array([[-2.0 + 1e-5]]), 2.0)
    assert made.sum() == pytest.approx(-2.0 + 1e-5, abs=1e-15) and made[0, 2, 0] == 0.0
    with pytest.raises(ArithmeticError, match="miss its raw score"):
        dealt(said, np.array([[-1.9]]), 2.0)


@pytest.mark.parametrize("family", ["xgboost", "catboost"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_other_boosters_speak_for_themselves(family, task):
    from assay.core.subject import Role, Roles
    from assay.learn.encoder import encode
    from assay.learn.forms import Member
    from assay.learn.learners import Config, Data, train
    from assay.learn.target import labels
    from assay.tables import recipe

    from .conftest import TARGETS

    pytest.importorskip(family)
    case = Case(task, "lightgbm")
    after = recipe.apply(RECIPE.ops(), case.raw)
    y = labels(after, Roles(target=Role((TARGETS[task],)), task=task))
    X = encode(case.assembly.spec, after)
    data = Data(X[:700], y.y[:700], task, y.outputs, case.assembly.spec.categorical)
    made = train(Config(family, family), data, seed=0, rounds=15)
    member = Member(family, family, 1.0, made.form(), made)
    found = contributions(replace(case.assembly, members=(member,), calibration=Calibration("none")), X[:60], X[700:])
    assert found.gap <= ADDS and "own" in found.how[family]
    answer = made.predict(X[:60])
    answer = answer if answer.ndim == 1 else answer[np.arange(60), found.pick]
    close = np.abs(found.base + found.moved.sum(1) - answer) <= 1e-5 * max(1.0, np.abs(answer).max())
    assert close.mean() > (0.8 if task == "multiclass" else 0.999)
