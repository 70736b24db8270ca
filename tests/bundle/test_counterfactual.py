"""What would change the answer: verified through the graph, small, and within every limit; none is said plainly."""

from __future__ import annotations

import numpy as np
import pytest

from assay.bundle.changes import Limits, actions_of
from assay.bundle.counterfactual import Goal, counterfactuals, limits_of
from assay.bundle.nodes import NULL_CODE
from assay.bundle.schema import Input, Schema
from assay.core.errors import InputError, SettingsError

from .conftest import Case

BINS = tuple(float(v) for v in range(16))
INPUTS = (
    Input("age", "age", "number", lo=0.0, hi=15.0, bins=BINS),
    Input("debt", "debt", "number", lo=0.0, hi=15.0, bins=BINS),
    Input("debt again", "debt again", "number", lo=0.0, hi=30.0, bins=tuple(2 * v for v in BINS)),
    Input("job", "job", "category", categories=("a", "b"), bins=("a", "b", "c"), shares=(0.5, 0.3, 0.2)),
    Input("born", "born", "date", lo=0.0, hi=15.0, bins=BINS),
)
SCHEMA = Schema("binary", ("no", "yes"), INPUTS, 0.9, ((0.9, (0.5, 0.5)),))


def predict(feed):
    """Log-odds: age up, debt down, job c up, born up."""
    z = feed["age"][:, 0] * 0.3 - feed["debt"][:, 0] * 0.3 + 2.0 * (feed["job"][:, 0] == "c") + feed["born"][:, 0] - 2
    p = 1 / (1 + np.exp(-np.nan_to_num(z)))
    return np.column_stack((1 - p, p))


def row(**cells):
    made = {"age": 2.0, "debt": 8.0, "debt again": 16.0, "job": "a", "born": 0.0} | cells
    return {k: np.array([[v]], object if isinstance(v, str) else float) for k, v in made.items()}


def one(limits=Limits(), goal=Goal(), **cells):  # noqa: B008 - both are frozen
    return counterfactuals(SCHEMA, predict, row(**cells), 1, goal, limits)[0]


def after(alternative, **cells):
    feed = row(**cells) | {k: np.array([[v]], object if isinstance(v, str) else float)
                           for k, v in alternative.values.items()}  # fmt: skip
    return predict(feed)[0]


def test_every_alternative_changes_the_answer_and_names_what_changed():
    found = one()
    assert found.wanted == "yes" and 0 < len(found.alternatives) <= 3
    for a in found.alternatives:
        assert after(a)[1] > 0.5 and a.output == pytest.approx(after(a)[1])
        assert {c for c, _, _ in a.changes} == set(a.values) and len(a.changes) <= 3


def test_fewest_columns_first_and_none_has_the_columns_of_another_and_more():
    found = one(age=9.0, debt=3.0)
    sets = [set(a.values) for a in found.alternatives]
    assert [len(s) for s in sets] == sorted(len(s) for s in sets)
    assert not any(a < b for a in sets for b in sets)
    assert any(s == {"age"} for s in sets) and any(s == {"job"} for s in sets)
    nearest = next(a for a in found.alternatives if set(a.values) == {"age"})
    assert nearest.values["age"] == 10.0  # 9 gives log-odds -0.2, 10 gives +0.1: the smallest step that suffices


def test_limits_hold():
    for limits, gone in (
        (Limits(fixed=frozenset({"age"})), lambda a: "age" in a.values),
        (Limits(only_down=frozenset({"age"})), lambda a: a.values.get("age", 0) > 2),
        (Limits(only_up=frozenset({"debt"})), lambda a: a.values.get("debt", 99) < 8),
        (Limits(never={"job": frozenset({"c"})}), lambda a: a.values.get("job") == "c"),
    ):
        found = one(limits)
        assert found.alternatives or found.why
        assert not any(gone(a) for a in found.alternatives)
    assert not any("born" in a.values for a in one().alternatives), "dates stay"


def test_where_there_is_none_it_says_so_and_why():
    found = one(Limits(fixed=frozenset({"age", "debt", "job"})))
    assert not found.alternatives and "within these limits" in found.why and "1 of 5 columns" in str(found)
    done = one(age=15.0, debt=0.0)
    assert done.wanted == "no" and done.alternatives
    already = one(goal=Goal("no"))
    assert "already" in already.why


