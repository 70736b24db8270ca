"""What the shape of a column's values says of it: a key, a place in a line, a code of one pattern, a date."""

from __future__ import annotations

import re

import numpy as np

from assay.core.claim import Basis
from assay.core.facts import Range
from assay.core.subject import Subject
from assay.core.table import F64, Ask, Facts, Sample
from assay.tables.roles import are_years, names_things, snake

from .keys import unrepeated, whole

FEWEST, SHAPED, LOOKED = 30, 0.95, 5_000
IN_STEP = 0.99  # rank correlation: what is left are ties and a few rows out of turn
KEYS = {"id", "ids", "no", "nr", "nbr", "num", "number", "key", "code"}
PLACES = {"time", "timestamp", "second", "seconds", "minute", "minutes", "day", "days", "rank", "ranking", "cumulative"}


def shape(subject: Subject, facts: Facts, rows: Sample, name: str, own: float, filled: int) -> tuple[Basis, str] | None:
    """How the column looks like a key, in words, or None."""
    if subject.table.column(name).kind != "number":
        return pattern(rows, name)
    span: Range | None = facts[Ask("range", (name,))]
    values = rows.numbers(name)
    values = np.sort(values[np.isfinite(values)])
    if span is None or len(values) < FEWEST or not whole(values):
        return None
    if are_dates(values) or are_years(name, span.lo, span.hi):
        return None
    if own == 1.0 and span.hi - span.lo + 1 == filled:
        return "exact", f"runs from {span.lo:.0f} to {span.hi:.0f} without gap or repeat"
    if own <= 0.5 or not unrepeated(values, filled, round((1 - own) * filled)) or is_place(rows, name):
        return None
    return "heuristic", "looks like a key: its numbers crowd together and do not repeat"


def is_place(rows: Sample, name: str) -> bool:
    """The column tells where in an order a row stands, by its name or by another column that rises or falls with it."""
    words = snake(name).split("_")
    if names_things(name) or words[-1] in KEYS or re.fullmatch(r"(column|unnamed|v|x|var)?_*\d*", snake(name)):
        return False
    return bool(set(words) & PLACES) or any(in_step(rows, name, c.name) for c in rows.columns if c.name != name)


def in_step(rows: Sample, name: str, other: str) -> bool:
    """Nearly the same order, or the opposite one, in a number column that is no key itself: it has decimals."""
    if next(c.kind for c in rows.columns if c.name == other) != "number":
        return False
    few = rows.take(np.arange(min(rows.n, LOOKED)))
    x, y = few.numbers(name), few.numbers(other)
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < FEWEST or whole(y) or np.ptp(y[both]) == 0:
        return False
    from scipy.stats import spearmanr

    return bool(abs(spearmanr(x[both], y[both]).statistic) >= IN_STEP)


def are_dates(values: F64) -> bool:
    """Every number reads as a day, year first: 19800102 or 800102. Of other numbers one in thirty does."""
    year, month, day = values // 10_000, values // 100 % 100, values % 100
    full = (year >= 1800) & (year <= 2200)
    short = (year < 100) & (year.max() > 0)
    return bool(np.all((full | short) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)))


def pattern(rows: Sample, name: str) -> tuple[Basis, str] | None:
    """The pattern that nearly all texts share, digits as 9 and letters as A or a."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = rows.arrow[name].slice(0, LOOKED).drop_null().cast(pa.string())
    if len(texts) < FEWEST:
        return None
    for letters, mark in (("[0-9]", "9"), ("[A-Z]", "A"), ("[a-z]", "a")):
        texts = pc.replace_substring_regex(texts, letters, mark)
    for form in (
        texts,
        pc.replace_substring_regex(pc.replace_substring_regex(texts, "[aA9]*9[aA9]*", "9"), "[aA]+", "a"),
    ):
        counted = pc.value_counts(form).to_pylist()
        best = min(counted, key=lambda c: (-c["counts"], c["values"]))
        word = best["values"]
        decimal = word.replace("9", "").replace("-", "") == "."
        if best["counts"] >= SHAPED * len(texts) and "9" in word and not any(c.isspace() for c in word) and not decimal:
            return "exact", f"reads like {word} throughout"
    return None
