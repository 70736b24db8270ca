"""Sources in memory: pandas, polars, pyarrow, numpy with names, dict, DuckDB relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.errors import InputError
from assay.core.table import Column

from .duck_table import DuckTable
from .engines import duck
from .kinds import shape
from .names import unique_names


def table_from_arrow(
    arrow: Any,
    *,
    name: str,
    notes: Sequence[str] = (),
    old: Mapping[str, Column] | None = None,
    storages: Mapping[str, str] | None = None,
    ids: Sequence[str] | None = None,
    census: Mapping[str, Mapping[str, int]] | None = None,
) -> DuckTable:
    """A table over Arrow columns; kinds of ``old`` columns stand where name and storage are the same."""
    names, renamed = unique_names(arrow.column_names)
    arrow = arrow.rename_columns(names)
    if not names:
        raise InputError(f"{name} must have at least one column; it has none")
    arrow = _readable(arrow)
    con = duck.connect()
    try:
        con.register("_source", arrow)
        described = duck.rows(con, "DESCRIBE SELECT * FROM _source")
    except Exception as error:
        raise InputError(f"{name} cannot be read: {_first_line(error)}") from None
    shapes = [shape(row[0], row[1]) for row in described]
    given = {}
    for s in shapes:
        before = (old or {}).get(s.name)
        if before is not None and (storages or {}).get(s.name) == s.storage:
            given[s.name] = before
    census = {c: dict(types) for c, types in (census or {}).items() if c in names}
    kept = None if ids is None else [c for c in ids if c in names]
    said = tuple(dict.fromkeys([*notes, *renamed, *(s.note for s in shapes if s.note)]))
    return DuckTable(con, arrow, shapes, name=name, notes=said, given=given, census=census, ids=kept)


def _readable(arrow: Any) -> Any:
    """Types that the engine lacks, cast: half floats and columns of nothing."""
    import pyarrow as pa

    for i, field in enumerate(arrow.schema):
        if pa.types.is_float16(field.type):
            arrow = arrow.set_column(i, field.name, arrow.column(i).cast(pa.float32()))
        elif pa.types.is_null(field.type):
            arrow = arrow.set_column(i, field.name, arrow.column(i).cast(pa.string()))
    return arrow


def arrow_from(source: Any) -> tuple[Any, dict[str, dict[str, int]], list[str]]:
    """An in-memory source as an Arrow table, the type census of its object columns, and notes."""
    import pyarrow as pa

    if isinstance(source, pa.Table):
        return source, {}, []
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source]), {}, []
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all(), {}, []
    kind = f"{type(source).__module__.split('.')[0]}.{type(source).__name__}"
    if kind == "pandas.DataFrame":
        return _columns([(str(c), source.iloc[:, i]) for i, c in enumerate(source.columns)])
    if kind == "pandas.Series":
        return _columns([(str(source.name if source.name is not None else "value"), source)])
    if kind.startswith("polars."):
        frame = source.collect() if hasattr(source, "collect") else source
        return (frame.to_frame() if hasattr(frame, "to_frame") else frame).to_arrow(), {}, []
    if hasattr(source, "to_arrow_table"):
        return source.to_arrow_table(), {}, []
    if isinstance(source, Mapping):
        return _columns([(str(k), v) for k, v in source.items()])
    if isinstance(source, np.ndarray) and source.dtype.names:
        return _columns([(n, source[n]) for n in source.dtype.names])
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], np.ndarray):
        return _columns(_matrix(*source))
    if isinstance(source, np.ndarray):
        return _columns(_matrix(source, [f"x{i}" for i in range(source.shape[1] if source.ndim == 2 else 1)]))
    if hasattr(source, "__arrow_c_stream__"):
        return pa.table(source), {}, []
    raise InputError(
        f"a table must be a path, a pandas, polars or pyarrow table, a dict of columns or (array, names); "
        f"got {type(source).__name__}"
    )


def _matrix(array: Any, names: Sequence[str]) -> list[tuple[str, Any]]:
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] != len(names):
        raise InputError(
            f"an array must be two-dimensional with one name per column; got {array.shape} and {len(names)}"
        )
    return [(str(n), array[:, i]) for i, n in enumerate(names)]


def _columns(pairs: list[tuple[str, Any]]) -> tuple[Any, dict[str, dict[str, int]], list[str]]:
    import pyarrow as pa

    arrays, census, notes = [], {}, []
    for name, values in pairs:
        try:
            array, types = _one(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"column {name!r} cannot be read: {_first_line(error)}") from None
        arrays.append(array)
        if types:
            census[name] = types
        if len(types) > 1:
            mixed = ", ".join(f"{k} {v}" for k, v in types.items())
            notes.append(f"column {name!r} holds mixed types ({mixed}): read as text")
        elif types and pa.types.is_string(array.type) and set(types) != {"str"}:
            notes.append(f"column {name!r} holds {next(iter(types))} values: read as text")
    lengths = {len(a) for a in arrays}
    if len(lengths) > 1:
        raise InputError(f"all columns must have the same length; got {', '.join(map(str, sorted(lengths)))}")
    return pa.table(arrays, names=[n for n, _ in pairs]), census, notes


def _one(values: Any) -> tuple[Any, dict[str, int]]:
    """One column as Arrow, with the exact census of Python types where it came as objects."""
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values, {}
    dtype = getattr(values, "dtype", None)
    if dtype is not None and str(dtype) not in ("object", "O"):
        return pa.array(values, from_pandas=True), {}
    listed = list(values)
    missing = [
        v is None or v != v if isinstance(v, (float, np.floating)) or v is None else _is_missing(v) for v in listed
    ]
    counts = Counter(type(v).__name__ for v, gone in zip(listed, missing, strict=True) if not gone)
    types = dict(sorted(counts.items()))
    clean = [None if gone else v for v, gone in zip(listed, missing, strict=True)]
    names = set(types)
    if len(names) <= 1 or names <= {"int", "float", "int64", "float64", "int32", "float32"}:
        try:
            array = pa.array(clean, from_pandas=True)
            if not pa.types.is_nested(array.type):
                return array, types if len(names) == 1 else {}
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            pass
    return pa.array([None if v is None else _as_text(v) for v in clean], pa.string()), types


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in ("NAType", "NaTType")


def _as_text(value: Any) -> str:
    from assay.core.words import text_of

    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(text_of(value)).encode("utf-8", "replace").decode("utf-8")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
