"""Scans of time columns: every moment with its rows, and the ways in which texts are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.core.facts import Ticks
from assay.core.table import Ask, Column

from . import scans
from .engines import duck

if TYPE_CHECKING:
    from .duck_table import DuckTable

MANY = 200_000  # different moments above which sorting the column is cheaper than grouping it
MOST_SHAPES = 200


def ticks(table: DuckTable, ask: Ask) -> Ticks:
    """Moments in epoch seconds, ascending, and the rows at each; a second column adds its time of day.

    The time of day is a number of whole hours (0 .. 23), a clock (HHMM), or a text such as 18:30 or 18.30.00.
    """
    column = table.column(ask.columns[0])
    if len(ask.columns) == 1:
        scans.counts(table, ask.columns)
        if column.name in table.scanned.tables:
            return Ticks(*scans.number_values(table, column.name))
        if table.scanned.counts[column.name].estimate > MANY:
            x = table.stored_numbers(column.name)
            return Ticks(*np.unique(x[np.isfinite(x)], return_counts=True))
    moment = f"CAST({scans.number_sql(column) or 'NULL'} AS DOUBLE)"
    if len(ask.columns) == 2:
        moment = f"{moment} + {of_day(table.column(ask.columns[1]))}"
    table.scanned.queries.append(len(ask.columns))
    got = table.frame(f"SELECT {moment} AS v, count(*) AS n FROM t GROUP BY 1 HAVING isfinite(v) ORDER BY 1")
    return Ticks(np.asarray(got["v"].to_numpy(), np.float64), np.asarray(got["n"].to_numpy(), np.int64))


def of_day(column: Column) -> str:
    """SQL: seconds since midnight."""
    q = duck.quote(column.name)
    if column.kind == "clock":
        return f"(floor({q} / 100) * 3600 + ({q} % 100) * 60)"
    if column.storage.startswith("VARCHAR"):
        clock = f"try_cast(replace({duck.trimmed(q)}, '.', ':') AS TIME)"
        return f"date_part('epoch', {clock})"
    return f"{q} * 3600"


def shapes(table: DuckTable, ask: Ask) -> dict[str, int]:
    """How the texts of a column are written: every digit a 0, all else as it is; the 200 most frequent, with rows."""
    name = ask.columns[0]
    column = table.column(name)
    if not column.storage.startswith("VARCHAR"):
        return {}
    known = table.scanned.tables.get(name)
    if known is not None:
        out: dict[str, int] = {}
        zero = str.maketrans("123456789", "000000000")
        for value, rows in known.items():
            if value is not None:
                out[value.translate(zero)] = out.get(value.translate(zero), 0) + rows
    else:
        table.scanned.queries.append(1)
        shape = f"translate({duck.quote(name)}, '123456789', '000000000')"
        out = dict(
            table.rows(
                f"SELECT {shape} AS s, count(*) AS n FROM t WHERE s IS NOT NULL GROUP BY 1 "
                f"ORDER BY n DESC, s LIMIT {MOST_SHAPES}"
            )
        )
    return dict(sorted(out.items(), key=lambda item: (-item[1], item[0]))[:MOST_SHAPES])
