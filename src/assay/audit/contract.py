"""A contract read off a table: what ``assay schema infer`` writes, for a team to correct and then to hold.

What is written is what was seen, no more: ranges end where the values end, and it is for the team to widen them. Names
of values are listed where they are few; rules are the ones that D06 finds to stand, those that a few rows break too.
"""

from __future__ import annotations

from assay.core.contract import Contract, Promise, Promised
from assay.core.facts import Distinct, Holes, Range
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.core.table import Ask, Column
from assay.core.words import text_of

from .runner import Runner

FEW, ROWS_EACH = 20, 10  # values that are listed, and rows to each of them, so that one more is news
SAYS = (
    "Read off {rows} rows of {table}: what was seen, not what is allowed. Widen the ranges and lists (margin: by a "
    "share of each range), and take out what nobody promises."
)


def infer(subject: Subject, settings: Settings) -> Contract:
    """The contract that the table keeps now (its rules up to the rows that D06 would name).

    Deterministic: columns come in the order of the table, rules by name.
    """
    runner = Runner(subject, settings)
    table = subject.table
    rows = table.n_rows
    names = [c.name for c in table.columns]
    runner.facts.declare([Ask(f, (n,)) for n in names for f in ("holes", "range", "distinct")])
    few = [n for n in names if listable(table.column(n), runner.facts[Ask("distinct", (n,))], rows)]
    runner.facts.declare([Ask("top", (n,), (), (FEW + 1,)) for n in few])
    keys = set(subject.roles.named("id")) | set(table.ids)
    columns = {n: promise(runner, table.column(n), rows, n in few, n in keys) for n in names}
    says = SAYS.format(rows=f"{rows:,}", table=table.name)
    return Contract(columns, tuple(standing(runner)) if rows >= 2 else (), rows, says)


def listable(column: Column, distinct: Distinct, rows: int) -> bool:
    return column.kind in ("category", "text", "bool") and 0 < distinct.n <= FEW and rows >= ROWS_EACH * distinct.n


def promise(runner: Runner, column: Column, rows: int, few: bool, key: bool) -> Promise:
    name = column.name
    holes: Holes = runner.facts[Ask("holes", (name,))]
    span: Range | None = runner.facts[Ask("range", (name,))] if column.kind in ("number", "clock") else None
    distinct: Distinct = runner.facts[Ask("distinct", (name,))]
    lo, hi = (None, None) if span is None else (span.lo, span.hi)
    values = None
    if few:
        top = runner.facts[Ask("top", (name,), (), (FEW + 1,))]
        values = tuple(sorted(text_of(v) or "" for v, _ in top))
    unique = key and distinct.exact and distinct.n == rows - holes.n and rows > 1
    return Promise(name, column.kind, holes.n > 0 or rows == 0, lo, hi, 0.0, values, unique)


def standing(runner: Runner) -> list[Promised]:
    """The rules that stand, as promises, sorted by name."""
    out = []
    for d in runner.give("dependencies"):
        by = " and ".join(d.by)
        says = f"{by} {'settles' if len(d.by) == 1 else 'settle'} {d.of}" + broken(d.fact.broken)
        out.append(Promised(f"{by} -> {d.of}", None, (*d.by, d.of), says))
    out += [Promised(r.says(), r.sql, (), r.says() + broken(r.fact.rows)) for r in runner.give("row_rules")]
    return sorted(out, key=lambda r: r.name)


def broken(k: int) -> str:
    return f"; {k:,} {'row breaks' if k == 1 else 'rows break'} it now" if k else ""
