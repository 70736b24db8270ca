"""The recipe's ops as ONNX nodes, one raw column at a time. ``tables.recipe`` is the same in Arrow.

Text wires carry ``NULL_CODE`` for null, number wires (number, bool, clock, date) are double and carry NaN.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.errors import SettingsError
from assay.core.patterns import BLANKS, NUMBER, any_date, as_python, number_text, same_text
from assay.core.remedy import Op, combinable, means_of

from .dates import parse_date
from .nodes import NULL_CODE, Builder, Wire

UNTOUCHED = "\ue001"  # marks "no key matched": LabelEncoder has a constant default only
Wires = dict[str, Wire]


def lower_ops(b: Builder, wires: Mapping[str, Wire], ops: Sequence[Op]) -> Wires:
    """Replay ``ops`` on the wires of the raw columns; returns the wires of the columns that remain.

    Ops on columns that are not there are passed over.

    Raises:
        SettingsError: an op cannot act on the kind of its column.
    """
    now = dict(wires)
    for op in ops:
        if op.name in ("look_up", "combine"):
            (_look_up if op.name == "look_up" else _combine)(b, now, op)
            continue
        for column in op.columns:
            if column in now:
                _step(b, now, op, column)
    return now


def _step(b: Builder, now: Wires, op: Op, column: str) -> None:
    wire = now[column]
    if op.name == "drop_column":
        del now[column]
    elif op.name == "rename":
        new = str(op.args["name"])
        if new in now and new != column:
            raise SettingsError(f"{column} cannot be renamed to {new}: the column exists already")
        now[new] = now.pop(column)
    elif op.name == "indicator":
        now[str(op.args["name"])] = Wire(b.cast(is_null(b, wire), "double"), "bool")
    else:
        now[column] = CELLS[op.name](b, wire, op.args)


def is_null(b: Builder, wire: Wire) -> str:
    """A bool tensor: where the column is null."""
    return b.add("Equal", wire.name, b.text(NULL_CODE)) if wire.is_text else b.add("IsNaN", wire.name)


def to_number(b: Builder, wire: Wire) -> Wire:
    if not wire.is_text:
        return wire
    readable = b.add("RegexFullMatch", wire.name, pattern=NUMBER)
    return Wire(b.cast(b.where(readable, wire.name, b.text("nan")), "double"), "number")


def to_text(b: Builder, wire: Wire) -> Wire:
    if wire.is_text:
        return wire
    if wire.kind == "date":
        raise SettingsError("a date cannot become text inside the graph: leave the column as it is, or drop it")
    x, null = wire.name, b.add("IsNaN", wire.name)
    if wire.kind == "bool":
        words = b.where(b.add("Equal", x, b.number(0.0)), b.text("false"), b.text("true"))
        return Wire(b.where(null, b.text(NULL_CODE), words), "category")
    within = b.add("Less", b.add("Abs", x), b.number(1e16))
    whole = b.add("And", within, b.add("Equal", b.add("Floor", x), x))
    digits = b.cast(b.cast(b.where(whole, x, b.number(0.0)), "int64"), "string")
    words = b.where(whole, digits, b.cast(x, "string"))
    unsayable = b.add("Or", null, b.add("IsInf", x))
    return Wire(b.where(unsayable, b.text(NULL_CODE), words), "category")


def _cast(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    return to_number(b, wire) if args["to"] == "number" else to_text(b, wire)


def _map_values(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    mapping: Mapping[str, str | None] = args["mapping"]
    wire = to_text(b, wire)
    if not mapping:
        return wire
    values = [NULL_CODE if v is None else str(v) for v in mapping.values()]
    mapped = _encode(b, wire.name, list(mapping), values, UNTOUCHED)
    return Wire(b.where(b.add("Equal", mapped, b.text(UNTOUCHED)), wire.name, mapped), wire.kind)


def _null_if(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    values = [v for v in args["values"] if v is not None]
    if not values:
        return wire
    if wire.is_text:
        texts = [v if isinstance(v, str) else number_text(float(v)) or "" for v in values]
        hit = b.add("RegexFullMatch", wire.name, pattern=same_text(texts))
        return Wire(b.where(hit, b.text(NULL_CODE), wire.name), wire.kind)
    out = wire.name
    for number in dict.fromkeys(n for n in (_number(v, wire.kind) for v in values) if n is not None):
        out = b.where(b.add("Equal", wire.name, b.number(number)), b.number(np.nan), out)
    return Wire(out, wire.kind)


def _number(value: Any, kind: str) -> float | None:
    """A value of an op's arguments as it stands in a column of numbers or dates; None where it cannot."""
    if isinstance(value, str):
        if as_python(NUMBER).fullmatch(value):
            return float(value)
        if kind == "date" and as_python(any_date("iso")).fullmatch(value):
            moment = dt.datetime.fromisoformat(value.strip(BLANKS).replace("/", "-"))
            return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()
        return None
    return float(value)


