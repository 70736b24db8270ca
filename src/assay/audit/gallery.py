"""One line a column for the report: kind, holes, a small histogram and the findings that name it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.core.finding import Finding
from assay.core.result import ColumnCard
from assay.core.subject import Subject
from assay.core.table import NUMERIC, Ask, Column, Facts

BARS = 12
RARE = 5  # bins and categories under five rows are merged: no single row can be read off a report


def gallery_asks(subject: Subject) -> Iterable[Ask]:
    """Facts of the gallery and of the report's head, declared before any scan."""
    for column in subject.table.columns:
        yield Ask("holes", (column.name,))
        yield Ask("distinct", (column.name,))
        yield shape_ask(column)
        if column.kind in NUMERIC:
            yield Ask("range", (column.name,))
    if subject.roles.target is not None and subject.roles.classes:
        yield Ask("top", (subject.roles.target.column,), args=(64,))


def shape_ask(column: Column) -> Ask:
    if column.kind in ("number", "clock", "date"):
        return Ask("bins", (column.name,), args=(BARS,))
    return Ask("top", (column.name,), args=(BARS,))


def cards(subject: Subject, facts: Facts, stands: Sequence[Finding]) -> tuple[ColumnCard, ...]:
    return tuple(card(column, facts, stands) for column in subject.table.columns)


def card(column: Column, facts: Facts, stands: Sequence[Finding]) -> ColumnCard:
    holes, distinct = facts[Ask("holes", (column.name,))], facts[Ask("distinct", (column.name,))]
    shape = facts[shape_ask(column)]
    counts = [int(n) for n in shape.counts] if hasattr(shape, "counts") else [int(n) for _, n in shape]
    total = max(1, holes.rows - holes.n)
    codes = tuple(dict.fromkeys(f.code for f in stands if column.name in f.columns))
    bars = tuple(n / total for n in counts if n >= RARE)
    return ColumnCard(
        column.name, column.kind, holes.n / max(1, holes.rows), distinct.n, summary(column, facts, shape), bars, codes
    )


def summary(column: Column, facts: Facts, shape: object) -> str:
    if column.kind in ("number", "clock"):
        span = facts[Ask("range", (column.name,))]
        return f"{span.lo:.9g} to {span.hi:.9g}" if span is not None and span.lo == span.lo else "no number"
    if isinstance(shape, tuple):
        shown = [f"{str(value)[:24]} {n:,}" for value, n in shape[:3] if n >= RARE]
        return ", ".join(shown)
    return ""
