"""Tensors of the Open Inference Protocol v2: JSON (flat or nested) and the binary extension, both ways.

Missing values: null in JSON data; NaN in binary floating-point tensors; in binary text, which knows no null, the code
U+E000 that the graph itself uses. github.com/kserve/open-inference-protocol and Triton's extension_binary_data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decode import says
from .http import Refused

TYPES: dict[str, Any] = {
    "BOOL": np.dtype("?"), "UINT8": np.dtype("u1"), "UINT16": np.dtype("<u2"), "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"), "INT8": np.dtype("i1"), "INT16": np.dtype("<i2"), "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"), "FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8"), "BYTES": None,
}  # fmt: skip
MOST_ELEMENTS = 1 << 24


@dataclass(frozen=True, slots=True)
class Tensor:
    """One named tensor. ``data`` is flat: a list of JSON values, or an array; text is a list of str."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any


def bad(reason: str) -> Refused:
    return Refused(400, reason)


def read(doc: Any, binary: memoryview, at: int) -> tuple[Tensor, int]:
    """One input tensor and where the next one's bytes begin.

    Raises:
        Refused: 400, a part is absent, of another type, or sizes do not agree.
    """
    if not isinstance(doc, dict) or not isinstance(doc.get("name"), str):
        raise bad(f"an input must be an object with a name; got {says(doc)}")
    name, kind = doc["name"], doc.get("datatype")
    called = f"input {name[:60]!r}"
    if not isinstance(kind, str) or kind not in TYPES:
        raise bad(f"{called}: datatype must be one of {', '.join(TYPES)}; got {str(kind)[:20]!r}")
    shape = _shape(doc.get("shape"), called)
    count = math.prod(shape)
    if count > MOST_ELEMENTS:
        raise bad(f"{called}: the shape says {count:,} values; at most {MOST_ELEMENTS:,} are read")
    parameters = doc.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise bad(f"{called}: parameters must be an object")
    size = parameters.get("binary_data_size")
    if size is None:
        return Tensor(name, kind, shape, _json(doc.get("data"), kind, count, called)), at
    if "data" in doc:
        raise bad(f"{called}: data and binary_data_size exclude each other")
    if type(size) is not int or not 0 <= size <= len(binary) - at:
        raise bad(f"{called}: binary_data_size must be the bytes that follow; {len(binary) - at:,} are left")
    return Tensor(name, kind, shape, _raw(binary[at : at + size], kind, count, called)), at + size


def _shape(given: Any, called: str) -> tuple[int, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= 4:
        raise bad(f"{called}: shape must be a list such as [2] or [2, 1]")
    if not all(type(d) is int and 0 <= d <= MOST_ELEMENTS for d in given):
        raise bad(f"{called}: shape must hold whole numbers from 0 up")
    return tuple(given)


def _json(data: Any, kind: str, count: int, called: str) -> Any:
    if kind == "FP16":
        raise bad(f"{called}: FP16 has no form in JSON; send FP32, or binary")
    if not isinstance(data, list):
        raise bad(f"{called}: data must be a list, flat or nested like the shape; got {says(data)}")
    flat = data
    while any(type(v) is list for v in flat):
        if not all(type(v) is list for v in flat):
            raise bad(f"{called}: data is nested unevenly")
        if len({len(v) for v in flat}) > 1:
            raise bad(f"{called}: data is nested unevenly")
        flat = [w for v in flat for w in v]
    if len(flat) != count:
        raise bad(f"{called}: the shape says {count:,} values; data holds {len(flat):,}")
    types: dict[str, set[type]] = {"BOOL": {bool}, "BYTES": {str}, "FP32": {int, float}, "FP64": {int, float}}
    allowed = types.get(kind, {int})
    for k, value in enumerate(flat):
        if value is not None and type(value) not in allowed:
            raise bad(f"{called}: value {k} must be {kind}; got {says(value)}")
    if kind[0] in "UI":
        ends = np.iinfo(TYPES[kind])
        if any(v is not None and not ends.min <= v <= ends.max for v in flat):
            raise bad(f"{called}: a value is outside the range of {kind}")
    return flat


def _raw(raw: memoryview, kind: str, count: int, called: str) -> Any:
    if kind == "BYTES":
        return _texts(raw, count, called)
    dtype = TYPES[kind]
    if len(raw) != count * dtype.itemsize:
        raise bad(f"{called}: {count:,} values of {kind} are {count * dtype.itemsize:,} bytes; got {len(raw):,}")
    if kind == "BOOL" and count and max(raw) > 1:
        raise bad(f"{called}: a BOOL is one byte, 0 or 1")
    return np.frombuffer(raw, dtype)


def _texts(raw: memoryview, count: int, called: str) -> list[str]:
    out, at = [], 0
    for _ in range(count):
        if at + 4 > len(raw):
            raise bad(f"{called}: {count:,} texts were announced; the bytes end before them")
        size = int.from_bytes(raw[at : at + 4], "little")
        at += 4
        if size > len(raw) - at:
            raise bad(f"{called}: a text is longer than what follows")
        try:
            out.append(str(raw[at : at + size], "utf-8"))
        except UnicodeDecodeError:
            raise bad(f"{called}: a text is not UTF-8") from None
        at += size
    if at != len(raw):
        raise bad(f"{called}: bytes are left after the last text")
    return out


def numbers(tensor: Tensor) -> Any:
    """The values of a tensor as what the decoder takes for a number: a list with nulls, or float64 with NaN."""
    data = tensor.data
    if isinstance(data, np.ndarray):
        return data.astype(np.float64)
    return [float(v) if v.__class__ is bool else v for v in data] if tensor.datatype == "BOOL" else data


def written(name: str, datatype: str, value: NDArray[Any], binary: bool) -> tuple[dict[str, Any], bytes]:
    """An output tensor: its JSON, and its bytes where it goes as binary."""
    doc: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(value.shape)}
    if not binary:
        return doc | {"data": value.ravel().tolist()}, b""
    if datatype == "BYTES":
        texts = [str(v).encode() for v in value.ravel().tolist()]
        raw = b"".join(len(t).to_bytes(4, "little") + t for t in texts)
    else:
        raw = np.ascontiguousarray(value, TYPES[datatype]).tobytes()
    return doc | {"parameters": {"binary_data_size": len(raw)}}, raw


def flag(parameters: Any, name: str, called: str) -> bool | None:
    """A boolean parameter, None where it is absent.

    Raises:
        Refused: 400, it is no boolean.
    """
    if parameters is None:
        return None
    if not isinstance(parameters, Mapping):
        raise bad(f"{called}: parameters must be an object")
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad(f"{called}: {name} must be true or false; got {says(value)}")
    return value
