"""How the numbers of a column are spread: counts over equal bins, and counts between quantiles of a pilot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .scans import batches, grouped, number_sql, number_values, pilot

if TYPE_CHECKING:
    from .duck_table import DuckTable


def bins(table: DuckTable, wanted: Iterable[tuple[str, int]]) -> None:
    """Counts over equal bins of the finite range, by GROUPING SETS over the bin numbers."""
    have = table.scanned.bins
    by_n: dict[int, list[str]] = {}
    for name, n in wanted:
        count = table.scanned.counts[name]
        if (name, n) in have or not number_sql(table.column(name)) or count.lo is None or count.hi is None:
            continue
        if count.hi * 0.25 - count.lo * 0.25 == 0.0:
            have[(name, n)] = np.bincount([n - 1], minlength=n) * (count.n - count.infinite)
        elif name in table.scanned.tables:
            keys, rows = number_values(table, name)
            # the share before n is multiplied: it cannot overflow
            share = (keys * 0.25 - count.lo * 0.25) / (count.hi * 0.25 - count.lo * 0.25)
            at = np.minimum(np.floor(share * n), n - 1)
            have[(name, n)] = np.bincount(at.astype(np.int64), rows, n).astype(np.int64)
        else:
            by_n.setdefault(n, []).append(name)
    for n, names in by_n.items():
        for part in batches(table, names, ()):
            sql = []
            for c in part:
                count, e = table.scanned.counts[c.name], number_sql(c)
                lo, span = (count.lo or 0.0) * 0.25, (count.hi or 0.0) * 0.25 - (count.lo or 0.0) * 0.25
                place = f"least(floor(({e} * 0.25 - {lo!r}) / {span!r} * {float(n)!r}), {n - 1})"
                finite = f"isfinite({e})" if count.infinite else f"{e} IS NOT NULL"
                sql.append(f"CASE WHEN {finite} THEN CAST({place} AS INTEGER) END")
            for c, got in zip(part, grouped(table, sql), strict=True):
                out = np.zeros(n, np.int64)
                for value, many in got.items():
                    if value is not None:
                        out[value] += many
                have[(c.name, n)] = out


def ladders(table: DuckTable, names: Sequence[str]) -> None:
    """Counts between pilot quantiles, for columns with too many values to keep: what quantiles are read off."""
    have = table.scanned.ladders
    pilot(table, [n for n in names if n not in have])
    for part in batches(table, [n for n in names if number_sql(table.column(n))], have):
        sql, edges = [], []
        for c in part:
            count, e = table.scanned.counts[c.name], number_sql(c)
            values = table.scanned.pilot[c.name]
            lo, hi = count.lo or 0.0, count.hi or 0.0
            rungs = np.quantile(values, np.linspace(0, 1, 257)) if len(values) else np.empty(0)
            edge = np.unique(np.clip(np.r_[lo, rungs, hi], lo, hi))
            edges.append(edge)
            sql.append(f"histogram(CASE WHEN isfinite({e}) THEN CAST({e} AS DOUBLE) END, {[float(x) for x in edge]})")
        row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
        for c, edge, got in zip(part, edges, row, strict=True):
            found = got or {}
            have[c.name] = (edge, np.array([found.get(float(x), 0) for x in edge], np.int64))
