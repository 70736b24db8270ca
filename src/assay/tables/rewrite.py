"""A table with repairs applied, written beside the old one: cells that no repair touched stay as they were written.

Rows stream through in blocks, so memory does not grow with the table. Each repair's changes are counted as they
happen; ``Undo`` keeps what is needed to put every changed cell back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.remedy import Op
from assay.core.table import I64, Column, Mask, Sample

from .duck_table import DuckTable
from .engines import duck
from .originals import Originals, chunks
from .recipe import apply
from .sample import ArrowSample

BLOCK = 200_000
MOST_UNDONE = 1_000_000  # changed cells kept for undo: beyond, the old file is the way back
EXAMPLES = 5


@dataclass(frozen=True)
class Cells:
    """New texts for single cells of one column, by source position (ascending): what no rule for new rows can say."""

    column: str
    positions: I64
    texts: tuple[str | None, ...]


@dataclass
class Change:
    """What one repair did to one column: cells changed, and the most frequent (was, now) pairs as text."""

    column: str
    cells: int = 0
    pairs: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)

    def examples(self) -> list[dict[str, Any]]:
        most = sorted(self.pairs.items(), key=lambda item: (-item[1], str(item[0])))[:EXAMPLES]
        return [{"was": was, "now": now, "cells": n} for (was, now), n in most]


@dataclass
class Rewritten:
    """``changes[i]``: column -> Change of repair i. ``was``: column -> (positions in the new file, texts before)."""

    rows_in: int = 0
    rows_out: int = 0
    changes: list[dict[str, Change]] = field(default_factory=list)
    was: dict[str, tuple[list[I64], list[Any]]] = field(default_factory=dict)
    undone: int = 0
    columns: list[str] = field(default_factory=list)


def rewrite(
    table: DuckTable,
    repairs: Sequence[Sequence[Op] | Cells],
    out: Path | None,
    *,
    original: Originals | None = None,
    drop: Mask | None = None,
    delimiter: str = ",",
) -> Rewritten:
    """Apply the ops of each repair in order; write the table to ``out`` (None: only count), without the rows of
    ``drop`` (a mask by source position)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = Rewritten(table.n_rows, 0, [{} for _ in repairs])
    beside = None if out is None else out.with_name(out.name + ".parquet")
    writer: Any = None
    try:
        for block in blocks(table, repairs, original, drop, told):
            told.columns = block.column_names
            if beside is None:
                continue
            if writer is None:
                schema = pa.schema([f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in block.schema])
                writer = pq.ParquetWriter(beside, schema, compression="zstd")
            writer.write_table(block.cast(schema))
        if writer is not None and beside is not None and out is not None:
            writer.close()
            writer = None
            finish(beside, out, delimiter)
    finally:
        if writer is not None:
            writer.close()
        if beside is not None:
            beside.unlink(missing_ok=True)
    return told


def blocks(
    table: DuckTable,
    repairs: Sequence[Sequence[Op] | Cells],
    original: Originals | None,
    drop: Mask | None,
    told: Rewritten,
) -> Iterator[Any]:
    """The repaired table, block by block, as Arrow."""
    names = [c.name for c in table.columns]
    own = iter(original.stream(names, BLOCK)) if original is not None else None
    listed = ", ".join(map(duck.quote, names))
    start = 0
    for held in chunks(table.stream(f"SELECT {listed} FROM t", BLOCK), BLOCK):
        rows = sample_of(held, table.columns, start)
        written = next(own) if own is not None else held
        kept = np.ones(rows.n, bool) if drop is None else ~drop[start : start + rows.n]
        start += rows.n
        yield repaired(rows, written, repairs, kept, told, original is not None and original.text)
        told.rows_out += int(kept.sum())


def sample_of(arrow: Any, columns: Sequence[Column], start: int = 0) -> ArrowSample:
    """Rows in source order, for ops: ids are not needed and not made."""
    n = arrow.num_rows
    nothing = np.zeros(n, np.uint64)
    return ArrowSample(arrow, tuple(columns), nothing, nothing, np.arange(start, start + n), np.ones(n))


def repaired(
    rows: ArrowSample, written: Any, repairs: Sequence[Sequence[Op] | Cells], kept: Mask, told: Rewritten, text: bool
) -> Any:
    """One block through all repairs: ``written`` where nothing changed, the new value where something did."""
    import pyarrow as pa

    names = {n: n for n in rows.names}  # name now -> name in the source
    now = rows
    for repair, changes in zip(repairs, told.changes, strict=True):
        before = now
        ops: Sequence[Op] = ()
        if isinstance(repair, Cells):
            now = edited(before, repair)
            if repair.column in now.names:
                count(changes.setdefault(repair.column, Change(repair.column)), before, now, repair.column, kept)
        else:
            ops = repair
            now = apply(ops, before)
        for op in ops:
            if op.name == "rename" and op.columns[0] in names:
                names[str(op.args["name"])] = names.pop(op.columns[0])
        for column in dict.fromkeys(c for op in ops for c in op.columns):
            if column in now.names and column in before.names:
                count(changes.setdefault(column, Change(column)), before, now, column, kept)
    place = told.rows_out + np.cumsum(kept) - 1
    columns: dict[str, Any] = {}
    for name in now.names:
        source = names.get(name)
        if source is None or source not in rows.names:
            columns[name] = texts(now.arrow[name]) if text else now.arrow[name]
            continue
        if now.arrow[name] is rows.arrow[source] or now.arrow[name].equals(rows.arrow[source]):
            columns[name] = written[source]
            continue
        changed = ~alike(rows, source, now, name)
        keep_was(told, name, written[source], changed & kept, place)
        if text:
            new = texts(now.arrow[name])
            columns[name] = pa.chunked_array([pick(changed, new, written[source])])
        else:
            columns[name] = now.arrow[name]
    return pa.table(columns).filter(pa.array(kept))


