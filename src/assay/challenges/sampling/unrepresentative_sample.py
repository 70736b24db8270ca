"""Some groups are missing from the table, or far from their share of the population.

What it is
    The rows were drawn, recruited, filtered or lost in such a way that groups of the population that the model is
    meant for are absent, scarce or too many.

Why it matters
    A model learns little about whom it never saw, and a score on such rows is the score for another population.

How it is measured
    Against a population that is handed in (``--population``): known margins, or a reference sample whose numbers are
    cut at its own deciles. Every value of every named column is a group. The effect is how far a group's share of the
    rows is from its share of the population, 1 - min(r, 1/r) with r the ratio of the two: 1 is a group that is missing
    altogether. It is material above a fifth, the four-fifths rule. Intervals are Clopper-Pearson's, for the table and,
    where the population is itself a sample, for that too at half of the error each. Groups with fewer than five
    expected rows are taken together. One finding: all groups whose p, times the number of groups, is below .01, the
    effect being that of the group that is furthest off. Counts of categories are exact; numbers are read off a sample.

Example
    >>> import pyarrow as pa, assay
    >>> rows = pa.table({"sex": ["f"] * 100 + ["m"] * 900, "y": ["yes", "no"] * 500})
    >>> assay.check(rows, target="y", population={"sex": {"f": 0.5, "m": 0.5}})["S01"].verdict
    'found'

Remedy
    Weights for training by raking: factors by column and value that bring all margins to those of the population,
    with the number of rows that the weighted table is worth. No weight stands in for a group that has no row: that
    takes rows.

Known false alarms
    A sample that was stratified on purpose. Rows that come in clusters (many of one patient) vary more than counts of
    single rows suggest. Values that are written otherwise in the population: they are listed, and a column where
    most are is left out.

Sources
    Deming and Stephan, "On a least squares adjustment of a sampled frequency table", Annals of Mathematical
    Statistics 11 (1940), for raking; Kish, "Survey Sampling" (1965), for the effective number of rows; Uniform
    Guidelines on Employee Selection Procedures, 29 CFR 1607.4(D) (1978), for four fifths; Clopper and Pearson (1934).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError, NotApplicable
from assay.core.finding import Finding
from assay.core.population import Margin, margins
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Ask, Facts, Sample
from assay.core.words import listed, percent, text_of
from assay.stats.invert import p_from_interval
from assay.stats.shares import share_interval

CHALLENGE = Challenge(
    code="S01",
    name="unrepresentative-sample",
    title="groups are missing, or far from their share of the population",
    stage="data",
    needs=("population",),
    category="touches",
    scope="marginal",
    promise=Dose(0.6, 2_000, "six in ten rows of one group are lost"),
    materiality=(
        Threshold("off", 0.2, "share of the group", "the four-fifths rule: a group has less than 80 % of its share"),
    ),
    proof="gain",
    safety="safe",
)
MOST_VALUES, EXPECTED, SLIGHT, TURNS = 2_000, 5, 0.01, 200
AS_GOOD = 0.999  # weights that cost less than this change nothing
RARE = "(rare values)"


@dataclass(frozen=True)
class Group:
    """``k`` of ``n`` rows have the value; its share in the population is ``q``, known or that of ``rows`` rows."""

    column: str
    value: str
    k: int
    n: int
    q: float
    rows: int | None

    def bound(self, alpha: float) -> tuple[float, float]:
        """Interval of 1 - min(r, 1/r), r the share here over the share there."""
        own = alpha if self.rows is None else alpha / 2
        lo, hi = share_interval(self.k, self.n, own)
        low, high = (self.q, self.q) if self.rows is None else share_interval(round(self.q * self.rows), self.rows, own)
        smallest, largest = lo / high if high else np.inf, hi / low if low else np.inf
        nearest = 1.0 if smallest <= 1 <= largest else smallest if smallest > 1 else largest
        return off(nearest), max(off(smallest), off(largest))

    @property
    def size(self) -> float:
        return off(self.k / self.n / self.q) if self.q else 0.0


def off(ratio: float) -> float:
    return 1.0 - min(ratio, 1 / ratio) if 0 < ratio < np.inf else 1.0


def asks(subject: Subject) -> Iterable[Ask]:
    for name, margin in usable(subject).items():
        if not margin.edges:
            yield Ask("top", (name,), args=(MOST_VALUES,))


def usable(subject: Subject) -> dict[str, Margin]:
    """Columns of the population that the table has, in order of name."""
    have = {c.name for c in subject.table.columns}
    given = margins(subject.evidence["population"])
    return {c: given[c] for c in sorted(given) if c in have and len(given[c].shares) > 1}


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    groups: list[Group] = []
    unknown: dict[str, list[str]] = {}
    for name, margin in usable(subject).items():
        counts, strange = counted(subject, facts, rows, name, margin)
        n = sum(counts.values())
        if strange:
            unknown[name] = sorted(strange)[:20]
        if n and n >= sum(strange.values()):
            groups += grouped(name, counts, n, margin)
    if not groups:
        raise NotApplicable("no column of the population has values that the table has too")
    yield joint(groups, unknown, rows, usable(subject), options["off"])


def counted(
    subject: Subject, facts: Facts, rows: Sample, name: str, margin: Margin
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by value of the population, and rows with values that it does not know."""
    if margin.edges:
        value = rows.numbers(name)
        bins = np.searchsorted(margin.edges, value[np.isfinite(value)], side="right")
        found = np.bincount(bins, minlength=len(margin.shares))
        return dict(zip(margin.shares, map(int, found), strict=True)), {}
    top = facts[Ask("top", (name,), args=(MOST_VALUES,))]
    if len(top) == MOST_VALUES:
        return {}, {}
    here = {str(text_of(v)): int(k) for v, k in top}
    numeric = subject.table.column(name).kind in ("number", "clock")
    there = {plain(v) if numeric else v: v for v in margin.shares}
    counts = dict.fromkeys(margin.shares, 0)
    for seen, k in here.items():
        if seen in there:
            counts[there[seen]] += k
    return counts, {v: k for v, k in here.items() if v not in there}


