"""Columns that settle other columns (zip code -> city): sought on one half of the sample, held against the other.

Two rows drawn at random that agree in the determinant should agree in the dependent. How much rarer they disagree than
any two rows is Goodman and Kruskal's tau, estimated from pairs of different rows, so that a determinant with a value of
its own in nearly every row, or a dependent that hardly varies, gets no credit for what chance gives them. What both
halves bear out is counted by a scan of the whole table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.facts import Dependency
from assay.core.rows import Rows
from assay.core.subject import Subject
from assay.core.table import I64, Ask, Facts, Sample
from assay.learn.splits import together
from assay.tables.roles import snake
from assay.tables.rules import HOLES

from .halves import parts_of

REMOVED = 0.8  # of the disagreement of two rows that a rule removes, at least, in each half
TENDENCY = 0.05  # of rows: what fails in one row of twenty is a tendency
ERRATIC = 0.8  # of the rows that break it hold what no other row of their group holds
DIFFER = 3 * TENDENCY  # of pairs of rows: two cells that can be wrong, and half as much again for chance
PAIRS = 30  # pairs of rows with one determinant, and pairs that would disagree by chance, in each half
WORK = 1e8  # determinants x columns x rows that a search may read
FEWEST_ROWS = 2_000
ASKED_SMALL, ASKED_LARGE, SMALL = 64, 20, 100_000  # rules that the table is scanned for
PER_DEPENDENT = 4
TOLD, TOLD_ROWS = 0.5, 5  # of the rows of a level, and rows, that must break a rule for another column to explain them
CODE = re.compile(
    r"(.*_)?(id|ids|pid|uid|guid|key|code|codes|nbr|no|nr|num|number|zip|zipcode|postal|postcode|plz|phone|tel|fax|fips|"
    r"isin|isbn|ean|sku|iban|barcode|vin)"
)

AMOUNT = re.compile(r"[-+(]?\s?[$€£]?\s?[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s?%?\)?")  # 12,300 or 4.5 %, kept as text
ALL_BUT_ERRORS = 0.9


@dataclass(frozen=True, slots=True)
class Settled:
    """``by`` settle ``of``: the counts over the whole table."""

    by: tuple[str, ...]
    of: str
    fact: Dependency


@dataclass(frozen=True, slots=True)
class Candidate:
    by: tuple[str, ...]
    of: str
    removed: float  # share of disagreement removed, in the worse half
    broken: bool  # some rows of the sample break it


@probe(cost="sample")
def dependencies(subject: Subject, facts: Facts, rows: Sample) -> tuple[Settled, ...]:
    """Every dependency that both halves bear out and the whole table keeps up to errors, by dependent."""
    names = considered(subject)
    found = search(rows, names)
    most = ASKED_SMALL if subject.table.n_rows <= SMALL else ASKED_LARGE
    whole = rows.n == subject.table.n_rows
    wanted = [c for c in found if c.broken or not whole]
    picked = chosen(wanted, most)
    facts.declare(ask(c) for c in picked)
    out: list[Settled] = []
    pairs: list[Candidate] = []
    for c in picked:
        fact: Dependency = facts[ask(c)]
        other = explained(rows, names, c, fact.where) if fact.broken else None
        if other is not None and len(c.by) == 1:
            pairs.append(Candidate(tuple(sorted((*c.by, other))), c.of, c.removed, True))
        elif holds(fact):
            out.append(Settled(c.by, c.of, fact))
    pairs = chosen(pairs, most // 4)
    facts.declare(ask(c) for c in pairs)
    out += [Settled(c.by, c.of, facts[ask(c)]) for c in pairs if holds(facts[ask(c)])]
    out += [Settled(c.by, c.of, unbroken(rows, c)) for c in found if whole and not c.broken]
    return tuple(sorted(out, key=lambda s: (s.of, s.by)))


def ask(candidate: Candidate) -> Ask:
    return Ask("dependency", (*candidate.by, candidate.of))


def holds(fact: Dependency) -> bool:
    """What breaks the rule looks like errors: rare, and each for itself; groups of two truths are no errors. Two groups
    are one contrast (a party and its opponent), which is an association and no code that settles anything."""
    erratic = fact.stray >= ERRATIC * (fact.broken + fact.torn)
    return fact.groups > 2 and fact.broken + fact.unclear <= TENDENCY * fact.rows and erratic


def unbroken(rows: Sample, candidate: Candidate) -> Dependency:
    known = known_codes(rows, candidate.by[0]) >= 0
    known &= known_codes(rows, candidate.of) >= 0
    groups = len(np.unique(known_codes(rows, candidate.by[0])[known]))
    return Dependency(int(known.sum()), groups, 0, 0, 0, 0, Rows(0))


def considered(subject: Subject) -> tuple[str, ...]:
    """Columns that a rule may bind: not the target (K01, L02), keys, weights and splits."""
    out = {c for role in ("target", "id", "weight", "split") for c in subject.roles.named(role)}
    return tuple(sorted(c.name for c in subject.table.columns if c.name not in out))


def search(rows: Sample, names: Sequence[str]) -> list[Candidate]:
    """Single determinants that settle another column in both halves of the rows; most disagreement removed first."""
    if rows.n < 2 * PAIRS or len(names) < 2:
        return []
    determinants = [n for n in names if may_settle(rows, n)]
    if not determinants:
        return []
    n = int(max(FEWEST_ROWS, WORK / max(1, len(determinants) * len(names))))
    some = rows if n >= rows.n else rows.take(np.sort(np.argsort(parts_of(rows.row_id, 2**31, salt=5))[:n]))
    codes = np.stack([known_codes(some, c) for c in names], axis=1)
    half = parts_of(together(some), 2, salt=3)
    gini = [disagreement(codes[half == h]) for h in (0, 1)]
    out = []
    for by in determinants:
        i = names.index(by)
        told = [pairs_within(codes[half == h], i) for h in (0, 1)]
        # one half proposes, the other decides: both must bear the rule out
        shares = [differ / np.maximum(pairs, 1) for pairs, differ in told]
        with np.errstate(all="ignore"):
            removed = np.min([1 - s / g for s, g in zip(shares, gini, strict=True)], axis=0)
        enough = np.all([(p >= PAIRS) & (p * g >= PAIRS) for (p, _), g in zip(told, gini, strict=True)], axis=0)
        fits = enough & (removed >= REMOVED) & (np.max(shares, axis=0) <= DIFFER)
        fits[i] = False
        differs = np.sum([d for _, d in told], axis=0) > 0
        out += [Candidate((by,), names[j], float(removed[j]), bool(differs[j])) for j in np.flatnonzero(fits).tolist()]
    return sorted(out, key=lambda c: (-c.removed, c.of, c.by))


def may_settle(rows: Sample, name: str) -> bool:
    """Names, dates and codes settle; a measurement that happens to repeat does not."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in ("bool", "date"):
        return True
    if kind in ("category", "text", "mixed"):
        levels = [v.strip() for v in rows.codes(name)[1]]
        amounts = [v for v in levels if AMOUNT.fullmatch(v)]
        wide = {len(v) if v.isdigit() else 0 for v in amounts}
        codes = len(wide) == 1 and min(wide) >= 5  # of one width, as below
        return codes or len(amounts) < ALL_BUT_ERRORS * len(levels) or bool(CODE.fullmatch(snake(name)))
    if kind != "number":
        return False
    x = rows.numbers(name)
    x = x[np.isfinite(x)]
    if not len(x) or np.any(x != np.floor(x)) or x.min() < 0:
        return False
    alike = len(str(int(x.min()))) == len(str(int(x.max()))) >= 5  # of one width: codes, beyond the years
    return bool(CODE.fullmatch(snake(name))) or alike


