"""Hash samples of whole units: the same rows whatever their order in the source.

unit "row": rows by a hash of ``row_id`` (so equals are drawn one by one), the smallest first. unit "group",
"time-block", "blocking-key": the values of ``key`` by their hash, whole units until ``n`` rows are reached. With
``strata`` each class of that column gets an equal share first (all of a rare class); ``weight`` undoes the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import InputError
from assay.core.table import F64, I64, U64, SampleSpec

from . import rowid
from .engines import duck
from .sample import ArrowSample

if TYPE_CHECKING:
    from .duck_table import DuckTable

_TAKE_ALL_BELOW = 4  # a sample of more than a quarter of the table is cut in memory


def draw(table: DuckTable, spec: SampleSpec) -> ArrowSample:
    """Draw ``spec.n`` rows (about, where units are whole)."""
    names = tuple(spec.columns) or tuple(c.name for c in table.columns)
    columns = tuple(table.column(c) for c in names)
    total = table.n_rows
    whole: U64 = table.row_hashes(()) if table.columns else np.empty(0, np.uint64)
    ids = rowid.row_ids(whole)
    draws = rowid.salted(ids, "sample")
    if spec.n >= total:
        at, weight = np.arange(total), np.ones(total)
    elif spec.unit != "row":
        at, weight = _units(table, spec)
    elif spec.strata:
        at, weight = _strata(table, spec, draws)
    else:
        at, weight = _smallest(draws, spec.n)
    order = np.argsort(ids[at], kind="stable")
    at, weight = at[order], weight[order]
    arrow = fetch(table, names, at)
    content = table.content_hashes() if len(table.ids) < len(table.columns) else whole
    return ArrowSample(arrow, columns, ids[at], content[at], at.astype(np.int64), weight, table)


def _smallest(ids: U64, n: int) -> tuple[I64, F64]:
    if n <= 0:
        return np.empty(0, np.int64), np.empty(0)
    at = np.argpartition(ids, n - 1)[:n]
    return at.astype(np.int64), np.full(n, len(ids) / n)


def _strata(table: DuckTable, spec: SampleSpec, ids: U64) -> tuple[I64, F64]:
    """Equal shares per class, what rare classes leave over going to the others."""
    assert spec.strata is not None
    key = table.row_hashes((spec.strata,))
    classes, index, counts = np.unique(key, return_inverse=True, return_counts=True)
    if len(classes) > max(2, spec.n // 20):
        raise InputError(f"strata must be a column of few values; {spec.strata} has {len(classes)}")
    take = np.zeros(len(classes), np.int64)
    left = spec.n
    for done, c in enumerate(np.argsort(counts, kind="stable")):
        take[c] = min(counts[c], left // (len(classes) - done))
        left -= take[c]
    at, weight = [], []
    for c in range(len(classes)):
        rows = np.flatnonzero(index == c)
        best = rows[np.argsort(ids[rows])[: take[c]]]
        at.append(best)
        weight.append(np.full(len(best), counts[c] / max(1, take[c])))
    return np.concatenate(at).astype(np.int64), np.concatenate(weight)


def _units(table: DuckTable, spec: SampleSpec) -> tuple[I64, F64]:
    if spec.key is None:
        raise InputError(f"a sample by {spec.unit} needs the column whose values are the units")
    key = rowid.salted(table.row_hashes((spec.key,)), "sample")
    units, counts = np.unique(key, return_counts=True)
    kept = max(1, int(np.searchsorted(np.cumsum(counts), spec.n, side="right")))
    at = np.flatnonzero(key <= units[kept - 1])
    return at.astype(np.int64), np.full(len(at), len(units) / kept)


def fetch(table: DuckTable, names: tuple[str, ...], at: I64) -> Any:
    """Rows at source positions, in that order."""
    if len(at) * _TAKE_ALL_BELOW >= table.n_rows:
        return table.arrow(names).take(at)
    import pyarrow as pa

    listed = ", ".join(duck.quote(n) for n in names)
    mask = np.zeros(table.n_rows, bool)
    mask[at] = True
    start, parts = 0, []
    # Streamed in source order, so that only the wanted rows are ever held.
    for batch in table.stream(f"SELECT {listed} FROM t", 100_000):
        here = np.flatnonzero(mask[start : start + batch.num_rows])
        if len(here):
            parts.append(batch.take(pa.array(here)))
        start += batch.num_rows
    got = pa.Table.from_batches(parts)
    place = np.empty(len(at), np.int64)
    place[np.argsort(at, kind="stable")] = np.arange(len(at))
    return got.take(place)
