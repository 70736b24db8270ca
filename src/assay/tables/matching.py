"""Two tables of the same things: rows paired by a key, cells compared by value, whatever type each side has them as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import I64, U64, Column, Mask

from .duck_table import DuckTable
from .engines import duck

STREAM = 500_000


@dataclass(frozen=True, slots=True)
class Matched:
    """Row ``at_a[i]`` of a and row ``at_b[i]`` of b have one key. ``only_a`` and ``only_b`` are positions of rows
    whose key the other side lacks; ``several`` rows of a have a key that stands in several rows of b, or none.
    """

    at_a: I64
    at_b: I64
    only_a: I64
    only_b: I64
    several: int


def matched(a: DuckTable, b: DuckTable, key: Sequence[str]) -> Matched:
    """Pair the rows; a key that b has more than once pairs nothing."""
    ka, kb = keys(a, b, key), keys(b, a, key)
    ha, hb = known(a, key), known(b, key)
    order = np.argsort(kb, kind="stable")
    ordered = kb[order]
    first = np.searchsorted(ordered, ka, side="left")
    last = np.searchsorted(ordered, ka, side="right")
    times = np.where(ha, last - first, 0)
    one = np.flatnonzero(times == 1)
    nowhere = ~np.isin(kb, ka[ha])
    return Matched(
        one, order[first[one]], np.flatnonzero(ha & (times == 0)), np.flatnonzero(nowhere & hb),
        int((times > 1).sum() + (~ha).sum()),
    )  # fmt: skip


def unique(table: DuckTable, key: Sequence[str]) -> bool:
    """Whether no two rows have one key, and no row lacks it."""
    hashes = hashed(table, [meaning(table.column(c), table.column(c)) for c in key])
    return bool(table.n_rows and known(table, key).all() and len(np.unique(hashes)) == table.n_rows)


def differ(a: DuckTable, b: DuckTable, name: str, pairs: Matched) -> Mask:
    """(pairs,) where the cells of a column differ: numbers and dates by value, texts without outer blanks."""
    ha = hashed(a, [meaning(a.column(name), b.column(name))])[pairs.at_a]
    hb = hashed(b, [meaning(b.column(name), a.column(name))])[pairs.at_b]
    return np.asarray(ha != hb, bool)


def keys(table: DuckTable, other: DuckTable, key: Sequence[str]) -> U64:
    return hashed(table, [meaning(table.column(c), other.column(c)) for c in sorted(key)])


def known(table: DuckTable, key: Sequence[str]) -> Mask:
    """(rows,) where every column of the key holds something."""
    sql = " AND ".join(f"{duck.quote(c)} IS NOT NULL" for c in sorted(key))
    out, start = np.zeros(table.n_rows, bool), 0
    for batch in table.stream(f"SELECT {sql} AS k FROM t", STREAM):
        out[start : start + batch.num_rows] = batch.column(0).to_numpy(zero_copy_only=False)
        start += batch.num_rows
    return out


def hashed(table: DuckTable, expressions: Sequence[str]) -> U64:
    """(rows,) one hash over the expressions, in source order."""
    out, start = np.zeros(table.n_rows, np.uint64), 0
    table.scanned.queries.append(len(expressions))
    for batch in table.stream(f"SELECT hash({', '.join(expressions)}) AS h FROM t", STREAM):
        out[start : start + batch.num_rows] = np.asarray(batch.column(0).to_numpy(), np.uint64)
        start += batch.num_rows
    return out


def meaning(own: Column, other: Column) -> str:
    """SQL: a text that is the same for both sides where their cells mean the same; blank text counts as empty.

    Numbers agree to twelve significant digits, as they do after any way through text; dates to the second.
    """
    q = duck.quote(own.name)
    text = f"nullif({duck.trimmed(f'CAST({q} AS VARCHAR)')}, '')"
    numeric, dated = ("number", "clock"), ("date",)
    if own.kind in numeric or other.kind in numeric or {own.kind, other.kind} == {"bool"}:
        is_text = own.storage.startswith("VARCHAR")
        number = (
            duck.number_of_text(q) if is_text else f"CAST({duck.as_number(own.name, own.kind, own.storage)} AS DOUBLE)"
        )
        if not is_text and duck.as_number(own.name, own.kind, own.storage) is None:
            return f"coalesce({text}, '')"
        return f"coalesce(format('{{:.12g}}', ({number}) + 0.0), {text}, '')"
    if own.kind in dated or other.kind in dated:
        moment = duck.as_number(own.name, own.kind, own.storage) if own.kind == "date" else None
        if moment is None and own.storage.startswith("VARCHAR"):
            moment = f"epoch({duck.strict_date(q, duck.date_form(other.storage) or 'iso')})"
        return f"coalesce(CAST(CAST({moment} AS BIGINT) AS VARCHAR), {text}, '')" if moment else f"coalesce({text}, '')"
    return f"coalesce({text}, '')"
