"""Values between Arrow, numpy and text: one reading for scans, samples, roles and recipes."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.core.table import F64, I32, Column, Mask
from assay.core.words import text_of

from .engines import duck


def through_duck(array: Any, expression: str) -> Any:
    """Evaluate a DuckDB expression over column ``v`` for the distinct values of a text array; Arrow array back."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    coded = array if isinstance(array, pa.DictionaryArray) else pc.dictionary_encode(array)
    con = duck.connect()
    try:
        con.register("_values", pa.table({"v": coded.dictionary.cast(pa.string())}))
        out = duck.frame(con, f"SELECT {expression} AS r FROM _values")["r"].combine_chunks()
    finally:
        con.close()
    return out.take(coded.indices)


def floats(array: Any, column: Column) -> F64:
    """Values as floats: NaN for null, bool 0/1, clock in minutes, date in epoch seconds, unreadable text NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind = array.type
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        form = duck.date_form(column.storage) if column.kind == "date" else None
        sql = f"epoch({duck.strict_date('v', form)})" if form else duck.strict_number("v")
        array = through_duck(array, f"CAST({sql} AS DOUBLE)")
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        out = np.asarray(pc.cast(micros, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
        return out / 1e6
    elif pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    elif pa.types.is_null(kind):
        return np.full(len(array), np.nan)
    values = np.array(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    if column.kind == "clock":
        values = clock_minutes(values)
    return values


def clock_minutes(values: F64) -> F64:
    """HHMM to minutes since midnight (2400 gives 1440); what is no clock time becomes NaN."""
    with np.errstate(invalid="ignore"):
        minute = np.mod(values, 100.0)
        fine = (values >= 0) & (values <= 2400) & (minute < 60) & (values == np.floor(values))
    return np.where(fine, np.floor(values / 100.0) * 60.0 + minute, np.nan)


def levels(array: Any) -> tuple[I32, tuple[str, ...]]:
    """Codes into levels (as text, sorted by code point); -1 for null and NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_null(array.type):
        return np.full(len(array), -1, np.int32), ()
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    coded = array if isinstance(array, pa.DictionaryArray) else pc.dictionary_encode(array)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    names = [text_of(v) for v in coded.dictionary.to_pylist()]
    index = coded.indices.to_numpy(zero_copy_only=False)
    index = np.where(np.isnan(index), -1, index).astype(np.int64) if index.dtype.kind == "f" else index.astype(np.int64)
    known = sorted({n for n in names if n is not None})
    place = {n: i for i, n in enumerate(known)}
    moved = np.array([-1 if n is None else place[n] for n in names] + [-1], np.int32)
    return moved[index], tuple(known)


def nulls(array: Any) -> Mask:
    import pyarrow.compute as pc

    return np.asarray(pc.is_null(array, nan_is_null=True).to_numpy(zero_copy_only=False), bool)
