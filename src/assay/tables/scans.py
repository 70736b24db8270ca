"""The scans behind single-column facts, in batches; results stay with the table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.table import F64, I64, Ask, Column, SampleSpec

from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable

BATCH = 50  # columns a query: six times cheaper and thirteen times smaller than one query over 500 columns
FEW = 5_000  # a column with at most so many values has its whole value table kept
SCALE = 2**60
PILOT = 4_096


@dataclass
class Count:
    """Pass 0 of a column: non-null values, finite range, infinities, estimated distinct."""

    n: int
    lo: float | None
    hi: float | None
    infinite: int
    estimate: int


@dataclass
class Sums:
    """Pass 1: exact integer sums of ((x - shift) * scale) ** k * 2**60 over finite values."""

    n: int
    shift: float
    unit: float
    sums: tuple[int, int, int, int]
    zeros: int
    negatives: int


@dataclass
class Scanned:
    """All that scans have told so far about a table. ``queries`` records how many columns each query read."""

    counts: dict[str, Count] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)
    bins: dict[tuple[str, int], I64] = field(default_factory=dict)
    ladders: dict[str, tuple[F64, I64]] = field(default_factory=dict)
    tables: dict[str, dict[Any, int]] = field(default_factory=dict)
    exact: dict[str, int] = field(default_factory=dict)
    prints: dict[str, int] = field(default_factory=dict)
    tokens: dict[tuple[str, tuple[Any, ...]], dict[Any, int]] = field(default_factory=dict)
    parses: dict[str, Any] = field(default_factory=dict)
    pilot: Any = None
    queries: list[int] = field(default_factory=list)


def prepare(table: DuckTable, asks: Sequence[Ask]) -> None:
    """Run the passes that these asks need, each once for all of them."""
    from . import texts

    of: dict[str, set[str]] = {}
    for ask in asks:
        of.setdefault(ask.fact, set()).update(ask.columns)
    single = {"holes", "range", "moments", "distinct", "top", "bins", "quantiles", "tokens"}
    counts(table, [c for f in single for c in of.get(f, ())])
    valued = [c for f in ("top", "distinct", "tokens", "quantiles") for c in of.get(f, ())]
    value_tables(table, [c for c in valued if table.scanned.counts[c].estimate <= FEW])
    sums(table, of.get("moments", ()))
    bins(table, [(a.columns[0], int(a.args[0]) if a.args else 20) for a in asks if a.fact == "bins"])
    ladders(table, [c for c in of.get("quantiles", ()) if c not in table.scanned.tables])
    exact_distinct(table, of.get("distinct", ()))
    fingerprints(table, [a.columns[0] for a in asks if a.fact == "holes" and not a.by])
    texts.tokens(table, [a for a in asks if a.fact == "tokens"])
    texts.parses(table, of.get("parses", ()))


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
            q, e = duck.quote(c.name), number_sql(c)
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


def pilot(table: DuckTable) -> Any:
    """A few thousand rows by hash: shifts and edges are read off them, the same for any order of rows."""
    if table.scanned.pilot is None:
        table.scanned.pilot = table.sample(SampleSpec(PILOT))
    return table.scanned.pilot


def pilot_values(table: DuckTable, name: str) -> F64:
    """Finite pilot values of a column in scan units (clocks as stored), ascending."""
    from .values import floats

    sample, column = pilot(table), table.column(name)
    plain = Column(name, "number", column.storage) if column.kind == "clock" else column
    x = floats(sample.arrow[name], plain)
    return np.sort(x[np.isfinite(x)])


def sums(table: DuckTable, names: Iterable[str]) -> None:
    """Pass 1: each power of the shifted value, scaled into [-1, 1], becomes an integer below 2**61, summed exactly.

    The largest scaled value is 1, so even sums are at least 1 and rounding costs at most n * 2**-61 of them.
    """
    have = table.scanned.sums
    counts(table, names)
    numeric = [n for n in names if number_sql(table.column(n))]
    for part in batches(table, numeric, have):
        sql, plans = [], []
        for c in part:
            count = table.scanned.counts[c.name]
            e = number_sql(c)
            finite = f"isfinite({e})" if count.infinite else "true"
            values = pilot_values(table, c.name)
            shift, unit, p = _shift(values, count)
            plans.append((shift, unit))
            x = f"(CASE WHEN {finite} THEN CAST({e} AS DOUBLE) END)"
            v = f"(({x} * {p!r} - {shift * p!r}) * {1.0 / (unit * p)!r})" if p != 1.0 else f"(({x} - {shift!r}) * {1.0 / unit!r})"
            squares = f"({v} * {v})"
            powers = (v, squares, f"({squares} * {v})", f"({squares} * {squares})")
            sql.append(
                ", ".join(f"sum(CAST({q} * {float(SCALE)!r} AS BIGINT))" for q in powers)
                + f", count(*) FILTER ({e} = 0), count(*) FILTER ({e} < 0)"
            )
        row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
        for i, c in enumerate(part):
            got = row[6 * i : 6 * i + 6]
            count = table.scanned.counts[c.name]
            whole = (int(got[0] or 0), int(got[1] or 0), int(got[2] or 0), int(got[3] or 0))
            have[c.name] = Sums(count.n - count.infinite, *plans[i], whole, int(got[4]), int(got[5]))


def _shift(values: F64, count: Count) -> tuple[float, float, float]:
    """Shift, unit and a power of two that keeps the arithmetic clear of overflow and underflow."""
    lo, hi = count.lo, count.hi
    if lo is None or hi is None:
        return 0.0, 1.0, 1.0
    p = 2.0**-8 if max(abs(lo), abs(hi)) > 1e290 else 2.0**300 if 0 < max(abs(lo), abs(hi)) < 1e-200 else 1.0
    shift = float(np.mean(values * p)) / p if len(values) else lo / 2 + hi / 2
    shift = min(max(shift, lo), hi)
    unit = max(hi * p - shift * p, shift * p - lo * p) / p
    return shift, (unit if unit > 0 else 1.0), p


def bins(table: DuckTable, wanted: Iterable[tuple[str, int]]) -> None:
    """Counts over equal bins of the finite range, by GROUPING SETS over the bin numbers."""
    have = table.scanned.bins
    by_n: dict[int, list[str]] = {}
    for name, n in wanted:
        if (name, n) not in have and number_sql(table.column(name)):
            by_n.setdefault(n, []).append(name)
    for n, names in by_n.items():
        counts(table, names)
        for part in batches(table, names, [c for c, m in have if m == n]):
            sql = []
            for c in part:
                count, e = table.scanned.counts[c.name], number_sql(c)
                if count.lo is None or count.hi is None or count.lo == count.hi:
                    sql.append("0")
                    continue
                place = f"({e} * 0.25 - {count.lo * 0.25!r}) * {float(n)!r} / {(count.hi * 0.25 - count.lo * 0.25)!r}"
                finite = f"isfinite({e})" if count.infinite else f"{e} IS NOT NULL"
                sql.append(f"CASE WHEN {finite} THEN CAST(least(floor({place}), {n - 1}) AS INTEGER) END")
            for c, got in zip(part, grouped(table, sql), strict=True):
                out = np.zeros(n, np.int64)
                for value, rows in got.items():
                    if value is not None:
                        out[value] += rows
                count = table.scanned.counts[c.name]
                if count.lo is not None and count.lo == count.hi:
                    out[:] = 0
                    out[n - 1] = count.n - count.infinite
                have[(c.name, n)] = out


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
    for part in batches(table, names, have):
        for c, got in zip(part, grouped(table, [duck.quote(c.name) for c in part]), strict=True):
            have[c.name] = got
            table.scanned.exact[c.name] = len(got) - (None in got)


def ladders(table: DuckTable, names: Iterable[str]) -> None:
    """Counts between pilot quantiles, for columns with too many values to keep: what quantiles are read off."""
    have = table.scanned.ladders
    for part in batches(table, [n for n in names if number_sql(table.column(n))], have):
        sql, edges = [], []
        for c in part:
            count, e = table.scanned.counts[c.name], number_sql(c)
            values = pilot_values(table, c.name)
            lo, hi = count.lo or 0.0, count.hi or 0.0
            rungs = np.quantile(values, np.linspace(0, 1, 257)) if len(values) else np.empty(0)
            edge = np.unique(np.clip(np.r_[lo, rungs, hi], lo, hi))
            edges.append(edge)
            sql.append(f"histogram(CASE WHEN isfinite({e}) THEN CAST({e} AS DOUBLE) END, {[float(x) for x in edge]})")
        row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
        for c, edge, got in zip(part, edges, row, strict=True):
            found = got or {}
            have[c.name] = (edge, np.array([found.get(float(x), 0) for x in edge], np.int64))


def exact_distinct(table: DuckTable, names: Iterable[str]) -> None:
    """Exact counts where the estimate is near the number of rows (or the table is small), by sorting hashes."""
    for name in sorted(names):
        count = table.scanned.counts[name]
        if name not in table.scanned.exact and (count.n <= 200_000 or count.estimate >= 0.8 * count.n):
            hashes = np.sort(table.column_hashes(name))
            table.scanned.exact[name] = int(np.count_nonzero(hashes[1:] != hashes[:-1]) + 1) if len(hashes) else 0


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