def test_a_change_breaks_no_rule_that_the_row_kept():
    rules = ({"form": "order", "columns": ["age", "debt"]},)
    for a in one(Limits(rules=rules)).alternatives:
        assert a.values.get("age", 2.0) <= a.values.get("debt", 8.0)
    free = one(Limits(rules=rules), age=9.0, debt=8.5)  # broken already: nothing to keep
    assert free.alternatives
    whole = ({"form": "sum", "columns": ["debt again", "debt", "debt"]},)
    for a in one(Limits(rules=whole)).alternatives:
        assert "debt" not in a.values


def test_columns_that_carry_the_same_thing_move_together():
    limits = Limits(together=((("debt", "debt again"), (1, 1)),), fixed=frozenset({"age", "job"}))
    found = one(limits, born=2.0)
    assert found.alternatives
    for a in found.alternatives:
        assert a.values["debt again"] == 2 * a.values["debt"]
    unknown = Limits(together=((("debt", "debt again"), (0, 0)),), fixed=frozenset({"age", "job"}))
    assert not one(unknown, born=2.0).alternatives


def test_what_is_missing_is_not_changed_and_nothing_is_made_missing():
    feed = {i.input: row()[i.input][0, 0] for i in INPUTS}
    feed |= {"age": float("nan"), "job": NULL_CODE}
    acted = {a.columns for a in actions_of(SCHEMA, feed, Limits())}
    assert acted == {("debt",), ("debt again",)}


def test_a_probability_and_a_value_can_be_asked_for():
    found = one(goal=Goal("yes", at_least=0.9))
    assert found.alternatives and all(a.output >= 0.9 for a in found.alternatives)
    values = Schema("regression", (), INPUTS, 0.9, ((0.9, (0.5,)),))
    money = lambda feed: feed["age"] - feed["debt"]  # noqa: E731
    for goal, ok in ((Goal(at_least=0.0), lambda v: v >= 0), (Goal(at_most=-10.0), lambda v: v <= -10)):
        found = counterfactuals(values, money, row(), 1, goal, Limits())[0]
        assert found.alternatives and all(ok(a.output) for a in found.alternatives)


@pytest.mark.parametrize("goal", [Goal("maybe"), Goal("yes", at_most=3), Goal("yes", at_least=2.0)])
def test_a_goal_that_does_not_fit_is_refused(goal):
    with pytest.raises(SettingsError):
        one(goal=goal)


def test_a_model_of_values_needs_a_number():
    with pytest.raises(SettingsError, match="at least or at most"):
        counterfactuals(Schema("regression", (), INPUTS, 0.9, ()), predict, row(), 1, Goal(), Limits())


def test_an_unknown_column_gets_the_nearest():
    with pytest.raises(InputError, match="did you mean age"):
        one(Limits(fixed=frozenset({"agee"})))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_real_model_predicts_what_its_alternatives_say(task):
    """The rows with the changes put in, as a user would: ``predict`` gives the wanted answer."""
    case = Case(task, "lightgbm")
    model = case.build()
    some = case.raw.take(np.arange(12)).arrow.select(list(model.columns)).to_pylist()
    goal = {"at_least": float(np.median(model.predict(some)))} if task == "regression" else {}
    found = model.counterfactual(some, **goal, only_up=["amount"])
    tried = [(r, c, a) for r, c in zip(some, found, strict=True) for a in c.alternatives]
    assert len(tried) >= 6
    schema = {i.column: i for i in model._schema.inputs}
    for r, c, a in tried:
        changed = r | a.values
        got = model.predict([changed])[0]
        assert got >= goal["at_least"] - 1e-9 if task == "regression" else got == c.wanted
        assert "when" not in a.values
        if "amount" in a.values:
            assert a.values["amount"] > r["amount"] and a.values["amount"] != -999
        for column, value in a.values.items():
            i = schema[column]
            assert value in (i.bins if i.bins else i.categories) or i.kind == "bool"


def test_what_the_file_knows_becomes_limits():
    dossier = {
        "report": {"subject": {"roles": {"protected": {"columns": ["sex"]}, "order": {"columns": ["when"]}}}},
        "model": {"understanding": {"groups": [["a", "b"]], "group_signs": [[1, -1]],
                                    "rules": [{"form": "order", "columns": ["a", "c"]}]}},
    }  # fmt: skip
    recipe = {"steps": [{"ops": [{"name": "null_if", "columns": ["a"], "args": {"values": [-1]}}]}]}
    made = limits_of(("a", "b", "c", "sex"), dossier, recipe, ("c",), (), ())
    assert made.fixed == {"sex", "c"} and made.never == {"a": {-1}}
    assert made.together == ((("a", "b"), (1, -1)),) and made.rules[0]["form"] == "order"
    assert limits_of(("a",), {}, {}, (), (), ()) == Limits()
