"""What a model answers, in the order of the target's classes, whoever made the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.errors import InputError
from assay.core.subject import Task, Through
from assay.core.table import F64, Sample

SUM = 1e-3  # how far the shares of a row may be from 1: three decimals, as people round them


@dataclass(frozen=True)
class FittedTo(Through):
    """A model whose predictions stand in the ``order`` of classes given (empty for a number), whatever its own is."""

    task: Task
    order: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.order

    def predict_rows(self, rows: Sample) -> F64:
        output = self.inner.predict_rows(rows)
        return fitting(output, self.inner.classes, self.task, self.order)


def fitting(output: F64, named: tuple[str, ...], task: Task, classes: tuple[str, ...]) -> F64:
    """Predictions in the order of the target's classes. A class that the model lacks gets nothing.

    Without names, two columns or more stand in the sorted order of the classes, and one is the positive class.

    Raises:
        InputError: not a number for each row, not shares of the classes, or no class in common.
    """
    if not np.isfinite(output).all():
        raise InputError("the model must give a number for every row; it gives NaN or infinity")
    if task == "regression":
        if output.ndim != 1:
            raise InputError(f"the model must give one value a row for a number; it gives {output.shape[1]}")
        return output
    if output.ndim == 1:
        if len(classes) != 2:
            raise InputError(f"the model must give a share for each of {len(classes)} classes; it gives one value")
        output, named = np.column_stack((1 - output, output)), classes
    named = named or tuple(sorted(classes))
    if len(named) != output.shape[1] or not set(named) & set(classes):
        raise InputError(
            f"the model's {output.shape[1]} classes ({', '.join(named[:4])}) must be those of the target "
            f"({', '.join(classes[:4])})"
        )
    made = np.zeros((len(output), len(classes)))
    for k, c in enumerate(classes):
        if c in named:
            made[:, k] = output[:, named.index(c)]
    whole = made.sum(1, keepdims=True)
    if (made < -SUM).any() or (np.abs(output.sum(1) - 1) > SUM).any():
        raise InputError("the model must give shares between 0 and 1 that add up to 1; scores before a link are not")
    return np.where(whole > 0, made / np.where(whole > 0, whole, 1), 1 / len(classes))
