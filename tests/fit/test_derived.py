"""Columns made of two others: kept where the target depends on them, never where it does not, and inside the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import assay
from assay.audit.opening import open_subject
from assay.core.constraints import Constraints
from assay.core.remedy import Op, Recipe
from assay.core.settings import Settings
from assay.fit.constrained import constrained
from assay.fit.derived import derived, f_of, rank_correlation, twentieths
from assay.fit.material import Material, prepare


def laid_out(columns: Mapping[str, Any], constraints: Constraints | None = None) -> Material:
    subject = open_subject(dict(columns), target="y", cache=False)
    made = prepare(subject, Recipe(), 0, features=None, left_out=None)
    return constrained(made, subject, constraints or Constraints(), Recipe())


def ground(n: int, seed: int) -> tuple[np.random.Generator, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    a, b = np.exp(rng.uniform(0, 8, (2, n)))
    return rng, {"a": a, "b": b, "z": rng.normal(size=n), "g": rng.choice(list("abcdefgh"), n)}


def by_ratio(n: int = 3_000, seed: int = 0) -> dict[str, Any]:
    rng, columns = ground(n, seed)
    return columns | {"y": np.sin(2 * np.log(columns["a"] / columns["b"])) + 0.3 * rng.normal(size=n)}


def by_group(n: int = 3_000, seed: int = 0) -> dict[str, Any]:
    rng, columns = ground(n, seed)
    means = dict(zip("abcdefgh", rng.normal(0, 200, 8), strict=True))
    off = rng.uniform(-40, 40, n)
    pay = np.array([means[g] for g in columns["g"]]) + off
    return columns | {"pay": pay, "y": np.cos(off / 12) + 0.3 * rng.normal(size=n)}


@pytest.mark.parametrize("seed", range(3))
def test_a_ratio_that_the_target_depends_on_is_kept(seed: int) -> None:
    found = derived(laid_out(by_ratio(seed=seed)))
    (step,) = found.steps
    assert step[1].ops[0].args["name"] in ("a / b", "b / a")
    assert step[2].state == "kept" and step[2].interval is not None and step[2].interval[0] > 0
    assert "kept: " in found.says


def test_the_distance_to_the_mean_of_a_group_is_kept() -> None:
    (step,) = derived(laid_out(by_group())).steps
    (op,) = step[1].ops
    assert op.columns == ("g", "pay") and op.args["how"] == "less_mean" and set(op.args["mapping"]) == set("abcdefgh")


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_kept_where_nothing_is_gained(seed: int) -> None:
    rng, columns = ground(1_500, seed)
    alone = np.log(columns["a"]) + (columns["g"] == "a") + rng.normal(size=1_500)
    for y in (alone, rng.normal(size=1_500), rng.choice(["p", "q", "r"], 1_500)):
        assert not derived(laid_out(columns | {"y": y})).steps


def test_a_column_under_a_direction_is_not_combined_and_none_where_columns_act_alone() -> None:
    columns = by_ratio()
    assert not derived(laid_out(columns, Constraints(increasing=("a",)))).steps
    assert not derived(laid_out(columns, Constraints(interactions=("additive",)))).steps


def test_few_rows_and_one_column_are_left_alone() -> None:
    rng, columns = ground(200, 1)
    assert derived(laid_out(columns | {"y": rng.normal(size=200)})).says == ""
    n = 2_000
    assert derived(laid_out({"x": np.arange(n) % 50, "y": rng.choice(["u", "v"], n)})).steps == ()


def test_what_is_kept_is_in_the_graph_and_a_raw_row_is_enough() -> None:
    columns = by_ratio(2_500)
    model = assay.fit(columns, target="y", settings=Settings(budget=10))
    assert {"a", "b"} <= set(model.columns) and not any("/" in c for c in model.columns)
    said = [s for s in model.dossier["model"]["limits"] if "combinations of columns" in s]
    assert said and "kept" in said[0]
    steps = [s for s in model.dossier["model"]["recipe"] if s["code"] == "derived"]
    assert steps and steps[0]["applied"] and steps[0]["ops"][0]["name"] == "combine"
    fresh = by_ratio(500, 9)
    made = np.asarray(model.predict({c: fresh[c] for c in model.columns}), np.float64)
    truth = np.sin(2 * np.log(fresh["a"] / fresh["b"]))
    assert np.corrcoef(made, truth)[0, 1] > 0.9
    holes = {c: np.where(np.arange(500) % 2 == 0, np.nan, fresh[c]) if c in "ab" else fresh[c] for c in model.columns}
    assert np.isfinite(np.asarray(model.predict(holes), np.float64)).all()


def test_steps_are_added_behind_those_that_are_applied() -> None:
    found = derived(laid_out(by_ratio()))
    assert [op.name for op in found.added_to(Recipe()).ops()] == ["combine"]
    picked = found.added_to(Recipe(applied=frozenset()))
    assert picked.applied == {0} and Recipe.from_json(picked.to_json()).ops() == picked.ops()
    assert isinstance(picked.ops()[0], Op)


def test_the_statistics_agree_with_scipy() -> None:
    from scipy import stats

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 400))
    x[::7] = np.nan
    bins = twentieths(x)
    assert set(np.unique(bins)) == set(range(21))
    strength, df, rest = f_of(bins, y)
    assert strength == pytest.approx(stats.f_oneway(*(y[bins == b] for b in range(21))).statistic)
    assert (df, rest) == (20, 379)
    both = np.isfinite(x)
    assert rank_correlation(x, y) == pytest.approx(abs(stats.spearmanr(x[both], y[both]).statistic))
    assert f_of(np.zeros(5, np.int64), y[:5])[0] == 0.0 and rank_correlation(x[:20], y[:20]) == 0.0
