"""Holes, and holes that mean something.

What it is
    Cells without a value: how many, in which columns together, and whether they come more often with one outcome
    than with another. Holes of the target itself are rows on which no model can be trained or judged.

Why it matters
    Whatever fills a hole is a guess, and rows that are left out are rarely like the rest. A hole that follows the
    outcome carries information: a model will use it, rightly if the hole is there when the question is asked, and
    falsely if it is made by the outcome. Where outcomes are unknown more often in some groups, the score says
    nothing about these.

How it is measured
    *Share*: exact counts over the whole table, a word that stands for missing (D02) being a hole, of holes that no
    flag column records. Columns whose holes are in the same rows, or nearly (nine in ten), are one finding.
    Material from 5 %; the holes of columns that stay below are also counted together, by row, in the sample, with a
    Clopper-Pearson bound.
    *Unknown outcomes*: exact, material from 1 %, with their share by the category that differs most. Columns of
    which more than half of the holes stand in these rows are one finding, which is tested (share of holes there
    above one half).
    *Following the outcome*: share of holes in one class less that in the others (for a number as target: in its
    upper half less its lower half), both ways, all classes and columns tested jointly against five points.
    *Uneven unknown outcomes*: share of unknown outcomes in one category less that in the others, over all
    categories of 30 rows or more, tested jointly against five points.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> x = np.random.default_rng(0).normal(size=500)
    >>> x[:100] = np.nan
    >>> report = assay.check(pa.table({"x": x, "z": np.arange(500.0) ** 2, "y": ["a", "b"] * 250}), target="y")
    >>> report["D01"].verdict
    'found'

Remedy
    Safe: keep the holes and add a column that records them. Unsafe: drop a column of which 95 % or more is empty.
    Rows without an outcome are left out of training and counted, never filled.

Known false alarms
    "Does not apply" (no second owner, no pool) is a hole that is not missing; the flag is then the right repair all
    the same. A table put together from sources with different columns has holes in blocks by source.

Sources
    Rubin, "Inference and missing data", Biometrika 63 (1976); Schafer, "Multiple imputation: a primer", Statistical
    Methods in Medical Research 8 (1999), on five percent; Josse, Prost, Scornet and Varoquaux, "On the consistency
    of supervised learning with missing values" (2019), on the flag; Fay, Proschan and Brittain (2015), Biometrics 71.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import AssayError, InputError
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, Ask, Facts, Mask, Sample
from assay.core.words import listed, percent
from assay.learn.target import Labels, labels
from assay.probes.holes import Unit, hollow, recorded, together, written
from assay.probes.missing_words import is_text, spelled
from assay.probes.stand_ins import WORDS
from assay.stats.shares import difference_above, difference_interval, share_above, share_interval

CHALLENGE = Challenge(
    code="D01",
    name="missing-values",
    title="holes, and holes that mean something",
    stage="data",
    needs=(),
    category="costs",
    scope="marginal",
    promise=Dose(0.1, 300, "one cell in ten of one column, by chance, by another column, by itself or by the outcome"),
    materiality=(
        Threshold("share", 0.05, "share of cells", "up to 5 % the way of filling is of no consequence (Schafer 1999)"),
        Threshold("outcome", 0.01, "share of rows", "unknown outcomes can move any rate by their own share: one point"),
        Threshold("follows", 0.05, "difference of shares", "at 10 % of holes, it changes the odds by three quarters"),
    ),
    proof="gain",
    safety="safe",
)
FEWEST, MOSTLY, SLIGHT, EMPTY, SHOWN = 30, 0.5, 0.01, 0.95, 64


def asks(subject: Subject) -> Iterable[Ask]:
    for column in subject.table.columns:
        yield Ask("holes", (column.name,))
        if is_text(subject, column.name):
            yield Ask("tokens", (column.name,), args=WORDS)


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n = subject.table.n_rows
    if n == 0:
        return
    target = subject.roles.named("target")
    empty = {c.name: hollow(subject, facts, c.name) for c in sorted(subject.table.columns, key=lambda c: c.name)}
    units = together(subject, facts, rows, {c: k for c, k in empty.items() if k > 0 and c not in target})
    truth = known_labels(subject, rows)
    lost = empty.get(target[0], 0) if target else 0
    for columns, flag in units:
        yield share_claim(subject, {c: empty[c] for c in columns}, flag, rows, options)
    full = tuple(c for c, k in empty.items() if k == 0 and c not in target)
    if full:
        says = f"no value is missing in {listed(full)}"
        yield Claim(About(full), Effect(0.0, "share of cells", options["share"]), "exact", says, n)
    few = [u for u in units if max(empty[c] for c in u[0]) <= options["share"] * n]
    yield from small_holes(few, rows.n, options["share"])
    if target:
        yield outcome_claim(subject, facts, rows, lost, n, options["outcome"])
    if truth is None or lost + len(units) == 0:
        return
    if lost:
        yield from inside_unknown(subject, rows, units, truth)
        yield from uneven_unknown(subject, rows, truth, options["follows"])
    loose = [(columns, flag) for columns, flag in units if not recorded(subject, rows, flag)]
    yield from follows(subject, loose, {c: k / n for c, k in empty.items()}, truth, options)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence, target = finding.claim.evidence, subject.roles.named("target")
    if evidence.get("kind") == "follows":
        columns = tuple(c for c in evidence["columns_without_a_share_finding"] if c not in target)
        share, words = 0.0, []
    elif evidence.get("kind") == "share":
        columns, share, words = finding.columns, evidence["share"], [w for w in evidence["words"] if w]
    else:
        return None
    if not columns:
        return None
    if share >= EMPTY:
        says = f"drop {listed(columns)}: {percent(share)} is empty"
        return Remedy("columns", "unsafe", "gain", says, (Op("drop_column", columns),))
    flagged = columns if evidence["kind"] == "follows" or len(set(evidence["cells"].values())) > 1 else columns[:1]
    ops = [Op("null_if", columns, {"values": words})] if words else []
    ops += [Op("indicator", (c,), {"name": f"{c} is missing"}) for c in flagged]
    says = f"keep the holes of {listed(columns)} and record where they are, in a column of its own"
    return Remedy("columns", "safe", "gain", says, tuple(ops))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Empty a share ``dose`` of a column: at random, by another column, by itself, or by the outcome."""
    import pyarrow as pa
    import pyarrow.compute as pc

    n, target = subject.table.n_rows, subject.roles.named("target")
    arrow = subject.table.arrow()
    free = [c for c in subject.features if c not in subject.roles.named("order") and arrow[c].null_count == 0]
    if not free or n == 0:
        raise InputError("holes are planted in a column without any; the table has none")
    name = free[int(rng.integers(len(free)))]
    ways = [name, free[(free.index(name) + 1) % len(free)], *target]
    way = int(rng.integers(len(ways) + 1))
    score = rng.random(n)
    if way < len(ways):  # ranks of a guiding column, blurred so that the holes lean and do not part
        _, place = np.unique(np.array([str(v) for v in arrow[ways[way]].to_pylist()]), return_inverse=True)
        score = place.ravel() / max(1, place.max()) + 0.5 * score
    at = np.sort(np.argsort(-score, kind="stable")[: round(dose * n)])
    old = arrow[name].combine_chunks()
    new = pc.if_else(pa.array(np.isin(np.arange(n), at)), pa.scalar(None, old.type), old)
    table = subject.table.derive(arrow.set_column(arrow.schema.get_field_index(name), name, new))
    return Planted(subject.with_table(table), (name,), len(at) / n, Rows.at(at))


