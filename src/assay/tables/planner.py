"""From asks to facts: merged, without repeats, about 50 columns a query, two to three passes over the table.

pass 0   counts, minimum and maximum, HyperLogLog distinct (a maximum of registers, so threads do not matter)
pass 1   integer power sums and bins about pilot values
pass 2   value tables of columns with few values (GROUPING SETS), from which top, tokens and exact distinct follow
apart    row hashes, sorted: exact distinct of near-unique columns, duplicates, fingerprints of holes; pairs of columns

Quantiles, skewness and kurtosis are derived in ``derived``. What was scanned once is kept with the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from assay.core.errors import InputError, did_you_mean
from assay.core.table import Ask

from . import clocks, edges, pairs, phrases, rules, scans, singles

if TYPE_CHECKING:
    from .duck_table import DuckTable

Answer = Callable[["DuckTable", Ask], Any]

_ANSWERS: dict[str, tuple[int | None, Answer]] = {
    "rows": (0, lambda t, a: t.n_rows),
    "holes": (1, singles.holes),
    "range": (1, singles.value_range),
    "moments": (1, singles.moments),
    "distinct": (1, singles.distinct),
    "top": (1, singles.top),
    "bins": (1, singles.bins),
    "quantiles": (1, singles.quantiles),
    "extremes": (1, edges.extremes),
    "within": (1, edges.within),
    "tokens": (1, singles.tokens),
    "parses": (1, singles.parses),
    "types": (1, singles.types),
    "duplicates": (None, pairs.duplicates),
    "block_ranges": (2, pairs.block_ranges),
    "crosstab": (2, pairs.crosstab),
    "ticks": (None, clocks.ticks),
    "shapes": (1, clocks.shapes),
    "matches": (1, phrases.matches),
    "lengths": (1, phrases.lengths),
    "dependency": (None, rules.answer),
    "breaks": (None, rules.answer),
}


def answer(table: DuckTable, asks: Sequence[Ask]) -> dict[Ask, Any]:
    """Every ask answered, after one plan for all of them.

    Raises:
        InputError: an unknown fact or column, or the wrong number of columns.
    """
    for ask in asks:
        if ask.fact not in _ANSWERS:
            raise InputError(f"there is no fact {ask.fact!r}{did_you_mean(ask.fact, _ANSWERS)}")
        count = _ANSWERS[ask.fact][0]
        if count is not None and len(ask.columns) != count:
            raise InputError(f"the fact {ask.fact} is about {count} columns; got {len(ask.columns)}")
        for name in (*ask.columns, *ask.by):
            if name != "@row":
                table.column(name)
    scans.prepare(table, asks)
    rules.prepare(table, asks)
    return {ask: _ANSWERS[ask.fact][1](table, ask) for ask in asks}
