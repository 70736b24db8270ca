"""Columns that together make the target, its copy, or a suspected column: found on half A, counted on half B."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, Sample
from assay.learn.target import Labels
from assay.stats.shares import balanced_above, balanced_interval

from .alone import FIT_ROWS, class_tree
from .halves import Halves
from .identities import DAY, MOST_OFFSETS, Formula, clock_pairs, coverage, grain, products, settle, sums
from .signs import DATED, ONE_IN_TWENTY, PROVEN, Signs

SHARE = 0.99
SEARCH_ROWS, SETTLE_ROWS = 2_000, 8_000  # to find formulas, and to tell the ones that nearly hold from those that do
NEARLY = 0.9
MOST_COLUMNS = 60  # all pairs of more would cost seconds; then dates, clocks and the most correlated are kept
MOST_WHOLES = 8
TRIED = 3  # formulas of one whole that half B is asked about


@dataclass(frozen=True, slots=True)
class Made:
    """A formula for ``whole`` ("" for the target's classes) with what half B says: it holds in k of n rows.

    For classes (``cut``) ``right`` of ``of`` rows by class lie on the right side of cuts of the formula's value.
    ``proven`` says that the whole is the target or a proven copy of it, and not only under suspicion.
    """

    whole: str
    formula: Formula
    right: I64
    of: I64
    proven: bool
    cut: bool = False

    @property
    def share(self) -> float:
        return float(np.mean(self.right / self.of)) if len(self.of) and self.of.min() > 0 else 0.0

    @property
    def n(self) -> int:
        return int(self.of.sum())

    def above(self, m: float) -> float:
        return balanced_above(self.right, self.of, m) if len(self.of) and self.of.min() > 0 else 1.0

    def interval(self, alpha: float) -> tuple[float, float]:
        return balanced_interval(self.right, self.of, alpha)


@probe(needs=("target", "feature"), cost="sample")
def parts(
    subject: Subject, rows: Sample, labels: Labels, halves: Halves, signs: Mapping[str, Signs]
) -> tuple[Made, ...]:
    """The best formulas of every whole, with their counts on half B, whether they hold or not; best first."""
    kinds = {c.name: c.kind for c in rows.columns}
    copies = {s.column for s in signs.values() if s.copy}
    usable = [c for c in subject.features if kinds.get(c) in ("number", "clock", "date") and _varied(rows, c)]
    a, b = halves.a[:SETTLE_ROWS], halves.b
    if min(len(a), len(b)) < 30:
        return ()
    out: list[Made] = []
    wholes = wholes_of(labels, signs, kinds, copies)
    for name, proven in wholes[:MOST_WHOLES]:
        t = rows.numbers(name) if name else labels.y
        pool = [c for c in usable if c != name and c not in copies]
        out += number_formulas(rows, kinds, name, t, pool, a, b, proven)
    if labels.task != "regression":
        told = {m.formula.parts for m in out if m.proven and m.above(SHARE) <= PROVEN}
        cuts = class_formulas(rows, kinds, labels, [c for c in usable if c not in copies], a, b)
        out += [m for m in cuts if m.formula.parts not in told and m.formula.parts[::-1] not in told]
    return tuple(sorted(out, key=lambda m: (not m.proven, m.whole, -m.share, m.formula.parts)))


def wholes_of(
    labels: Labels, signs: Mapping[str, Signs], kinds: Mapping[str, str], copies: set[str]
) -> list[tuple[str, bool]]:
    """What may be made of parts: the target itself where it is a number, its copies, and columns that stand out."""
    numeric = [s for s in signs.values() if kinds.get(s.column) == "number"]
    found = [(s.column, True) for s in numeric if s.column in copies]
    if labels.task == "regression":
        found.insert(0, ("", True))
    return found + [(s.column, False) for s in numeric if s.column not in copies and (s.too_good or s.follows)]


def _varied(rows: Sample, name: str) -> bool:
    x = rows.numbers(name)
    x = x[np.isfinite(x)]
    return len(x) >= 30 and bool(np.ptp(x) > 0)


def nearest(rows: Sample, names: Sequence[str], kinds: Mapping[str, str], t: F64, at: I64) -> list[str]:
    """At most ``MOST_COLUMNS`` columns: dates and clocks first, then by rank correlation with t; exact copies once."""
    t = t[at]
    seen: set[bytes] = set()
    scored: list[tuple[bool, float, str]] = []
    for name in names:
        x = rows.numbers(name)[at]
        key = x.tobytes()
        known = np.isfinite(x) & np.isfinite(t)
        if key in seen or known.sum() < 30 or np.ptp(x[known]) == 0:
            continue
        seen.add(key)
        r = 0.0
        if np.ptp(t[known]) > 0:
            r = abs(float(np.corrcoef(np.argsort(np.argsort(x[known])), np.argsort(np.argsort(t[known])))[0, 1]))
        scored.append((kinds[name] not in DATED, -r, name))
    return sorted(n for _, _, n in sorted(scored)[:MOST_COLUMNS])


def number_formulas(
    rows: Sample, kinds: Mapping[str, str], whole: str, t: F64, pool: Sequence[str], a: I64, b: I64, proven: bool
) -> list[Made]:
    """Search the formulas of one number on ``a``; count on ``b`` for the best few."""
    a, all_a = a[:SEARCH_ROWS], a
    names = nearest(rows, pool, kinds, t, a)
    columns = {c: rows.numbers(c) for c in names}
    plain = [c for c in names if kinds[c] == "number"]
    X = np.column_stack([columns[c][a] for c in plain]) if plain else np.empty((len(a), 0))
    tried: list[Formula] = []
    for kind, modulus in (("clock", DAY), ("date", 0.0)):
        some = [c for c in names if kinds[c] == kind]
        tried += clock_pairs(some, t[a], [columns[c][a] for c in some], modulus)
    tried += sums(plain, t[a], X)
    tried += products(plain, t[a], X)
    settled: list[tuple[float, Formula]] = []
    for formula in tried:
        x = [columns[c][a] for c in formula.parts]
        near = coverage(formula.residual(t[a], x), grain(t[a][np.isfinite(t[a])]), MOST_OFFSETS)[0] >= NEARLY
        at = all_a if near else a
        made = settle(formula, t[at], [columns[c][at] for c in formula.parts] if near else x, SHARE)
        if made is not None:
            settled.append(made)
    out: list[Made] = []
    settled.sort(key=preference)
    taken: list[tuple[set[str], bool]] = []
    for share, formula in settled:
        own = set(formula.parts)
        if len(out) == TRIED or any(own <= other or (own >= other and sure) for other, sure in taken):
            continue
        taken.append((own, tier(share) == 0 or tier(share) == 2))
        held = formula.holds(t[b], [columns[c][b] for c in formula.parts])
        held = held[np.isfinite(held)]
        if len(held):
            out.append(Made(whole, formula, np.array([int(held.sum())]), np.array([len(held)]), proven))
    return out


def tier(share: float) -> int:
    """0 holds in nearly all search rows, 1 might reach the share on other rows, 2 does not."""
    return (share < 1 - (1 - SHARE) / 4) + (share < SHARE)


def preference(settled: tuple[float, Formula]) -> tuple[object, ...]:
    """Formulas that hold in nearly all search rows first, then the shortest with the fewest offsets."""
    share, formula = settled
    short = len(formula.parts) if tier(share) < 2 else 0
    rough = any(w != round(w, 3) for w in formula.weights)
    return tier(share), short, rough, len(formula.offsets), -share, formula.parts, formula.weights


def class_formulas(
    rows: Sample, kinds: Mapping[str, str], labels: Labels, pool: Sequence[str], a: I64, b: I64
) -> list[Made]:
    """Pairs whose difference, sum or ratio has cuts that part the classes, where neither part does so alone."""
    y = np.where(labels.known, labels.y, 0).astype(np.int64)
    k = labels.outputs
    a = a[:SEARCH_ROWS]
    names = nearest(rows, pool, kinds, labels.y, a)
    columns = {c: rows.numbers(c) for c in names}
    scored: list[tuple[float, Formula]] = []
    side = (y[a] == np.bincount(y[a], minlength=k).argmax()).astype(np.float64)
    formulas = list(pair_formulas(names, kinds))
    for start in range(0, len(formulas), 500):
        some = formulas[start : start + 500]
        values = np.column_stack([clock_value(f, [columns[p][a] for p in f.parts]) for f in some])
        scored += [(float(s), f) for s, f in zip(separation(values, side), some, strict=True)]
    scored.sort(key=lambda s: (-s[0], s[1].parts, s[1].form, s[1].weights))
    best: list[tuple[float, Formula]] = []
    for _, formula in scored[: 4 * TRIED]:
        x = clock_value(formula, [columns[p] for p in formula.parts])
        right, of = cut(x, y, k, a[: len(a) // 2], a[len(a) // 2 :])
        lone = [cut(columns[p], y, k, a[: len(a) // 2], a[len(a) // 2 :]) for p in formula.parts]
        if len(of) and of.min() > 0 and max(float(np.mean(r / np.maximum(o, 1))) for r, o in lone) < ONE_IN_TWENTY:
            best.append((float(np.mean(right / of)), formula))
    best.sort(key=lambda s: (-s[0], s[1].parts, s[1].form, s[1].weights))
    out = []
    for _, formula in best[:1]:
        right, of = cut(clock_value(formula, [columns[p] for p in formula.parts]), y, k, a, b)
        out.append(Made("", formula, right, of, True, True))
    return out


def pair_formulas(names: Sequence[str], kinds: Mapping[str, str]) -> Iterable[Formula]:
    for a, b in combinations(names, 2):
        if kinds[a] == kinds[b] == "clock":
            yield Formula("clock", (a, b), (1.0, -1.0), modulus=DAY)
        elif kinds[a] == kinds[b] == "date":
            yield Formula("clock", (a, b), (1.0, -1.0))
        elif kinds[a] == kinds[b] == "number":
            yield Formula("sum", (a, b), (1.0, -1.0))
            yield Formula("sum", (a, b), (1.0, 1.0))
            yield Formula("product", (a, b), (1.0, -1.0))
            yield Formula("product", (a, b), (1.0, 1.0))


def clock_value(formula: Formula, x: Sequence[F64]) -> F64:
    """The formula's value, for clocks within half a day of zero."""
    value = formula.value(x)
    if formula.modulus:
        value = np.mod(value + formula.modulus / 2, formula.modulus) - formula.modulus / 2
    return np.where(np.isfinite(value), value, np.nan)


def separation(values: F64, side: F64) -> F64:
    """|2 AUC - 1| of every column of values (n, p) for a 0/1 side; a missing value ranks last, ties by row."""
    order = np.argsort(np.argsort(np.where(np.isfinite(values), values, np.inf), axis=0, kind="stable"), axis=0)
    m, n = side.sum(), len(side) - side.sum()
    if not m or not n:
        return np.zeros(values.shape[1])
    area = (side @ (order + 1) - m * (m + 1) / 2) / (m * n)
    return np.asarray(np.abs(2 * area - 1), np.float64)


def cut(x: F64, y: I64, k: int, a: I64, b: I64) -> tuple[I64, I64]:
    """Rows told rightly by class: cuts of x learned on ``a``, counted on ``b``, over rows where x is known."""
    a, b = a[np.isfinite(x[a])][:FIT_ROWS], b[np.isfinite(x[b])]
    present = np.bincount(y[b], minlength=k)
    if len(a) < 10 or not len(b) or len(np.unique(y[a])) < 2:
        return np.zeros(k, np.int64), np.maximum(present, 1)
    told = class_tree(x[a], y[a], k, x[b]).argmax(1)
    keep = present > 0
    return np.bincount(y[b][told == y[b]], minlength=k)[keep], present[keep]