def known_labels(subject: Subject, rows: Sample) -> Labels | None:
    try:
        return labels(rows, subject.roles) if subject.roles.target is not None and rows.n else None
    except AssayError:
        return None


def share_claim(subject: Subject, cells: Mapping[str, int], flag: Mask, rows: Sample, options: Options) -> Claim:
    """The holes of columns that are empty in the same rows; the first has the most."""
    n, columns = subject.table.n_rows, tuple(cells)
    most, fewest, kept = max(cells.values()), min(cells.values()), recorded(subject, rows, flag)
    words = list(dict.fromkeys(spelled(rows, c, w) for c in columns for w in written(subject, rows, c)))
    called = f" (or {listed([repr(w) if w else 'blank' for w in words])})" if words else ""
    if most == fewest:
        verb, same = ("is", "") if len(columns) == 1 else ("are", "the same ")
        says = f"{listed(columns)} {verb} empty{called} in {same}{most:,} of {n:,} rows ({percent(most / n)})"
    else:
        inside = listed([f"{c} ({cells[c]:,})" for c in columns])
        says = f"{inside} are empty{called} in nearly the same rows, up to {percent(most / n)} of {n:,}"
    says += ", and a column records where" if kept else ""
    impact = Impact("costs", why_unmeasured="the trial of a column that records the holes measures it")
    evidence = {"kind": "share", "cells": dict(cells), "share": most / n, "recorded": kept, "words": words}
    effect = Effect(0.0 if kept else most / n, "share of cells", options["share"])
    return Claim(About(columns), effect, "exact", says, n, impact=impact, evidence=evidence)


