"""Facts about rules between columns: what a column settles, and rows where an expression is false.

Counts come from one grouped scan a rule; the rows of all rules that are broken come from one more scan for all of them,
so that a table on which every rule holds is never read for rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import SettingsError
from assay.core.facts import Breaks, Dependency
from assay.core.rows import ROWS_KEPT, Rows
from assay.core.table import I64, Ask
from assay.core.words import text_of

from . import locked, rowid
from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable

HOLES = (
    "",
    "?",
    "n/a",
    "na",
    "nan",
    "null",
    "unknown",
    "unknown/invalid",
    "missing",
    "not available",
    "unspecified",
    "-",
)  # fmt: skip  - folded; what these stand for is no value that a rule could settle
LEAST, SHARE = 3, 3  # a clear group: three rows of one value, and three of them for each other row
USUAL_KEPT = 10_000
STREAM = 200_000


def prepare(table: DuckTable, asks: Sequence[Ask]) -> None:
    """Answer every rule among the asks that is not known yet."""
    have = table.scanned.rules
    fresh = [a for a in asks if a.fact in ("dependency", "breaks") and a not in have]
    if not fresh:
        return
    wanted: list[Ask] = []
    marks: dict[Ask, Any] = {}
    plain = [a for a in fresh if a.fact == "breaks" and a.args[1:] != ("given",)]
    counts = counted(table, [a.args[0] for a in plain])
    for ask, rows in zip(plain, counts, strict=True):
        have[ask] = Breaks(rows, Rows(rows))
        wanted += [ask] if rows else []
    for ask in (a for a in fresh if a.fact == "dependency"):
        have[ask], marks[ask] = dependency(table, ask.columns)
        wanted += [ask] if have[ask].broken else []
    if wanted:
        places = found(table, wanted, marks)
        for ask, at in places.items():
            have[ask] = _placed(have[ask], rows_at(table, at))
    for ask in (a for a in fresh if a.fact == "breaks" and a.args[1:] == ("given",)):
        at = np.flatnonzero(locked.false_rows(table, ask.columns, str(ask.args[0])))
        have[ask] = Breaks(len(at), rows_at(table, at))


def answer(table: DuckTable, ask: Ask) -> Any:
    return table.scanned.rules[ask]


def _placed(fact: Any, where: Rows) -> Any:
    where = Rows(fact.rows if isinstance(fact, Breaks) else fact.broken, where.positions, where.ids)
    if isinstance(fact, Breaks):
        return Breaks(fact.rows, where)
    return Dependency(fact.rows, fact.groups, fact.broken, fact.stray, fact.unclear, fact.torn, where, fact.usual)


def counted(table: DuckTable, expressions: Sequence[str]) -> list[int]:
    """Rows where each expression is false, fifty expressions a scan."""
    out: list[int] = []
    for at in range(0, len(expressions), 50):
        sql = ", ".join(f"count(*) FILTER (({e}) IS FALSE)" for e in expressions[at : at + 50])
        table.scanned.queries.append(len(expressions[at : at + 50]))
        out += [int(v) for v in table.rows(f"SELECT {sql} FROM t")[0]]
    return out


def dependency(table: DuckTable, columns: Sequence[str]) -> tuple[Dependency, Any]:
    """Counts of a dependency, and the hashes of the (determinants, dependent) values that break it."""
    *by, of = (duck.quote(c) for c in columns)
    keys = [f"d{i}" for i in range(len(by))]
    picked = ", ".join(f"{b} AS {k}" for b, k in zip(by, keys, strict=True))
    known = " AND ".join(known_sql(table, c, k) for c, k in zip(columns, (*keys, "v"), strict=True))
    group = ", ".join(keys)
    table.scanned.queries.append(len(columns))
    # The rows are read once: all that is asked is read off the counts of different values, which are few.
    table.rows(f"CREATE OR REPLACE TEMP TABLE _cells AS SELECT {picked}, {of} AS v, count(*) AS n FROM t GROUP BY ALL")
    try:
        base = f"""
            WITH cells AS (SELECT * FROM _cells WHERE {known}),
            tops AS (SELECT {group}, sum(n) AS total, max(n) AS top, arg_max(v, n) AS own FROM cells GROUP BY ALL),
            judged AS (SELECT *, top >= {LEAST} AND top >= {SHARE} * (total - top) AS clear FROM tops)"""
        told = table.rows(
            f"""{base} SELECT sum(total), count(*), sum(total - top) FILTER (NOT clear),
                sum(total - top) FILTER (NOT clear AND total >= {LEAST + 1}) FROM judged"""
        )[0]
        total, groups, unclear, torn = (int(v or 0) for v in told)
        empty = Dependency(total, groups, 0, 0, unclear, torn, Rows(0))
        minor = table.frame(
            f"""{base}, owned AS (SELECT DISTINCT own FROM judged WHERE clear)
            SELECT c.d0 AS key, j.own AS own, c.n AS n,
                c.n = 1 OR c.v NOT IN (SELECT own FROM owned) AS stray,
                hash({", ".join(f"c.{k}" for k in keys)}, c.v) AS h
            FROM cells c JOIN judged j ON {" AND ".join(f"c.{k} = j.{k}" for k in keys)}
            WHERE j.clear AND c.v <> j.own"""
        )
    finally:
        table.rows("DROP TABLE IF EXISTS _cells")
    if not minor.num_rows:
        return empty, np.empty(0, np.uint64)
    n = np.asarray(minor["n"].to_numpy(), np.int64)
    stray = np.asarray(minor["stray"].to_numpy(zero_copy_only=False), bool)
    usual = _usual(minor) if len(keys) == 1 else {}
    broken = int(n.sum())
    made = Dependency(total, groups, broken, int(n[stray].sum()), unclear, torn, Rows(broken), usual)
    return made, np.unique(np.asarray(minor["h"].to_numpy(), np.uint64))


def known_sql(table: DuckTable, name: str, column: str) -> str:
    """SQL: the cell ``column``, of the table's column ``name``, holds a value, and no word for a missing one."""
    if not table.column(name).storage.startswith("VARCHAR"):
        return f"{column} IS NOT NULL"
    return f"{column} IS NOT NULL AND lower({duck.trimmed(column)}) NOT IN ({', '.join(map(duck.literal, HOLES))})"


