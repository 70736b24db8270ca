"""What may be done to a row: columns, the values they may take inside what training saw, and what each change costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import Mask

from .nodes import NULL_CODE
from .schema import Input, Schema

MOST = 3  # columns (or groups) that change together
LEVEL_COST = 0.5  # of a change of level: as much as half the range of ranks of a number


@dataclass(frozen=True, slots=True)
class Limits:
    """What may change, by column. ``rules`` are {form: order|sum, columns}; ``together`` are (columns, signs)."""

    fixed: frozenset[str] = frozenset()
    only_up: frozenset[str] = frozenset()
    only_down: frozenset[str] = frozenset()
    rules: tuple[Mapping[str, Any], ...] = ()
    together: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = ()
    never: Mapping[str, frozenset[Any]] = field(default_factory=dict)  # codes that stand for a missing value
    most: int = MOST


@dataclass(slots=True)
class Action:
    """One thing that can be done to a row: inputs that change together, the values they take, and what each costs."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)


def actions_of(schema: Schema, row: Mapping[str, Any], limits: Limits) -> list[Action]:
    """What may be done to a row, every value inside what training saw."""
    by_column = {i.column: i for i in schema.inputs}
    grouped = [(g, s) for g, s in limits.together if all(c in by_column for c in g)]
    inside = {c for g, _ in grouped for c in g}
    out = []
    for columns, signs in [*grouped, *(((c,), (1,)) for c in schema.columns if c not in inside)]:
        inputs = [by_column[c] for c in columns]
        if any(c in limits.fixed or by_column[c].kind == "date" for c in columns):
            continue
        if any(_missing(row[i.input]) for i in inputs):  # what is not known cannot be changed from anything
            continue
        action = Action(tuple(columns))
        if len(columns) > 1:
            if any(i.is_text or not i.bins for i in inputs) or 0 in signs:
                continue
            for b in range(len(inputs[0].bins)):
                place = [b if s > 0 else len(i.bins) - 1 - b for i, s in zip(inputs, signs, strict=True)]
                values = tuple(i.bins[min(p, len(i.bins) - 1)] for i, p in zip(inputs, place, strict=True))
                _add(action, inputs, values, row, limits)
        else:
            for value in _values(inputs[0]):
                _add(action, inputs, (value,), row, limits)
        if action.values:
            out.append(action)
    return out


def _values(i: Input) -> list[Any]:
    if i.is_text:
        return list(i.bins or i.categories)
    if i.kind == "bool":
        return [0.0, 1.0]
    return sorted(set(i.bins or [v for v in (i.lo, i.typical, i.hi) if v is not None]))


def _add(
    action: Action, inputs: Sequence[Input], values: tuple[Any, ...], row: Mapping[str, Any], limits: Limits
) -> None:
    cost, changed = 0.0, False
    for i, value in zip(inputs, values, strict=True):
        old = row[i.input]
        if value == old:
            continue
        if value in limits.never.get(i.column, ()):
            return
        changed = True
        if i.is_text or i.kind == "bool":
            cost = max(cost, LEVEL_COST)
            if i.column in limits.only_up | limits.only_down and i.is_text:
                return
        else:
            ranks = np.searchsorted(np.array(i.bins or (i.lo, i.hi), float), [old, value])
            cost = max(cost, (abs(float(ranks[1] - ranks[0])) + 0.5) / (len(i.bins) or 2))
        if not i.is_text and (
            (i.column in limits.only_up and value < old) or (i.column in limits.only_down and value > old)
        ):
            return
    if changed and all(v == row[i.input] or not _missing(v) for i, v in zip(inputs, values, strict=True)):
        action.values.append(values)
        action.cost.append(cost)


def _missing(value: Any) -> bool:
    return bool(value == NULL_CODE) if isinstance(value, str) else bool(value != value)


def rule_holds(rule: Mapping[str, Any], row: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Whether a rule speaks of columns of the model alone, and the row keeps it."""
    if any(c not in names for c in rule["columns"]):
        return False
    one = {k: np.array([v]) for k, v in row.items()}
    return bool(rules_hold(rule, one, names)[0])


def rules_hold(rule: Mapping[str, Any], made: Mapping[str, NDArray[Any]], names: Mapping[str, str]) -> Mask:
    try:
        values = [np.asarray(made[names[c]], np.float64) for c in rule["columns"]]
    except (TypeError, ValueError):
        return np.zeros(len(next(iter(made.values()))), bool)
    with np.errstate(invalid="ignore"):
        if rule["form"] == "order":
            return np.asarray(values[0] <= values[1])
        whole = np.abs(values[0])
        return np.asarray(np.abs(values[0] - sum(values[1:])) <= 1e-6 * (1 + whole))
