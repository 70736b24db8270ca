"""Columns of many values: how many differ, and which are most frequent, from sorted value hashes.

Eight bytes a row and column, whatever the values are; a GROUP BY over ten million texts would hold them all. Two
different values share a 64-bit hash with a chance below n**2 / 2**65: 3 in a million at ten million rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.table import U64

from . import scans
from .engines import duck
from .kinds import BATCH

if TYPE_CHECKING:
    from .duck_table import DuckTable

HELD = 24_000_000  # hashes in memory at a time
KEPT = 1_000  # repeated values remembered per column; beyond that, ties go to a GROUP BY


def runs(table: DuckTable, names: Iterable[str]) -> None:
    """Exact distinct, and the hashes of the most frequent values that repeat, for columns without a value table."""
    have = table.scanned
    todo = sorted({n for n in names if n not in have.exact})
    width = int(max(1, min(BATCH, HELD // max(1, table.n_rows))))
    for at in range(0, len(todo), width):
        part = todo[at : at + width]
        have.queries.append(len(part))
        for name, hashes in zip(part, _hashes(table, part), strict=True):
            hashes.sort()
            starts = (
                np.flatnonzero(np.r_[len(hashes) > 0, hashes[1:] != hashes[:-1]]) if len(hashes) else np.empty(0, int)
            )
            counts = np.diff(np.r_[starts, len(hashes)])
            have.exact[name] = len(starts)
            again = np.flatnonzero(counts > 1)
            if len(again) > KEPT:
                least = np.partition(counts[again], len(again) - KEPT)[len(again) - KEPT]
                again = again[counts[again] > least]
                have.partial.add(name)
            have.repeats[name] = (hashes[starts[again]].copy(), counts[again])


def _hashes(table: DuckTable, names: list[str]) -> list[U64]:
    """Hashes of the non-null values of each column."""
    out = [np.empty(table.scanned.counts[n].n, np.uint64) for n in names]
    filled = [0] * len(names)
    sql = ", ".join(
        f"CASE WHEN {duck.quote(n)} IS NOT NULL THEN hash({duck.quote(n)}) END AS h{i}" for i, n in enumerate(names)
    )
    for batch in table.stream(f"SELECT {sql} FROM t", 200_000):
        for i in range(len(names)):
            values = batch.column(i).drop_null().to_numpy()
            out[i][filled[i] : filled[i] + len(values)] = values
            filled[i] += len(values)
    return out


def tops(table: DuckTable, wanted: Iterable[tuple[str, int]]) -> None:
    """The ``k`` most frequent values of columns without a value table, fifty columns a query."""
    have = table.scanned
    by_k: dict[int, list[str]] = {}
    for name, k in wanted:
        if name not in have.tables and (name, k) not in have.tops:
            if name in have.partial and len(have.repeats[name][0]) < k:
                have.tops[(name, k)] = _grouped(table, name, k)
            else:
                by_k.setdefault(k, []).append(name)
    for k, names in by_k.items():
        for part in scans.batches(table, names, ()):
            sql = []
            for c in part:
                hashes, counts = have.repeats[c.name]
                q = duck.quote(c.name)
                if len(counts) > k:
                    hashes = hashes[counts >= np.partition(counts, len(counts) - k)[len(counts) - k]]
                listed = ", ".join(str(h) for h in hashes.tolist())
                sql.append(f"histogram(CASE WHEN hash({q}) IN ({listed}) THEN {q} END)" if listed else "NULL")
                sql.append(f"min({q}, {k + len(hashes)})" if len(counts) < k else "NULL")
            row = table.rows(f"SELECT {', '.join(sql)} FROM t")[0]
            for i, c in enumerate(part):
                found = dict(row[2 * i] or {})
                for value in row[2 * i + 1] or ():
                    found.setdefault(value, 1)
                have.tops[(c.name, k)] = found


def _grouped(table: DuckTable, name: str, k: int) -> dict[Any, int]:
    q = duck.quote(name)
    table.scanned.queries.append(1)
    order = f"ORDER BY n DESC, CAST({q} AS VARCHAR) LIMIT {k}"
    return dict(table.rows(f"SELECT {q}, count(*) AS n FROM t WHERE {q} IS NOT NULL GROUP BY 1 {order}"))
