"""The order of rows as numbers, and the columns that only say where in the calendar a row stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.subject import Subject
from assay.core.table import F64, NUMERIC, Sample
from assay.core.words import text_of
from assay.learn.splits import order_values

MOST_RUNS = 1_000  # a column that changes more often than this along the order says more than a calendar position
ROWS_A_RUN = 20  # and each of its values must last, or any coarse column in a short table would count


def moments(subject: Subject, rows: Sample) -> F64:
    """The order of every row: positions for ``@row``, numbers, clocks and dates as they are, text by rank."""
    when = order_values(rows, subject.roles)
    assert when is not None
    return when


def said(rows: Sample, order: str, moment: float) -> str:
    """A moment as the table writes it."""
    if order == "@row":
        return f"{int(moment):,}"
    kind = next(c.kind for c in rows.columns if c.name == order)
    if kind == "date":
        return str(text_of(np.datetime64(round(moment * 1e6), "us").astype(object)))
    return str(text_of(moment)) if kind in ("number", "clock", "bool") else rows.codes(order)[1][int(moment)]


def calendar_columns(subject: Subject, rows: Sample, features: Sequence[str]) -> tuple[str, ...]:
    """Features that are step functions of the order: one value at one moment, and few, long runs of the same value.

    Such a column (month, day, year, batch) tells a model in which stretch of time a row lies, and little else; a later
    row has a value, or a combination of values, that the past never had.
    """
    when = moments(subject, rows)
    known = np.flatnonzero(np.isfinite(when))
    known = known[np.lexsort((rows.row_id[known], when[known]))]
    order = subject.roles.order.column if subject.roles.order else None
    if len(known) < 2 * ROWS_A_RUN:
        return ()
    tied = np.diff(when[known]) == 0
    kinds = {c.name: c.kind for c in rows.columns}
    out = []
    for name in features:
        values = np.nan_to_num(rows.numbers(name)) if kinds[name] in NUMERIC else rows.codes(name)[0]
        changed = np.diff(values[known]) != 0
        if name == order:
            continue
        if not (changed & tied).any() and 0 < changed.sum() < min(MOST_RUNS, len(known) / ROWS_A_RUN):
            out.append(name)
    return tuple(out)
