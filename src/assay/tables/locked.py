"""Expressions that somebody else wrote, evaluated where they can reach nothing.

An expression is parsed, and refused unless it is one expression over columns of one row: no statement, subquery,
aggregate or window. It is bound and run by an engine of its own in memory, without files, network, extensions or
settings to change, which is handed the columns that it names and nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import SettingsError, did_you_mean
from assay.core.table import Mask

from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable

STREAM = 200_000
REFUSED = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window",
    "STAR": "*",
    "PARAMETER": "a parameter",
    "DEFAULT": "default",
}


class Unfit(Exception):
    """An expression that fails on a value; the message is the engine's own first line."""


def engine() -> Any:
    """A fresh engine that reads nothing but what it is handed."""
    import duckdb

    con = duckdb.connect(":memory:", config={
        "enable_external_access": "false", "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false", "allow_unsigned_extensions": "false",
    })  # fmt: skip
    con.execute("SET TimeZone = 'UTC'; SET threads = 1; SET enable_progress_bar = false")
    con.execute("SET lock_configuration = true")
    return con


def columns_of(table: DuckTable, sql: str, name: str) -> tuple[str, ...]:
    """The columns that a boolean expression names, sorted.

    Raises:
        SettingsError: it is no boolean expression over the table's columns; one sentence with the rule's name.
    """
    con = engine()
    try:
        return _columns_of(con, table, sql, name)
    finally:
        con.close()


def _columns_of(con: Any, table: DuckTable, sql: str, name: str) -> tuple[str, ...]:
    import duckdb

    # the line break ends a comment that would swallow the bracket
    asked = con.execute("SELECT json_serialize_sql($1::VARCHAR)", [f"SELECT ({sql}\n)"]).fetchall()[0][0]
    tree = json.loads(asked)
    if tree.get("error"):
        why = str(tree.get("error_message", "it cannot be parsed")).splitlines()[0]
        raise SettingsError(f"rule {name!r} must be one SQL expression, but {why}")
    statements = tree["statements"]
    node = statements[0]["node"] if len(statements) == 1 else {}
    single = node.get("type") == "SELECT_NODE" and len(node.get("select_list", ())) == 1
    if not single or node.get("from_table", {}).get("type", "EMPTY") != "EMPTY":
        raise SettingsError(f"rule {name!r} must be one SQL expression, without SELECT or FROM")
    named: dict[str, None] = {}
    for part in walk(node["select_list"][0]):
        if part.get("class") in REFUSED:
            raise SettingsError(f"rule {name!r} must be an expression over one row; it holds {REFUSED[part['class']]}")
        if part.get("class") == "COLUMN_REF":
            named[part["column_names"][0]] = None
    known = {c.name.casefold(): c.name for c in table.columns}
    bound = {known[n.casefold()] for n in named if n.casefold() in known}
    empty = table.frame("SELECT * FROM t LIMIT 0")
    con.register("t", empty)
    try:
        described = con.execute(f"DESCRIBE SELECT ({sql}\n) AS r FROM t").fetchall()
        con.execute(f"SELECT 1 FROM t WHERE ({sql}\n) LIMIT 0").fetchall()  # no aggregate may stand here
    except duckdb.Error as error:
        missing = [n for n in named if n.casefold() not in known]
        near = did_you_mean(missing[0], known.values()) if missing else ""
        raise SettingsError(f"rule {name!r} does not fit {table.name}: {first_line(error)}{near}") from None
    if described[0][1] != "BOOLEAN":
        raise SettingsError(f"rule {name!r} must be true or false for every row; it gives {described[0][1]}")
    return tuple(sorted(bound))


def walk(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed expression."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from walk(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from walk(value)


def false_rows(table: DuckTable, columns: Sequence[str], sql: str) -> Mask:
    """(rows,) where the expression is false, in source order.

    Raises:
        Unfit: it fails on a value.
    """
    import duckdb
    import pyarrow as pa

    out = np.zeros(table.n_rows, bool)
    listed = ", ".join(map(duck.quote, columns)) or "1 AS one"
    con, start = engine(), 0
    try:
        for batch in table.stream(f"SELECT {listed} FROM t", STREAM):
            con.register("t", pa.Table.from_batches([batch]))
            got = duck.frame(con, f"SELECT r IS FALSE AS r FROM (SELECT ({sql}\n) AS r FROM t)")["r"]
            out[start : start + batch.num_rows] = got.to_numpy()
            start += batch.num_rows
    except duckdb.Error as error:
        raise Unfit(first_line(error)) from None
    finally:
        con.close()
    return out


def first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip("!.")[:200]