def plain(value: str) -> str:
    """A number as the table writes it: 1.0 is 1."""
    try:
        return str(text_of(float(value)))
    except ValueError:
        return value


def grouped(name: str, counts: Mapping[str, int], n: int, margin: Margin) -> list[Group]:
    """One group a value; those with too few expected rows together."""
    often = [v for v in margin.shares if margin.shares[v] * n >= EXPECTED]
    out = [Group(name, v, counts[v], n, margin.shares[v], margin.rows) for v in often]
    q = sum(share for v, share in margin.shares.items() if v not in often)
    if q * n >= EXPECTED:
        k = sum(k for v, k in counts.items() if v not in often)
        out.append(Group(name, RARE, k, n, q, margin.rows))
    return out


def joint(
    groups: list[Group], unknown: dict[str, list[str]], rows: Sample, given: Mapping[str, Margin], limit: float
) -> Claim:
    """All groups in one claim: one way of drawing rows is one fault, whatever the columns that show it."""
    count = len(groups)
    p = {g: p_from_interval(g.bound, limit) if g.size > limit else 1.0 for g in groups}
    sure = sorted((g for g in groups if count * p[g] <= SLIGHT), key=lambda g: (-g.size, g.column, g.value))
    first = sure[0] if sure else min(groups, key=lambda g: (p[g], -g.size, g.column, g.value))

    def bound(alpha: float) -> tuple[float, float]:
        return first.bound(alpha / count)[0], max(g.bound(alpha / count)[1] for g in groups)

    evidence: dict[str, Any] = {
        "groups": [
            {"column": g.column, "value": g.value, "rows": g.k, "of": g.n, "share": g.k / g.n, "population": g.q}
            for g in (sure or [first])[:40]
        ],
        "unknown_values": unknown,
        "chart": {"kind": "bars", "title": "Share of the rows over share of the population",
                  "x": [f"{g.column} {g.value}" for g in (sure or [first])[:40]],
                  "y": [g.k / g.n / g.q for g in (sure or [first])[:40]], "x_title": "group", "y_title": "ratio"},
    }  # fmt: skip
    if sure:
        evidence["raking"] = raked(rows, given, {g.column for g in groups})
    columns = tuple(dict.fromkeys(g.column for g in (sure or [first])))
    return Claim(
        About(columns), Effect(first.size, "share of the group", limit, bound), "test", says(first, sure), first.n,
        p=min(1.0, count * max((p[g] for g in sure), default=p[first])), family="challenge",
        impact=Impact("touches", why_unmeasured="needs rows of the population"), evidence=evidence,
    )  # fmt: skip


