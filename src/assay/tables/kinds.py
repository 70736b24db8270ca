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


def decide(con: Any, view: str, shapes: Sequence[Shape], given: Mapping[str, Column]) -> tuple[Column, ...]:
    """Kinds of the columns of ``view``, by a census in batches; ``given`` kinds stand."""
    out: dict[str, Column] = {c.name: c for c in given.values()}
    open_ = [s for s in shapes if s.name not in out]
    texts = [s for s in open_ if s.storage == "VARCHAR"]
    for at in range(0, len(texts), BATCH):
        out.update((c.name, c) for c in _texts(con, view, texts[at : at + BATCH]))
    numbers = [s for s in open_ if s.storage in ("BIGINT", "DOUBLE")]
    clocks = {name for at in range(0, len(numbers), BATCH) for name in _clocks(con, view, numbers[at : at + BATCH])}
    for s in open_:
        if s.name not in out:
            out[s.name] = Column(s.name, _plain_kind(s.storage, s.name in clocks), s.storage)
    return tuple(out[s.name] for s in shapes)


def _plain_kind(storage: str, clock: bool) -> Kind:
    if storage == "BOOLEAN":
        return "bool"
    if storage in ("TIMESTAMP", "DATE"):
        return "date"
    return "clock" if clock else "number"


def _texts(con: Any, view: str, shapes: Sequence[Shape]) -> list[Column]:
    parts = []
    for s in shapes:
        c = duck.quote(s.name)
        like_date = f"left(ltrim({c}), 1) BETWEEN '0' AND '9' AND length({c}) BETWEEN 8 AND 40"
        parts.append(f"count({c}), approx_count_distinct({c}), avg(length({c})), count(*) FILTER ({like_date})")
    row = duck.rows(con, f"SELECT count(*), {', '.join(parts)} FROM {view}")[0]
    out, dated = [], []
    for i, s in enumerate(shapes):
        n, distinct, length, like = row[1 + 4 * i : 5 + 4 * i]
        category = n == 0 or (distinct <= max(64, 0.5 * n) and length <= 64)
        out.append(Column(s.name, "category" if category else "text", "VARCHAR"))
        if n and like >= 0.95 * n:
            dated.append((i, n))
    for i, n in dated:
        form = _date_form(con, view, shapes[i].name, n)
        if form:
            out[i] = Column(shapes[i].name, "date", f"VARCHAR ({form})")
    return out


def _date_form(con: Any, view: str, name: str, n: int) -> str | None:
    """The way of writing that reads most, day first where both read all; None below 95 %."""
    forms = duck.DATE_FORMS
    q = duck.quote(name)
    counted = ", ".join(f"coalesce(sum(n) FILTER (({duck.strict_date('v', f)}) IS NOT NULL), 0)" for f in forms)
    values = f"(SELECT {q} AS v, count(*) AS n FROM {view} WHERE {q} IS NOT NULL GROUP BY 1)"
    counts = duck.rows(con, f"SELECT {counted} FROM {values}")[0]
    best = max(range(3), key=lambda i: (counts[i], -i))
    return forms[best] if counts[best] >= 0.95 * n else None


def _clocks(con: Any, view: str, shapes: Sequence[Shape]) -> list[str]:
    ends = ", ".join(f"min({q}), max({q})" for q in (duck.quote(s.name) for s in shapes))
    row = duck.rows(con, f"SELECT {ends} FROM {view}")[0]
    near = [
        s for i, s in enumerate(shapes) if row[2 * i] is not None and row[2 * i] >= 0 and 600 <= row[2 * i + 1] <= 2400
    ]
    if not near:
        return []
    parts = []
    for s in near:
        c = duck.quote(s.name)
        parts.append(
            f"count(*) FILTER ({c} % 100 >= 60" + (f" OR {c} <> floor({c}))" if s.storage == "DOUBLE" else ")")
        )
    row = duck.rows(con, f"SELECT {', '.join(parts)} FROM {view}")[0]
    out = []
    for s, bad in zip(near, row, strict=True):
        if bad:
            continue
        c = duck.quote(s.name)
        seen = [int(v) for (v,) in duck.rows(con, f"SELECT DISTINCT {c} FROM {view} WHERE {c} IS NOT NULL")]
        if clock_chance(seen) <= CLOCK_CHANCE and len({v // 100 for v in seen}) >= 6:
            out.append(s.name)
    return out


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
