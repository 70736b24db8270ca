"""The target column as numbers: class index or value, and which rows have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.aim import Aim, aim_of
from assay.core.errors import InputError, RoleError
from assay.core.patterns import NUMBER, as_python
from assay.core.subject import Roles, Task
from assay.core.table import F64, Mask, Sample

MOST_CLASSES = 100  # above this a text target is not a class to predict but an identifier
FEW_VALUES = 20  # a number target with at most so many whole values is read as classes where no task is given


@dataclass(frozen=True, slots=True)
class Labels:
    """``y`` (n,) float64: index into ``classes`` (binary: 1 is the positive class), or the value for regression.

    ``y`` is NaN where ``known`` is False (null, not a finite number, or a class that the roles do not list).
    """

    task: Task
    y: F64
    classes: tuple[str, ...]
    known: Mask
    said: Aim | None = None

    @property
    def aim(self) -> Aim:
        """What a prediction is meant to be, and so what it loses by."""
        return self.said or aim_of(self.task)

    @property
    def outputs(self) -> int:
        """Columns of a prediction: one for regression, else one for each class."""
        return 1 if self.task == "regression" else len(self.classes)

    def take(self, index: NDArray[Any]) -> Labels:
        return replace(self, y=self.y[index], known=self.known[index])


def labels(sample: Sample, roles: Roles) -> Labels:
    """Read the target of ``sample``.

    Task and classes come from the roles; where these are empty they are read from the sample: two values are
    binary, other text, categories and few whole numbers are classes, the rest is regression. Binary classes are
    ordered (negative, positive), all others by text.

    Raises:
        RoleError: no target is set, or the sample lacks it.
        InputError: the target has fewer than two values, or too many classes.
    """
    named = roles.named("target")
    if not named:
        raise RoleError("a target is needed: name the column to predict with --target COLUMN")
    column = named[0]
    if column not in sample.names:
        raise RoleError(f"the target must be a column of the table; {column!r} is not one")
    task = roles.task or _task(sample, column)
    if task == "regression":
        value = sample.numbers(column).astype(np.float64, copy=True)
        value[~np.isfinite(value)] = np.nan
        return Labels("regression", value, (), np.isfinite(value), roles.aim)
    codes, levels = sample.codes(column)
    classes = _classes(roles, levels, task, column)
    index = {name: i for i, name in enumerate(classes)}
    lookup = np.array([index.get(level, -1) for level in levels] + [-1], dtype=np.int64)
    found = lookup[codes]
    known = found >= 0
    return Labels(task, np.where(known, found, np.nan).astype(np.float64), classes, known, roles.aim)


def _classes(roles: Roles, levels: tuple[str, ...], task: Task, column: str) -> tuple[str, ...]:
    classes = roles.classes or in_order(levels, roles.aim, column)
    if task == "binary":
        if len(classes) != 2:
            raise InputError(f"a binary target must have two values; {column!r} has {len(classes)}")
        positive = roles.positive if roles.positive in classes else classes[-1]
        negative = classes[0] if classes[1] == positive else classes[1]
        return (negative, str(positive))
    if len(classes) < 2:
        raise InputError(f"the target must have at least two values; {column!r} has {len(classes)}")
    if len(classes) > MOST_CLASSES:
        raise InputError(f"the target may have at most {MOST_CLASSES} classes; {column!r} has {len(classes)}")
    return classes


def in_order(levels: Sequence[str], aim: Aim | None, column: str) -> tuple[str, ...]:
    """Classes sorted by text; those of an ordinal target in the order that was given, or by number.

    Raises:
        InputError: an ordinal target of text without an order, or an order that lacks a class.
    """
    if aim is None or aim.kind != "ordinal":
        return tuple(sorted(levels))
    if aim.order:
        if lacking := sorted(set(levels) - set(aim.order)):
            raise InputError(f"the order of {column!r} must name every class; it lacks {', '.join(lacking[:5])}")
        return tuple(c for c in aim.order if c in set(levels))
    if not all(as_python(NUMBER).fullmatch(level) for level in levels):
        raise InputError(
            f"an ordinal target must hold numbers, or its order be given, lowest first, as in ordinal:low,mid,high; "
            f"{column!r} holds {', '.join(sorted(levels)[:3])}"
        )
    return tuple(sorted(levels, key=float))


def _task(sample: Sample, column: str) -> Task:
    kind = next(c.kind for c in sample.columns if c.name == column)
    if kind == "bool":
        return "binary"
    if kind in ("number", "clock", "date"):
        value = sample.numbers(column)
        seen = np.unique(value[np.isfinite(value)])
        if len(seen) == 2:
            return "binary"
        whole = bool(np.all(seen == np.floor(seen)))
        return "multiclass" if len(seen) and whole and len(seen) <= FEW_VALUES and kind == "number" else "regression"
    return "binary" if len(np.unique(sample.codes(column)[0][~sample.null(column)])) == 2 else "multiclass"