def says(first: Group, sure: list[Group]) -> str:
    here = "no row" if first.k == 0 else f"{percent(first.k / first.n)} of the rows"
    text = f"{first.column} {first.value}: {here}, against {percent(first.q)} of the population"
    rest = [f"{g.column} {g.value}" for g in sure if g is not first]
    return f"{text}; {listed(rest, 3)} off too" if rest else text


def raked(rows: Sample, given: Mapping[str, Margin], columns: set[str]) -> dict[str, Any]:
    """Factors by column and value that bring every margin to the population's, and what the weighted rows are worth."""
    codes: dict[str, I64] = {}
    goals: dict[str, F64] = {}
    names: dict[str, list[str]] = {}
    for name in sorted(columns):
        at = placed(rows, name, given[name])
        present = np.bincount(at[at >= 0], minlength=len(given[name].shares)) > 0
        share = np.where(present, np.array(list(given[name].shares.values())), 0.0)
        if present.sum() >= 2 and share.sum() > 0:
            codes[name], goals[name], names[name] = at, share / share.sum(), list(given[name].shares)
    factors = {name: np.ones(len(goal)) for name, goal in goals.items()}
    weight = np.ones(rows.n)
    for _ in range(TURNS):
        worst = 0.0
        for name, at in codes.items():
            seen = at >= 0
            have = np.bincount(at[seen], weights=weight[seen], minlength=len(goals[name]))
            have = have / have.sum()
            step = np.divide(goals[name], have, out=np.ones_like(have), where=(have > 0) & (goals[name] > 0))
            factors[name] *= step
            weight = weight * np.where(seen, step[at], 1.0)
            worst = max(worst, float(np.abs(step - 1).max()))
        if worst < 1e-6:
            break
    worth = float(weight.sum() ** 2 / (weight**2).sum()) / rows.n if rows.n else 0.0
    missing = [f"{c} {v}" for c in codes for v, q in zip(names[c], goals[c], strict=True) if q == 0]
    table = {
        c: {v: round(float(f), 6) for v, f, q in zip(names[c], own, goals[c], strict=True) if q > 0}
        for c, own in factors.items()
    }
    return {"weights": table, "effective_share_of_rows": round(worth, 6), "without_rows": missing[:20]}


def placed(rows: Sample, name: str, margin: Margin) -> I64:
    """Position of each row's value in the population's list; -1 where it is missing or unknown."""
    if margin.edges:
        value = rows.numbers(name)
        return np.where(np.isfinite(value), np.searchsorted(margin.edges, value, side="right"), -1)
    codes, levels = rows.codes(name)
    numeric = next(c.kind for c in rows.columns if c.name == name) in ("number", "clock")
    there = {plain(v) if numeric else v: i for i, v in enumerate(margin.shares)}
    return np.array([*(there.get(plain(v) if numeric else v, -1) for v in levels), -1], np.int64)[codes]


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    made = finding.claim.evidence.get("raking")
    if not made or not made["weights"]:
        return None
    worth, missing = made["effective_share_of_rows"], listed(made["without_rows"], 2)
    text = f"weigh the rows in training so that {listed(sorted(made['weights']))} agree with the population"
    text += f" (they are then worth {percent(worth)} of their number)"
    if made["without_rows"]:
        collect = f"collect rows of {missing}: no weight stands in for them"
        text = collect if worth > AS_GOOD else f"{text}; {collect}"
    return Remedy("training", "safe", "gain", text, options=dict(made))


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Leave out a share ``dose`` of the rows of one group of the population."""
    import pyarrow as pa

    arrow = subject.table.arrow()
    known = usable(subject) if "population" in subject.evidence else {}
    groups = [(c, v) for c, m in known.items() if not m.edges for v, q in sorted(m.shares.items()) if 0.05 <= q <= 0.6]
    if not groups:
        raise InputError("a group is left out where a population with a group of 5 to 60 % is named; there is none")
    column, value = groups[int(rng.integers(len(groups)))]
    words = np.array([text_of(v) for v in arrow[column].to_pylist()], dtype=object)
    members = np.flatnonzero(words == value)
    gone = rng.permutation(members)[: round(dose * len(members))]
    keep = np.setdiff1d(np.arange(len(words)), gone)
    left = len(members) - len(gone)
    share = left / max(1, sum(w is not None for w in words[keep]))
    effect = off(share / known[column].shares[value])
    table = subject.table.derive(arrow.take(pa.array(keep)))
    return Planted(subject.with_table(table), (column,), effect, Rows.at(np.flatnonzero(words[keep] == value)))
