"""What the values of a column mean: number, category, text, date, clock, bool or mixed.

Clock (integers HHMM): every value has minutes below 60 and lies in 0..2400, six hours or more occur, and the gap
60-99 is never used although the values are fine-grained enough to fall into it: were the last two digits free on the
values' own grid (their greatest common divisor), ``m`` distinct values of 60 and above would all avoid the gap with
probability ``share ** m``, which must be at most 1e-6.

Category or text: category where values repeat (64 distinct or fewer, or at most half as many as rows) and are short
(64 characters on average); else text. Date: 95 % of the texts or more read as a date, in one way of writing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.table import Column, Kind

from .engines import duck
from .roles import names_things

CLOCK_CHANCE = 1e-6
BATCH = 50
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WIDE = ("UBIGINT", "HUGEINT", "UHUGEINT")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a source column is read: the SQL that makes it canonical, the storage that gives, and a note."""

    name: str
    sql: str
    storage: str
    note: str | None = None


def shape(name: str, storage: str, given: str | None = None) -> Shape:
    """The canonical reading of a DuckDB column of type ``storage``."""
    column, called = duck.quote(given or name), repr(name)
    plain = storage.split("(")[0]
    if storage in ("VARCHAR", "BOOLEAN", "TIMESTAMP", "DATE", "BIGINT"):
        return Shape(name, column, storage)
    if storage in _INTEGERS:
        return Shape(name, f"CAST({column} AS BIGINT)", "BIGINT")
    if storage in ("DOUBLE", "FLOAT"):
        return Shape(name, f"nullif(CAST({column} AS DOUBLE), 'nan'::DOUBLE)", "DOUBLE")
    if storage in _WIDE or plain == "DECIMAL":
        narrow = plain == "DECIMAL" and int(storage[8:].split(",")[0]) <= 15
        note = None if narrow else f"column {called} is {storage}: read as double, 15 digits are exact"
        return Shape(name, f"CAST({column} AS DOUBLE)", "DOUBLE", note)
    if plain in ("TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"):
        return Shape(name, f"CAST({column} AS TIMESTAMP)", "TIMESTAMP")
    if plain == "INTERVAL":
        return Shape(name, f"epoch({column})", "DOUBLE", f"column {called} is a duration: read as seconds")
    if plain == "ENUM":
        return Shape(name, f"CAST({column} AS VARCHAR)", "VARCHAR")
    if storage == '"NULL"' or storage == "NULL":
        return Shape(name, f"CAST({column} AS VARCHAR)", "VARCHAR")
    note = None if plain in ("UUID",) else f"column {called} is {storage[:40]}: read as text"
    return Shape(name, f"CAST({column} AS VARCHAR)", "VARCHAR", note)


@dataclass
class Count:
    """Pass 0 of a column: non-null values, finite range, infinities, estimated distinct."""

    n: int
    lo: float | None
    hi: float | None
    infinite: int
    estimate: int


def decide(
    con: Any, view: str, shapes: Sequence[Shape], given: Mapping[str, Column]
) -> tuple[tuple[Column, ...], dict[str, Count]]:
    """Kinds of the columns of ``view``, by a census in batches; ``given`` kinds stand.

    The census is pass 0 of the facts: its counts are handed on, so that no column is counted twice.
    """
    out: dict[str, Column] = {c.name: c for c in given.values()}
    counts: dict[str, Count] = {}
    todo = [s for s in shapes if s.name not in out]
    for at in range(0, len(todo), BATCH):
        part = todo[at : at + BATCH]
        row = duck.rows(con, f"SELECT {', '.join(_census(s) for s in part)} FROM {view}")[0]
        for i, s in enumerate(part):
            n, estimate, a, b = row[4 * i : 4 * i + 4]
            if s.storage == "VARCHAR":
                column = _text(con, view, s, n, estimate, a, b)
                ends = None if column.kind == "date" else (None, None)
            else:
                clock = s.storage in ("BIGINT", "DOUBLE") and _is_clock(con, view, s, a, b, estimate)
                column = Column(s.name, _plain_kind(s.storage, clock), s.storage)
                ends = (a, b) if a is None or (math.isfinite(a) and math.isfinite(b)) else None
            out[s.name] = column
            if ends is not None:
                counts[s.name] = Count(int(n), ends[0], ends[1], 0, int(estimate))
    return tuple(out[s.name] for s in shapes), counts


