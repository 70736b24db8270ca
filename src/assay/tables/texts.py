"""Scans of text columns: tokens that may mean missing, and what texts read as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from assay.core.facts import Parses
from assay.core.table import Ask
from assay.core.words import text_of

from . import scans
from .engines import duck
from .recipe import fold

if TYPE_CHECKING:
    from .duck_table import DuckTable


def tokens(table: DuckTable, asks: Sequence[Ask]) -> None:
    """Token -> rows, compared trimmed and folded; numbers by value. From the value table where there is one."""
    have = table.scanned.tokens
    todo: dict[tuple[Any, ...], list[str]] = {}
    for ask in asks:
        name = ask.columns[0]
        if (name, ask.args) in have:
            continue
        known = table.scanned.tables.get(name)
        if known is not None:
            have[(name, ask.args)] = _from_values(known, ask.args)
        else:
            todo.setdefault(ask.args, []).append(name)
    for wanted, names in todo.items():
        for part in scans.batches(table, names, ()):
            sql = []
            for c in part:
                q = duck.quote(c.name)
                if c.storage.startswith("VARCHAR"):
                    listed = ", ".join(duck.literal(fold(str(t))) for t in wanted)
                    folded = f"lower({duck.trimmed(q)})"
                else:
                    numbers = [x for x in (_as_float(t) for t in wanted) if x is not None]
                    listed = ", ".join(repr(x) for x in numbers)
                    folded = scans.number_sql(c) or "NULL"
                sql.append(f"histogram(CASE WHEN {folded} IN ({listed}) THEN {folded} END)" if listed else "NULL")
            row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
            for c, got in zip(part, row, strict=True):
                have[(c.name, wanted)] = _from_values(got or {}, wanted)


def _from_values(values: dict[Any, int], wanted: tuple[Any, ...]) -> dict[Any, int]:
    counts: dict[str, int] = {}
    for value, rows in values.items():
        if value is not None:
            key = _key(value)
            counts[key] = counts.get(key, 0) + rows
    return {t: counts.get(_key(t, counts), 0) for t in wanted}


def _key(value: Any, counts: dict[str, int] | None = None) -> str:
    text = fold(text_of(value) or "")
    if counts is None or text in counts:
        return text
    number = _as_float(value)
    return fold(text_of(number) or "") if number is not None else text


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def parses(table: DuckTable, names: Iterable[str]) -> None:
    """How many texts read as number, date, percent and so on, and the most frequent that read as no number."""
    have = table.scanned.parses
    texts = []
    for name in names:
        if name in have:
            continue
        if not table.column(name).storage.startswith("VARCHAR"):
            have[name] = None
        elif name in table.scanned.tables:
            have[name] = _parses_of_values(table.scanned.tables[name])
        else:
            texts.append(name)
    for part in scans.batches(table, texts, have):
        sql = [f"count(*) FILTER ({c})" for column in part for c in _readings(duck.quote(column.name))]
        row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
        for i, c in enumerate(part):
            got = row[8 * i : 8 * i + 8]
            bad = table.rows(_bad("t", duck.quote(c.name), "count(*)")) if 0 < got[2] < got[0] else []
            have[c.name] = _parses(got, bad)


def _parses(got: Sequence[Any], bad: Sequence[tuple[Any, Any]]) -> Parses:
    n, blank, number, integer, date, percent, quoted, thousands = (int(v) for v in got)
    return Parses(n, blank, number, integer, date, percent, quoted, thousands, tuple(v for v, _ in bad))


def _readings(q: str) -> tuple[str, ...]:
    """Conditions: any text, blank, number, whole number, date, percent, quoted, with thousands."""
    text, number = duck.trimmed(q), duck.strict_number(q)
    dates = " OR ".join(f"({duck.strict_date(q, f)}) IS NOT NULL" for f in duck.DATE_FORMS)
    like_date = f"regexp_matches({q}, '^\\s*\\d{{1,4}}[-/.]\\d{{1,2}}[-/.]\\d{{1,4}}')"
    return (
        f"{q} IS NOT NULL",
        f"{text} = ''",
        f"({number}) IS NOT NULL",
        f"({number}) = floor({number})",
        f"CASE WHEN {like_date} THEN {dates} ELSE false END",
        f"regexp_full_match({text}, '[+-]?\\d+(\\.\\d+)?\\s*%')",
        f"length({text}) > 1 AND left({text}, 1) IN (chr(39), chr(34)) AND right({text}, 1) = left({text}, 1)",
        f"regexp_full_match({text}, '[+-]?[$€£]?\\d{{1,3}}(,\\d{{3}})+(\\.\\d+)?')",
    )


def _parses_of_values(values: dict[Any, int]) -> Parses:
    """The same from a value table: every different text is looked at once."""
    import pyarrow as pa

    kept = [(v, n) for v, n in values.items() if v is not None]
    texts, rows = pa.array([v for v, _ in kept], pa.string()), pa.array([n for _, n in kept], pa.int64())
    con = duck.connect()
    try:
        con.register("_texts", pa.table({"v": texts, "n": rows}))
        sql = ", ".join(f"coalesce(sum(n) FILTER ({c}), 0)" for c in _readings("v"))
        got = duck.rows(con, f"SELECT {sql} FROM _texts")[0]
        bad = duck.rows(con, _bad("_texts", "v", "sum(n)")) if 0 < got[2] < got[0] else []
    finally:
        con.close()
    return _parses(got, bad)


def _bad(source: str, q: str, rows: str) -> str:
    where = f"{q} IS NOT NULL AND ({duck.strict_number(q)}) IS NULL"
    return f"SELECT {q}, {rows} AS rows FROM {source} WHERE {where} GROUP BY 1 ORDER BY rows DESC, 1 LIMIT 5"
