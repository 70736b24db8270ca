"""Facts of one column, derived from what the scans kept."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.facts import Bins, Distinct, Holes, Moments, Range
from assay.core.table import Ask
from assay.core.words import text_of

from . import derived, scans
from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable

GROUPS_SHOWN = 64


def holes(table: DuckTable, ask: Ask) -> Any:
    name = ask.columns[0]
    if not ask.by:
        return Holes(table.n_rows - table.scanned.counts[name].n, table.n_rows, table.scanned.prints[name])
    by = duck.quote(ask.by[0])
    got = table.rows(
        f"SELECT {by}, count(*) - count({duck.quote(name)}), count(*) AS n FROM t GROUP BY 1 "
        f"ORDER BY n DESC, CAST({by} AS VARCHAR) LIMIT {GROUPS_SHOWN}"
    )
    return {text_of(value): (int(gone), int(rows)) for value, gone, rows in got}


def value_range(table: DuckTable, ask: Ask) -> Range | None:
    count = table.scanned.counts[ask.columns[0]]
    return None if count.lo is None or count.hi is None else Range(float(count.lo), float(count.hi))


def moments(table: DuckTable, ask: Ask) -> Moments | None:
    """None for text; variance with n - 1, skewness g1 and excess kurtosis g2, NaN where undefined."""
    name = ask.columns[0]
    got = table.scanned.sums.get(name)
    return None if got is None else derived.moments(got, table.scanned.counts[name].infinite)


def distinct(table: DuckTable, ask: Ask) -> Distinct:
    """Exact, up to collisions of 64-bit hashes."""
    return Distinct(table.scanned.exact[ask.columns[0]], True)


def top(table: DuckTable, ask: Ask) -> tuple[tuple[Any, int], ...]:
    """Values as stored: text, int, float, bool; dates as ISO text. Values that occur once are listed from the least."""
    name, k = ask.columns[0], int(ask.args[0]) if ask.args else 10
    known = table.scanned.tables.get(name)
    if known is None:
        known = table.scanned.tops[(name, k)]
    known = {v: n for v, n in known.items() if v is not None}
    if 0 < k < len(known):
        least = heapq.nlargest(k, known.values())[-1]
        known = {v: n for v, n in known.items() if n >= least}
    pairs = [(v if isinstance(v, (str, int, float)) else text_of(v), int(n)) for v, n in known.items()]
    return tuple(sorted(pairs, key=lambda p: (-p[1], text_of(p[0]) or ""))[:k])


def bins(table: DuckTable, ask: Ask) -> Bins | None:
    """None for text and where there is no finite value."""
    name, n = ask.columns[0], int(ask.args[0]) if ask.args else 20
    got, count = table.scanned.bins.get((name, n)), table.scanned.counts.get(name)
    if got is None or count is None or count.lo is None or count.hi is None:
        return None
    return Bins(np.linspace(count.lo * 0.25, count.hi * 0.25, n + 1) * 4.0, got)


def quantiles(table: DuckTable, ask: Ask) -> tuple[float, ...] | None:
    name = ask.columns[0]
    column = table.column(name)
    if scans.number_sql(column) is None:
        return None
    asked = tuple(float(q) for q in ask.args)
    if name in table.scanned.tables:
        return derived.quantiles_of_values(scans.number_values(table, name), asked)
    edges, counts = table.scanned.ladders[name]
    return derived.quantiles_of_ladder(edges, counts, asked)


def tokens(table: DuckTable, ask: Ask) -> dict[Any, int]:
    return table.scanned.tokens[(ask.columns[0], ask.args)]


def parses(table: DuckTable, ask: Ask) -> Any:
    return table.scanned.parses[ask.columns[0]]


def types(table: DuckTable, ask: Ask) -> dict[str, int]:
    """The census of Python types for columns that came as objects; empty for all others."""
    return dict(table.census.get(ask.columns[0], {}))
