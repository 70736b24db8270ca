"""What a pipeline makes of raw columns: each column of its matrix as a function of one raw column.

``Col`` is a + b * x of a raw number, or a table of values for the levels of a raw column, and says what it is where the
raw value is missing. Scalers, imputers and encoders turn such functions into such functions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.errors import SettingsError
from assay.core.table import F64
from assay.core.words import text_of

NAN = float("nan")
TAKEN = (
    "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, SimpleImputer, OneHotEncoder, OrdinalEncoder, selectors"
)


@dataclass(frozen=True)
class Col:
    """One column of the matrix. ``table`` is None for a number, else level -> value.

    A number is ``steps`` applied one by one to the raw one, which comes to scale * x + shift. ``null`` is the value
    where the raw one is missing, ``other`` where the level is in no table; NaN leaves it to the model. ``text`` marks
    words that no encoder has seen yet, with ``filled`` in place of missing ones.
    """

    raw: str
    scale: float = 1.0
    shift: float = 0.0
    null: float = NAN
    table: Mapping[str, float] | None = None
    other: float = NAN
    text: bool = False
    filled: str | None = None
    steps: tuple[tuple[str, float], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is the raw number itself."""
        return self.table is None and not self.steps and self.scale == 1.0

    def then(self, step: str, by: float) -> Col:
        """The column one step of arithmetic further (+ - * /)."""
        if self.text:
            raise SettingsError(f"the pipeline scales the text of {self.raw!r} before anything encodes it")
        do = STEPS[step]
        table = None if self.table is None else {k: do(v, by) for k, v in self.table.items()}
        scale = do(self.scale, by) if step in "*/" else self.scale
        return replace(
            self, scale=scale, shift=do(self.shift, by), null=do(self.null, by), other=do(self.other, by), table=table,
            steps=(*self.steps, (step, by)),
        )  # fmt: skip

    def value(self, x: F64) -> F64:
        """The number, rounded as the pipeline rounds it."""
        if self.scale == 0.0:
            return np.full(len(x), self.shift)
        for step, by in self.steps:
            x = STEPS[step](x, by)
        return x


STEPS: dict[str, Callable[[Any, float], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip


def transformed(step: Any, cols: Sequence[Col]) -> list[Col]:
    """The columns after a fitted transformer of scikit-learn.

    Raises:
        SettingsError: one that has no form here; the sentence names it and the way out.
    """
    name = type(step).__name__
    if step is None or step == "passthrough" or (name == "FunctionTransformer" and step.func is None):
        return list(cols)
    if step == "drop":
        return []
    if not type(step).__module__.startswith("sklearn."):
        raise SettingsError(f"the step {name} has no form here (there are {TAKEN}): export the model to ONNX instead")
    if name == "Pipeline":
        for _, inner in step.steps:
            cols = transformed(inner, cols)
        return list(cols)
    if name == "ColumnTransformer":
        return _by_column(step, cols)
    if name == "FeatureUnion":
        return [c for _, inner in step.transformer_list for c in transformed(inner, cols)]
    if name in AFFINE:
        for sign, values in AFFINE[name](step):
            if values is not None:
                cols = [c.then(sign, v) for c, v in zip(cols, np.asarray(values, np.float64).tolist(), strict=True)]
        return list(cols)
    if name == "SimpleImputer":
        return _imputed(step, cols)
    if name in ("OneHotEncoder", "OrdinalEncoder"):
        return [made for i, c in enumerate(cols) for made in _encoded(step, name, i, c)]
    if hasattr(step, "get_support"):
        return [c for c, kept in zip(cols, step.get_support(), strict=True) if kept]
    raise SettingsError(f"the step {name} has no form here (there are {TAKEN}): export the model to ONNX instead")


def _by_column(step: Any, cols: Sequence[Col]) -> list[Col]:
    names = [c.raw for c in cols]
    out: list[Col] = []
    for _, inner, chosen in step.transformers_:
        if isinstance(chosen, str):
            chosen = [chosen]
        if isinstance(chosen, slice):
            chosen = list(range(len(cols)))[chosen] if not isinstance(chosen.start, str) else names[chosen]
        picked = np.asarray(chosen)
        if picked.dtype == bool:
            picked = np.flatnonzero(picked)
        at = [names.index(c) if isinstance(c, str) else int(c) for c in picked.tolist()]
        if at:
            out += transformed(inner, [cols[i] for i in at])
    return out


def _minmax(s: Any) -> list[tuple[str, Any]]:
    if s.clip:
        raise SettingsError("MinMaxScaler(clip=True) has no form here: export the model to ONNX instead")
    return [("*", s.scale_), ("+", s.min_)]


AFFINE: dict[str, Callable[[Any], list[tuple[str, Any]]]] = {
    "StandardScaler": lambda s: [("-", s.mean_ if s.with_mean else None), ("/", s.scale_ if s.with_std else None)],
    "MinMaxScaler": _minmax,
    "MaxAbsScaler": lambda s: [("/", s.scale_)],
    "RobustScaler": lambda s: [("-", s.center_ if s.with_centering else None),
                               ("/", s.scale_ if s.with_scaling else None)],
}  # fmt: skip


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType"


def _imputed(step: Any, cols: Sequence[Col]) -> list[Col]:
    if not _missing(step.missing_values):
        raise SettingsError(
            f"SimpleImputer(missing_values={step.missing_values!r}) has no form here: export the model to ONNX instead"
        )
    out = []
    for c, fill in zip(cols, step.statistics_.tolist(), strict=True):
        if _missing(fill):  # nothing was seen there, and scikit-learn leaves the column out
            continue
        if c.text:
            out.append(replace(c, filled=str(text_of(fill)) if c.filled is None else c.filled))
            continue
        fill = float(fill)
        table = None if c.table is None else {k: fill if np.isnan(v) else v for k, v in c.table.items()}
        null, other = (fill if np.isnan(v) else v for v in (c.null, c.other))
        out.append(replace(c, null=null, other=other, table=table))
    if step.add_indicator:
        flagged = [cols[int(i)] for i in step.indicator_.features_]
        out += [Col(c.raw, scale=0.0, null=1.0) for c in flagged]
    return out


def _encoded(step: Any, name: str, place: int, c: Col) -> list[Col]:
    if not (c.text or c.plain) or not (c.text or np.isnan(c.null)):
        raise SettingsError(f"the pipeline encodes {c.raw!r} after changing it, which has no form here")
    categories = [None if _missing(v) else str(text_of(v)) for v in step.categories_[place].tolist()]
    if getattr(step, "infrequent_categories_", None) and step.infrequent_categories_[place] is not None:
        raise SettingsError(f"{name} with infrequent categories has no form here: export the model to ONNX instead")
    null = categories.index(c.filled) if c.filled in categories else -1
    if name == "OrdinalEncoder":
        table = {k: float(i) for i, k in enumerate(categories) if k is not None}
        other = float(step.unknown_value) if step.handle_unknown == "use_encoded_value" else NAN
        missing = float(step.encoded_missing_value)
        if c.filled is not None:
            missing = float(null) if null >= 0 else other
        return [Col(c.raw, table=table, null=missing, other=other)]
    if step.handle_unknown not in ("error", "ignore", "infrequent_if_exist", "warn"):
        raise SettingsError(f"OneHotEncoder(handle_unknown={step.handle_unknown!r}) has no form here")
    dropped = None if step.drop_idx_ is None else step.drop_idx_[place]
    return [
        Col(c.raw, table={} if k is None else {k: 1.0}, null=float(i == null), other=0.0)
        for i, k in enumerate(categories) if i != dropped
    ]  # fmt: skip
