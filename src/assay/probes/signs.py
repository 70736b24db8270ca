"""Signs that a column is written after the outcome, one column at a time; none is a proof but where it says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from assay.core.challenge import probe
from assay.core.facts import Holes
from assay.core.subject import Subject
from assay.core.table import F64, Ask, Facts, Mask, Sample
from assay.learn.target import Labels
from assay.stats.shares import share_above

from .alone import ATOM, Lone

DAY = 1440.0
PROVEN = 0.01  # p-value at which evidence counts as proven for the rules that build on it (audit decides what stands)
ONE_IN_TWENTY = 0.95  # a copy disagrees with the target in fewer than one row of twenty
NINE_TO_ONE = 0.9  # filled nine times as often in one class as in the rest
LEAST_FILLED = 0.05  # of a class: a column filled more rarely says nothing of most of its rows
MOST_OF_IT = 0.5  # the halves of a number go with ordinary causes too: there it must be most of the half
FEWEST_HOLES = 20  # two columns share a pattern of fewer holes too easily
SHARED_BY = 0.5  # a pattern of holes in more than half of the columns is an empty row, not a sign
LATER = 0.1  # share of rows dated after the question above which a date is not a slip


@dataclass(frozen=True, slots=True)
class Filled:
    """How often a column is filled, by class. ``purity`` is f1 / (f1 + f0), the fill share of one class against that
    of the rest, for the class where it is largest. 0.5 says nothing."""

    purity: float
    k: int  # filled rows of that class
    total: int  # filled rows
    prior: float  # share of that class among all rows with a known target
    share: float  # share of that class that is filled
    rest: float  # the same of the other rows
    label: str
    looked: int = 1  # classes of which any could have been the purest

    def above(self, m: float) -> float:
        """p-value against H0: purity <= m. Given how many are filled, the count in the class is at most binomial
        (negative dependence makes the true tail lighter), with the odds that purity m implies. The class is the purest
        of ``looked`` (Bonferroni)."""
        return min(1.0, self.looked * share_above(self.k, self.total, self._odds(m))) if self.total else 1.0

    def interval(self, alpha: float) -> tuple[float, float]:
        from assay.stats.shares import share_interval

        if not self.total or not 0 < self.prior < 1:
            return 0.0, 1.0
        lo, hi = share_interval(self.k, self.total, alpha / self.looked)
        return self._purity(lo), self._purity(hi)

    def _odds(self, m: float) -> float:
        up, down = self.prior * m, (1 - self.prior) * (1 - m)
        return up / (up + down) if up + down > 0 else 1.0

    def _purity(self, share: float) -> float:
        up, down = share / self.prior, (1 - share) / (1 - self.prior)
        return up / (up + down)


@dataclass(frozen=True, slots=True)
class Signs:
    """``only_unknown``: empty in at least 20 rows, and only where the target is unknown. ``later``: share of rows dated
    after ``anchor``, the moment of the question. ``too_good`` is the next honest column, where this one alone tells
    far more. ``copy``: K01 holds at ``PROVEN``."""

    column: str
    holes: Holes
    copy: bool
    filled: Filled | None
    only_unknown: bool
    later: float = 0.0
    anchor: str = ""
    too_good: str = ""
    next_skill: float = 0.0
    lone: Lone | None = field(default=None, compare=False)

    @property
    def dated_after(self) -> bool:
        return self.later >= LATER

    @property
    def follows(self) -> bool:
        """Filled at least nine times as often in one class: tested, on the whole sample."""
        return self.filled is not None and self.filled.above(NINE_TO_ONE) <= PROVEN


@probe(needs=("target", "feature"), cost="sample")
def signs(
    subject: Subject, facts: Facts, rows: Sample, labels: Labels, alone: Mapping[str, Lone]
) -> Mapping[str, Signs]:
    """Signs of every feature, by name, in sorted order."""
    kinds = {c.name: c.kind for c in rows.columns}
    anchor, moment = moment_of_question(subject, rows)
    out: dict[str, Signs] = {}
    unknown = ~labels.known
    facts.declare(Ask("holes", (name,)) for name in subject.features)
    for name in subject.features:
        null = rows.null(name)
        holes = facts[Ask("holes", (name,))]
        later = later_share(rows.numbers(name), moment, kinds[name]) if kinds[name] in DATED and anchor != name else 0.0
        if kinds.get(anchor) != kinds[name]:
            later = 0.0
        lone = alone.get(name)
        proven = lone is not None and lone.agreement > ONE_IN_TWENTY and lone.above(ONE_IN_TWENTY) <= PROVEN
        only = bool(null.sum() >= FEWEST_HOLES and unknown.any() and not null[labels.known].any())
        out[name] = Signs(name, holes, proven, fill(null, labels), only, later, anchor, lone=lone)
    return stand_out(out, labels.task)


DATED = ("clock", "date")


def moment_of_question(subject: Subject, rows: Sample) -> tuple[str, F64]:
    """The column that dates the question: asked_at, else the order column where it is a date."""
    roles = subject.roles
    order = roles.order.column if roles.order is not None else None
    for name in (roles.asked_at, order):
        if name is not None and any(c.name == name and c.kind in DATED for c in rows.columns):
            return name, rows.numbers(name)
    return "", np.empty(0)


def later_share(x: F64, moment: F64, kind: str) -> float:
    """Share of rows dated after the moment; clocks by their difference modulo a day, within half a day."""
    if not len(moment):
        return 0.0
    gap = x - moment
    if kind == "clock":
        gap = np.mod(gap + DAY / 2, DAY) - DAY / 2
    known = np.isfinite(gap)
    return float((gap[known] > 0).mean()) if known.any() else 0.0


def fill(null: Mask, labels: Labels) -> Filled | None:
    """The class that a column is filled with; None where it is full or empty, or filled too rarely in every class."""
    null, y, classes = null[labels.known], labels.y[labels.known], labels.classes
    n = len(y)
    if not null.any() or null.all():
        return None
    least = LEAST_FILLED
    if labels.task == "regression":
        y, classes, atom = halved(y)
        least = LEAST_FILLED if atom else MOST_OF_IT
    best: Filled | None = None
    total = int((~null).sum())
    counts = np.bincount(y[~null].astype(int), minlength=len(classes))
    size = np.bincount(y.astype(int), minlength=len(classes))
    there = int(((size > 0) & (size < n)).sum())
    looked = there if there > 2 else 1  # of two classes only one can be filled more often than the other
    for i, name in enumerate(classes):
        if not 0 < size[i] < n:
            continue
        one, rest = counts[i] / size[i], (total - counts[i]) / (n - size[i])
        purity = float(one / (one + rest)) if one + rest > 0 else 0.5
        if one >= least and (best is None or purity > best.purity):
            best = Filled(purity, int(counts[i]), total, float(size[i] / n), float(one), float(rest), name, looked)
    return best


def halved(y: F64) -> tuple[F64, tuple[str, ...], bool]:
    """A number as two classes: its commonest value and the rest where that is an atom (then True), else cut at the
    median."""
    values, counts = np.unique(y, return_counts=True)
    if counts.max() >= ATOM * len(y):
        common = values[counts.argmax()]
        return (y != common).astype(np.float64), (f"{common:.9g}", f"not {common:.9g}"), True
    middle = float(np.median(y))
    return (y > middle).astype(np.float64), (f"at most {middle:.9g}", f"above {middle:.9g}"), False


BAR = {"binary": 0.75, "multiclass": 0.75, "regression": 0.8}
WEAK = {"binary": 0.6, "multiclass": 0.6, "regression": 0.05}
TIMES = 3.0
FEWEST_PEERS = 5
MOST_TOGETHER = 3


def stand_out(found: Mapping[str, Signs], task: str) -> Mapping[str, Signs]:
    """Mark columns that are too good alone: a lower bound above the bar, and at least three times the information of
    the next column, which must itself say something; a gap wider than any other gap down the list of telling columns.

    Up to three columns can stand out together. Columns that are suspect for other reasons are set aside first.
    """
    from dataclasses import replace

    late = {s.column for s in found.values() if s.copy or s.follows or (s.only_unknown and s.dated_after)}
    rest = [s for s in found.values() if s.lone is not None and s.column not in late]
    rest.sort(key=lambda s: (-information(s.lone.skill, task), s.column))  # type: ignore[union-attr]
    if len(rest) < FEWEST_PEERS + 1:
        return found
    size = np.array([information(s.lone.skill, task) for s in rest if s.lone is not None])
    weakest = information(WEAK[task], task)
    for k in range(min(MOST_TOGETHER, len(rest) - FEWEST_PEERS), 0, -1):
        top, following = rest[:k], rest[k]
        assert following.lone is not None
        telling = size[k:][size[k:] >= weakest]
        if len(telling) < 2 or size[k - 1] < TIMES * size[k]:
            continue
        if (telling[:-1] / telling[1:]).max() >= size[k - 1] / size[k]:
            continue
        if all(s.lone is not None and s.lone.floor > BAR[task] for s in top):
            marked = {s.column: replace(s, too_good=following.column, next_skill=following.lone.skill) for s in top}
            return {name: marked.get(name, s) for name, s in found.items()}
    return found


def information(skill: float, task: str) -> float:
    """Signal to noise: d' squared of an AUC (two normal classes, Green & Swets 1966), or R2 / (1 - R2)."""
    from scipy.special import ndtri

    if task == "regression":
        return skill / max(1 - skill, 1e-9)
    return float(2 * ndtri(min(max(skill, 0.5), 1 - 1e-12)) ** 2)


def holes_like(found: Mapping[str, Signs], proven: Iterable[tuple[str, Holes]]) -> dict[str, str]:
    """Columns that are empty in exactly the rows where a proven leak (or the target) is: column -> that one. Exact."""
    patterns = [s.holes.fingerprint for s in found.values() if s.holes.n]
    out: dict[str, str] = {}
    for leak, holes in proven:
        if FEWEST_HOLES <= holes.n < holes.rows and patterns.count(holes.fingerprint) <= SHARED_BY * len(found):
            for name, s in found.items():
                if name != leak and s.holes.n == holes.n and s.holes.fingerprint == holes.fingerprint:
                    out.setdefault(name, leak)
    return out
