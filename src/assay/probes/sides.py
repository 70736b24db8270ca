"""The two samples of every comparison, drawn once for all challenges that compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from assay.core.challenge import probe
from assay.core.settings import Settings
from assay.core.subject import Comparison, ComparisonKind, Subject
from assay.core.table import F64, NUMERIC, Sample, SampleSpec, Table
from assay.tables.part import Part
from assay.tables.roles import names_things

from .order import calendar_columns, moments

KEPT = 40_000_000  # cells of samples that stay in memory between challenges; others are drawn again
ENOUGH = 0.2  # of the table: a part with this share has rows enough in the shared sample
THIN = 5_000  # rows that tell whether a column runs with the order
RUNS_WITH = 0.99  # rank correlation with the order, from which on a value is a moment in another unit
DATES_WITH = 0.5  # and a date that goes with the order at all is one of the same process: later for later rows
FEWEST = 100


@dataclass(frozen=True)
class Side:
    """One comparison with samples of both tables. ``clock``: columns that say when a row was made, and that differ
    between the halves of any table; empty but for pairs in time."""

    pair: Comparison
    a: Sample
    b: Sample
    clock: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.pair.name

    @property
    def kind(self) -> ComparisonKind:
        return self.pair.kind


@dataclass
class Sides:
    """Iterate for every comparison whose tables both have rows, in the subject's order."""

    subject: Subject
    rows: Sample
    n: int
    made: dict[str, Side] = field(default_factory=dict)
    cells: int = 0

    def __iter__(self) -> Iterator[Side]:
        for pair in self.subject.comparisons:
            side = self.made.get(pair.name) or self.make(pair)
            if min(side.a.n, side.b.n) >= 2:
                yield side

    def make(self, pair: Comparison) -> Side:
        clock = tellers(self.subject, self.rows) if pair.kind == "time" else ()
        side = Side(pair, self.sample(pair.a), self.sample(pair.b), clock)
        size = side.a.n * len(side.a.names) + side.b.n * len(side.b.names)
        if self.cells + size <= KEPT:
            self.made[pair.name] = side
            self.cells += size
        return side

    def sample(self, table: Table) -> Sample:
        """A large part of the subject's own table is read off the shared sample; anything else is drawn."""
        if table is self.subject.table:
            return self.rows
        if isinstance(table, Part) and table.whole is self.subject.table:
            whole = self.rows.n == table.whole.n_rows
            if whole or table.n_rows >= ENOUGH * table.whole.n_rows:
                return self.rows.take(np.flatnonzero(table.keep[self.rows.position]))
        return table.sample(SampleSpec(n=self.n))


@probe(needs=("comparison",), cost="sample")
def sides(subject: Subject, settings: Settings, rows: Sample) -> Sides:
    """Samples of at most ``settings.sample_rows`` rows a side, made when first asked for."""
    return Sides(subject, rows, settings.sample_rows)


def tellers(subject: Subject, rows: Sample) -> tuple[str, ...]:
    """Features that tell the time: the order itself, functions of it in long runs (month, batch), what only grows or
    only falls with it (a counter, a running total), other dates of the same process, and keys: people and records come
    and go, so that the names of later ones are other names, whatever else stays as it was."""
    if subject.roles.order is None or rows.n < FEWEST:
        return ()
    features = tuple(c for c in subject.features if c in rows.names)
    order = {subject.roles.order.column} & set(features)
    thin = rows.take(np.arange(min(rows.n, THIN)))  # sorted by a hash, so the first are a random draw
    when = moments(subject, thin)
    kinds = {c.name: c.kind for c in rows.columns}
    running = {
        c for c in features
        if kinds[c] in NUMERIC and runs_with(when, thin.numbers(c), DATES_WITH if kinds[c] == "date" else RUNS_WITH)
    }  # fmt: skip
    keys = {c for c in features if names_things(c)}
    return tuple(sorted(order | running | keys | set(calendar_columns(subject, rows, features))))


def runs_with(when: F64, values: F64, least: float) -> bool:
    """The ranks of the two correlate by at least so much, either way."""
    both = np.isfinite(when) & np.isfinite(values)
    if both.sum() < FEWEST:
        return False
    x, y = (np.unique(v[both], return_inverse=True)[1].astype(np.float64) for v in (when, values))
    if not x.std() or not y.std():
        return False
    return abs(float(np.corrcoef(x, y)[0, 1])) >= least


def pair_for_plant(subject: Subject, rng: np.random.Generator) -> Comparison:
    """The pair whose second table a plant changes: the subject's first, else two random halves of its table."""
    if subject.comparisons:
        return subject.comparisons[0]
    import pyarrow as pa

    arrow, line = subject.table.arrow(), rng.permutation(subject.table.n_rows)
    halves = (np.sort(line[: len(line) // 2]), np.sort(line[len(line) // 2 :]))
    a, b = (subject.table.derive(arrow.take(pa.array(h))) for h in halves)
    return Comparison("one half against the other", a, b)


def with_second(subject: Subject, pair: Comparison, table: Table) -> Subject:
    """The subject with ``table`` as the second one of its first pair."""
    return replace(subject, comparisons=(replace(pair, b=table), *subject.comparisons[1:]))