def _census(s: Shape) -> str:
    """Four numbers of a column: count, distinct, and two more: of text its length and dates, else its range."""
    c = duck.quote(s.name)
    if s.storage == "VARCHAR":
        # Cheap and too wide on purpose: what passes is read strictly afterwards.
        like_date = f"{c} < ':' AND strlen({c}) BETWEEN 8 AND 40"
        more = f"avg(strlen({c})), count(*) FILTER ({like_date})"
    else:
        e = {"BOOLEAN": f"CAST({c} AS INTEGER)", "TIMESTAMP": f"epoch({c})", "DATE": f"epoch({c})"}.get(s.storage, c)
        more = f"CAST(min({e}) AS DOUBLE), CAST(max({e}) AS DOUBLE)"
    return f"count({c}), approx_count_distinct({c}), {more}"


def _plain_kind(storage: str, clock: bool) -> Kind:
    if storage == "BOOLEAN":
        return "bool"
    if storage in ("TIMESTAMP", "DATE"):
        return "date"
    return "clock" if clock else "number"


def _text(con: Any, view: str, s: Shape, n: int, distinct: int, length: float | None, like_date: int) -> Column:
    form = date_form(con, view, s.name, n) if n and like_date >= 0.95 * n else None
    if form:
        return Column(s.name, "date", f"VARCHAR ({form})")
    category = n == 0 or (distinct <= max(64, 0.5 * n) and (length or 0) <= 64)
    return Column(s.name, "category" if category else "text", "VARCHAR")


def date_form(con: Any, view: str, name: str, n: int) -> str | None:
    """The way of writing that reads most, day first where both read all; None below 95 %."""
    forms = duck.DATE_FORMS
    q = duck.quote(name)
    counted = ", ".join(f"coalesce(sum(n) FILTER (({duck.strict_date('v', f)}) IS NOT NULL), 0)" for f in forms)
    values = f"(SELECT {q} AS v, count(*) AS n FROM {view} WHERE {q} IS NOT NULL GROUP BY 1)"
    counts = duck.rows(con, f"SELECT {counted} FROM {values}")[0]
    best = max(range(3), key=lambda i: (counts[i], -i))
    return forms[best] if counts[best] >= 0.95 * n else None


def _is_clock(con: Any, view: str, s: Shape, lo: float | None, hi: float | None, estimate: int) -> bool:
    # HyperLogLog is off by a few per cent; a day has 1,441 clock times with midnight twice.
    if names_things(s.name) or lo is None or hi is None or lo < 0 or not 600 <= hi <= 2400 or estimate > 2_000:
        return False
    c = duck.quote(s.name)
    seen = [v for (v,) in duck.rows(con, f"SELECT DISTINCT {c} FROM {view} WHERE {c} IS NOT NULL")]
    if any(v % 100 >= 60 or v != int(v) for v in seen):
        return False
    whole = [int(v) for v in seen]
    return clock_chance(whole) <= CLOCK_CHANCE and len({v // 100 for v in whole}) >= 6


def clock_chance(seen: Sequence[int]) -> float:
    """Chance that distinct values on their own grid avoid the gap 60-99 without being clock times (see the module)."""
    grid = math.gcd(100, *seen)
    share = len(range(0, 60, grid)) / len(range(0, 100, grid))
    return float(share ** sum(v >= 60 for v in seen))


def column_of(name: str, array: Any, old: Column | None = None) -> Column:
    """The column that an Arrow array is, keeping the kind of ``old`` where the type still allows it."""
    import pyarrow as pa

    t = array.type
    if pa.types.is_boolean(t):
        return Column(name, "bool", "BOOLEAN")
    if pa.types.is_timestamp(t) or pa.types.is_date(t):
        return Column(name, "date", "TIMESTAMP")
    if pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t):
        kind: Kind = "clock" if old is not None and old.kind == "clock" else "number"
        return Column(name, kind, "BIGINT" if pa.types.is_integer(t) else "DOUBLE")
    if old is not None and old.storage.startswith("VARCHAR"):
        return old
    return Column(name, "category", "VARCHAR")
