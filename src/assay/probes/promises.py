"""What was promised about the table (a contract, the team's own rules), and how many rows of it break each promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from assay.core.challenge import probe
from assay.core.contract import Contract, Promise, Promised
from assay.core.facts import Breaks, Dependency, Duplicates, Holes
from assay.core.rows import Rows
from assay.core.settings import Rule, Settings
from assay.core.subject import Subject
from assay.core.table import Ask, Column, Facts
from assay.core.words import listed, text_of
from assay.tables import rules as given
from assay.tables.duck_table import DuckTable
from assay.tables.engines import duck

PROMISED = "contract"
TEAM = "team"


@dataclass(frozen=True, slots=True)
class Kept:
    """One promise: ``broken`` rows break it, ``says`` being the sentence if any do. ``name`` tells promises apart.

    ``rule`` is the rule as a row or table keeps it, where it is one: what it is found again by.
    """

    name: str
    columns: tuple[str, ...]
    says: str
    broken: int
    where: Rows
    source: str
    rule: Ask | None = None


Reading = Callable[[int], str]  # the number of broken rows -> the sentence


@dataclass(frozen=True, slots=True)
class Wanted:
    name: str
    columns: tuple[str, ...]
    ask: Ask | None  # None: the column is not there, every row breaks it
    says: Reading
    source: str


@probe(cost="scan")
def promises(subject: Subject, facts: Facts, settings: Settings) -> tuple[Kept, ...]:
    """Every promise with its count, contract first, in the order written. Empty where nothing was promised."""
    contract = subject.evidence.get("contract")
    wanted = list(of_contract(subject, contract)) if isinstance(contract, Contract) else []
    wanted += [of_team(subject, rule) for rule in settings.rules]
    facts.declare([w.ask for w in wanted if w.ask is not None])
    return tuple(kept(w, facts, subject.table.n_rows) for w in wanted)


def kept(wanted: Wanted, facts: Facts, n: int) -> Kept:
    """Read the count off the fact that was asked for."""
    if wanted.ask is None:
        return Kept(wanted.name, wanted.columns, wanted.says(n), n, Rows(n), wanted.source)
    found = facts[wanted.ask]
    where = Rows(0)
    if isinstance(found, Holes):
        broken = found.n
    elif isinstance(found, Dependency):
        broken = found.broken + found.unclear
        where = Rows(broken, found.where.positions, found.where.ids)
    elif isinstance(found, Duplicates):
        empty: Holes = facts[Ask("holes", wanted.columns)]
        broken, where = max(0, found.extra - max(0, empty.n - 1)), found.where
    else:
        breaks: Breaks = found
        broken, where = breaks.rows, breaks.where
    return Kept(wanted.name, wanted.columns, wanted.says(broken), broken, where, wanted.source, wanted.ask)


def of_contract(subject: Subject, contract: Contract) -> Iterator[Wanted]:
    there = {c.name: c for c in subject.table.columns}
    for promise in contract.columns.values():
        name = promise.column
        if name in there:
            yield from of_column(there[name], promise)
        else:
            yield Wanted(f"{name} is there", (name,), None, partial(absent, name), PROMISED)
    for rule in contract.rules:
        yield of_rule(subject, rule)


def absent(name: str, k: int) -> str:
    return f"{name} is promised and not there"


def of_team(subject: Subject, rule: Rule) -> Wanted:
    words = f"rule {rule.name}" + (f" ({rule.says.rstrip('.')})" if rule.says else "")

    def says(k: int) -> str:
        return f"{words} is broken in {rows(k)}"

    assert isinstance(subject.table, DuckTable)
    ask = given.given_ask(subject.table, rule.sql, rule.name)
    return Wanted(rule.name, rule.columns or ask.columns, ask, says, TEAM)


def of_column(column: Column, promise: Promise) -> Iterator[Wanted]:
    name, q = column.name, duck.quote(column.name)

    def breaks(what: str, sql: str, says: Reading) -> Wanted:
        return Wanted(f"{name} {what}", (name,), Ask("breaks", (name,), (), (sql,)), says, PROMISED)

    number = number_sql(column)
    if promise.kind in ("number", "clock") and column.storage.startswith("VARCHAR"):
        yield breaks(
            "kind", f"{q} IS NULL OR {number} IS NOT NULL", lambda k: f"{name}: {hold(k)} no number, as promised"
        )
    elif promise.kind == "date" and column.kind != "date":
        form = f"{q} IS NULL OR {duck.strict_date(f'CAST({q} AS VARCHAR)', 'iso')} IS NOT NULL"
        yield breaks("kind", form, lambda k: f"{name}: {hold(k)} no date, as promised")
    if not promise.nullable:
        says: Reading = lambda k: f"{name} is empty in {rows(k)}, and was promised never to be"  # noqa: E731
        yield Wanted(f"{name} nullable", (name,), Ask("holes", (name,)), says, PROMISED)
    lo, hi = promise.ends()
    if number is not None and (lo is not None or hi is not None):
        tests = [f"{number} >= {lo!r}"] if lo is not None else []
        tests += [f"{number} <= {hi!r}"] if hi is not None else []
        span = f"{word(lo, 'any')}..{word(hi, 'any')}"
        yield breaks(
            "range",
            " AND ".join(tests),
            lambda k: f"{name}: {rows(k)} {'is' if k == 1 else 'are'} outside {span}, the promised range",
        )
    if promise.categories is not None:
        shown = listed([text_of(v) or "" for v in promise.categories], 5)
        yield breaks(
            "categories",
            among(column, promise.categories),
            lambda k: f"{name}: {hold(k)} a value other than {shown}, which were promised",
        )
    if promise.unique:
        says = lambda k: f"{name}: {hold(k)} a value again that was promised to be unique"  # noqa: E731
        yield Wanted(f"{name} unique", (name,), Ask("duplicates", (name,)), says, PROMISED)


def of_rule(subject: Subject, rule: Promised) -> Wanted:
    words = f"{rule.name}" + (f" ({rule.says.rstrip('.')})" if rule.says else "")

    def says(k: int) -> str:
        return f"the promised rule {words} is broken in {rows(k)}"

    lost = tuple(c for c in rule.determines if c not in {x.name for x in subject.table.columns})
    if lost:
        return Wanted(rule.name, lost, None, lambda k: f"the rule {words} needs {listed(lost)}, not there", PROMISED)
    if rule.determines:
        return Wanted(rule.name, rule.determines[::-1], Ask("dependency", rule.determines), says, PROMISED)
    assert isinstance(subject.table, DuckTable)
    ask = given.given_ask(subject.table, rule.sql or "", rule.name)
    return Wanted(rule.name, ask.columns, ask, says, PROMISED)


def number_sql(column: Column) -> str | None:
    q = duck.quote(column.name)
    if column.storage.startswith("VARCHAR") and column.kind != "date":
        return f"({duck.number_of_text(q)})"
    return duck.as_number(column.name, column.kind, column.storage)


def among(column: Column, categories: tuple[str | float | bool, ...]) -> str:
    q = duck.quote(column.name)
    numbers = [v for v in categories if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if column.kind in ("number", "clock") and len(numbers) == len(categories):
        return f"{q} IN ({', '.join(repr(v) for v in numbers)})"
    texts = ", ".join(duck.literal(text_of(v) or "") for v in categories)
    return f"CAST({q} AS VARCHAR) IN ({texts})" if texts else f"{q} IS NULL"


def word(x: float | None, none: str) -> str:
    return none if x is None else text_of(x) or ""


def rows(k: int) -> str:
    return "1 row" if k == 1 else f"{k:,} rows"


def hold(k: int) -> str:
    return f"{rows(k)} {'holds' if k == 1 else 'hold'}"
