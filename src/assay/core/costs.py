"""What decisions cost: a table of actions by classes, from the question in the settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import SettingsError, did_you_mean
from .settings import Question
from .subject import Roles
from .table import F64, I64

NOTHING, ALWAYS = "doing nothing", "always acting"


@dataclass(frozen=True, slots=True)
class Costs:
    """``table`` (actions, classes in the order of a model's outputs) in money or any one unit, a gain below zero. The
    first action is doing nothing.

    ``answers``: whether the actions are the classes themselves, in order, so that naming a class is deciding.
    """

    actions: tuple[str, ...]
    table: F64
    answers: bool

    def by_action(self) -> list[tuple[str, list[float]]]:
        """Each action with its costs, in the order of the classes."""
        return [(action, row.tolist()) for action, row in zip(self.actions, self.table, strict=True)]

    def cheapest(self, output: F64) -> I64:
        """(n,) the action that costs least on average under (n, classes) probabilities; the first of equal ones."""
        return np.asarray((output @ self.table.T).argmin(1), np.int64)

    def threshold(self, k: int) -> float | None:
        """The probability of class k from which the second of two actions is cheaper, for two classes."""
        if self.table.shape != (2, 2):
            return None
        dearer = self.table[1] - self.table[0]  # of acting, by class
        if dearer[k] >= 0 or dearer[1 - k] <= 0:  # one action is better for both classes: no probability decides
            return None
        return float(dearer[1 - k] / (dearer[1 - k] - dearer[k]))


def costs_of(question: Question, roles: Roles) -> Costs | None:
    """The costs that a question states: ``costs`` in full, else a false alarm and a miss of the class that is scored.

    None where none are stated, or where the target is no class.

    Raises:
        SettingsError: fewer than two actions, or an action lacks a class or names one that does not exist.
    """
    classes = of_output(roles)
    if roles.target is None or len(classes) < 2:
        return None
    if question.costs:
        return whole(question, classes)
    alarm, miss = question.cost_false_alarm, question.cost_miss
    if alarm is None or miss is None or len(classes) != 2:
        return None
    table = np.zeros((2, 2))
    table[0, 1], table[1, 0] = miss, alarm
    return Costs((NOTHING, ALWAYS), table, False)


def of_output(roles: Roles) -> tuple[str, ...]:
    """The classes in the order of a model's outputs: the positive one of two comes last, others as the roles say."""
    classes = roles.classes
    if len(classes) == 2 and roles.positive == classes[0]:
        return (classes[1], classes[0])
    return classes


def whole(question: Question, classes: tuple[str, ...]) -> Costs:
    actions = tuple(question.costs)
    if len(actions) < 2:
        raise SettingsError(f"[question] costs must name at least two actions; got {', '.join(actions)}")
    for action, row in question.costs.items():
        for name in row:
            if name not in classes:
                raise SettingsError(f"[question] costs.{action}: no class {name!r}{did_you_mean(name, classes)}")
        if lacking := [name for name in classes if name not in row]:
            raise SettingsError(f"[question] costs.{action} must give a cost for {', '.join(lacking)} too")
    table = np.array([[float(row[name]) for name in classes] for row in question.costs.values()])
    return Costs(actions, table, actions == classes)


def even_costs(roles: Roles) -> Costs:
    """Every error costs one, whichever it is: naming the commonest class is doing nothing where classes are many."""
    k = len(roles.classes)
    if k == 2:
        made = costs_of(Question(cost_false_alarm=1.0, cost_miss=1.0), roles)
        assert made is not None
        return made
    return Costs(roles.classes, 1.0 - np.eye(k), True)
