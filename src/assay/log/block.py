"""Columns as bytes: each in the smallest form that gives every value back.

A block is a 4-byte length (little-endian), a JSON header of that length, and the parts one after another. The header is
``{"rows": n, "columns": [{"name", "form", ...}]}``; a form is one of

* a number type of numpy (``|i1 <i2 <i4 <i8 <f4 <f8 |b1``): ``bytes`` of the part; NaN stands for null;
* ``same``: every row has ``value``; nothing follows;
* ``levels``: row k has ``levels[code]``, codes are one byte each;
* ``json``: ``bytes`` of a JSON list.

A block of few rows, as durable predictions make, has no parts: its header is ``{"rows": n, "values": {name: list}}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError

NUMBERS = ("|i1", "<i2", "<i4", "<i8", "<f4", "<f8", "|b1")
WHOLE = 2**53  # beyond it a double no longer tells whole numbers apart
NONE = type(None)
FEW = 16  # rows up to which numbers in JSON are cheaper than forms of their own


def encode(columns: Mapping[str, Sequence[Any]], rows: int, pause: Callable[[], object] = int) -> bytes:
    """Columns of equal length ``rows``, as bytes; ``pause`` is called after each column."""
    if rows <= FEW:
        plain = {name: v.tolist() if isinstance(v, np.ndarray) else list(v) for name, v in columns.items()}
        few = json.dumps({"rows": rows, "values": plain}, separators=(",", ":"), default=_plain).encode("ascii")
        return len(few).to_bytes(4, "little") + few
    header: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for name, values in columns.items():
        about, part = _column(values)
        pause()
        header.append({"name": name} | about)
        if part:
            parts.append(part)
    head = json.dumps({"rows": rows, "columns": header}, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    return b"".join((len(head).to_bytes(4, "little"), head, *parts))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _column(values: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
    if isinstance(values, np.ndarray):
        return _numbers(values) if values.dtype.kind in "fiub" and values.ndim == 1 else _column(values.tolist())
    kinds = set(map(type, values))
    if any(issubclass(k, np.generic) for k in kinds):
        return _column([v.item() if isinstance(v, np.generic) else v for v in values])
    if kinds <= {float, int, NONE} and (float in kinds or int in kinds):
        if kinds == {int}:
            try:
                return _numbers(np.array(values, np.int64))
            except OverflowError:
                return _json(values)
        if int not in kinds or max(abs(v) for v in values if type(v) is int) <= WHOLE:
            return _numbers(np.array(values, np.float64))
        return _json(values)
    if kinds == {bool}:
        return _numbers(np.array(values, np.bool_))
    if kinds <= {str, bool, NONE}:
        levels = list(dict.fromkeys(values))
        if len(levels) == 1:
            return {"form": "same", "value": levels[0]}, b""
        if len(levels) <= 256 and 2 * len(levels) <= len(values):
            codes = {level: k for k, level in enumerate(levels)}
            return {"form": "levels", "levels": levels, "bytes": len(values)}, bytes(map(codes.__getitem__, values))
    return _json(values)


def _numbers(array: NDArray[Any]) -> tuple[dict[str, Any], bytes]:
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
        with np.errstate(over="ignore"):
            small = array.astype(np.float32)
        array = small if np.array_equal(small, array, equal_nan=True) else array
    elif array.dtype.kind in "iu" and len(array):
        if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
            return _json(array.tolist())
        lo, hi = int(array.min()), int(array.max())
        for kind in (np.int8, np.int16, np.int32, np.int64):
            if np.iinfo(kind).min <= lo and hi <= np.iinfo(kind).max:
                array = array.astype(kind)
                break
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    form = little.dtype.str.replace("=", "<").replace(">", "<")
    return {"form": form, "bytes": little.nbytes}, little.tobytes()


def _json(values: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
    part = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False, default=str).encode(
        "utf-8", "surrogatepass"
    )
    return {"form": "json", "bytes": len(part)}, part


def decode(data: bytes) -> dict[str, Any]:
    """Columns by name: arrays of numbers, lists of everything else.

    Raises:
        InputError: it is no block, or one of a later version.
    """
    try:
        size = int.from_bytes(data[:4], "little")
        head = json.loads(data[4 : 4 + size].decode("utf-8"))
        rows, at = int(head["rows"]), 4 + size
        out: dict[str, Any] = {}
        for name, values in head.get("values", {}).items():
            about, part = _column(values)  # the same types as a larger block gives back
            out[name] = _values(about, part, rows)
            if len(out[name]) != rows:
                raise ValueError("another number of rows")
        for about in head.get("columns", ()):
            length = int(about.get("bytes", 0))
            part = data[at : at + length]
            at += length
            if len(part) != length:
                raise ValueError("cut off")
            out[about["name"]] = _values(about, part, rows)
            if len(out[about["name"]]) != rows:
                raise ValueError("another number of rows")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"a block of the log does not read ({error}); it is damaged or of a later version") from None
    return out


def _values(about: Mapping[str, Any], part: bytes, rows: int) -> Any:
    form = about["form"]
    if form in NUMBERS:
        return np.frombuffer(part, np.dtype(form))
    if form == "same":
        return [about["value"]] * rows
    if form == "levels":
        levels = about["levels"]
        return [levels[code] for code in part]
    if form == "json":
        return json.loads(part.decode("utf-8", "surrogatepass"))
    raise ValueError(f"the form {form!r}")