def edited(rows: ArrowSample, cells: Cells) -> ArrowSample:
    """The rows with the cells of this block replaced."""
    import pyarrow as pa

    here = np.flatnonzero(np.isin(cells.positions, rows.position))
    if not len(here) or cells.column not in rows.names:
        return rows
    at = np.searchsorted(rows.position, cells.positions[here])
    old = rows.arrow[cells.column]
    old = old.combine_chunks() if isinstance(old, pa.ChunkedArray) else old
    new = pa.array([cells.texts[i] for i in here], pa.string()).cast(old.type)
    place = np.arange(rows.n)
    place[at] = rows.n + np.arange(len(at))
    return rows.replace({cells.column: pa.concat_arrays([old, new]).take(pa.array(place))})


def count(change: Change, before: Sample, now: Sample, column: str, kept: Mask) -> None:
    changed = ~alike(before, column, now, column) & kept
    if not changed.any():
        return
    at = np.flatnonzero(changed)
    change.cells += len(at)
    was, new = (texts(s.arrow[column].take(at)) for s in (before, now))
    pairs = Counter(zip(was.to_pylist(), new.to_pylist(), strict=True)) if len(at) <= BLOCK else Counter()
    change.pairs.update(pairs)
    if len(change.pairs) > 10_000:
        change.pairs = Counter(dict(change.pairs.most_common(1_000)))


def keep_was(told: Rewritten, name: str, written: Any, changed: Mask, place: I64) -> None:
    n = int(changed.sum())
    if not n:
        return
    told.undone += n
    if told.undone > MOST_UNDONE:
        told.was.clear()
        return
    positions, values = told.was.setdefault(name, ([], []))
    at = np.flatnonzero(changed)
    positions.append(place[at])
    values.append(texts(written.take(at)))


def pick(mask: Mask, yes: Any, no: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    out = pc.if_else(pa.array(mask), yes, no)
    return out.combine_chunks() if isinstance(out, pa.ChunkedArray) else out


def texts(array: Any) -> Any:
    """Values as text: whole numbers without a point, dates as ISO, booleans true and false; null stays."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from assay.core.patterns import number_text

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_floating(array.type):
        coded = pc.dictionary_encode(array)
        words = [None if v is None else number_text(v) for v in coded.dictionary.to_pylist()]
        return pa.array(words, pa.string()).take(coded.indices)
    if pa.types.is_timestamp(array.type):
        return pc.replace_substring_regex(array.cast(pa.string()), r"( 00:00:00)?(\.0+)?$", "")
    return array.cast(pa.string())


def alike(a: Sample, column: str, b: Sample, other: str) -> Mask:
    """Cells that hold the same value: text against text by text, anything else by number; empty equals empty."""
    x, y = column_of(a, column), column_of(b, other)
    empty_a, empty_b = a.null(column), b.null(other)
    if x.storage.startswith("VARCHAR") and y.storage.startswith("VARCHAR"):
        import pyarrow as pa
        import pyarrow.compute as pc

        same = pc.equal(a.arrow[column].cast(pa.string()), b.arrow[other].cast(pa.string()))
        return np.asarray(pc.fill_null(same, False).to_numpy(), bool) | (empty_a & empty_b)
    u, v = a.numbers(column), b.numbers(other)
    with np.errstate(invalid="ignore"):  # a scale and its inverse round twice: two units in the last place
        near = np.abs(u - v) <= 2 * np.spacing(np.maximum(np.abs(u), np.abs(v)))
    equal: Mask = (u == v) | near | (empty_a & empty_b)
    return equal


def column_of(sample: Sample, name: str) -> Column:
    return next(c for c in sample.columns if c.name == name)


def finish(parquet: Path, out: Path, delimiter: str) -> None:
    """The finished Parquet file in the form that the name of ``out`` asks for.

    Raises:
        OSError: the disk is full.
    """
    import duckdb

    name = out.name.lower()
    packed = "COMPRESSION gzip" if name.endswith(".gz") else "COMPRESSION zstd" if name.endswith(".zst") else ""
    plain = name.removesuffix(".gz").removesuffix(".zst")
    if plain.endswith(".parquet"):
        parquet.replace(out)
        return
    delimiter = "\t" if plain.endswith(".tsv") else delimiter
    form = f"CSV, HEADER, DELIMITER {duck.literal(delimiter)}"
    if plain.endswith(".json"):
        form = "JSON, ARRAY true"
    elif plain.endswith((".jsonl", ".ndjson")):
        form = "JSON"
    con = duck.connect()
    try:
        options = ", ".join(x for x in (f"FORMAT {form}", packed) if x)
        con.execute(f"COPY (FROM read_parquet({duck.literal(str(parquet))})) TO {duck.literal(str(out))} ({options})")
    except duckdb.IOException as error:
        raise OSError(str(error).splitlines()[0]) from None
    finally:
        con.close()
