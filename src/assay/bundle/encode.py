"""``EncoderSpec`` as ONNX nodes: wires of columns to one float32 matrix [N, features].

Columns of the same kind share nodes (one subtraction and one cast for all numbers), because a node costs about a
microsecond a row whatever it does. The order of features in the matrix is therefore our own: see ``Matrix.place``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.errors import SettingsError
from assay.core.table import F64, I64
from assay.learn.forms import EncoderSpec, Feature

from . import prose
from .calendar import lower_civil, lower_part
from .nodes import Builder, Wire
from .ops import is_null, to_number, to_text

_hour, _minute = np.divmod(np.arange(1441), 60)
CLOCKS: F64 = (_hour * 100 + _minute).astype(np.float64)  # every HHMM from 0 to 2400; all else is no time of day


@dataclass(frozen=True, slots=True)
class Matrix:
    """``name`` is the float32 tensor [N, features]; feature i of the spec stands in its column ``place[i]``."""

    name: str
    place: I64


def lower_encoder(b: Builder, wires: Mapping[str, Wire], spec: EncoderSpec) -> Matrix:
    """Build the matrix. Null, unseen and infinite are NaN; arithmetic is double until the one cast at the end.

    Raises:
        SettingsError: a feature needs a column that the recipe dropped.
    """
    if not spec.features:
        raise SettingsError("a model needs at least one feature; the encoder has none")
    for f in spec.features:
        if f.column not in wires:
            raise SettingsError(f"the feature {f.name!r} needs the column {f.column!r}, which the recipe leaves out")
    groups: dict[str, list[int]] = {}
    for i, f in enumerate(spec.features):
        groups.setdefault(_group(f, wires[f.column]), []).append(i)
    doubles: list[str] = []
    singles: list[str] = []
    order: list[int] = []
    for group in ("number", "clock", "hour", "weekday", "civil"):
        if group in groups:
            members = groups[group]
            doubles.append(_block(b, group, [spec.features[i] for i in members], wires))
            order += members
    if doubles:
        shifts = np.array([spec.features[i].shift if spec.features[i].how == "number" else 0.0 for i in order])
        singles.append(_to_float(b, _concat(b, doubles), shifts))
    for i in groups.get("level", []):
        singles.append(_levels(b, spec.features[i], wires[spec.features[i].column]))
        order.append(i)
    for places in _by_column(spec, groups.get("word", [])):
        at = prose.ordered(spec.features, places)
        singles.append(prose.lower_words(b, wires[spec.features[at[0]].column], [spec.features[i] for i in at]))
        order += at
    for i in groups.get("indicator", []):
        singles.append(b.cast(is_null(b, wires[spec.features[i].column]), "float"))
        order.append(i)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return Matrix(_concat(b, singles), place)


def _by_column(spec: EncoderSpec, places: Sequence[int]) -> list[list[int]]:
    """Places of features, those of one column together."""
    out: dict[str, list[int]] = {}
    for i in places:
        out.setdefault(spec.features[i].column, []).append(i)
    return list(out.values())


def _group(f: Feature, wire: Wire) -> str:
    if f.how in ("codes", "target-mean"):
        return "level"
    if f.how == "number" and wire.kind == "clock":
        return "clock"
    return "civil" if f.how in ("day", "month", "yearday") else f.how


def _concat(b: Builder, names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else b.add("Concat", *names, axis=1)


def _civil(b: Builder, features: Sequence[Feature], wires: Mapping[str, Wire]) -> str:
    """[N, len(features)] double: all date columns go through the calendar once, whichever parts are wanted of each."""
    columns = list(dict.fromkeys(f.column for f in features))
    parts = lower_civil(b, _concat(b, [to_number(b, wires[c]).name for c in columns]), [f.how for f in features])
    first = {how: i * len(columns) for i, how in enumerate(parts)}
    at = [first[f.how] + columns.index(f.column) for f in features]
    return b.add("Gather", _concat(b, list(parts.values())), b.constant(np.array(at, np.int64)), axis=1)


def _block(b: Builder, group: str, features: Sequence[Feature], wires: Mapping[str, Wire]) -> str:
    """[N, len(features)] double: numbers as they are, clocks decoded, hours and weekdays of epoch seconds."""
    if group == "civil":
        return _civil(b, features, wires)
    x = _concat(b, [to_number(b, wires[f.column]).name for f in features])
    if group == "clock":
        return clock_minutes(b, x)
    if group == "number":
        return x
    return lower_part(b, x, group)


def _to_float(b: Builder, x: str, shifts: F64) -> str:
    shifted = b.add("Sub", x, b.constant(shifts)) if shifts.any() else x
    out = b.cast(shifted, "float")
    return b.where(b.add("IsInf", out), b.constant(np.array(np.nan, np.float32)), out)


def clock_minutes(b: Builder, x: str) -> str:
    """HHMM to minutes since midnight; what is no time of day becomes NaN. One look-up in place of ten comparisons."""
    from onnx import numpy_helper

    return b.add(
        "LabelEncoder", x, domain="ai.onnx.ml",
        keys_tensor=numpy_helper.from_array(CLOCKS),
        values_tensor=numpy_helper.from_array(np.arange(1441, dtype=np.float64)),
        default_tensor=numpy_helper.from_array(np.array([np.nan])),
    )  # fmt: skip


def _levels(b: Builder, f: Feature, wire: Wire) -> str:
    values = f.values if f.how == "target-mean" else tuple(float(i) for i in range(len(f.levels)))
    x = to_text(b, wire).name
    if not f.levels:  # an empty table of keys is refused by the runtime
        return b.add(
            "LabelEncoder", x, domain="ai.onnx.ml", keys_strings=[""], values_floats=[np.nan], default_float=np.nan
        )
    return b.add(
        "LabelEncoder", x, domain="ai.onnx.ml",
        keys_strings=list(f.levels), values_floats=list(map(float, values)), default_float=float("nan"),
    )  # fmt: skip
