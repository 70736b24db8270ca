"""Where rows go at the end: a file of any form, or a table of a database. All of them, or nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.addresses import POSTGRES, hidden, shown
from assay.core.errors import InputError, MissingExtra, OutputError

from .engines import duck

if TYPE_CHECKING:
    import pyarrow as pa

COPIES = {
    ".csv": "CSV, HEADER", ".tsv": "CSV, HEADER, DELIMITER '\t'", ".json": "JSON, ARRAY true", ".jsonl": "JSON",
    ".ndjson": "JSON",
}  # fmt: skip
ARROW = (".arrow", ".feather")
SUFFIXES = (".parquet", *ARROW, *COPIES)


def write_file(rows: pa.RecordBatchReader, path: Path, work: Path) -> Path:
    """Write rows as Parquet, Arrow, CSV, TSV or JSON, by the suffix: in the folder ``work`` (of the same file system)
    first, then renamed. Memory stays bounded.

    Raises:
        OutputError: the file cannot be written.
    """
    made = work / f"out{path.suffix.lower()}"
    try:
        fill(rows, made, path.suffix.lower())
        with made.open("rb") as whole:
            os.fsync(whole.fileno())
        made.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written ({error.strerror or error}); what was done is kept for --resume"
        ) from None
    return path


def fill(rows: pa.RecordBatchReader, path: Path, suffix: str) -> None:
    import pyarrow as pa

    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetWriter(path, rows.schema, compression="zstd") as out:
            for batch in rows:
                out.write_batch(batch)
    elif suffix in ARROW:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as out:
            for batch in rows:
                out.write_batch(batch)
    else:
        import duckdb

        con = duck.connect()
        con.register("rows_out", rows)
        try:
            con.execute(f"COPY (SELECT * FROM rows_out) TO {duck.literal(str(path))} (FORMAT {COPIES[suffix]})")
        except duckdb.IOException as error:
            raise OSError(str(error).splitlines()[0]) from None


def write_database(rows: pa.RecordBatchReader, address: str, table: str, *, append: bool = False) -> None:
    """Write rows into a new table, in one transaction; with ``append`` into one that is there, by column names.

    Raises:
        InputError: the table is there already, or is missing, or has other columns. OutputError: the database said no.
    """
    if address.startswith(POSTGRES):
        _to_postgres(rows, address, table, append)
    elif address.startswith("sqlite:///"):
        _to_sqlite(rows, Path(address[10:]), table, append)
    else:
        _to_duckdb(rows, Path(address[10:]), table, append)


def check_database(address: str, table: str, *, append: bool) -> None:
    """See now, before any work, whether ``write_database`` could begin.

    Raises:
        As ``write_database``.
    """
    if address.startswith(POSTGRES):
        with postgres(address) as con:
            there = con.execute("SELECT to_regclass(%s)", (quoted(table),)).fetchone()[0] is not None
    elif address.startswith("sqlite:///"):
        path = _folder_of(Path(address[10:]))
        there = path.is_file() and _in_sqlite(path, table)
    else:
        path = _folder_of(Path(address[10:]))
        there = path.is_file() and _in_duckdb(path, table)
    _allowed(there, table, address, append)


def _allowed(there: bool, table: str, address: str, append: bool) -> None:
    if there and not append:
        raise InputError(
            f"the table {table} is there already in {shown(address)}: --append adds to it, or name another"
        )
    if append and not there:
        raise InputError(f"--append needs the table {table}, which {shown(address)} does not have: leave it out")


def _folder_of(path: Path) -> Path:
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {path.parent}")
    return path


@contextmanager
def postgres(address: str) -> Iterator[Any]:
    """A connection; what the server says becomes one sentence without the password."""
    try:
        import psycopg
    except ImportError:
        raise MissingExtra("psycopg", "postgres", "a Postgres database") from None
    try:
        psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        raise InputError(
            "the address of the database cannot be read; it must look like postgresql://user@host:5432/database"
        ) from None
    try:
        with psycopg.connect(address, application_name="assay predict") as con:
            yield con
    except psycopg.Error as error:
        said = (hidden(str(error), address).strip().splitlines() or [type(error).__name__])[0][:200]
        raise OutputError(f"{shown(address)} could not be used ({said})") from None


def quoted(table: str) -> str:
    """``table`` or ``schema.table`` as SQL."""
    return ".".join(duck.quote(part) for part in table.split("."))


def _to_postgres(rows: Any, address: str, table: str, append: bool) -> None:
    import pyarrow as pa

    name = quoted(table)
    columns = ", ".join(duck.quote(c) for c in rows.schema.names)
    with postgres(address) as con:
        there = con.execute("SELECT to_regclass(%s)", (name,)).fetchone()[0] is not None
        _allowed(there, table, address, append)
        if not append:
            made = ", ".join(f"{duck.quote(f.name)} {_postgres_type(f.type)}" for f in rows.schema)
            con.execute(f"CREATE TABLE {name} ({made})")
        with tempfile.TemporaryDirectory() as folder, con.cursor() as cursor:
            part = Path(folder) / "rows.csv"
            with cursor.copy(f"COPY {name} ({columns}) FROM STDIN (FORMAT csv, HEADER true)") as copy:
                first = True
                for batch in rows:
                    fill(flat(pa.Table.from_batches([batch])), part, ".csv")
                    with part.open("rb") as source:
                        if not first:
                            source.readline()
                        while chunk := source.read(1 << 20):
                            copy.write(chunk)
                    first = False


def flat(table: pa.Table) -> pa.RecordBatchReader:
    """Lists as JSON text, for databases that have none."""
    import pyarrow as pa

    for k, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = [None if v is None else json.dumps(v) for v in table.column(k).to_pylist()]
            table = table.set_column(k, field.name, pa.array(texts, pa.string()))
    return table.to_reader()


def _postgres_type(kind: Any) -> str:
    import pyarrow as pa

    for fits, said in (
        (pa.types.is_boolean, "boolean"), (pa.types.is_integer, "bigint"), (pa.types.is_floating, "double precision"),
        (pa.types.is_timestamp, "timestamp"), (pa.types.is_date, "date"), (pa.types.is_list, "jsonb"),
    ):  # fmt: skip
        if fits(kind):
            return said
    return "text"


def _to_sqlite(rows: Any, path: Path, table: str, append: bool) -> None:
    import pyarrow as pa

    con = sqlite3.connect(_folder_of(path), isolation_level=None)
    try:
        con.execute("BEGIN IMMEDIATE")
        _allowed(_has(con, table), table, f"sqlite:///{path}", append)
        names, name = rows.schema.names, duck.quote(table)
        if not append:
            con.execute(f"CREATE TABLE {name} ({', '.join(duck.quote(n) for n in names)})")
        sql = f"INSERT INTO {name} ({', '.join(map(duck.quote, names))}) VALUES ({', '.join('?' * len(names))})"
        for batch in rows:
            whole = flat(pa.Table.from_batches([batch])).read_all()
            con.executemany(sql, zip(*(plain(c) for c in whole.columns), strict=True))
        con.execute("COMMIT")
    except sqlite3.Error as error:
        raise OutputError(f"{path} could not be written ({error}); nothing was added") from None
    finally:
        con.close()


def plain(column: Any) -> list[Any]:
    """Values that SQLite has; moments as text."""
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        column = column.cast(pa.string())
    return list(column.to_pylist())


def _has(con: sqlite3.Connection, table: str) -> bool:
    return con.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _in_sqlite(path: Path, table: str) -> bool:
    con = sqlite3.connect(path)
    try:
        return _has(con, table)
    except sqlite3.Error as error:
        raise OutputError(f"{path} cannot be used as an SQLite file ({error})") from None
    finally:
        con.close()


def _in_duckdb(path: Path, table: str) -> bool:
    with duckdb_file(path, read_only=True) as con:
        return bool(con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall())


@contextmanager
def duckdb_file(path: Path, read_only: bool) -> Iterator[Any]:
    """A DuckDB file; its errors become one sentence."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=read_only) as con:
            con.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
            con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            yield con
    except duckdb.Error as error:
        raise OutputError(f"{path} could not be used ({str(error).splitlines()[0][:200]})") from None


def _to_duckdb(rows: Any, path: Path, table: str, append: bool) -> None:
    with duckdb_file(_folder_of(path), read_only=False) as con:
        there = bool(con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall())
        _allowed(there, table, f"duckdb:///{path}", append)
        con.register("rows_out", rows)
        name = quoted(table)
        con.execute("BEGIN")
        if append:
            con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM rows_out")
        else:
            con.execute(f"CREATE TABLE {name} AS SELECT * FROM rows_out")
        con.execute("COMMIT")


def names_clash(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Names that both have."""
    return sorted(set(first) & set(second))
