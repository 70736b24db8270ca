"""The vocabulary of facts and the values they come as. ``Ask(fact, columns, by, args)``.

===============  =========================  ==========================================================================
fact             columns, by, args          value
===============  =========================  ==========================================================================
rows             -                          int
holes            (c,)                       Holes
holes            (c,), by=(d,)              dict: value of d as text (None: null) -> (holes, rows); at most 64 values
range            (c,)                       Range: numbers, clocks as stored, dates in epoch seconds; None for text
moments          (c,)                       Moments (number, bool, clock as stored)
distinct         (c,)                       Distinct; exact where it is near the number of rows
top              (c,), args=(k,)            tuple of (value, count), most frequent first, ties by text; null left out
bins             (c,), args=(n,)            Bins over the finite range
quantiles        (c,), args=(q1, q2 ...)    tuple of floats, read off the bins
extremes         (c,), args=(k,)            k smallest and k largest finite values, each ascending; None for text
within           (c,), args=(lo, hi)        Rows that hold a number from lo to hi; None: no end
tokens           (c,), args=(t1, t2 ...)    dict token -> count, compared trimmed and casefolded; "" is blank
parses           (c,)                       Parses (text columns)
types            (c,)                       dict type name -> count, for columns that came as mixed Python objects
duplicates       (c1, c2 ...)               Duplicates over these columns
block_ranges     (c, order), args=(n,)      tuple of BlockRange: n blocks of equal row count along the order column
crosstab         (c, d), args=(k,)          dict (value of c, value of d) -> rows; the k most frequent, None null
ticks            (date,) or (date, hour)    Ticks: every moment, and the rows at it
shapes           (c,)                       dict text with every digit a 0 -> rows; the 200 most frequent
matches          (c,), args=(pattern ...)   tuple: rows whose text holds each RE2 pattern, or (literal, pattern)
lengths          (c,)                       dict characters -> rows, ascending
dependency       (c1 ..., d)                Dependency: how far the other columns settle d, the last one
breaks           (c1 ...), args=(sql,)      Breaks: rows where a boolean expression over these columns is false; with
                                            args=(sql, "given") the expression is not ours, and runs locked in
===============  =========================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .rows import Rows
from .table import F64, I64


@dataclass(frozen=True, slots=True)
class Holes:
    """Nulls of a column. Equal fingerprints mean the same rows are null, over the whole table."""

    n: int
    rows: int
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Range:
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Moments:
    """From integer or fixed-block sums about a pilot shift: the same table gives the same bytes."""

    n: int
    mean: float
    variance: float
    skewness: float
    kurtosis: float
    zeros: int
    negatives: int
    infinite: int


@dataclass(frozen=True, slots=True)
class Distinct:
    n: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Bins:
    """``counts[i]`` rows lie in [edges[i], edges[i+1]), the last bin closed."""

    edges: F64
    counts: I64


@dataclass(frozen=True, slots=True)
class Parses:
    """How many non-null texts read as each thing (a text can count in several)."""

    n: int
    blank: int
    number: int
    integer: int
    date: int
    percent: int
    quoted: int
    thousands: int
    example_bad: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """``rows`` stand in groups of two or more; ``extra`` = rows beyond the first of each group."""

    rows: int
    extra: int
    groups: int
    largest: int
    where: Rows


@dataclass(frozen=True, slots=True)
class BlockRange:
    start: float
    end: float
    lo: float
    hi: float
    rows: int
    nulls: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """How far one column is settled by others. Rows with a null (or a word for it: ?, n/a ...) in any are left out.

    A group (rows of one value of the determinants) is *clear* where one value of the dependent stands in at least
    three of its rows and three quarters of them. ``broken`` rows hold another value than their clear group does;
    ``stray`` of these hold a value that no other row of the group holds, or that no clear group has as its own.
    ``unclear`` rows differ from the commonest value of a group that is not clear, ``torn`` of them in groups of four
    rows and more. ``usual`` gives, for at most 10,000 clear groups with broken rows, the text of the determinant and of
    the value that the group has (empty where several columns determine).
    """

    rows: int
    groups: int
    broken: int
    stray: int
    unclear: int
    torn: int
    where: Rows
    usual: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Breaks:
    """Rows where an expression is false; null (nothing to compare) does not count."""

    rows: int
    where: Rows


@dataclass(frozen=True, slots=True)
class Ticks:
    """Moments in epoch seconds (k,), ascending and different, and how many rows stand at each."""

    at: F64
    rows: I64