def _usual(minor: Any) -> dict[str, str]:
    """Text of a group's key -> text of its own value, sorted by key."""
    import pyarrow as pa

    pairs = pa.table({"key": minor["key"], "own": minor["own"]}).group_by(["key", "own"]).aggregate([])
    texts = {text_of(k): text_of(v) for k, v in zip(pairs["key"].to_pylist(), pairs["own"].to_pylist(), strict=True)}
    kept = sorted((k, v) for k, v in texts.items() if k is not None and v is not None)
    return dict(kept[:USUAL_KEPT])


def found(table: DuckTable, asks: Sequence[Ask], marks: dict[Ask, Any]) -> dict[Ask, I64]:
    """Source positions of the first rows that break each rule, in one streamed scan for all."""
    sql = []
    for i, ask in enumerate(asks):
        if ask.fact == "breaks":
            sql.append(f"({ask.args[0]}) IS FALSE AS r{i}")
        else:
            sql.append(f"hash({', '.join(map(duck.quote, ask.columns))}) AS r{i}")
    table.scanned.queries.append(len(sql))
    places: dict[Ask, list[I64]] = {ask: [] for ask in asks}
    kept = dict.fromkeys(asks, 0)
    start = 0
    for batch in table.stream(f"SELECT {', '.join(sql)} FROM t", STREAM):
        for i, ask in enumerate(asks):
            if kept[ask] >= ROWS_KEPT:
                continue
            column = batch.column(i)
            if ask.fact == "breaks":
                here = np.flatnonzero(column.to_numpy(zero_copy_only=False))
            else:
                here = np.flatnonzero(_among(np.asarray(column.to_numpy(), np.uint64), marks[ask]))
            places[ask].append(here + start)
            kept[ask] += len(here)
        start += batch.num_rows
    return {ask: np.concatenate(parts).astype(np.int64) for ask, parts in places.items()}


def rows_at(table: DuckTable, at: I64) -> Rows:
    """Rows by position with their ids, reckoned from the rows that equal them: an id for all would sort the table."""
    if not len(at):
        return Rows(0)
    kept = np.sort(at)[:ROWS_KEPT]
    hashes = table.row_hashes(())
    near = np.flatnonzero(_among(hashes, np.unique(hashes[kept])))
    ids = rowid.row_ids(hashes[near])[np.searchsorted(near, kept)]
    return Rows(len(at), kept, ids)


def _among(hashes: Any, wanted: Any) -> Any:
    at = np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)
    return wanted[at] == hashes


def given_ask(table: DuckTable, sql: str, name: str) -> Ask:
    """The ask for an expression that somebody wrote, once it is known to be one boolean expression over columns.

    Raises:
        SettingsError: it is not; one sentence with the rule's name.
    """
    return Ask("breaks", locked.columns_of(table, sql, name), (), (sql, "given"))


def held(table: DuckTable, named: Iterable[tuple[str, str]]) -> None:
    """Evaluate rules, (name, sql) each, so that one that cannot be evaluated is said before anything else is done.

    Raises:
        SettingsError: a rule is no boolean expression, or fails on a row; one sentence with the rule's name.
    """
    for name, sql in named:
        ask = given_ask(table, sql, name)
        try:
            table.facts([ask])
        except locked.Unfit as error:
            raise SettingsError(f"rule {name!r} cannot be evaluated: {error}") from None
