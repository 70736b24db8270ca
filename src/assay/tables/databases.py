"""Rows from a database: a table, or what a query gives, copied once into a Parquet file that scans as any other.

One statement, so one snapshot; nothing is kept in memory. Postgres sends its own COPY; SQLite and DuckDB files are
opened for reading only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.core.addresses import POSTGRES, shown
from assay.core.errors import InputError

from .engines import duck
from .outputs import duckdb_file, postgres, quoted

ROWS = 20_000
# Names of Postgres types, by what DuckDB reads them as; all others are text.
TYPES = {
    "bool": "BOOLEAN", "int2": "BIGINT", "int4": "BIGINT", "int8": "BIGINT", "float4": "DOUBLE", "float8": "DOUBLE",
    "numeric": "DOUBLE", "date": "TIMESTAMP", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ",
}  # fmt: skip


def land(address: str, query: str | None, table: str | None, out: Path) -> None:
    """Copy the rows of ``query``, or of ``table``, into the Parquet file ``out``, in the order in which they come.

    Raises:
        InputError: neither or both are given, the query fails, or there is no such file. OutputError: the database
            cannot be reached.
    """
    if (query is None) == (table is None):
        raise InputError(f"rows of {shown(address)} need either --query 'SELECT ...' or --from TABLE")
    asked = query.strip().rstrip(";") if query is not None else f"SELECT * FROM {quoted(table or '')}"
    if address.startswith(POSTGRES):
        _from_postgres(address, asked, out)
        return
    path = Path(address[10:])
    if not path.is_file():
        raise InputError(f"there is no file {path}; an address looks like {address[:10]}folder/file")
    (_from_sqlite if address.startswith("sqlite") else _from_duckdb)(path, asked, out)


def _from_postgres(address: str, query: str, out: Path) -> None:
    text = out.with_suffix(".csv")
    try:
        with postgres(address) as con:
            con.execute("SET TRANSACTION READ ONLY")
            with con.cursor() as cursor:
                cursor.execute(f"SELECT * FROM ({query}\n) AS asked LIMIT 0")
                described = [(c.name, con.adapters.types.get(c.type_code)) for c in cursor.description]
                with cursor.copy(f"COPY ({query}\n) TO STDOUT (FORMAT csv)") as copy, text.open("wb") as file:
                    for chunk in copy:
                        file.write(chunk)
        names = [name for name, _ in described]
        _distinct(names)
        kinds = [TYPES.get(kind.name if kind else "", "VARCHAR") for _, kind in described]
        listed = ", ".join(f"{duck.literal(n)}: {duck.literal(k)}" for n, k in zip(names, kinds, strict=True))
        options = (
            f"columns={{{listed}}}, auto_detect=false, header=false, delim=',', quote='\"', escape='\"', nullstr='', "
            "allow_quoted_nulls=false, max_line_size=64000000"
        )
        zoned = {n for n, k in zip(names, kinds, strict=True) if k == "TIMESTAMPTZ"}
        picked = ", ".join(
            f"{duck.quote(n)} AT TIME ZONE 'UTC' AS {duck.quote(n)}" if n in zoned else duck.quote(n) for n in names
        )
        source = f"SELECT {picked} FROM read_csv({duck.literal(str(text))}, {options})"
        duck.connect().execute(f"COPY ({source}) TO {duck.literal(str(out))} (FORMAT parquet, COMPRESSION zstd)")
    finally:
        text.unlink(missing_ok=True)


def _from_duckdb(path: Path, query: str, out: Path) -> None:
    with duckdb_file(path, read_only=True) as con:
        con.execute(f"COPY ({query}\n) TO {duck.literal(str(out))} (FORMAT parquet, COMPRESSION zstd)")


def _from_sqlite(path: Path, query: str, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    con = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        con.execute("BEGIN")
        cursor = con.execute(f"SELECT * FROM ({query}\n) LIMIT 0")
        names = [column[0] for column in cursor.description]
        _distinct(names)
        kinds = _kinds(con, query, names)
        schema = pa.schema(list(zip(names, kinds, strict=True)))
        cursor = con.execute(query)
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            while got := cursor.fetchmany(ROWS):
                columns = [_column(values, kind) for values, kind in zip(zip(*got, strict=True), kinds, strict=True)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    except sqlite3.Error as error:
        raise InputError(f"the query of {path.name} failed ({error})") from None
    finally:
        con.close()


def _kinds(con: sqlite3.Connection, query: str, names: Sequence[str]) -> list[Any]:
    """SQLite types values, not columns: a column of whole numbers, of numbers, or else of text."""
    import pyarrow as pa

    asked = ", ".join(
        f"total(typeof({q}) = 'integer'), total(typeof({q}) = 'real'), total(typeof({q}) IN ('text', 'blob'))"
        for q in map(duck.quote, names)
    )
    counts = con.execute(f"SELECT {asked} FROM ({query}\n)").fetchone()
    out = []
    for at in range(0, len(counts), 3):
        whole, real, text = counts[at : at + 3]
        out.append(pa.string() if text or not (whole or real) else pa.float64() if real else pa.int64())
    return out


def _column(values: Sequence[Any], kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_string(kind):
        values = [
            v.decode("utf-8", "replace") if isinstance(v, bytes) else None if v is None else str(v) for v in values
        ]
    elif pa.types.is_floating(kind):
        values = [None if v is None else float(v) for v in values]
    return pa.array(values, kind)


def _distinct(names: Sequence[str]) -> None:
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise InputError(f"the query gives two columns named {twice[0]!r}: name them apart with AS")
