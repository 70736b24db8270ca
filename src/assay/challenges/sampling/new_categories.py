"""Values that were never seen in the rows that were learned from.

What it is
    The second of two tables holds categories, classes or kinds that the first has not: a new product, a new code, an
    attack that did not exist when the training rows were written.

Why it matters
    A class that was never seen is never predicted, so every one of its rows is wrong, and surely so. A value that was
    never seen tells the model nothing, or worse, whatever an encoder makes of it.

How it is measured
    For each named pair of tables and each category column, and the target, over all rows: values of the second table
    that the first has not, compared without case, blanks and punctuation (other spellings are another fault); columns
    of numbers are left out. Rare values turn up on one side of any split. How often is known: were the rows of both
    tables one population, all c rows of a value would lie on the second side with probability C(n - c, n1) / C(n, n1),
    n1 of the n rows being on the first (the same thought as in Good and Turing's estimate of the unseen). A value
    counts as new where this, times the values and columns looked at, is below one in a thousand. The effect is the
    exact share of the second table's rows that hold such a value in one column, material above one in two hundred.
    Columns with more than 20,000 values are left out, and so are columns that tell the time where the pair are halves
    of the order.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> kind = np.random.default_rng(0).choice(["a", "b"], 400)
    >>> old = pa.table({"x": range(400), "kind": kind, "y": ["no", "yes"] * 200})
    >>> new = pa.table({"x": range(400), "kind": ["c", "c", *kind[2:380], *["c"] * 20], "y": ["no", "yes"] * 200})
    >>> assay.check(old, test=new, target="y")["S05"].verdict
    'found'

Remedy
    Rows of the new kinds, labelled; until then, an answer "unknown" where a row holds one.

Known false alarms
    A column whose values are made anew for each table (a batch number) and that is not known as an id.

Sources
    Good, "The population frequencies of species and the estimation of population parameters", Biometrika 40 (1953);
    Scheirer, de Rezende Rocha, Sapkota and Boult, "Toward open set recognition", IEEE PAMI 35 (2013).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import Ask, Sample, Table
from assay.core.words import listed, percent, text_of
from assay.probes.sides import Side, Sides, pair_for_plant, with_second

CHALLENGE = Challenge(
    code="S05",
    name="new-categories",
    title="values that were never seen in the rows learned from",
    stage="data",
    needs=("comparison",),
    category="voids",
    scope="comparison",
    promise=Dose(0.05, 1_000, "one row in twenty of the second table holds a value that the first has not"),
    materiality=(
        Threshold("new", 0.005, "share of rows", "one row in two hundred is read as something that it is not"),
    ),
)
MOST_VALUES, SLIGHT, SHOWN, NAMES_IT = 20_000, 0.001, 20, 0.99
KINDS = ("category", "bool", "mixed")


@dataclass(frozen=True)
class New:
    """The values of one column that are new beyond chance, with their rows, most rows first; and how many values, with
    how many rows, the first table lacks in all."""

    column: str
    values: Mapping[str, int]
    rows: int
    all_values: int
    all_rows: int


def measure(subject: Subject, sides: Sides, options: Options) -> Iterator[Claim]:
    target = subject.roles.named("target")
    for side in sides:
        limit = options["new"]
        columns = compared(subject, side)
        found = [new(side, name, len(columns)) for name in columns if unseen(side, name) > limit / 2]
        if side.kind == "site":  # a column that is new in all rows names the site (its zones, its staff)
            found = [f for f in found if f.rows < NAMES_IT * side.pair.b.n_rows]
        yield claim(side, [f for f in found if f.rows], limit, "features")
        if subject.roles.classes and set(target) <= set(side.a.names) & set(side.b.names):
            own = [new(side, target[0], 1)] if unseen(side, target[0]) > 0 else []
            yield claim(side, [f for f in own if f.rows], limit, "target")


def compared(subject: Subject, side: Side) -> list[str]:
    """Category features of both tables, without those that define the pair, tell the time or are numbers as text."""
    roles = subject.roles
    out = {c for role in ("order", "site", "split", "id", "weight", "group", "target") for c in roles.named(role)}
    kinds = [{c.name for c in rows.columns if c.kind in KINDS} for rows in (side.a, side.b)]
    names = sorted((kinds[0] & kinds[1] & set(subject.features)) - out - set(side.clock))
    return [name for name in names if not any(reads_as_numbers(rows, name) for rows in (side.a, side.b))]


def reads_as_numbers(rows: Sample, name: str) -> bool:
    """Most values are numbers, however they are stored: a new number is no new kind."""
    filled = int((~rows.null(name)).sum())
    return filled > 0 and int(np.isfinite(rows.numbers(name)).sum()) > filled / 2


def unseen(side: Side, name: str) -> float:
    """Share of the second sample's rows whose value the first sample has not: a look before the count."""
    (_, known), (codes, levels) = side.a.codes(name), side.b.codes(name)
    seen = {spelled(v) for v in known}
    strange = np.array([*(spelled(v) not in seen for v in levels), False])
    return float(strange[codes].mean()) if len(codes) else 0.0


