"""Scans of text columns: tokens that may mean missing, and what texts read as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from assay.core.facts import Parses
from assay.core.table import Ask

from . import scans
from .engines import duck
from .recipe import fold
from .values import text_of

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
        if table.column(name).storage.startswith("VARCHAR"):
            texts.append(name)
        else:
            have[name] = None
    for part in scans.batches(table, texts, have):
        sql = []
        for c in part:
            q = duck.quote(c.name)
            trimmed = duck.trimmed(q)
            number = duck.number_of_text(q)
            date = " OR ".join(f"({duck.date_of_text(q, f)}) IS NOT NULL" for f in ("iso", "dmy", "mdy"))
            like_date = f"regexp_matches({q}, '^\\s*\\d{{1,4}}[-/.]\\d{{1,2}}[-/.]\\d{{1,4}}')"
            percent = f"regexp_full_match({trimmed}, '[+-]?\\d+(\\.\\d+)?\\s*%')"
            quoted = f"regexp_full_match({trimmed}, '''.*''|\".*\"', 's')"
            thousands = f"regexp_full_match({trimmed}, '[+-]?[$€£]?\\d{{1,3}}(,\\d{{3}})+(\\.\\d+)?')"
            sql.append(
                f"count({q}), count(*) FILTER ({trimmed} = ''), count({number}), "
                f"count(*) FILTER ({number} = floor({number})), "
                f"count(*) FILTER (CASE WHEN {like_date} THEN {date} ELSE false END), "
                f"count(*) FILTER ({percent}), count(*) FILTER ({quoted}), count(*) FILTER ({thousands})"
            )
        row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
        for i, c in enumerate(part):
            got = [int(v) for v in row[8 * i : 8 * i + 8]]
            have[c.name] = Parses(*got, example_bad=_bad(table, c.name) if 0 < got[2] < got[0] else ())


def _bad(table: DuckTable, name: str) -> tuple[str, ...]:
    q = duck.quote(name)
    found = table.rows(
        f"SELECT {q}, count(*) AS n FROM t WHERE {q} IS NOT NULL AND ({duck.number_of_text(q)}) IS NULL "
        f"GROUP BY 1 ORDER BY n DESC, 1 LIMIT 5"
    )
    return tuple(value for value, _ in found)
