"""A graph as it is run: its columns of numbers come as one matrix instead of one tensor each, those of text as another.

The runtime takes about two microseconds for every input of a call, which for a single row is most of a prediction. So
the bytes of a graph are changed as they are loaded: in place of k inputs (N, 1) there is one (N, k), which stands for
the ``Concat`` of all of them where the graph begins with one, and is split again where a node wants a column by itself.
The file keeps the form that other languages use, with a named input a column; the numbers that come out are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .policy import fields_of

NODE, INPUT = 1, 11  # of a graph
IN, OUT, OP, ATTRIBUTE = 1, 2, 4, 5  # of a node
GRAPH, OPSETS = 7, 8  # of a model
STRING, DOUBLE, INT = 8, 11, 2  # types of tensors, and of an attribute
MATRIX = {DOUBLE: "assay/numbers", STRING: "assay/texts"}


@dataclass(frozen=True, slots=True)
class Packed:
    """The changed graph, the name of its matrix, and the inputs that are its columns, in this order."""

    graph: bytes
    name: str
    order: tuple[str, ...]


def packed(graph: bytes, names: Sequence[str], kind: int = DOUBLE) -> Packed | None:
    """Pack the inputs ``names`` of a graph that passed the policy, all of the type ``kind`` (``DOUBLE``, ``STRING``).

    Returns:
        None where there is nothing to gain or the graph is of another form: fewer than two such inputs, or one of them
        is no (N, 1) tensor of that type.
    """
    if len(names) < 2:
        return None
    model = list(fields_of(memoryview(graph)))
    body = next(memoryview(value) for field, value in model if field == GRAPH and not isinstance(value, int))
    parts = [(field, bytes(value)) for field, value in fields_of(body) if not isinstance(value, int)]
    wanted = set(names)
    columns = [name for field, value in parts if field == INPUT and (name := _column(value, kind)) in wanted]
    if sorted(columns) != sorted(names):
        return None
    users = [(k, _names(value, IN)) for k, (field, value) in enumerate(parts) if field == NODE]
    users = [(k, given) for k, given in users if wanted.intersection(given)]
    whole = [k for k, given in users if sorted(given) == sorted(names) and _joins_columns(parts[k][1])]
    order = tuple(_names(parts[whole[0]][1], IN)) if whole else tuple(names)
    same = [k for k in whole if tuple(_names(parts[k][1], IN)) == order]
    name = _names(parts[same[0]][1], OUT)[0] if same else MATRIX[kind]
    kept = [
        _written(field, value)
        for k, (field, value) in enumerate(parts)
        if not (k in same[:1] or (field == INPUT and _column(value, kind) in wanted))
    ]
    if len(users) > len(same[:1]):
        kept.insert(0, _written(NODE, _split(name, order, _release(model))))
    kept.append(_written(INPUT, _matrix(name, kind, len(order))))
    new = b"".join(kept)
    out = b"".join(
        _number(field, value) if isinstance(value, int) else _written(field, new if field == GRAPH else bytes(value))
        for field, value in model
    )
    return Packed(out, name, order)


def _column(value: bytes, kind: int) -> str:
    """The name of an input that is a (N, 1) tensor of the type ``kind``; empty for any other."""
    name, about = "", b""
    for field, part in _parts(value):
        name, about = (part.decode() if field == 1 else name), (part if field == 2 else about)
    tensor = next((part for field, part in _parts(about) if field == 1), b"")
    found = dict(fields_of(memoryview(tensor)))
    shape = found.get(2, b"")
    dims = [dict(fields_of(memoryview(d))) for field, d in _parts(bytes(shape))] if not isinstance(shape, int) else []
    return name if found.get(1) == kind and len(dims) == 2 and 1 not in dims[0] and dims[1].get(1) == 1 else ""


def _joins_columns(node: bytes) -> bool:
    found = dict(_parts(node))
    axis = dict(fields_of(memoryview(found.get(ATTRIBUTE, b"")))).get(3)
    return found.get(OP) == b"Concat" and axis == 1


def _names(node: bytes, field: int) -> list[str]:
    return [part.decode() for f, part in _parts(node) if f == field]


def _parts(message: bytes) -> Iterator[tuple[int, bytes]]:
    return ((field, bytes(value)) for field, value in fields_of(memoryview(message)) if not isinstance(value, int))


def _release(model: Sequence[tuple[int, int | memoryview]]) -> int:
    """The version of the standard operators that the graph uses."""
    said = [dict(fields_of(value)) for field, value in model if field == OPSETS and not isinstance(value, int)]
    return max(int(one.get(2, 0)) for one in said if not one.get(1))


def _split(name: str, order: Sequence[str], release: int) -> bytes:
    """``Split`` along the columns: the matrix to one (N, 1) tensor a column, under the names that the inputs had.

    Up to release 17 equal parts go without saying, from 18 on their number must be said.
    """
    outs = b"".join(_written(OUT, one.encode()) for one in order)
    said = [(b"axis", 1), (b"num_outputs", len(order))] if release >= 18 else [(b"axis", 1)]
    settings = b"".join(_written(ATTRIBUTE, _written(1, k) + _number(3, v) + _number(20, INT)) for k, v in said)
    return (
        _written(IN, name.encode()) + outs + _written(3, f"{name}/columns".encode()) + _written(OP, b"Split") + settings
    )


def _matrix(name: str, kind: int, columns: int) -> bytes:
    shape = _written(1, _written(2, b"N")) + _written(1, _number(1, columns))
    return _written(1, name.encode()) + _written(2, _written(1, _number(1, kind) + _written(2, shape)))


def _written(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
