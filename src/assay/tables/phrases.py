"""Scans of free text: how many texts hold what, and how long they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.core.table import Ask

from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable

PAIRS = 200  # conditions of one query


def matches(table: DuckTable, ask: Ask) -> tuple[int, ...]:
    """Rows whose text holds each pattern. An argument is an RE2 pattern, or (literal, pattern): the literal is looked
    for first, which is far cheaper, and a pattern "" asks for the literal alone."""
    name = ask.columns[0]
    if not table.column(name).storage.startswith("VARCHAR") or not ask.args:
        return (0,) * len(ask.args)
    known = table.scanned.tables.get(name)
    source, rows, q = "t", "count(*)", duck.quote(name)
    con = None
    if known is not None:
        import pyarrow as pa

        con = duck.connect()
        kept = [(v, n) for v, n in known.items() if v is not None]
        texts = pa.table(
            {"v": pa.array([v for v, _ in kept], pa.string()), "n": pa.array([n for _, n in kept], pa.int64())}
        )
        con.register("_texts", texts)
        source, rows, q = "_texts", "sum(n)", "v"
    out: list[int] = []
    for at in range(0, len(ask.args), PAIRS):
        sql = ", ".join(f"{rows} FILTER ({holds(q, a)})" for a in ask.args[at : at + PAIRS])
        query = f"SELECT {sql} FROM {source}"
        if con is None:
            table.scanned.queries.append(1)
        got = table.rows(query) if con is None else duck.rows(con, query)
        out += [int(v or 0) for v in got[0]]
    if con is not None:
        con.close()
    return tuple(out)


def holds(q: str, argument: str | tuple[str, str]) -> str:
    """SQL: whether a text holds the literal and the pattern."""
    literal, pattern = ("", argument) if isinstance(argument, str) else argument
    parts = [f"contains({q}, {duck.literal(literal)})"] if literal else []
    parts += [f"regexp_matches({q}, {duck.literal(pattern)})"] if pattern else []
    return " AND ".join(parts) or "true"


def lengths(table: DuckTable, ask: Ask) -> dict[int, int]:
    """Length in characters -> rows, ascending; null left out."""
    name = ask.columns[0]
    if not table.column(name).storage.startswith("VARCHAR"):
        return {}
    known = table.scanned.tables.get(name)
    if known is not None:
        out: dict[int, int] = {}
        for value, rows in known.items():
            if value is not None:
                out[len(value)] = out.get(len(value), 0) + rows
        return dict(sorted(out.items()))
    table.scanned.queries.append(1)
    q = duck.quote(name)
    got = table.rows(f"SELECT length({q}) AS k, count(*) FROM t WHERE {q} IS NOT NULL GROUP BY 1 ORDER BY 1")
    return {int(k): int(n) for k, n in got}
