"""What would change the answer: the smallest changes of a row, within limits, found and verified through the graph.

A search over single columns, then twos and threes grown from the best (a beam), among values that training saw: middle
values of a column's bins, between its 3 % and 97 % points, and levels of 5 rows or more. Fixed stay what the user
names, protected columns, dates, and whatever says when a question was asked; ``only_up`` and ``only_down`` bound the
direction. Columns that carry the same thing move together, by equal ranks, and count as one. A change never breaks a
rule between columns that the row kept and the table keeps (order, sum). Everything is about the model, not about the
world: it says what the model would answer, not what would happen (Wachter, Mittelstadt & Russell 2017; Karimi et al.
2021).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError, SettingsError, did_you_mean
from assay.core.table import F64

from .changes import Action, Limits, actions_of, rule_holds, rules_hold
from .reasons import number, written
from .schema import Schema
from .search import SHOWN, Plan, search

STILL = ("protected", "id", "order", "asked_at", "group")  # roles whose columns never change
Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Goal:
    """``to``: a class that the model shall answer (by default the second choice); with ``at_least`` its probability
    must reach that. For values ``at_least`` or ``at_most``."""

    to: str | None = None
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """``changes`` are (column, value as it is, value as it would be) in words; ``values`` column -> new value as the
    graph takes it; ``output`` what the model then answers; ``cost`` how far that is, in shares of the ranks."""

    changes: tuple[tuple[str, str, str], ...]
    values: Mapping[str, Any]
    output: float
    cost: float


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Up to three alternatives of one row; ``why`` says in words why there is none."""

    row: int
    wanted: str
    before: float
    alternatives: tuple[Alternative, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        if not self.alternatives:
            return f"row {self.row}: {self.why}"
        lines = [f"row {self.row}: {number(self.before)} now; the model would answer {self.wanted}"]
        for a in self.alternatives:
            said = " and ".join(f"{c} were {new} (is {old})" for c, old, new in a.changes)
            lines.append(f"  if {said}: {number(a.output)}")
        return "\n".join(lines)


def counterfactuals(
    schema: Schema, predict: Callable[[Feed], F64], feed: Feed, rows: int, goal: Goal, limits: Limits
) -> tuple[Counterfactual, ...]:
    """For every row the smallest changes that reach the goal.

    Raises:
        SettingsError: the goal does not fit the model.  InputError: a limit names a column that the model lacks.
    """
    _check(schema, goal, limits)
    output = predict(feed)
    return tuple(_one(schema, predict, feed, r, output[r], goal, limits) for r in range(rows))


def _check(schema: Schema, goal: Goal, limits: Limits) -> None:
    for column in sorted(limits.fixed | limits.only_up | limits.only_down):
        if column not in schema.columns:
            raise InputError(f"the model has no column {column!r} to limit{did_you_mean(column, schema.columns)}")
    if schema.classes:
        if goal.to is not None and goal.to not in schema.classes:
            near = did_you_mean(goal.to, schema.classes)
            raise SettingsError(
                f"the wanted class must be one of {', '.join(schema.classes[:8])}; got {goal.to!r}{near}"
            )
        if goal.at_most is not None:
            raise SettingsError("at_most is for models of values; name the class that is wanted instead")
        if goal.at_least is not None and not 0 < goal.at_least < 1:
            raise SettingsError(f"the probability to reach must lie between 0 and 1; got {goal.at_least:g}")
    elif (goal.at_least is None) == (goal.at_most is None):
        raise SettingsError("say what value is wanted: at least or at most a number")


def _aim(schema: Schema, own: F64, goal: Goal) -> tuple[str, int, Callable[[F64], F64]]:
    """What is wanted in words, the output that is shown, and the margin: at least 0 where it is reached."""
    if not schema.classes:
        if goal.at_least is not None:
            least = goal.at_least
            return f"at least {number(least)}", 0, lambda o: np.asarray(o[:, 0] - least)
        assert goal.at_most is not None
        most = goal.at_most
        return f"at most {number(most)}", 0, lambda o: np.asarray(most - o[:, 0])
    order = np.argsort(-own, kind="stable")
    k = schema.classes.index(goal.to) if goal.to is not None else int(order[1])
    if goal.at_least is not None:
        p = goal.at_least
        return f"{schema.classes[k]} with {number(p)} or more", k, lambda o: np.asarray(o[:, k] - p)
    others = [j for j in range(len(schema.classes)) if j != k]
    # a tie goes to the class that comes first, so that a later class has to be ahead
    first = np.array([0.0 if k < j else 1e-9 for j in others])
    return schema.classes[k], k, lambda o: np.asarray(o[:, k] - (o[:, others] + first).max(1))


def _one(
    schema: Schema, predict: Callable[[Feed], F64], feed: Feed, r: int, own: F64, goal: Goal, limits: Limits
) -> Counterfactual:
    wanted, shown, margin = _aim(schema, own, goal)
    before = float(own[shown])
    if margin(own[None])[0] >= 0:
        return Counterfactual(r, wanted, before, (), f"the model answers {wanted} already ({number(before)})")
    row = {i.input: feed[i.input][r, 0] for i in schema.inputs}
    actions = actions_of(schema, row, limits)
    names = {i.column: i.input for i in schema.inputs}
    kept = [rule for rule in limits.rules if rule_holds(rule, row, names)]

    def ask(plans: Sequence[Plan]) -> F64:
        """Margins of plans ((action, value), ...); -inf where a rule would break."""
        made = {name: np.array([value] * len(plans), object if isinstance(value, str) else np.float64)
                for name, value in row.items()}  # fmt: skip
        for p, plan in enumerate(plans):
            for a, v in plan:
                for column, value in zip(actions[a].columns, actions[a].values[v], strict=True):
                    made[names[column]][p] = value
        fine = np.ones(len(plans), bool)
        for rule in kept:
            fine &= rules_hold(rule, made, names)
        out = margin(predict({k: v.reshape(-1, 1) for k, v in made.items()}))
        return np.where(fine, out, -np.inf)

    found = search(actions, ask, limits.most) if actions else []
    told = [
        _told(schema, predict, row, names, [actions[a] for a, _ in p], [v for _, v in p], shown, margin)
        for p in found[:SHOWN]
    ]
    alternatives = [a for a in told if a is not None]
    if alternatives:
        return Counterfactual(r, wanted, before, tuple(alternatives))
    free = sum(len(a.columns) for a in actions)
    why = (
        f"no change of at most {limits.most} columns within these limits makes the model answer {wanted} "
        f"(now {number(before)}; {free} of {len(schema.inputs)} columns may change)"
    )
    return Counterfactual(r, wanted, before, (), why)


def _told(
    schema: Schema, predict: Callable[[Feed], F64], row: Mapping[str, Any], names: Mapping[str, str],
    actions: Sequence[Action], values: Sequence[int], shown: int, margin: Callable[[F64], F64],
) -> Alternative | None:  # fmt: skip
    """The plan in words, asked of the graph once more; None where it does not hold."""
    new: dict[str, Any] = {}
    for action, v in zip(actions, values, strict=True):
        new |= {c: x for c, x in zip(action.columns, action.values[v], strict=True) if x != row[names[c]]}
    feed = {
        name: np.array([[value]], object if isinstance(value, str) else np.float64)
        for name, value in {**row, **{names[c]: x for c, x in new.items()}}.items()
    }
    output = predict(feed)
    if margin(output)[0] < 0:
        return None
    by_column = {i.column: i for i in schema.inputs}
    changes = tuple((c, written(by_column[c], row[names[c]]), written(by_column[c], x)) for c, x in new.items())
    cost = sum(a.cost[v] for a, v in zip(actions, values, strict=True))
    return Alternative(changes, new, float(output[0, shown]), cost)


def limits_of(
    columns: Sequence[str], dossier: Mapping[str, Any], recipe: Mapping[str, Any], fixed: Sequence[str],
    only_up: Sequence[str], only_down: Sequence[str],
) -> Limits:  # fmt: skip
    """The user's limits and what the file knows: roles that never change, rules, columns that go together, codes."""
    roles = ((dossier.get("report") or {}).get("subject") or {}).get("roles") or {}
    still = {c for role in STILL for c in (roles.get(role) or {}).get("columns", ()) if c in columns}
    made = (dossier.get("model") or {}).get("understanding") or {}
    signs = made.get("group_signs") or [[0] * len(g) for g in made.get("groups") or []]
    never: dict[str, set[Any]] = {}
    for step in recipe.get("steps") or ():
        for op in step.get("ops") or ():
            if op.get("name") == "null_if":
                for column in op.get("columns", ()):
                    never.setdefault(column, set()).update(op.get("args", {}).get("values", ()))
    return Limits(
        frozenset(fixed) | still, frozenset(only_up), frozenset(only_down), tuple(made.get("rules") or ()),
        tuple((tuple(g), tuple(s)) for g, s in zip(made.get("groups") or [], signs, strict=True)),
        never={c: frozenset(v) for c, v in never.items()},
    )  # fmt: skip
