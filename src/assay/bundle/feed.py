"""Any table to graph inputs: {input: [N, 1] double or string}. A dict of arrays needs numpy only; Arrow, pandas, polars
and files bring their own library.

Policy: unknown columns are ignored; a missing column is an error; null, NaN and None are missing. Text where a number
belongs is read as a number (blank is missing), and is an error where it does not read as one; ``on_bad="null"`` counts
it as missing instead.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError, did_you_mean
from assay.core.patterns import BLANKS, NUMBER, any_date, as_python
from assay.core.table import F64
from assay.core.words import text_of

from .nodes import NULL_CODE
from .schema import Input, Schema, stored

OnBad = Literal["error", "null"]
Feed = dict[str, NDArray[Any]]
WORDS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
YEAR_1 = -62_135_596_800_000_000  # microseconds: no calendar of Python begins earlier
_NUMBER = as_python(NUMBER)
_DATE = as_python(any_date("iso"))


def feed_from(source: Any, schema: Schema, on_bad: OnBad = "error") -> tuple[Feed, int]:
    """Graph inputs and the number of rows.

    Raises:
        InputError: a column is missing or unfit, columns differ in length, or the source is of no known type.
    """
    if _is_sample(source):
        return _from_sample(source, schema, on_bad)
    if hasattr(source, "arrow") and hasattr(source, "digest"):
        first = getattr(source, "first", 0)  # of a stretch of a longer table
        return _from_arrow(source.arrow(), schema, on_bad, {c.name: c for c in source.columns}, first)
    if isinstance(source, (str, os.PathLike)):
        from assay.tables import open_table

        table = open_table(source, cache=False)
        return _from_arrow(table.arrow(), schema, on_bad, {c.name: c for c in table.columns})
    if isinstance(source, Mapping):
        return _from_columns(source.keys(), source.__getitem__, schema, on_bad)
    if isinstance(source, list) and all(isinstance(r, Mapping) for r in source):
        names = list(dict.fromkeys(k for r in source for k in r))
        return _from_columns(names, lambda c: [r.get(c) for r in source], schema, on_bad, len(source))
    if isinstance(getattr(source, "dtype", None), np.dtype) and source.dtype.names:
        return _from_columns(source.dtype.names, source.__getitem__, schema, on_bad)
    kind = type(source).__module__.split(".")[0]
    if kind == "pyarrow":
        import pyarrow as pa

        return _from_arrow(pa.table(source) if not isinstance(source, pa.Table) else source, schema, on_bad)
    if kind == "pandas" and hasattr(source, "columns"):
        return _from_columns(source.columns, lambda c: _series(source[c]), schema, on_bad, len(source))
    if hasattr(source, "__arrow_c_stream__"):
        import pyarrow as pa

        return _from_arrow(pa.table(source), schema, on_bad)
    raise InputError(
        "rows must come as a path, dict of arrays, list of dicts, pandas, polars or Arrow table; "
        f"got {type(source).__module__}.{type(source).__qualname__}"
    )


def _is_sample(source: Any) -> bool:
    return all(hasattr(source, a) for a in ("row_id", "numbers", "codes", "arrow"))


def _from_columns(
    names: Iterable[Any], get: Callable[[Any], Any], schema: Schema, on_bad: OnBad, rows: int | None = None
) -> tuple[Feed, int]:
    there = {str(name): name for name in names}
    _require(schema, there)
    feed: Feed = {}
    for i in schema.inputs:
        given = get(there[i.column])
        if type(given).__module__.startswith("pyarrow"):
            array = _arrow_column(given, i, on_bad, None)
        else:
            array = _texts(given) if i.is_text else _numbers(given, i, on_bad)
        if rows is not None and len(array) != rows:
            raise InputError(f"every column must have the same rows; {i.column!r} has {len(array):,}, others {rows:,}")
        rows = len(array)
        feed[i.input] = array.reshape(-1, 1)
    return feed, rows or 0


def _require(schema: Schema, names: Iterable[str]) -> None:
    there = set(names)
    missing = [c for c in schema.columns if c not in there]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else did_you_mean(missing[0], sorted(there))
        raise InputError(f"the model needs the column {missing[0]!r}, which the rows do not have{more}")


def _from_sample(sample: Any, schema: Schema, on_bad: OnBad) -> tuple[Feed, int]:
    _require(schema, sample.names)
    known = {c.name: c for c in sample.columns}
    feed: Feed = {}
    for i in schema.inputs:
        same = known[i.column].kind == i.kind and not i.is_text and i.kind != "clock"
        array = stored(sample, i.column) if same else _arrow_column(sample.arrow[i.column], i, on_bad, known[i.column])
        feed[i.input] = array.reshape(-1, 1)
    return feed, sample.n


def _from_arrow(
    table: Any, schema: Schema, on_bad: OnBad, known: Mapping[str, Any] | None = None, first: int = 0
) -> tuple[Feed, int]:
    _require(schema, table.column_names)
    columns = known or {}
    feed = {
        i.input: _arrow_column(table[i.column], i, on_bad, columns.get(i.column), first).reshape(-1, 1)
        for i in schema.inputs
    }
    return feed, table.num_rows


def _arrow_column(array: Any, i: Input, on_bad: OnBad, column: Any, first: int = 0) -> NDArray[Any]:
    """One Arrow column as it goes into the graph. ``column`` says how text dates are written, where that is known;
    ``first`` is the number of its first row, for messages."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    t = array.type
    text = pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t)
    if i.is_text:
        if text:
            return np.asarray(pc.fill_null(array.cast(pa.string()), NULL_CODE).to_numpy(zero_copy_only=False), object)
        return _texts(array.to_pylist() if not _plain(t) else array.to_numpy(zero_copy_only=False))
    if text:
        storage = i.storage if i.storage.startswith("VARCHAR (") else getattr(column, "storage", "")
        if (
            i.kind == "date"
            and storage in ("", "VARCHAR", "VARCHAR (iso)")
            and (plain := _plain_dates(array)) is not None
        ):
            return plain
        coded = pc.dictionary_encode(array)
        texts = np.array([*coded.dictionary.to_pylist(), None], object)[:-1]
        values = _read_texts(texts, i, on_bad, storage, lambda value: first + pc.index(array, value).as_py())
        index = pc.fill_null(coded.indices, len(values)).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(values, np.nan)[index])
    if pa.types.is_null(t):
        return np.full(len(array), np.nan)
    if pa.types.is_timestamp(t) or pa.types.is_date(t):
        if i.kind != "date":
            raise InputError(f"column {i.column!r} must hold numbers; it holds dates")
        micros = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.array(micros.to_numpy(zero_copy_only=False), np.float64) / 1e6
    if pa.types.is_boolean(t):
        array = array.cast(pa.int8())
    try:
        return np.array(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    except pa.ArrowException:
        raise InputError(f"column {i.column!r} must hold numbers; it holds {t}") from None


def _plain_dates(texts: Any) -> F64 | None:
    """Seconds of dates that are all written YYYY-MM-DD or YYYY-MM-DD HH:MM:SS; None for any other, which are read
    one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.binary_length(texts).drop_null()
    if not pc.all(pc.is_in(lengths, pa.array([10, 19], lengths.type))).as_py():
        return None
    try:
        moments = pc.cast(texts, pa.timestamp("us")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    if (first := pc.min(moments).as_py()) is None or first < YEAR_1:
        return None
    return np.array(pc.cast(moments, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64) / 1e6


def _plain(t: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(t))


def _series(series: Any) -> Any:
    """A pandas column as Arrow where its type is known there, else as objects."""
    import pyarrow as pa

    if series.dtype == object:
        return series.to_numpy()
    try:
        return pa.array(series, from_pandas=True)
    except pa.ArrowException:
        return series.astype(object).to_numpy()


def _texts(given: Any) -> NDArray[Any]:
    """Objects [N]: text, with ``NULL_CODE`` for null and NaN."""
    array = np.ravel(np.asarray(given) if not isinstance(given, list) else np.array([*given, None], object)[:-1])
    if array.dtype.kind == "U":
        return np.asarray(array.astype(object))
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]").astype(object)
    kinds = set(map(type, array)) if array.dtype == object else set()
    if kinds == {str}:
        return array
    if array.dtype != object:
        seen, index = np.unique(array, return_inverse=True)
        return np.array([*map(cell, seen.tolist()), None], object)[:-1][index.ravel()]
    return np.array([*map(cell, array.tolist()), None], object)[:-1]


def cell(value: Any) -> str:
    """A value as the tables room writes it; ``NULL_CODE`` for null."""
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return NULL_CODE
    return text_of(value) or ""


def _numbers(given: Any, i: Input, on_bad: OnBad) -> F64:
    array = np.ravel(np.asarray(given) if not isinstance(given, list) else np.array([*given, None], object)[:-1])
    if array.dtype.kind == "M":
        if i.kind != "date":
            raise InputError(f"column {i.column!r} must hold numbers; it holds dates")
        return _seconds(array)
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    if array.dtype == object:
        kinds = set(map(type, array))
        if not any(
            issubclass(k, (str, bytes, dt.date, np.datetime64, np.timedelta64)) or k.__name__ in ("NAType", "NaTType")
            for k in kinds
        ):
            try:
                return array.astype(np.float64)
            except (TypeError, ValueError, OverflowError):
                pass
    return _read_texts(array, i, on_bad, i.storage)


def _seconds(array: NDArray[Any]) -> F64:
    micros = array.astype("datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)


def _read_texts(
    array: NDArray[Any], i: Input, on_bad: OnBad, storage: str, row_of: Callable[[Any], int] | None = None
) -> F64:
    """Numbers from texts and mixed objects; what does not read is an error or, on request, missing.

    ``row_of`` finds the first row of a value where ``array`` holds only the distinct ones.
    """
    read = reader_of(i, storage)
    if any(isinstance(v, (list, dict, set, np.ndarray)) for v in array.tolist()):
        raise InputError(f"column {i.column!r} must hold one value a row; it holds lists")
    seen: dict[Any, float] = {}
    for value in array.tolist():
        if value not in seen:
            seen[value] = read(value)
    if on_bad == "error":
        for row, value in enumerate(array.tolist()):
            if np.isinf(seen[value]) and not isinstance(value, float):
                what = {"date": "dates", "bool": "true or false", "clock": "times as HHMM"}.get(i.kind, "numbers")
                at = row_of(value) if row_of else row
                raise InputError(
                    f"column {i.column!r} must hold {what}; row {at} holds {str(value)[:40]!r} "
                    "(on_bad='null' counts such cells as missing)"
                )
    out = np.array([seen[v] for v in array.tolist()], np.float64)
    return np.where(np.isinf(out), np.nan, out)


def reader_of(i: Input, storage: str) -> Callable[[Any], float]:
    """How one value of the column becomes a number: NaN for missing, infinite for what does not read.

    ``storage`` says how text dates are written, such as ``VARCHAR (dmy)``; they are ISO dates otherwise.
    """
    if i.kind == "date" and storage.startswith("VARCHAR (") and storage != "VARCHAR (iso)":
        pattern, form = as_python(any_date(storage[9:-1])), storage[9:-1]
    else:
        pattern, form = _DATE, "iso"
    return lambda value: _read(value, i, pattern, form)


def _read(value: Any, i: Input, pattern: Any, form: str) -> float:
    """One value as a number: NaN for missing, infinite for what does not read."""
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return float("nan")
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, (dt.timedelta, np.timedelta64)):
        return float("inf")
    if isinstance(value, dt.date):
        return _moment(value) if i.kind == "date" else float("inf")
    if not isinstance(value, str):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return float("inf")
    text = value.strip(BLANKS)
    if not text:
        return float("nan")
    if i.kind == "bool" and text.casefold() in WORDS:
        return WORDS[text.casefold()]
    if i.kind == "date" and pattern.fullmatch(text):
        return _date(text, form)
    return float(text) if _NUMBER.fullmatch(text) else float("inf")


def _date(text: str, form: str) -> float:
    day, _, clock = text.replace("T", " ").partition(" ")
    parts = [int(p) for p in day.replace("/", "-").replace(".", "-").split("-")]
    order = {"iso": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}[form]
    try:
        year, month, number = (parts[k] for k in order)
        date = dt.datetime(year, month, number, tzinfo=dt.UTC)
        if not clock:
            return date.timestamp()
        hour, _, rest = clock.partition(":")
        at = dt.time.fromisoformat(f"{int(hour):02d}:{rest}")
    except ValueError:
        return float("inf")
    return _moment(dt.datetime.combine(date.date(), at))


def _moment(value: dt.date) -> float:
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (value.replace(tzinfo=value.tzinfo or dt.UTC) - epoch).total_seconds()