def spelled(value: str) -> str:
    """A value without case, blanks and punctuation, a whole number without its point; itself if nothing is left."""
    value = re.sub(r"\.0+$", "", value.strip())
    return re.sub(r"[\W_]+", "", value.casefold()) or value


def counts(table: Table, name: str) -> dict[str, int] | None:
    """Rows by value over the whole table; None where there are too many values to count."""
    ask = Ask("top", (name,), args=(MOST_VALUES,))
    top = table.facts([ask])[ask]
    return None if len(top) == MOST_VALUES else {str(text_of(v)): int(k) for v, k in top}


def new(side: Side, name: str, columns: int) -> New:
    """Values of the second table that the first lacks, and that chance would not have dealt to one side alone."""
    a, b = counts(side.pair.a, name), counts(side.pair.b, name)
    if a is None or b is None:
        return New(name, {}, 0, 0, 0)
    seen = {spelled(v) for v in a}
    strange = {v: k for v, k in b.items() if spelled(v) not in seen}
    tries = len({*a, *b}) * columns
    apart = alone(np.array(list(strange.values()), np.float64), sum(a.values()), sum(b.values()))
    kept = {v: k for (v, k), p in zip(strange.items(), apart, strict=True) if tries * p <= SLIGHT}
    ordered = dict(sorted(kept.items(), key=lambda pair: (-pair[1], pair[0])))
    return New(name, ordered, sum(ordered.values()), len(strange), sum(strange.values()))


def alone(c: Any, first: int, second: int) -> Any:
    """Chance that all c rows of a value are dealt to the second side, by value."""
    from scipy.special import gammaln

    n = first + second
    log = gammaln(second + 1) - gammaln(second - c + 1) - gammaln(n + 1) + gammaln(n - c + 1)
    return np.exp(np.minimum(log, 0.0))


def claim(side: Side, found: list[New], limit: float, what: str) -> Claim:
    found = sorted(found, key=lambda f: (-f.rows, f.column))
    n = side.pair.b.n_rows
    share = found[0].rows / n if found and n else 0.0
    columns = tuple(f.column for f in found)
    says = f"{side.name}: every value of the second is known to the first"
    if found:
        first = found[0]
        many = f"{first.all_values:,} values" if first.all_values > 1 else "one value"
        says = (
            f"{side.name}: {many} of {first.column} ({listed(list(first.values), 2)}), in {first.all_rows:,} of {n:,}"
        )
        says += (
            f" rows ({percent(first.all_rows / n)}), never {'occur' if first.all_values > 1 else 'occurs'} in the first"
        )
        if len(first.values) < first.all_values:
            says += f", {len(first.values):,} of them beyond chance"
        if len(found) > 1:
            says += f"; new values in {listed(columns[1:], 3)} too"
    evidence: dict[str, Any] = {
        "kind": what, "new": {f.column: dict(list(f.values.items())[:SHOWN]) for f in found[:SHOWN]},
        "values": {f.column: len(f.values) for f in found}, "rows": {f.column: f.rows for f in found},
    }  # fmt: skip
    if found:
        shown = [(v, k) for v, k in found[0].values.items() if k >= 5][:40]
        evidence["chart"] = {
            "kind": "bars", "title": f"New values of {found[0].column}, {side.name}", "x": [v for v, _ in shown],
            "y": [k for _, k in shown], "x_title": found[0].column, "y_title": "rows",
        }  # fmt: skip
    return Claim(
        About(columns, comparison=side.name), Effect(share, "share of rows", limit), "exact", says, n,
        family="challenge", evidence=evidence,
        impact=Impact(side.pair.harm, share, unit="share of rows") if what == "target"
        else Impact(side.pair.harm, why_unmeasured="needs outcomes of both tables"),
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    fresh = finding.claim.evidence["new"]
    name = next(iter(fresh))
    says = f"collect labelled rows with the new values of {name}, and answer unknown where a row holds one until then"
    return Remedy("rows", "safe", "honesty", says, options={"new": dict(fresh)})


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write a new value into a share ``dose`` of one category column of the second table.

    Where the subject has no pair yet, its table is cut into two halves at random.
    """
    import pyarrow as pa

    table = subject.table
    pair = pair_for_plant(subject, rng)
    out = {c for role in ("order", "site", "split", "group") for c in subject.roles.named(role)}
    names = [c for c in subject.features if table.column(c).kind == "category" and c not in out]
    if not names or not pair.b.n_rows:
        raise InputError("a new value is planted in a category column; the table has none")
    name = names[int(rng.integers(len(names)))]
    arrow = pair.b.arrow()
    values = np.array(arrow[name].to_pylist(), dtype=object)
    at = np.sort(rng.permutation(len(values))[: round(dose * len(values))])
    values[at] = "planted new value"
    moved = pair.b.derive(
        arrow.set_column(arrow.schema.get_field_index(name), name, pa.array(values.tolist(), pa.string()))
    )
    return Planted(with_second(subject, pair, moved), (name,), len(at) / max(1, len(values)), Rows.at(at))
