"""The ends of number columns: their smallest and largest values, and the rows that hold values in an interval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from assay.core.rows import ROWS_KEPT, Rows
from assay.core.table import Ask

from . import rowid, scans

if TYPE_CHECKING:
    from .duck_table import DuckTable


def prepare(table: DuckTable, wanted: Iterable[tuple[str, int]]) -> None:
    """Fifty columns a query; a column whose value table is known is read off it."""
    have = table.scanned.ends
    by_k: dict[int, list[str]] = {}
    for name, k in wanted:
        if (name, k) in have:
            continue
        if scans.number_sql(table.column(name)) is None:
            have[(name, k)] = None
        elif name in table.scanned.tables:
            keys, rows = scans.number_values(table, name)
            low, high = np.repeat(keys[:k], np.minimum(rows[:k], k)), np.repeat(keys[-k:], np.minimum(rows[-k:], k))
            have[(name, k)] = (tuple(low[:k].tolist()), tuple(high[len(high) - min(k, len(high)) :].tolist()))
        else:
            by_k.setdefault(k, []).append(name)
    for k, names in by_k.items():
        for part in scans.batches(table, names, ()):
            sql = []
            for c in part:
                e = scans.number_sql(c)
                kept = f"CASE WHEN isfinite({e}) THEN CAST({e} AS DOUBLE) END"
                sql += [f"min({kept}, {k})", f"max({kept}, {k})"]
            row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
            for i, c in enumerate(part):
                have[(c.name, k)] = (tuple(sorted(row[2 * i] or ())), tuple(sorted(row[2 * i + 1] or ())))


def extremes(table: DuckTable, ask: Ask) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The k smallest and the k largest finite values, repeats and all, each ascending; None for text."""
    return table.scanned.ends[(ask.columns[0], int(ask.args[0]))]


def within(table: DuckTable, ask: Ask) -> Rows:
    """Rows that hold a value from lo to hi (None: no end), both included."""
    lo, hi = (-np.inf if ask.args[0] is None else ask.args[0]), (np.inf if ask.args[1] is None else ask.args[1])
    e = scans.number_sql(table.column(ask.columns[0]))
    if e is None:
        return Rows(0)
    found, start = [], 0
    for batch in table.stream(f"SELECT CAST({e} AS DOUBLE) AS x FROM t", 500_000):
        x = batch.column(0).to_numpy(zero_copy_only=False)  # nulls become NaN
        with np.errstate(invalid="ignore"):
            found.append(start + np.flatnonzero((x >= lo) & (x <= hi)))
        start += len(x)
    at = np.concatenate(found) if found else np.empty(0, np.int64)
    kept = at[:ROWS_KEPT].astype(np.int64)
    return Rows(len(at), kept, rowid.row_ids(table.row_hashes(()))[kept])
