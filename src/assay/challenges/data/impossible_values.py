"""Numbers that cannot be: far beyond the rest, zero where nothing is near zero, or in another unit.

What it is
    A garage built in 2207, a stone of zero width, a height of 1750 among heights of 1.75: values that the thing
    measured cannot take, or that one source wrote in other units.

Why it matters
    One such value moves a mean, a scale or a linear fit by any amount; at serving, a value in other units is answered
    with full confidence.

How it is measured
    As *looks like*, on number columns of fifty values and ten different ones or more; ids, columns named for one
    (childid), whole numbers that crowd and never repeat, and what D02 takes as a stand-in for missing, are left out.
    *Far beyond*: up to ten of the largest or smallest values of the whole table (one in a hundred at most), three
    times as far from the median as the next or more, with a gap that the tail of the other values does not explain.
    The tail may be as heavy as they show (Hill's estimate from the values below the gap); p at most one in a hundred
    for the whole table, paid for the search over columns, sides and counts. Where no value is negative the gap must
    stand on the log scale too, half as far out again as the next, so that incomes, fares and other skewed amounts are
    left alone.
    *Unit slips*: five values to one in twenty of the column, and to a fifth of those above zero, behind such a gap on
    the log scale, which fall among the others when divided by a factor between units (10, 100, 1000, a million;
    inches, feet, pounds, miles, minutes, seconds), or taken from Fahrenheit to Celsius: same middle to three standard
    errors, small enough to tell the factor from its neighbours, same shape (Kolmogorov-Smirnov on the grid of the
    others, p above one in a hundred), and half of the shift, or a factor of four, left empty. Zeros are zero in any
    unit, and left out.
    *Zeros* (of whole numbers, negative values too), in up to one row in twenty, under a gap of three times the step
    between the lowest others: where zero is over four times the lower spread below the median, and nothing else below
    a quarter of it; where all come in one stretch of the order and fill it; or, without the gap and in one
    row in a hundred at most, where a column that goes with this one (rank correlation of .9 or more) is as high there
    as it hardly ever is just above zero.
    *Per site*: nineteen in twenty values of one site lie outside the middle 99 % of the others, and nine in ten inside
    once divided by such a factor; and the site is further off than the others, two at least, are from each other (t
    test of a new one, on the log scale, one in a hundred).

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> year = np.random.default_rng(0).integers(1950, 2011, 300)
    >>> year[7] = 2207
    >>> report = assay.check(pa.table({"built": year, "y": ["a", "b"] * 150}), target="y")
    >>> report["D05"].findings[0].message
    'built looks impossible in 1 row: 2207, where all others lie between 1950 and 2010'

Remedy
    Unsafe: multiply back what is in another unit; make all else missing, at serving too, where values beyond the
    bounds then count as unknown. None for the target, and none for units by site.

Known false alarms
    True values without any like them: one palace among cottages; a second kind of thing that is a thousand times
    larger and of the same spread; a zero that stands for a state (a free ticket among dear ones).

Sources
    Renyi (1953) and Hill (1975), see ``assay.stats.tails``; Barnett and Lewis, "Outliers in Statistical Data" (1994);
    Hellerstein, "Quantitative data cleaning for large databases" (2008), on robust fences and units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, Ask, Facts, Sample
from assay.core.words import listed
from assay.probes.keys import is_key
from assay.probes.stand_ins import companions, stand_ins
from assay.probes.units import Odd, by_site, far_out, slipped, zeros
from assay.tables.roles import names_things

CHALLENGE = Challenge(
    code="D05",
    name="impossible-values",
    title="numbers that cannot be",
    stage="data",
    needs=(),
    category="costs",
    scope="marginal",
    promise=Dose(0.02, 300, "two rows in a hundred are a thousand times too large, as where grams meet kilograms"),
    materiality=(
        Threshold("cells", 0.0, "share of cells", "one is enough: a single value can move a mean by any amount"),
        Threshold("far", 3.0, "times", "three times as far out as the next: nearer ones may be the end of the tail"),
    ),
    proof="fidelity",
    safety="unsafe",
)
ENDS, LEAST, KINDS, STANDS_IN = 64, 50, 10, 0.001


def asks(subject: Subject) -> Iterable[Ask]:
    return (Ask("extremes", (name,), args=(ENDS,)) for name in numbers(subject))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n, names, limit = subject.table.n_rows, numbers(subject), options["cells"]
    read = {name: rows.numbers(name) for name in names}
    taken = named_already(read)
    fine: list[str] = []
    found: list[Odd] = []
    for name in names:
        gone = taken.get(name, ())
        values = read[name][np.isfinite(read[name]) & ~np.isin(read[name], gone)]
        ends = facts[Ask("extremes", (name,), args=(ENDS,))]
        if ends is None or len(values) < LEAST or len(np.unique(values)) < KINDS or is_key(values):
            continue
        low, high = (np.array([v for v in end if v not in gone]) for end in ends)
        if len(low) < len(ends[0]) or len(high) < len(ends[1]):  # stand-ins for missing fill the ends
            low, high = np.sort(values)[:ENDS], np.sort(values)[-ENDS:]
        mine = look(subject, rows, name, values, low, high, len(names), options["far"], gone)
        found += mine
        if not mine:
            fine.append(name)
    found += by_site(subject, rows, {name: read[name] for name in fine})
    for group in together(found):
        yield claim(subject, facts, group, n, limit)
    if fine:
        says = "no number looks impossible"
        yield Claim(About(tuple(fine)), Effect(0.0, "share of cells", limit), "heuristic", says, n)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    parts = [p for p in evidence["parts"] if p["column"] not in subject.roles.named("target") and p["site"] is None]
    ops = []
    for p in parts:
        if p["kind"] == "unit" and p["by"] is None:
            continue
        if p["kind"] == "unit":
            ops.append(Op("scale", (p["column"],), {"by": p["by"], "lo": p["from"], "hi": p["to"]}))
        else:
            ops.append(Op("null_outside", (p["column"],), {"lo": p["lo"], "hi": p["hi"]}))
    if not ops:
        return None
    columns = [op.columns[0] for op in ops]
    what = "put back into the unit of the others" if ops[0].name == "scale" else "make what cannot be missing in"
    return Remedy("cells", "unsafe", "fidelity", f"{what}: {listed(columns)}".replace("in: ", "in "), tuple(ops))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Multiply a share ``dose`` of the values of one number column by a thousand; most of its values are positive,
    and none negative. Where most are zero, so many of the others would have moved that either unit may be the slip."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    fit = []
    for name in numbers(subject):
        x = arrow[name].combine_chunks().cast(pa.float64()).to_numpy(zero_copy_only=False)
        x = x[np.isfinite(x)]
        if name in subject.features and len(np.unique(x)) >= KINDS and x.min() >= 0 and np.median(x) > 0:
            spread = np.ptp(np.log(np.quantile(x[x > 0], [0.01, 0.99])))
            fit += [name] if spread < np.log(1000) else []  # else a thousand times more is nothing unusual
    if not fit:
        raise InputError("another unit is planted in a column of positive numbers; the table has none that would show")
    name = sorted(fit)[int(rng.integers(len(fit)))]
    old = arrow[name].combine_chunks().cast(pa.float64()).to_numpy(zero_copy_only=False)
    able = np.flatnonzero(np.nan_to_num(old) > 0)
    at = np.sort(rng.permutation(able)[: round(dose * n)])
    new = pa.array(np.where(np.isin(np.arange(n), at), old * 1000, old), from_pandas=True)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(name), name, new))
    return Planted(subject.with_table(table), (name,), len(at) / n, Rows.at(at))


def numbers(subject: Subject) -> list[str]:
    out = {c for role in ("id", "weight", "split", "site", "group") for c in subject.roles.named(role)}
    out |= set(subject.table.ids) - set(subject.roles.named("target"))
    free = (c.name for c in subject.table.columns if c.kind == "number" and c.name not in out)
    return sorted(name for name in free if not names_things(name))


def named_already(read: dict[str, F64]) -> dict[str, list[float]]:
    """What D02 names as a stand-in for missing."""
    out: dict[str, list[float]] = {}
    for name, values in read.items():
        for value in stand_ins(values, name):
            if (values == value).sum() > STANDS_IN * len(values):
                out.setdefault(name, []).append(value)
    for name in companions(read, [name for name in out if 0.0 in out[name]]):
        out.setdefault(name, []).append(0.0)
    return out


def look(
    subject: Subject, rows: Sample, name: str, values: F64, low: F64, high: F64, columns: int, far: float,
    gone: Sequence[float],
) -> list[Odd]:  # fmt: skip
    """What is odd about one column: a unit slip first, since it explains more; then what is far out, then zeros."""
    out = slipped(name, values, columns)
    for odd in out:  # what a slip explains is not far out as well
        low, high, values = (v[(v < odd.start) | (v > odd.end)] for v in (low, high, values))
    if not out and 0.0 not in gone:
        out = zeros(subject, rows, name, values, low)
        low, high, values = (v[v > 0] if out else v for v in (low, high, values))
    return out + far_out(name, values, low, high, columns, far)


def together(found: list[Odd]) -> list[list[Odd]]:
    """Zeros of several columns are one cause; all else is claimed by itself."""
    groups: dict[Any, list[Odd]] = {}
    for i, odd in enumerate(found):
        groups.setdefault(odd.why if odd.kind == "zero" else i, []).append(odd)
    return list(groups.values())


def claim(subject: Subject, facts: Facts, group: list[Odd], n: int, limit: float) -> Claim:
    cells: dict[str, Rows] = {}
    for odd in group:
        cells[odd.column] = odd.rows or facts[Ask("within", (odd.column,), args=(odd.start, odd.end))]
    names = tuple(sorted(cells))
    worst = max(names, key=lambda c: (cells[c].total, c))
    positions, first = np.unique(np.concatenate([cells[c].positions for c in names]), return_index=True)
    ids = np.concatenate([cells[c].ids for c in names])
    where = Rows.at(positions, ids[first] if len(ids) == sum(len(cells[c].positions) for c in names) else None)
    where = Rows(max(where.total, cells[worst].total), where.positions, where.ids)
    evidence = {
        "parts": [odd.to_json() for odd in group],
        "cells": {c: cells[c].positions[:1_000].tolist() for c in names},
        "counts": {c: cells[c].total for c in names},
    }
    impact = Impact("costs", why_unmeasured="the trial of the repair measures it")
    effect = Effect(cells[worst].total / n, "share of cells", limit)
    says = group[0].says(cells[names[0]].total) if len(group) == 1 else both(group, {c: cells[c].total for c in names})
    return Claim(About(names, where), effect, "heuristic", says, n, impact=impact, evidence=evidence)


def both(group: list[Odd], counts: dict[str, int]) -> str:
    names = sorted(counts)
    inside = ", ".join(f"{counts[c]:,}" for c in names[:4])
    return f"{listed(names)} look impossible where they are 0 ({inside} rows): {group[0].why}"