def small_holes(units: list[Unit], n: int, limit: float) -> Iterator[Claim]:
    """Rows with a hole in any of the columns that are each below what matters."""
    if len(units) < 2 or n == 0:
        return
    k = int(np.any([flag for _, flag in units], axis=0).sum())
    names = tuple(sorted(c for columns, _ in units for c in columns))
    says = f"{percent(k / n)} of rows miss one of {len(names):,} columns that each miss little"
    effect = Effect(k / n, "share of rows", limit, lambda alpha: share_interval(k, n, alpha))
    yield tested(names, effect, says, n, share_above(k, n, limit), "rows", {"columns": len(names)})


def outcome_claim(subject: Subject, facts: Facts, rows: Sample, lost: int, n: int, limit: float) -> Claim:
    name = subject.roles.named("target")[0]
    says = f"{name} is unknown in {lost:,} of {n:,} rows ({percent(lost / n)})"
    evidence: dict[str, Any] = {"kind": "outcome", "unknown": lost}
    spread = by_category(subject, facts, rows, name) if limit * n < lost == facts[Ask("holes", (name,))].n else None
    if spread is not None:
        column, shares = spread
        says += f": {percent(min(shares.values()))} to {percent(max(shares.values()))} by {column}"
        shown = sorted(shares, key=lambda v: (-shares[v], v))[:40]
        evidence["chart"] = {"kind": "bars", "title": f"{name} unknown, by {column}", "x": shown,
                             "y": [shares[v] for v in shown], "x_title": column, "y_title": "share"}  # fmt: skip
    impact = Impact("costs", why_unmeasured="what the unknown outcomes are cannot be measured")
    effect = Effect(lost / n, "share of rows", limit)
    return Claim(About((name,)), effect, "exact", says, n, impact=impact, evidence=evidence)


def by_level(subject: Subject, rows: Sample, gone: Mask) -> Iterator[tuple[str, str, int, int]]:
    """(column, level, unknown outcomes, rows) for the levels of 30 rows or more of categories with at most 64."""
    for name in subject.features:
        if subject.table.column(name).kind in ("category", "bool"):
            codes, levels = rows.codes(name)
            size = np.bincount(codes[codes >= 0], minlength=len(levels))
            hits = np.bincount(codes[gone & (codes >= 0)], minlength=len(levels))
            for i in np.flatnonzero((size >= FEWEST) & (size <= rows.n - FEWEST)) if len(levels) <= SHOWN else ():
                yield name, levels[i], int(hits[i]), int(size[i])


def by_category(subject: Subject, facts: Facts, rows: Sample, target: str) -> tuple[str, dict[str, float]] | None:
    """The category column over which the unknown share varies most (chosen on the sample), counted over the table."""
    gone, between = rows.null(target), dict[str, float]()
    for name, _, hits, size in by_level(subject, rows, gone):
        between[name] = between.get(name, 0.0) + size * (hits / size - gone.mean()) ** 2
    if not between:
        return None
    chosen = max(sorted(between), key=lambda name: between[name])
    counted = facts[Ask("holes", (target,), by=(chosen,))]
    shares = {str(v): k / size for v, (k, size) in counted.items() if v is not None and size >= FEWEST}
    return (chosen, shares) if len(shares) > 1 else None


def inside_unknown(subject: Subject, rows: Sample, units: list[Unit], truth: Labels) -> Iterator[Claim]:
    """Columns whose holes stand for the most part in the rows of which the outcome is unknown."""
    tests = []
    for columns, flag in units:
        k, n = int((flag & ~truth.known).sum()), int(flag.sum())
        if n:
            tests.append((share_above(k, n, MOSTLY), columns, k, n))
    if not tests:
        return
    listed_ones = [t for t in tests if len(tests) * t[0] <= SLIGHT] or [min(tests, key=lambda t: (t[0], t[1]))]
    p, _, k, n = max(listed_ones, key=lambda t: (t[0], t[1]))  # all of them hold, so the least sure one speaks
    names = tuple(sorted(c for t in listed_ones for c in t[1]))
    m, target = len(tests), subject.roles.named("target")[0]
    says = f"holes of {listed(names)} stand in rows of which {target} is unknown ({percent(k / n)} of them or more)"
    effect = Effect(k / n, "share of holes", MOSTLY, lambda alpha: share_interval(k, n, alpha / m))
    inside = {t[1][0]: [t[2], t[3]] for t in listed_ones}
    yield tested(names, effect, says, rows.n, min(1.0, m * p), "inside", {"columns": inside})


