"""Rules that a row keeps or breaks by itself: a <= b between like columns, and a + b = c. Sought on one half of the
sample, held against the other, counted by a scan of the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Literal

import numpy as np

from assay.core.challenge import probe
from assay.core.facts import Breaks
from assay.core.subject import Subject
from assay.core.table import F64, I64, Ask, Facts, Sample
from assay.learn.splits import together
from assay.tables.engines import duck
from assay.tables.roles import snake

from .dependencies import considered
from .halves import parts_of
from .identities import Formula, grain, settle

BREAK = 0.01  # of rows: what fails more often is a tendency
CHANCE = 10  # times as many rows would break the order if the columns had nothing to do with each other
MOST_ORDERED, MOST_SUMMED = 40, 30  # columns
ROWS, TRIAL, NEARLY = 10_000, 64, 0.9
FEWEST = 30
YEARS = (1800.0, 2100.0)
ENDS = {
    ("min", "max"), ("minimum", "maximum"), ("start", "end"), ("begin", "end"), ("from", "to"), ("low", "high"),
    ("lower", "upper"), ("first", "last"), ("lo", "hi"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowRule:
    """``columns`` of an order are (lower, upper), of a sum (whole, parts ...). ``sql`` is true where it holds."""

    form: Literal["order", "sum"]
    columns: tuple[str, ...]
    sql: str
    fact: Breaks

    def says(self) -> str:
        first, *rest = self.columns
        return f"{first} <= {rest[0]}" if self.form == "order" else f"{' + '.join(rest)} = {first}"


@probe(cost="sample")
def row_rules(subject: Subject, facts: Facts, rows: Sample) -> tuple[RowRule, ...]:
    """Every order and every sum that both halves bear out, with the rows of the whole table that break it."""
    some = rows.take(np.arange(min(rows.n, ROWS)))
    half = parts_of(together(some), 2, salt=11)
    a, b = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
    if min(len(a), len(b)) < FEWEST:
        return ()
    names = considered(subject)
    found: list[tuple[Literal["order", "sum"], tuple[str, ...], str]] = []
    found += [("order", pair, order_sql(some, pair)) for pair in orders(some, names, a, b)]
    found += [("sum", f.parts, sum_sql(f)) for f in sums(some, names, a, b)]
    asks = [Ask("breaks", tuple(sorted(columns)), (), (sql,)) for _, columns, sql in found]
    facts.declare(asks)
    return tuple(RowRule(*rule, facts[ask]) for rule, ask in zip(found, asks, strict=True))


def orders(rows: Sample, names: Sequence[str], a: I64, b: I64) -> Iterator[tuple[str, str]]:
    """(lower, upper) pairs of like columns in which hardly a row of either half is the other way round."""
    kinds = {c.name: c.kind for c in rows.columns}
    dates = [n for n in names if kinds[n] == "date"][:MOST_ORDERED]
    years = [n for n in names if kinds[n] == "number" and is_year(rows.numbers(n))][:MOST_ORDERED]
    words = {n: snake(n).split("_") for n in names if kinds[n] == "number"}
    ends = [p for p in permutations(words, 2) if are_ends(words[p[0]], words[p[1]])]
    for pair in dict.fromkeys([*permutations(dates, 2), *permutations(years, 2), *ends]):
        lo, hi = rows.numbers(pair[0]), rows.numbers(pair[1])
        if all(ordered(lo[half], hi[half]) for half in (a, b)):
            yield pair


def ordered(lo: F64, hi: F64) -> bool:
    """Hardly a row breaks lo <= hi; of rows put together at random ten times as many would."""
    known = np.isfinite(lo) & np.isfinite(hi)
    lo, hi = lo[known], hi[known]
    if len(lo) < FEWEST or np.array_equal(lo, hi):
        return False
    broken = float((lo > hi).mean())
    # rows come by hash: a shift pairs each row with a stranger
    mixed = float(np.mean([(lo > np.roll(hi, len(hi) // k)).mean() for k in (2, 3, 5)]))
    return broken <= BREAK and mixed >= CHANCE * max(broken, 1 / len(lo)) and mixed >= BREAK


def is_year(x: F64) -> bool:
    x = x[np.isfinite(x)]
    if len(x) < FEWEST or np.any(x != np.floor(x)):
        return False
    return float(((x >= YEARS[0]) & (x <= YEARS[1])).mean()) >= 0.99 and len(np.unique(x)) >= 3


def are_ends(a: Sequence[str], b: Sequence[str]) -> bool:
    """Two names, as words, that are the same but for a word and its opposite: price min and price max."""
    if len(a) != len(b):
        return False
    differ = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    return len(differ) == 1 and differ[0] in ENDS


def order_sql(rows: Sample, pair: tuple[str, ...]) -> str:
    kinds = {c.name: c for c in rows.columns}
    lo, hi = (duck.as_number(n, kinds[n].kind, kinds[n].storage) for n in pair)
    return f"{lo} <= {hi}"


def sums(rows: Sample, names: Sequence[str], a: I64, b: I64) -> Iterator[Formula]:
    """Exact sums of two or three columns of counts or amounts, as formulas whose first "part" is the whole."""
    kinds = {c.name: c.kind for c in rows.columns}
    usable = [n for n in names if kinds[n] == "number" and is_amount(rows.numbers(n))][:MOST_SUMMED]
    if len(usable) < 3:
        return
    X = np.stack([rows.numbers(n) for n in usable], axis=1)
    taken: list[set[str]] = []
    for size in (2, 3):
        for whole, parts in near_sums(X[a[:TRIAL]], size):
            own = {usable[i] for i in (whole, *parts)}
            if any(other <= own for other in taken):
                continue
            formula = Formula("sum", tuple(usable[i] for i in parts), (1.0,) * size)
            made = settle(formula, X[a, whole], [X[a, i] for i in parts], 1 - BREAK)
            if (
                made is None
                or made[0] < 1 - BREAK
                or len(made[1].offsets) != 1
                or abs(made[1].offsets[0]) > made[1].width
            ):
                continue
            exact = Formula("sum", formula.parts, formula.weights, width=made[1].width, offsets=(0.0,))
            held = exact.holds(X[b, whole], [X[b, i] for i in parts])
            held = held[np.isfinite(held)]
            if len(held) >= FEWEST and held.mean() >= 1 - BREAK:
                taken.append(own)
                yield Formula("sum", (usable[whole], *exact.parts), (1.0, *exact.weights), width=exact.width)


def is_amount(x: F64) -> bool:
    """Not negative, of ten values or more, on a grid of whole numbers down to thousandths."""
    x = x[np.isfinite(x)]
    if len(x) < 2 * FEWEST or x.min() < 0 or len(np.unique(x)) < 10:
        return False
    return grain(x) >= 0.001


def near_sums(X: F64, size: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(whole, parts) whose sum is right in nine of ten of a few rows; all combinations at once."""
    p = X.shape[1]
    combos = np.array(list(combinations(range(p), size)), np.int64).reshape(-1, size)
    for start in range(0, len(combos), 500):
        some = combos[start : start + 500]
        total = X[:, some].sum(axis=2)  # rows x combos
        with np.errstate(all="ignore"):
            near = np.abs(total[:, :, None] - X[:, None, :]) <= 1e-6 * (1 + np.abs(total[:, :, None]))
        there = np.isfinite(total)[:, :, None] & np.isfinite(X)[:, None, :]
        share = near.sum(0) / np.maximum(there.sum(0), 1)
        for i, whole in np.argwhere((share >= NEARLY) & (there.sum(0) >= FEWEST // 2)):
            if whole not in some[i]:
                yield int(whole), tuple(int(j) for j in some[i])


def sum_sql(formula: Formula) -> str:
    whole, *parts = (duck.quote(c) for c in formula.parts)
    return f"abs({whole} - ({' + '.join(parts)})) <= {formula.width / 2 * 1.0001!r}"
