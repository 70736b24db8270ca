"""DuckDB: quoting, connections and the expression that each kind of column is read by."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assay.core import patterns

DATE_FORMS = ("iso", "dmy", "mdy")
_TRIM = "E' \\t\\r\\n\\f\\v'"


_LOCK = threading.Lock()
_ENGINES: dict[int, Any] = {}  # one a process: an engine does not survive a fork


def connect() -> Any:
    """A connection with views of its own, to this process's in-memory engine, which never reaches for the network."""
    import duckdb

    with _LOCK:
        engine = _ENGINES.get(os.getpid())
        if engine is None:
            engine = _ENGINES[os.getpid()] = duckdb.connect(":memory:")
            engine.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
            engine.execute("SET GLOBAL TimeZone = 'UTC'; SET parquet_metadata_cache = true")
        con = engine.cursor()
    con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return con


@contextmanager
def limited(limit: str = "512MB") -> Iterator[None]:
    """Let this process's engine keep at most so much in memory: for scans that nobody reads a second time."""
    con = connect()
    before = con.execute("SELECT current_setting('memory_limit')").fetchone()[0]
    con.execute(f"SET GLOBAL memory_limit = {literal(limit)}")
    try:
        yield
    finally:
        con.execute(f"SET GLOBAL memory_limit = {literal(before)}")


def rows(con: Any, sql: str) -> list[tuple[Any, ...]]:
    """The result of a SELECT as tuples: for aggregates, never for whole columns."""
    return list(con.execute(sql).fetchall())


def frame(con: Any, sql: str) -> Any:
    """The result of a SELECT as an Arrow table, in source order."""
    relation = con.sql(sql)
    return relation.to_arrow_table() if hasattr(relation, "to_arrow_table") else relation.fetch_arrow_table()


def stream(con: Any, sql: str, size: int) -> Any:
    """The result of a SELECT as Arrow record batches, in source order."""
    relation = con.sql(sql)
    return relation.to_arrow_reader(size) if hasattr(relation, "to_arrow_reader") else relation.fetch_arrow_reader(size)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def trimmed(column: str) -> str:
    """SQL: a text without ASCII blanks at its ends."""
    return f"trim({column}, {_TRIM})"


def number_of_text(column: str) -> str:
    """SQL: a text as DOUBLE, or null. Outer blanks are allowed; underscores, nan and hexadecimals are not numbers."""
    text = trimmed(column)
    return (
        f"CASE WHEN contains({column}, '_') OR lower(right({text}, 3)) = 'nan' "
        f"THEN NULL ELSE try_cast({text} AS DOUBLE) END"
    )


def date_of_text(column: str, form: str) -> str:
    """SQL: a text as TIMESTAMP in UTC, or null; outer blanks are allowed.

    ``iso`` is YYYY-MM-DD or YYYY/MM/DD, then perhaps a blank or T and HH:MM[:SS[.ffffff]], then perhaps Z or an offset.
    ``dmy`` and ``mdy`` have the day part D/M/YYYY or M/D/YYYY with ``/``, ``.`` or ``-`` between. Days that no
    calendar has (30 February) are null.
    """
    text = trimmed(column)
    if form == "iso":
        fits = f"substr({text}, 5, 1) IN ('-', '/')"
    else:
        order = r"\3-\2-\1" if form == "dmy" else r"\3-\1-\2"
        turned = f"regexp_replace({text}, '^(\\d{{1,2}})[/.-](\\d{{1,2}})[/.-](\\d{{4}})', '{order}')"
        fits, text = f"{turned} <> {text}", turned
    ends = f"(right({text}, 1) BETWEEN '0' AND '9' OR right({text}, 1) = 'Z')"
    # A plain cast ignores offsets and is several times faster than one that heeds them.
    offset = f"contains({text}, '+') OR contains(substr({text}, 11), '-')"
    heeded = f"CAST(try_cast({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
    read = f"CASE WHEN {offset} THEN {heeded} ELSE try_cast({text} AS TIMESTAMP) END"
    return f"CASE WHEN {fits} AND {ends} THEN {read} END"


def strict_number(column: str) -> str:
    """SQL: the number that a text is, by the grammar that every lowering of a recipe shares (``core.patterns``)."""
    return f"CASE WHEN regexp_full_match({column}, {literal(patterns.NUMBER)}) THEN {number_of_text(column)} END"


def strict_date(column: str, form: str) -> str:
    """SQL: the moment (TIMESTAMP, UTC) that a text is, by the same shared grammar."""
    fits = f"regexp_full_match({column}, {literal(patterns.any_date(form))})"
    return f"CASE WHEN {fits} THEN {date_of_text(column, form)} END"


def date_form(storage: str) -> str | None:
    """The way a text date is written ("iso", "dmy", "mdy"), from ``Column.storage`` such as ``VARCHAR (dmy)``."""
    return storage[9:-1] if storage.startswith("VARCHAR (") else None


def as_number(name: str, kind: str, storage: str) -> str | None:
    """SQL: the column as a number, clocks as stored and dates in epoch seconds; None for text."""
    column = quote(name)
    if kind in ("number", "clock"):
        return column
    if kind == "bool":
        return f"CAST({column} AS INTEGER)"
    if kind == "date":
        form = date_form(storage)
        return f"epoch({strict_date(column, form) if form else column})"
    return None