def uneven_unknown(subject: Subject, rows: Sample, truth: Labels, limit: float) -> Iterator[Claim]:
    """One joint test: the category whose outcomes are unknown more often than elsewhere, by the largest difference."""
    gone = ~truth.known
    lost, n = int(gone.sum()), rows.n
    found = [(name, level, (k, size, lost - k, n - size)) for name, level, k, size in by_level(subject, rows, gone)]
    if not found:
        return
    counts = np.array([four for _, _, four in found], np.float64).T
    gaps = counts[0] / counts[1] - counts[2] / counts[3]
    ps = difference_above(counts[0], counts[1], counts[2], counts[3], limit)
    at = int(np.argmin(ps)) if ps.min() < 1 else int(np.argmax(gaps))
    name, level, (k1, n1, k2, n2) = found[at]
    m, target = len(found), subject.roles.named("target")[0]

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = difference_interval(counts[0], counts[1], counts[2], counts[3], alpha / m)
        return float(lo[at]), float(np.max(hi))

    says = f"{target} is unknown in {percent(k1 / n1)} of rows with {name} {level}, in {percent(k2 / n2)} of others"
    effect = Effect(float(gaps[at]), "difference of shares", limit, bound)
    made = tested((target, name), effect, says, rows.n, min(1.0, m * float(ps.min())), "uneven", {"categories": m})
    yield replace(made, about=About((target, name), slice=f"{name} = {level}"), family="slice")


def follows(
    subject: Subject, units: list[Unit], share: Mapping[str, float], truth: Labels, options: Options
) -> Iterator[Claim]:
    """One joint claim: the columns whose holes come with some outcomes more than with others."""
    y, limit = truth.y[truth.known], options["follows"]
    if truth.task == "regression":
        y = (y > np.median(y)).astype(np.float64) if len(y) else y
        classes = ["in the lower half", "in the upper half"]
    else:
        classes = [f"where it is {c}" for c in truth.classes]
    sides = list(range(len(classes))) if len(classes) > 2 else [1]
    size = np.array([(y == c).sum() for c in sides], float)
    tests = []
    for columns, flag in units:
        hole = flag[truth.known]
        hits = np.array([hole[y == c].sum() for c in sides], float)
        four = np.array([hits, size, hole.sum() - hits, len(y) - size])
        if len(y) >= FEWEST and 0 < hole.sum() < len(y) and size.min() > 0 and size.max() < len(y):
            tests.append((columns, four, above(four, limit), above(four[[2, 3, 0, 1]], limit)))
    if not tests:
        return
    m = 2 * len(sides) * len(tests)
    least = np.array([min(1.0, m * float(min(up.min(), down.min()))) for _, _, up, down in tests])
    gaps = np.array([np.abs(four[0] / four[1] - four[2] / four[3]).max() for _, four, _, _ in tests])
    kept = np.flatnonzero(least <= SLIGHT) if least.min() <= SLIGHT else np.array([int(np.lexsort((-gaps, least))[0])])
    strongest = kept[int(np.argmax(gaps[kept]))]
    columns, four, _, _ = tests[strongest]
    side = int(np.argmax(np.abs(four[0] / four[1] - four[2] / four[3])))
    counts = np.concatenate([t[1] for t in tests], axis=1)
    place = int(strongest) * len(sides) + side

    def bound(alpha: float) -> tuple[float, float]:
        lo, hi = difference_interval(counts[0], counts[1], counts[2], counts[3], alpha / m)
        return max(0.0, float(lo[place]), -float(hi[place])), float(max(np.max(hi), -np.min(lo)))

    names = tuple(c for i in kept for c in tests[i][0])
    here, there = four[0, side] / four[1, side], four[2, side] / four[3, side]
    target, where = subject.roles.named("target")[0], classes[sides[side]]
    which = "" if len(kept) == 1 else f" ({columns[0]} most)"
    says = f"holes of {listed(names)}{which} follow {target}: {percent(here)} {where}, {percent(there)} elsewhere"
    effect = Effect(float(gaps[strongest]), "difference of shares", limit, bound)
    first = {tests[i][0][0]: float(gaps[i]) for i in kept}
    evidence = {"gaps": first, "columns_without_a_share_finding": [c for c in first if share[c] <= options["share"]]}
    yield tested(names, effect, says, len(y), float(least[kept].max()), "follows", evidence)


def tested(
    names: tuple[str, ...], effect: Effect, says: str, n: int, p: float, kind: str, evidence: Mapping[str, Any]
) -> Claim:
    why = {
        "rows": "needs a refit without these rows", "inside": "rows without an outcome are not scored",
        "uneven": "what the unknown outcomes are cannot be measured",
        "follows": "the trial of a column that records the holes measures it",
    }[kind]  # fmt: skip
    impact, more = Impact("costs", why_unmeasured=why), {"kind": kind, **evidence}
    return Claim(About(names), effect, "test", says, n, p=p, family="challenge", impact=impact, evidence=more)


def above(four: F64, limit: float) -> F64:
    return np.asarray(difference_above(four[0], four[1], four[2], four[3], limit), np.float64)
