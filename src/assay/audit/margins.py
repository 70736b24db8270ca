"""Reading a population: known margins from a mapping or a file, or those of a reference table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from assay.core.errors import InputError, did_you_mean
from assay.core.population import Margin
from assay.core.table import Ask, SampleSpec, Table
from assay.core.words import text_of
from assay.tables import open_table

HEADER = ("column", "value", "share")
ROUNDED = 0.02  # published shares are rounded: so far from 1 their sum may be
MOST_VALUES = 50  # of a category of a reference table; more are names, not groups
BINS = 10
SAMPLE = 50_000  # rows of a reference table that its numbers are binned by


def read_margins(given: Any, table: Table, cache: bool) -> dict[str, Margin]:
    """A population by column, of the columns that the table has too.

    Args:
        given: column -> value -> share (or count), or anything that opens as a table: one with the columns column,
            value and share holds known margins, any other is a reference sample of the population.

    Raises:
        InputError: malformed shares, or nothing in common with the table.
    """
    if isinstance(given, Mapping) and all(isinstance(v, Mapping) for v in given.values()):
        return known({str(c): dict(v) for c, v in given.items()}, table)
    other = open_table(given, cache=cache)
    names = {c.name.strip().casefold(): c.name for c in other.columns}
    if all(h in names for h in HEADER):
        rows = other.arrow()
        listed: dict[str, dict[Any, Any]] = {}
        for column, value, share in zip(*(rows[names[h]].to_pylist() for h in HEADER), strict=True):
            listed.setdefault(str(column), {})[value] = share
        return known(listed, table)
    return sampled(other, table)


def known(listed: Mapping[str, Mapping[Any, Any]], table: Table) -> dict[str, Margin]:
    have = {c.name for c in table.columns}
    if not listed:
        raise InputError("a population must name at least one column and the shares of its values; it names none")
    for column in listed:
        if column not in have:
            raise InputError(
                f"a population must name columns of the table; {column!r} is not one{did_you_mean(column, have)}"
            )
    return {column: Margin(shares_of(column, values)) for column, values in sorted(listed.items())}


def shares_of(column: str, values: Mapping[Any, Any]) -> dict[str, float]:
    """Shares that sum to 1, from shares, per cents or counts."""
    out: dict[str, float] = {}
    for value, given in values.items():
        name = text_of(value)
        try:
            share = float(given)
        except (TypeError, ValueError):
            share = math.nan
        if name is None or not math.isfinite(share) or share < 0:
            raise InputError(
                f"a population must give every value of {column} a share that is not negative; "
                f"got {given!r} for {value!r}"
            )
        out[name] = out.get(name, 0.0) + share
    total = math.fsum(out.values())
    counts = total > 1 + ROUNDED and all(float(v).is_integer() for v in out.values())
    if not counts and min(abs(total - 1), abs(total / 100 - 1)) > ROUNDED:
        raise InputError(f"the shares of {column} in a population must sum to 1; they sum to {total:.4g}")
    return {name: share / total for name, share in sorted(out.items())}


def sampled(other: Table, table: Table) -> dict[str, Margin]:
    """Margins of a reference sample: its categories, and its numbers cut at its own deciles."""
    mine = {c.name: c.kind for c in table.columns}
    kinds = {c.name: c.kind for c in other.columns}
    ids = {*table.ids, *other.ids}
    groups = sorted(c for c, k in kinds.items() if k in ("category", "bool") and mine.get(c) == k and c not in ids)
    numbers = sorted(c for c, k in kinds.items() if k in ("number", "clock") and mine.get(c) == k and c not in ids)
    out: dict[str, Margin] = {}
    tops = other.facts([Ask("top", (c,), args=(MOST_VALUES + 1,)) for c in groups])
    for ask, top in tops.items():
        total = sum(int(k) for _, k in top)
        if 0 < len(top) <= MOST_VALUES:
            out[ask.columns[0]] = Margin({str(text_of(v)): int(k) / total for v, k in top}, total)
    if numbers and other.n_rows:
        rows = other.sample(SampleSpec(n=SAMPLE, columns=tuple(numbers)))
        for name in numbers:
            value = rows.numbers(name)
            value = value[np.isfinite(value)]
            if len(value) >= BINS:
                out[name] = binned(value)
    if not out:
        raise InputError(
            f"a population must have the columns column, value and share, or columns of the table; {other.name} has "
            "neither"
        )
    return dict(sorted(out.items()))


def binned(value: Any) -> Margin:
    """Bins at the deciles; a value that is more than a tenth of all has a bin of its own with its neighbours."""
    edges = np.unique(np.quantile(value, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    edges = edges[edges > value.min()]
    counts = np.bincount(np.searchsorted(edges, value, side="right"), minlength=len(edges) + 1)
    cuts = [str(text_of(float(e))) for e in edges]
    between = [f"{low} to {high}" for low, high in pairwise(cuts)]
    names = [f"below {cuts[0]}", *between, f"{cuts[-1]} or more"] if cuts else ["any"]
    return Margin(
        {n: int(k) / len(value) for n, k in zip(names, counts, strict=True)}, len(value), tuple(map(float, edges))
    )