def known_codes(rows: Sample, name: str) -> I64:
    """Whole numbers from 0 that are equal where the values are; -1 for null and words for it."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in ("category", "text", "mixed"):
        codes, levels = rows.codes(name)
        gone = np.array([v.strip().casefold() in HOLES for v in levels] + [True])
        return np.where(gone[codes], -1, codes).astype(np.int64)
    x = rows.numbers(name)
    return np.where(np.isnan(x), -1, np.unique(x, return_inverse=True)[1].ravel()).astype(np.int64)


def disagreement(codes: I64) -> np.ndarray:
    """(p,) chance that two different rows with a value hold different ones (Gini, without replacement)."""
    out = np.zeros(codes.shape[1])
    for j in range(codes.shape[1]):
        known = codes[codes[:, j] >= 0, j]
        if len(known) >= 2:
            counts = np.bincount(known).astype(np.float64)
            out[j] = 1 - float((counts * (counts - 1)).sum()) / (len(known) * (len(known) - 1.0))
    return out


def pairs_within(codes: I64, i: int) -> tuple[np.ndarray, np.ndarray]:
    """(p,) pairs of neighbours with one value of column i, and how many of them differ in each column.

    Rows come by hash, so neighbours within a group are any two of its rows.
    """
    ordered = codes[np.argsort(codes[:, i], kind="stable")]
    same = np.flatnonzero((ordered[1:, i] == ordered[:-1, i]) & (ordered[1:, i] >= 0))
    a, b = ordered[same], ordered[same + 1]
    known = (a >= 0) & (b >= 0)
    return known.sum(0), ((a != b) & known).sum(0)


def chosen(found: Iterable[Candidate], most: int) -> list[Candidate]:
    """At most ``most``: broken ones first, and of each dependent the best few, so that no column takes all."""
    ranked = sorted(found, key=lambda c: (not c.broken, -c.removed, c.of, c.by))
    taken: dict[str, int] = {}
    out: list[Candidate] = []
    for c in ranked:
        if taken.get(c.of, 0) < PER_DEPENDENT and len(out) < most:
            taken[c.of] = taken.get(c.of, 0) + 1
            out.append(c)
    return out


def explained(rows: Sample, names: Sequence[str], candidate: Candidate, where: Rows) -> str | None:
    """Another column that tells a fifth or more of the rows that break the rule: both together may settle it."""
    broken = np.isin(rows.position, where.positions)
    if broken.sum() < TOLD_ROWS:
        return None
    best, told = None, (1 - ERRATIC) * int(broken.sum())
    for name in names:
        if name == candidate.of or name in candidate.by:
            continue
        codes = known_codes(rows, name)
        k = int(codes.max(initial=-1)) + 1
        if k < 2:
            continue
        there = np.bincount(codes[codes >= 0], minlength=k)
        hits = np.bincount(codes[broken & (codes >= 0)], minlength=k)
        by_level = (hits >= TOLD_ROWS) & (hits >= TOLD * there)
        if hits[by_level].sum() > told:
            best, told = name, int(hits[by_level].sum())
    return best