def _inside(b: Builder, x: str, args: Mapping[str, Any]) -> str | None:
    tests = [("GreaterOrEqual", args.get("lo")), ("LessOrEqual", args.get("hi"))]
    masks = [b.add(op, x, b.number(float(v))) for op, v in tests if v is not None]
    if not masks:
        return None
    return masks[0] if len(masks) == 1 else b.add("And", *masks)


def _null_outside(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    wire = to_number(b, wire)
    inside = _inside(b, wire.name, args)
    return wire if inside is None else Wire(b.where(inside, wire.name, b.number(np.nan)), wire.kind)


def _scale(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    wire = to_number(b, wire)
    inside = _inside(b, wire.name, args)
    scaled = b.add("Mul", wire.name, b.number(float(args["by"])))
    return Wire(scaled if inside is None else b.where(inside, scaled, wire.name), wire.kind)


def _clip(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    wire = to_number(b, wire)
    out = wire.name
    for op, bound in (("Less", args.get("lo")), ("Greater", args.get("hi"))):
        if bound is not None:
            limit = b.number(float(bound))
            out = b.where(b.add(op, out, limit), limit, out)
    return Wire(out, wire.kind)


def _clock_to_minutes(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    from .encode import clock_minutes

    return Wire(clock_minutes(b, to_number(b, wire).name), "number")


def _parse_date(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    return Wire(parse_date(b, wire.name, str(args["format"])), "date") if wire.is_text else wire


def _fold_rare(b: Builder, wire: Wire, args: Mapping[str, Any]) -> Wire:
    wire = to_text(b, wire)
    keep = list(dict.fromkeys([*map(str, args["keep"]), NULL_CODE]))
    return Wire(_encode(b, wire.name, keep, keep, str(args["other"])), wire.kind)


def _look_up(b: Builder, now: Wires, op: Op) -> None:
    by, of = op.columns
    mapping: Mapping[str, str] = op.args["mapping"]
    if by not in now or of not in now or not mapping:
        return
    wire, key = now[of], to_text(b, now[by]).name
    if wire.kind in ("date", "bool"):
        raise SettingsError(f"look_up gives text or numbers; {of} is of kind {wire.kind}")
    texts = [str(v) for v in mapping.values()]
    if wire.is_text:
        told = _encode(b, key, list(mapping), texts, UNTOUCHED)
        stays = b.add("Or", b.add("Equal", told, b.text(UNTOUCHED)), is_null(b, wire))
        out = b.where(stays, wire.name, told)
    else:
        if not all(as_python(NUMBER).fullmatch(v) for v in texts):
            raise SettingsError(f"look_up maps to {of}, a column of numbers: every value of the mapping must be one")
        told = b.cast(_encode(b, key, list(mapping), [v.strip(BLANKS) for v in texts], "nan"), "double")
        out = b.where(b.add("Or", b.add("IsNaN", told), is_null(b, wire)), wire.name, told)
    now[of] = Wire(out, wire.kind)


def _combine(b: Builder, now: Wires, op: Op) -> None:
    one, two = op.columns
    how, new = str(op.args["how"]), str(op.args["name"])
    if one not in now or two not in now:
        return
    if new in now:
        raise SettingsError(f"{one} and {two} cannot be combined as {new}: the column exists already")
    combinable(how, one, now[one].kind, two, now[two].kind)
    second = to_number(b, now[two]).name
    if how == "less_mean":
        means = means_of(op)
        told = _encode(b, to_text(b, now[one]).name, list(means), [repr(v) for v in means.values()], "nan")
        made = b.add("Sub", second, b.cast(told, "double"))
    else:
        made = b.add("Sub" if how == "difference" else "Div", to_number(b, now[one]).name, second)
    now[new] = Wire(b.where(b.add("IsInf", made), b.number(np.nan), made), "number")


def _encode(b: Builder, x: str, keys: Sequence[str], values: Sequence[str], default: str) -> str:
    return b.add(
        "LabelEncoder",
        x,
        domain="ai.onnx.ml",
        keys_strings=list(keys),
        values_strings=list(values),
        default_string=default,
    )


CELLS: dict[str, Callable[[Builder, Wire, Mapping[str, Any]], Wire]] = {
    "cast": _cast,
    "map_values": _map_values,
    "null_if": _null_if,
    "null_outside": _null_outside,
    "scale": _scale,
    "clip": _clip,
    "clock_to_minutes": _clock_to_minutes,
    "parse_date": _parse_date,
    "fold_rare": _fold_rare,
}
