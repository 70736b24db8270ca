"""Recipes in memory: the Arrow lowering of the ops, with the exact meaning that every other lowering must have.

Text is compared *folded*: ASCII blanks (space, tab, CR, LF, FF, VT) trimmed at both ends, then ``str.casefold``. A
graph need not fold: it may list the exact spellings seen in training, since a spelling never seen is a new value.

cast to number    ``core.patterns.NUMBER``: blanks trimmed; digits, sign, point and exponent. Else null.
cast to text      ``core.patterns.number_text``, booleans true/false, dates as ISO.
map_values        exact text; null target gives null. Of a number column the text of its values; the result is text.
null_if           text folded; numbers by equality. A text entry applied to a number column is read as a number.
null_outside      x < lo or x > hi becomes null; NaN is null. Ends belong to the inside. Result float64.
scale             lo <= x <= hi is multiplied by ``by`` in float64; others stay. Result float64.
indicator         bool: was null (NaN counts).
parse_date        as ``engines.duck.strict_date``; result timestamp (numbers: epoch seconds).
clock_to_minutes  floor(v / 100) * 60 + v mod 100; null where minutes >= 60, v < 0, v > 2400 or v is not whole.
fold_rare         exact text; values not kept become ``other``; null stays.
clip              min(max(x, lo), hi) in float64; null stays.
look_up           the dependent is what the mapping has for the text of the determinant (as map_values reads it); where
                  it has nothing, or either cell is null, the dependent stays. Text stays text, numbers float64.
combine           in float64; null where a cell is null or unreadable, the mapping has nothing, or the result is not
                  finite (a division by zero). Two dates have a difference, in seconds.

Ops on columns that a sample lacks are passed over. Cells where a number was expected in a text column are read as by
cast; unreadable ones become null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.errors import SettingsError
from assay.core.patterns import number_text
from assay.core.remedy import Op, combinable, means_of
from assay.core.table import F64, Column, Sample
from assay.core.words import text_of

from . import values
from .engines import duck
from .sample import ArrowSample

BLANKS = " \t\r\n\f\v"


def fold(text: str) -> str:
    """The form in which texts are compared: ASCII blanks trimmed, case folded."""
    return text.strip(BLANKS).casefold()


def apply(ops: Sequence[Op], sample: Sample) -> ArrowSample:
    """Replay ops, in order, on the rows of a sample; row ids, content, positions and weights stay.

    Raises:
        SettingsError: an op has an unknown name or lacks an argument.
    """
    if not isinstance(sample, ArrowSample):
        raise SettingsError("a recipe is replayed on samples of a table")
    done: ArrowSample = sample
    for op in ops:
        try:
            done = _STEPS[op.name](done, op)
        except KeyError as error:
            raise SettingsError(f"the recipe step {op.name} cannot be read: {error} is missing or unknown") from None
    return done


def _set(sample: ArrowSample, name: str, array: Any, column: Column) -> ArrowSample:
    arrow, at = sample.arrow, sample.arrow.schema.get_field_index(name)
    arrow = arrow.append_column(name, array) if at < 0 else arrow.set_column(at, name, array)
    known = {c.name: c for c in sample.columns} | {name: column}
    return sample._rebuilt(arrow, known, {name})


def _floats(sample: ArrowSample, name: str) -> F64:
    """Stored numbers: clocks as HHMM, not minutes."""
    column = sample.column(name)
    plain = Column(name, "number", column.storage) if column.kind == "clock" else column
    return values.floats(sample.arrow[name], plain)


def _from_floats(sample: ArrowSample, name: str, x: F64, kind: str | None = None) -> ArrowSample:
    import pyarrow as pa

    was = sample.column(name).kind
    new: Any = kind or ("clock" if was == "clock" else "number")
    return _set(sample, name, pa.array(x, pa.float64(), mask=np.isnan(x)), Column(name, new, "DOUBLE"))


def _is_text(sample: ArrowSample, name: str) -> bool:
    return sample.column(name).storage.startswith("VARCHAR")


def _texts(sample: ArrowSample, name: str) -> tuple[Any, tuple[str, ...]]:
    """Codes into texts: numbers as ``core.patterns.number_text`` writes them, which a graph can do too."""
    import pyarrow as pa

    kind = sample.arrow.schema.field(name).type
    if not pa.types.is_floating(kind):
        return sample.codes(name)
    x = _floats(sample, name)
    seen, codes = np.unique(x, return_inverse=True)
    return np.where(np.isfinite(x), codes, -1), tuple(number_text(v) or "" for v in seen.tolist())


def _from_codes(sample: ArrowSample, name: str, new: list[str | None], codes: Any) -> ArrowSample:
    import pyarrow as pa

    taken = pa.array([*new, None], pa.string()).take(pa.array(np.where(codes < 0, len(new), codes)))
    kind: Any = "text" if sample.column(name).kind == "text" else "category"
    return _set(sample, name, taken, Column(name, kind, "VARCHAR"))


def _each(step: Any) -> Any:
    def run(sample: ArrowSample, op: Op) -> ArrowSample:
        for name in op.columns:
            if name in sample.names:
                sample = step(sample, name, op.args)
        return sample

    return run


def _cast(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    to = args["to"]
    if to == "number":
        return _from_floats(
            sample, name, _floats(sample, name), "clock" if sample.column(name).kind == "clock" else "number"
        )
    if to == "text":
        codes, levels = _texts(sample, name)
        return _from_codes(sample, name, list(levels), codes)
    raise SettingsError(f"a cast goes to number or text; got {to!r}")


def _map_values(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    mapping = args["mapping"]
    codes, levels = _texts(sample, name)
    return _from_codes(sample, name, [mapping.get(v, v) for v in levels], codes)


def _null_if(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    wanted = args["values"]
    if _is_text(sample, name):
        gone = {fold(text_of(v) or "") for v in wanted}
        codes, levels = _texts(sample, name)
        date = sample.column(name).kind == "date"
        out = _from_codes(sample, name, [None if fold(v) in gone else v for v in levels], codes)
        return _set(out, name, out.arrow[name], sample.column(name)) if date else out
    x = _floats(sample, name)
    numbers = [n for n in (_number(v) for v in wanted) if n is not None]
    return _like(sample, name, x, np.isin(x, numbers))


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        import pyarrow as pa

        got = values.through_duck(pa.array([value]), duck.strict_number("v"))[0].as_py()
        return None if got is None else float(got)
    return None if value is None else float(value)


def _like(sample: ArrowSample, name: str, x: F64, gone: Any) -> ArrowSample:
    """Cells nulled, type and kind kept."""
    import pyarrow as pa
    import pyarrow.compute as pc

    old = sample.arrow[name]
    return _set(sample, name, pc.if_else(pa.array(gone), pa.scalar(None, old.type), old), sample.column(name))


def _null_outside(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    x = _floats(sample, name)
    lo, hi = args.get("lo"), args.get("hi")
    with np.errstate(invalid="ignore"):
        out = (x < (-np.inf if lo is None else float(lo))) | (x > (np.inf if hi is None else float(hi)))
    return _from_floats(sample, name, np.where(out, np.nan, x))


def _scale(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    x = _floats(sample, name)
    lo, hi = args.get("lo"), args.get("hi")
    with np.errstate(invalid="ignore", over="ignore"):
        inside = (x >= (-np.inf if lo is None else float(lo))) & (x <= (np.inf if hi is None else float(hi)))
        return _from_floats(sample, name, np.where(inside, x * float(args["by"]), x))


def _indicator(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    import pyarrow as pa

    new = str(args["name"])
    return _set(sample, new, pa.array(sample.null(name)), Column(new, "bool", "BOOLEAN"))


def _parse_date(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    import pyarrow as pa

    form = args["format"]
    if form not in duck.DATE_FORMS:
        raise SettingsError(f"parse_date reads {', '.join(duck.DATE_FORMS)}; got {form!r}")
    if not _is_text(sample, name):
        return sample
    array = values.through_duck(sample.arrow[name], duck.strict_date("v", form)).cast(pa.timestamp("us"))
    return _set(sample, name, array, Column(name, "date", "TIMESTAMP"))


def _clock_to_minutes(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    return _from_floats(sample, name, values.clock_minutes(_floats(sample, name)), "number")


def _fold_rare(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    keep, other = set(args["keep"]), str(args["other"])
    codes, levels = _texts(sample, name)
    return _from_codes(sample, name, [v if v in keep else other for v in levels], codes)


def _clip(sample: ArrowSample, name: str, args: Mapping[str, Any]) -> ArrowSample:
    lo, hi = args.get("lo"), args.get("hi")
    x = _floats(sample, name)
    low, high = -np.inf if lo is None else float(lo), np.inf if hi is None else float(hi)
    return _from_floats(sample, name, np.clip(x, low, high))


def _look_up(sample: ArrowSample, op: Op) -> ArrowSample:
    by, of = op.columns
    if by not in sample.names or of not in sample.names or not op.args["mapping"]:
        return sample
    mapping = {str(k): str(v) for k, v in op.args["mapping"].items()}
    codes, levels = _texts(sample, by)
    own = [mapping.get(v) for v in levels]
    if sample.column(of).kind in ("date", "bool"):
        raise SettingsError(f"look_up gives text or numbers; {of} is of kind {sample.column(of).kind}")
    if _is_text(sample, of):
        now, known = _texts(sample, of)
        new: list[str | None] = [*known, *(v for v in own if v is not None)]
        place = np.cumsum([v is not None for v in [*own, None]]) - 1 + len(known)
        told = np.array([v is not None for v in [*own, None]])[codes]
        return _from_codes(sample, of, new, np.where(told & (now >= 0), place[codes], now))
    x = _floats(sample, of)
    values_of = [None if v is None else _number(v) for v in own]
    if any(v is not None and n is None for v, n in zip(own, values_of, strict=True)):
        raise SettingsError(f"look_up maps to {of}, a column of numbers: every value of the mapping must be a number")
    found = np.array([np.nan if n is None else n for n in [*values_of, None]])[codes]
    return _from_floats(sample, of, np.where(np.isnan(found) | np.isnan(x), x, found))


def _combine(sample: ArrowSample, op: Op) -> ArrowSample:
    import pyarrow as pa

    a, b = op.columns
    how, new = str(op.args["how"]), str(op.args["name"])
    if a not in sample.names or b not in sample.names:
        return sample
    if new in sample.names:
        raise SettingsError(f"{a} and {b} cannot be combined as {new}: the column exists already")
    combinable(how, a, sample.column(a).kind, b, sample.column(b).kind)
    with np.errstate(all="ignore"):
        if how == "less_mean":
            codes, levels = _texts(sample, a)
            known = means_of(op)
            means = np.array([*(known.get(v, np.nan) for v in levels), np.nan], np.float64)
            made = _floats(sample, b) - means[codes]
        else:
            x, y = _floats(sample, a), _floats(sample, b)
            made = x - y if how == "difference" else x / y
    gone = ~np.isfinite(made)
    array = pa.array(np.where(gone, 0.0, made), pa.float64(), mask=gone)
    return _set(sample, new, array, Column(new, "number", "DOUBLE"))


def _drop(sample: ArrowSample, op: Op) -> ArrowSample:
    kept = tuple(n for n in sample.names if n not in op.columns)
    return sample.select(kept)


def _rename(sample: ArrowSample, op: Op) -> ArrowSample:
    old, new = op.columns[0], str(op.args["name"])
    if old not in sample.names or old == new:
        return sample
    if new in sample.names:
        raise SettingsError(f"{old} cannot be renamed to {new}: the column exists already")
    names = [new if n == old else n for n in sample.names]
    known = {n: sample.column(o) for n, o in zip(names, sample.names, strict=True)}
    known[new] = Column(new, known[new].kind, known[new].storage)
    return sample._rebuilt(sample.arrow.rename_columns(names), known, {old, new})


_STEPS: dict[str, Any] = {
    "cast": _each(_cast),
    "map_values": _each(_map_values),
    "null_if": _each(_null_if),
    "null_outside": _each(_null_outside),
    "scale": _each(_scale),
    "indicator": _each(_indicator),
    "parse_date": _each(_parse_date),
    "clock_to_minutes": _each(_clock_to_minutes),
    "drop_column": _drop,
    "rename": _rename,
    "fold_rare": _each(_fold_rare),
    "clip": _each(_clip),
    "look_up": _look_up,
    "combine": _combine,
}
