"""What the trained libraries themselves predict for raw rows: the other side of the parity check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.remedy import Op
from assay.core.table import F64, Sample
from assay.learn.encoder import encode
from assay.learn.forms import Assembly, Linear, Member, size_of
from assay.learn.linear import LinearModel
from assay.learn.replay import calibrate, design, replay_form
from assay.tables import recipe


@dataclass(frozen=True)
class NativeModel:
    """A trained model before it is packed, as challenges ask it (``core.subject.Model``)."""

    assembly: Assembly
    ops: tuple[Op, ...]
    trained_on: str | None
    refitted: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        return self.assembly.classes

    @property
    def size(self) -> int:
        """Bytes of the members: 24 a node of a tree, 8 a weight."""
        return sum(size_of(m.form) for m in self.assembly.members)

    def predict_rows(self, rows: Sample) -> F64:
        return native_output(self.assembly, self.ops, rows)


def native_output(assembly: Assembly, ops: Sequence[Op], rows: Sample) -> F64:
    """(n, classes) probabilities, or (n,) values: recipe and encoder in Arrow and numpy, members by their library."""
    X = encode(assembly.spec, recipe.apply(ops, rows))
    total = sum(m.weight for m in assembly.members)
    mean = sum(m.weight / total * _member(m, assembly, X) for m in assembly.members)
    return calibrate(assembly.calibration, np.asarray(mean, np.float64))


def _member(m: Member, assembly: Assembly, X: Any) -> F64:
    k = 1 if assembly.task == "regression" else len(assembly.classes)
    if isinstance(m.native, LinearModel) and isinstance(m.form, Linear) and m.native.native is not None:
        native = m.native.native
        D = design(m.form.terms, X)
        if assembly.task == "regression":
            return np.asarray(native.predict(D), np.float64)
        if len(native.classes_) == k:
            return np.asarray(native.predict_proba(D), np.float64)
    elif m.native is not None:
        return np.asarray(m.native.predict(X))
    out = replay_form(m.form, X)  # a member without its library: its neutral form
    if assembly.task == "binary":
        return np.column_stack((1.0 - out[:, 0], out[:, 0]))
    return out if assembly.task == "multiclass" else out[:, 0]
