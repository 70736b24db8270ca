"""The scans behind single-column facts, in batches; results stay with the table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.table import F64, I64, U64, Ask, Column

from . import derived, sampling
from .engines import duck
from .kinds import BATCH, Count
from .values import floats

if TYPE_CHECKING:
    from .duck_table import DuckTable

FEW = 20_000  # a column with at most so many values has its whole value table kept
CELLS = 8_000_000  # groups x columns of one GROUPING SETS result
PILOT = 4_096


@dataclass
class Scanned:
    """All that scans have told so far about a table. ``queries`` records how many columns each query read."""

    counts: dict[str, Count] = field(default_factory=dict)
    sums: dict[str, derived.Sums] = field(default_factory=dict)
    bins: dict[tuple[str, int], I64] = field(default_factory=dict)
    ladders: dict[str, tuple[F64, I64]] = field(default_factory=dict)
    tables: dict[str, dict[Any, int]] = field(default_factory=dict)
    exact: dict[str, int] = field(default_factory=dict)
    prints: dict[str, int] = field(default_factory=dict)
    tokens: dict[tuple[str, tuple[Any, ...]], dict[Any, int]] = field(default_factory=dict)
    parses: dict[str, Any] = field(default_factory=dict)
    repeats: dict[str, tuple[U64, I64]] = field(default_factory=dict)
    tops: dict[tuple[str, int], dict[Any, int]] = field(default_factory=dict)
    ends: dict[tuple[str, int], tuple[tuple[float, ...], tuple[float, ...]] | None] = field(default_factory=dict)
    rules: dict[Ask, Any] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    pilot: dict[str, F64] = field(default_factory=dict)
    pilot_rows: I64 | None = None
    queries: list[int] = field(default_factory=list)


def prepare(table: DuckTable, asks: Sequence[Ask]) -> None:
    """Run the passes that these asks need, each once for all of them."""
    from . import edges, heads, spreads, texts

    of: dict[str, set[str]] = {}
    for ask in asks:
        of.setdefault(ask.fact, set()).update(ask.columns)

    def named(*facts: str) -> set[str]:
        return {c for f in facts for c in of.get(f, ())}

    counts(table, named("holes", "range", "moments", "distinct", "top", "bins", "quantiles", "tokens", "parses"))
    valued = named("moments", "distinct", "top", "bins", "quantiles", "tokens", "parses")
    value_tables(table, [c for c in valued if few(table, c)])
    sums(table, named("moments"))
    spreads.bins(table, [(a.columns[0], int(a.args[0]) if a.args else 20) for a in asks if a.fact == "bins"])
    spreads.ladders(table, [c for c in named("quantiles") if c not in table.scanned.tables])
    heads.runs(table, named("distinct", "top"))
    heads.tops(table, [(a.columns[0], int(a.args[0]) if a.args else 10) for a in asks if a.fact == "top"])
    fingerprints(table, [a.columns[0] for a in asks if a.fact == "holes" and not a.by])
    edges.prepare(table, [(a.columns[0], int(a.args[0])) for a in asks if a.fact == "extremes"])
    texts.tokens(table, [a for a in asks if a.fact == "tokens"])
    texts.parses(table, named("parses"))


def few(table: DuckTable, name: str) -> bool:
    """Whether a column has so few values, ten rows to each or more, that its whole value table pays."""
    return table.scanned.counts[name].estimate <= min(FEW, max(256, table.n_rows / 10))


def batches(table: DuckTable, names: Iterable[str], known: Iterable[Any]) -> Iterator[list[Column]]:
    """Columns not known yet, sorted by name, fifty at a time."""
    have = set(known)
    todo = sorted({n for n in names if n not in have})
    for at in range(0, len(todo), BATCH):
        part = [table.column(n) for n in todo[at : at + BATCH]]
        table.scanned.queries.append(len(part))
        yield part


def number_sql(column: Column) -> str | None:
    return duck.as_number(column.name, column.kind, column.storage)


def counts(table: DuckTable, names: Iterable[str]) -> None:
    """Pass 0."""
    have = table.scanned.counts
    for part in batches(table, names, have):
        sql = []
        for c in part:
            q, e = duck.quote(c.name), None if _text_date(c) else number_sql(c)
            ends = f"CAST(min({e}) AS DOUBLE), CAST(max({e}) AS DOUBLE)" if e else "NULL, NULL"
            sql.append(f"count({q}), {ends}, approx_count_distinct({q})")
        row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
        endless = []
        for i, c in enumerate(part):
            n, lo, hi, estimate = row[4 * i : 4 * i + 4]
            have[c.name] = Count(int(n), lo, hi, 0, int(estimate))
            if lo is not None and (math.isinf(lo) or math.isinf(hi)):
                endless.append(c)
        if endless:
            _finite(table, endless)
        dates = [c for c in part if _text_date(c)]
        if dates:
            _text_ends(table, dates)


def _text_date(column: Column) -> bool:
    return column.kind == "date" and column.storage.startswith("VARCHAR")


def _text_ends(table: DuckTable, columns: Sequence[Column]) -> None:
    """Ranges of dates kept as text: reading them is dear, so each different text is read once where they are few."""
    short = [c for c in columns if few(table, c.name)]
    value_tables(table, [c.name for c in short])
    for c in short:
        keys, _ = number_values(table, c.name)
        if len(keys):
            count = table.scanned.counts[c.name]
            count.lo, count.hi = float(keys[0]), float(keys[-1])
    many = [c for c in columns if c not in short]
    if many:
        sql = ", ".join(f"min({number_sql(c)}), max({number_sql(c)})" for c in many)
        row = table.rows(f"SELECT {sql} FROM t")[0]
        for i, c in enumerate(many):
            table.scanned.counts[c.name].lo, table.scanned.counts[c.name].hi = row[2 * i : 2 * i + 2]


def _finite(table: DuckTable, columns: Sequence[Column]) -> None:
    sql = [
        f"min(CASE WHEN isfinite({e}) THEN {e} END), max(CASE WHEN isfinite({e}) THEN {e} END), "
        f"count(*) FILTER (isinf({e}))"
        for e in (number_sql(c) for c in columns)
    ]
    row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
    for i, c in enumerate(columns):
        count = table.scanned.counts[c.name]
        count.lo, count.hi, count.infinite = row[3 * i], row[3 * i + 1], int(row[3 * i + 2])


def pilot(table: DuckTable, names: Iterable[str]) -> None:
    """Read a few thousand values of each column, from the rows of the smallest hashes: no order of rows matters."""
    have = table.scanned
    todo = sorted({n for n in names if n not in have.pilot and number_sql(table.column(n))})
    if not todo:
        return
    if have.pilot_rows is None:
        hashes = table.row_hashes(())
        n = min(PILOT, len(hashes))
        near = np.flatnonzero(hashes <= np.uint64(min(2**64 - 1, 4 * PILOT * 2**64 // max(1, len(hashes)))))
        near = near if len(near) >= n else np.arange(len(hashes))
        # Equal hashes are equal rows, so it does not matter which of them are taken.
        have.pilot_rows = np.sort(near[np.argsort(hashes[near], kind="stable")[:n]])
    for at in range(0, len(todo), BATCH):
        part = todo[at : at + BATCH]
        got = sampling.fetch(table, tuple(part), have.pilot_rows)
        for name in part:
            column = table.column(name)
            plain = Column(name, "number", column.storage) if column.kind == "clock" else column
            x = floats(got[name], plain)
            have.pilot[name] = np.sort(x[np.isfinite(x)])


def sums(table: DuckTable, names: Iterable[str]) -> None:
    """Pass 1: each power of the shifted value, scaled into [-1, 1], becomes an integer below 2**61, summed exactly.

    The largest scaled value is 1, so even sums are at least 1 and rounding costs at most n * 2**-61 of them.
    """
    have = table.scanned.sums
    numeric = [n for n in names if n not in have and number_sql(table.column(n))]
    for n in numeric:
        if n in table.scanned.tables:
            have[n] = derived.sums_of_values(number_values(table, n))
    pilot(table, [n for n in numeric if n not in have])
    for part in batches(table, numeric, have):
        plans = []
        inner, middle, outer = [], [], []
        for i, c in enumerate(part):
            count, e = table.scanned.counts[c.name], number_sql(c)
            shift, unit, p = derived.shift_of(table.scanned.pilot[c.name], count.lo, count.hi)
            plans.append((shift, unit))
            x = f"CASE WHEN isfinite({e}) THEN CAST({e} AS DOUBLE) END" if count.infinite else f"CAST({e} AS DOUBLE)"
            inner.append(f"{x} AS x{i}")
            middle.append(f"x{i}, (x{i} * {p!r} - {shift * p!r}) * {1.0 / (unit * p)!r} AS v{i}")
            powers = (f"v{i}", f"v{i} * v{i}", f"v{i} * v{i} * v{i}", f"(v{i} * v{i}) * (v{i} * v{i})")
            outer += [f"sum(CAST({q} * {float(derived.SCALE)!r} AS BIGINT))" for q in powers]
            outer += [f"count(*) FILTER (x{i} = 0)", f"count(*) FILTER (x{i} < 0)"]
        # Nested, so that a value is read and shifted once for its four powers.
        source = f"(SELECT {', '.join(middle)} FROM (SELECT {', '.join(inner)} FROM t))"
        row = table.rows(f"SELECT {', '.join(outer)} FROM {source}")[0]
        for i, c in enumerate(part):
            got = [int(v or 0) for v in row[6 * i : 6 * i + 6]]
            count = table.scanned.counts[c.name]
            have[c.name] = derived.Sums(
                count.n - count.infinite, *plans[i], (got[0], got[1], got[2], got[3]), got[4], got[5]
            )


def number_values(table: DuckTable, name: str) -> tuple[F64, I64]:
    """A value table as numbers in scan units, ascending, with their counts; infinities left out."""
    column = table.column(name)
    kept = [(v, n) for v, n in table.scanned.tables[name].items() if v is not None]
    if column.kind == "date" and kept:
        import pyarrow as pa

        keys = floats(pa.array([v for v, _ in kept]), column)
    else:
        keys = np.array([float(v) for v, _ in kept])
    rows = np.array([n for _, n in kept], np.int64)
    fine = np.isfinite(keys)
    order = np.argsort(keys[fine], kind="stable")
    return keys[fine][order], rows[fine][order]


def grouped(table: DuckTable, expressions: Sequence[str]) -> list[dict[Any, int]]:
    """Value -> rows of several expressions in one scan."""
    picked = ", ".join(f"{e} AS g{i}" for i, e in enumerate(expressions))
    names = [f"g{i}" for i in range(len(expressions))]
    sets = ", ".join(f"({g})" for g in names)
    # GROUPING takes at most 63 columns and gives bit i = 0 where column i is grouped.
    sql = (
        f"SELECT GROUPING({', '.join(names)}) AS which, {', '.join(names)}, count(*) AS n "
        f"FROM (SELECT {picked} FROM t) GROUP BY GROUPING SETS ({sets})"
    )
    out: list[dict[Any, int]] = [{} for _ in expressions]
    full = (1 << len(names)) - 1
    got = table.frame(sql)
    which = np.asarray(got["which"].to_numpy(), np.int64)
    rows = np.asarray(got["n"].to_numpy(), np.int64)
    for i in range(len(names)):
        here = np.flatnonzero(which == (full ^ (1 << (len(names) - 1 - i))))
        values = got[f"g{i}"].take(here).to_pylist()
        out[i] = dict(zip(values, rows[here].tolist(), strict=True))
    return out


def value_tables(table: DuckTable, names: Iterable[str]) -> None:
    """Pass 2: the whole value table of columns with few values; keys are stored values, None for null."""
    have = table.scanned.tables
    todo = sorted({n for n in names if n not in have})
    while todo:
        part: list[str] = []
        groups = 0
        while todo and len(part) < BATCH:
            groups += table.scanned.counts[todo[0]].estimate + 2
            if part and groups * (len(part) + 1) > CELLS:
                break
            part.append(todo.pop(0))
        table.scanned.queries.append(len(part))
        for name, got in zip(part, grouped(table, [duck.quote(n) for n in part]), strict=True):
            have[name] = got
            table.scanned.exact[name] = len(got) - (None in got)


def fingerprints(table: DuckTable, names: Iterable[str]) -> None:
    """For columns with holes: the sum of the row hashes of their null rows, so that order does not matter."""
    have = table.scanned.prints
    for n in names:
        if table.scanned.counts[n].n == table.n_rows:
            have[n] = 0
    todo = sorted({n for n in names if n not in have})
    if not todo:
        return
    from .rowid import mix

    hashes = mix(table.row_hashes(()))
    for part in batches(table, todo, have):
        total, start = [0] * len(part), 0
        sql = ", ".join(f"{duck.quote(c.name)} IS NULL AS n{i}" for i, c in enumerate(part))
        for batch in table.stream(f"SELECT {sql} FROM t", 200_000):
            here = hashes[start : start + batch.num_rows]
            for i in range(len(part)):
                mask = batch.column(i).to_numpy(zero_copy_only=False)
                total[i] = (total[i] + int(np.add.reduce(here[mask], dtype=np.uint64))) % 2**64
            start += batch.num_rows
        have.update((c.name, total[i]) for i, c in enumerate(part))
