"""Facts of rows and of two columns: duplicates, ranges along an order, crosstabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.facts import BlockRange, Duplicates
from assay.core.rows import ROWS_KEPT, Rows
from assay.core.table import Ask
from assay.core.words import text_of

from . import rowid
from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable


def duplicates(table: DuckTable, ask: Ask) -> Duplicates:
    """Rows equal in the named columns (none named: all). ``where`` holds every row of a group of two or more."""
    hashes = table.row_hashes(ask.columns)
    again = rowid.repeated(hashes)
    rows = int(again.sum())
    if rows == 0:
        return Duplicates(0, 0, 0, 1 if len(hashes) else 0, Rows(0))
    _, counts = np.unique(hashes[again], return_counts=True)
    positions = np.flatnonzero(again)
    kept = positions[:ROWS_KEPT].astype(np.int64)
    where = Rows(rows, kept, rowid.row_ids(table.row_hashes(()))[kept])
    return Duplicates(rows, rows - len(counts), len(counts), int(counts.max()), where)


def block_ranges(table: DuckTable, ask: Ask) -> tuple[BlockRange, ...]:
    """Blocks of equal row count along the order column (or ``@row``); rows without an order value are left out.

    Ties of the order are broken by value, so that the order of rows in the source does not matter.
    """
    name, order = ask.columns
    blocks = int(ask.args[0]) if ask.args else 20
    x = table.stored_numbers(name)
    when = np.arange(table.n_rows, dtype=np.float64) if order == "@row" else table.stored_numbers(order)
    rows = np.flatnonzero(~np.isnan(when))
    at = rows[np.lexsort((x[rows], when[rows]))]
    out = []
    for part in np.array_split(at, min(blocks, len(at))) if len(at) else []:
        values = x[part]
        fine = values[np.isfinite(values)]
        lo, hi = (float(fine.min()), float(fine.max())) if len(fine) else (np.nan, np.nan)
        gone = int(np.isnan(values).sum())
        out.append(BlockRange(float(when[part[0]]), float(when[part[-1]]), lo, hi, len(part), gone))
    return tuple(out)


def crosstab(table: DuckTable, ask: Ask) -> dict[tuple[Any, Any], int]:
    """(value, value) -> rows among the ``k`` most frequent values of each and null, as text; None for null."""
    k = int(ask.args[0]) if ask.args else 64
    most = table.facts([Ask("top", (c,), (), (k,)) for c in ask.columns])
    pair = [duck.quote(c) for c in ask.columns]
    tops = [{text_of(v) for v, _ in most[Ask("top", (c,), (), (k,))]} | {None} for c in ask.columns]
    got = table.rows(f"SELECT {pair[0]}, {pair[1]}, count(*) FROM t GROUP BY 1, 2")
    out: dict[tuple[Any, Any], int] = {}
    for a, b, rows in got:
        key = (text_of(a), text_of(b))
        if key[0] in tops[0] and key[1] in tops[1]:
            out[key] = out.get(key, 0) + int(rows)
    return dict(sorted(out.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or "")))
