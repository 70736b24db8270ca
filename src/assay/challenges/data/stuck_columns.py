"""A column that does not move.

What it is
    A column with one value in every row, or with so few others that nothing can be learned from them; or a column
    that moves in general but stands still for a stretch of time.

Why it matters
    A constant says nothing, costs room, and hides a broken export: the join that lost its values, the sensor that was
    never switched on. A frozen stretch is worse, for the model learns from rows in which the column is a lie.

How it is measured
    *One value* and *nearly one value*: exact counts over the whole table. Nearly means that all but 1 % of the rows
    share a value and fewer than ten rows differ, since ten events are the least from which one coefficient can be
    estimated. A column that is empty in some rows is left to D01: "yes or empty" is a column of two values.
    *Frozen*: number columns of ten values or more, rows in time order (only where an order is declared), stand-ins
    for missing set aside; the longest run of one value. Outside that run a share q of the steps are changes; k of n
    rows in a row would then stand still with a chance of at most n (1 - q)^(k-1). A run looks frozen where that
    chance is below one in a million, the run is at least four times as long as the next longest, and the value is
    not zero (a rain gauge reads zero for weeks). A shorter run, of a dozen rows or more, looks frozen where another
    column that moves with this one (correlation .9) moves during the run by twice what the two differ by in 95 % of
    all rows. Steps are not independent, hence *looks*.

Example
    >>> import pyarrow as pa, assay
    >>> report = assay.check(pa.table({"year": [2013] * 60, "x": list(range(60)), "y": ["a", "b"] * 30}), target="y")
    >>> report["D09"].verdict
    'found'

Remedy
    Safe: drop a column of one value. A nearly constant or frozen column is advice: ask who fills it.

Known false alarms
    A table cut to one year or one site has constants that will move once the model is in use. Tariffs, settings and
    other columns that are changed by hand stand still by nature; so do counters over night.

Sources
    Peduzzi, Concato, Kemper, Holford and Feinstein, "A simulation study of the number of events per variable in
    logistic regression analysis", Journal of Clinical Epidemiology 49 (1996); Feller, "An Introduction to
    Probability Theory and Its Applications" I, XIII.7 (runs); Harries, "SPLICE-2 comparative evaluation:
    electricity pricing" (1999), whose table elec2 has three columns that stand still for its first 17,424 rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.facts import Distinct, Holes
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.rows import Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Ask, Facts, Sample
from assay.core.words import listed, percent
from assay.probes.stand_ins import stand_ins

CHALLENGE = Challenge(
    code="D09",
    name="stuck-columns",
    title="columns that do not move",
    stage="data",
    needs=("feature",),
    category="tidy",
    scope="marginal",
    promise=Dose(1.0, 200, "one value in every row"),
    materiality=(
        Threshold("others", 10, "rows", "ten events are the least from which one coefficient can be estimated"),
        Threshold("same", 0.99, "share of rows", "below that a rare flag may still be worth having"),
        Threshold("frozen", 0.001, "share of rows", "a thousandth of the rows is the least that moves a score"),
    ),
    proof="gain",
    safety="safe",
)
CHANCE, LONGER, FEWEST, SHORTEST, KINDS, TWIN, APART = 1e-6, 4, 100, 12, 10, 0.9, 2.0


def asks(subject: Subject) -> Iterable[Ask]:
    for name in subject.features:
        yield from (Ask("holes", (name,)), Ask("distinct", (name,)))


def measure(subject: Subject, facts: Facts, rows: Sample, options: Options) -> Iterator[Claim]:
    n = subject.table.n_rows
    if n < 2:
        return
    same: dict[str, int] = {}
    for name in subject.features:
        holes: Holes = facts[Ask("holes", (name,))]
        distinct: Distinct = facts[Ask("distinct", (name,))]
        # Ten others or fewer make at most eleven values, and a column of more cannot be nearly of one.
        if holes.n == 0 and distinct.n <= 2 * options["others"]:
            same[name] = int(facts[Ask("top", (name,), args=(2,))][0][1])
    stuck = tuple(name for name, k in same.items() if k == n)
    near = tuple(k for k, count in same.items() if n - options["others"] < count < n and count > options["same"] * n)
    if stuck:
        word = "holds one value" if len(stuck) == 1 else "hold one value each"
        yield claim(stuck, 1.0, options["same"], n, f"{listed(stuck)} {word} in all {n:,} rows", {"kind": "constant"})
    if near:
        fewest, most_others = (f(n - same[name] for name in near) for f in (min, max))
        others = f"{most_others:,}" if fewest == most_others else f"{fewest:,} to {most_others:,}"
        verb = "holds one value" if len(near) == 1 else "hold one value each"
        says = f"{listed(near)} {verb} in all but {others} of {n:,} rows"
        evidence = {"kind": "nearly", "others": {name: n - same[name] for name in near}}
        yield claim(near, 1 - fewest / n, options["same"], n, says, evidence)
    rest = tuple(name for name in subject.features if name not in stuck + near)
    if rest:  # one unit for all that move; a rare flag with ten rows or more is below what matters however rare
        most = max(rest, key=lambda name: same.get(name, 0))
        share = same.get(most, 0) / n
        says = f"{most} holds one value in {percent(share)} of rows"
        yield claim(rest, share, max(options["same"], share), n, says, {"kind": "moves"})
    if subject.roles.order is not None and rows.n >= FEWEST:
        yield from frozen(subject, rows, [name for name in subject.features if name not in stuck], options["frozen"])


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    if finding.claim.evidence.get("kind") != "constant":
        return None
    ops = (Op("drop_column", finding.columns),)
    return Remedy("columns", "safe", "gain", f"drop {listed(finding.columns)}: one value says nothing", ops)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write the first number column's value of one row into a share ``dose`` of the rows."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    numbers = [c for c in subject.features if subject.table.column(c).kind == "number"]
    if not numbers or n == 0:
        raise InputError("a stuck column is planted in a number column; the table has none")
    name = numbers[int(rng.integers(len(numbers)))]
    at = np.sort(rng.permutation(n)[: round(dose * n)])
    values = np.array(arrow[name].cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    values[at] = np.nan_to_num(values[rng.integers(n)])
    column = pa.array(values, pa.float64(), from_pandas=True)
    moved = arrow.set_column(arrow.schema.get_field_index(name), name, column)
    return Planted(subject.with_table(subject.table.derive(moved)), (name,), len(at) / n, Rows.at(at))


def claim(names: tuple[str, ...], share: float, limit: float, n: int, says: str, evidence: Mapping[str, Any]) -> Claim:
    impact = Impact("tidy", why_unmeasured="a column that says nothing moves no score")
    effect = Effect(share, "share of rows", limit)
    return Claim(About(names), effect, "exact", says, n, impact=impact, evidence=evidence)


def frozen(subject: Subject, rows: Sample, names: list[str], limit: float) -> Iterator[Claim]:
    """One claim for each set of columns that stand still over the same stretch."""
    order = subject.roles.named("order")[0]
    when = rows.position.astype(np.float64) if order == "@row" else rows.numbers(order)
    line = np.argsort(when, kind="stable")
    line = line[np.isfinite(when[line])]
    moving: dict[str, F64] = {}
    for name in names:
        if name != order and subject.table.column(name).kind == "number":
            values = rows.numbers(name)[line].copy()
            values[np.isin(values, stand_ins(values))] = np.nan
            if len(np.unique(values[np.isfinite(values)][:100_000])) >= KINDS:
                moving[name] = values
    found: dict[tuple[int, int, str], list[str]] = {}
    for name, values in moving.items():
        run = stretch(values)
        if run is not None:
            found.setdefault((*run, ""), []).append(name)
            continue
        other = twin(moving, name)
        run = stretch_against(values, moving[other]) if other else None
        if run is not None:
            found.setdefault((*run, f" while {other} moves"), []).append(name)
    for (start, size, beside), columns in sorted(found.items()):
        share = size / len(line)
        whole = rows.n == subject.table.n_rows
        word = f"{size:,} rows" if whole else f"about {round(share * subject.table.n_rows):,} rows"
        at = np.sort(rows.position[line[start : start + size]])
        yield Claim(
            About(tuple(columns), Rows.at(at) if whole else None),
            Effect(share, "share of rows", limit),
            "heuristic",
            f"{listed(columns)} {'looks' if len(columns) == 1 else 'look'} frozen for {word} in a row{beside}",
            len(line),
            impact=Impact("costs", why_unmeasured="needs a refit without the frozen rows"),
            evidence={"kind": "frozen", "first": start, "rows": size, "chart": chart(moving[columns[0]])},
        )


def runs(values: F64) -> tuple[I64, I64, I64]:
    """Runs of one value among the filled rows: the rows themselves, first of each run, size of each run."""
    known = np.flatnonzero(np.isfinite(values))
    ends = np.flatnonzero(np.diff(values[known]) != 0)
    sizes = np.diff(np.concatenate(([-1], ends, [len(known) - 1])))
    return known, np.concatenate(([0], ends + 1)), sizes


def stretch(values: F64) -> tuple[int, int] | None:
    """(first row, rows) of a run that chance would not give, or None."""
    known, first, sizes = runs(values)
    if len(known) < FEWEST:
        return None
    best = int(np.argmax(sizes))
    size, n, steps = int(sizes[best]), len(known), len(known) - int(sizes[best])
    next_longest = int(np.max(np.delete(sizes, best))) if len(sizes) > 1 else 0
    if size < SHORTEST or steps < FEWEST // 2 or size < LONGER * next_longest or values[known[first[best]]] == 0:
        return None
    still = 1 - (len(sizes) - 1) / steps
    if still > 0 and np.log(n) + (size - 1) * np.log(still) > np.log(CHANCE):
        return None
    start, last = int(known[first[best]]), int(known[first[best] + size - 1])
    return start, last - start + 1


def twin(columns: Mapping[str, F64], name: str) -> str | None:
    """The column that moves with this one (correlation of .9 or more over the rows that both fill)."""
    best, other = TWIN, None
    for rival in sorted(set(columns) - {name}):
        both = np.isfinite(columns[name]) & np.isfinite(columns[rival])
        x, y = columns[name][both], columns[rival][both]
        if len(x) >= FEWEST and x.std() > 0 and y.std() > 0:
            size = abs(float(np.mean((x - x.mean()) * (y - y.mean())))) / float(x.std() * y.std())
            best, other = (size, rival) if size >= best else (best, other)
    return other


def stretch_against(values: F64, other: F64) -> tuple[int, int] | None:
    """(first row, rows) of a run during which the twin moves by far more than the two ever differ, or None."""
    both = np.where(np.isfinite(other), values, np.nan)
    known, first, sizes = runs(both)
    x, y = other[known], values[known]
    slope, level = np.polyfit(x, y, 1)
    apart = np.abs(y - slope * x - level)
    moved = abs(slope) * (np.maximum.reduceat(x, first) - np.minimum.reduceat(x, first))
    inside = (y[first] > y.min()) & (y[first] < y.max())  # at its ends a column is at its stop, not frozen
    still = sizes >= max(SHORTEST, LONGER * float(np.median(sizes)))  # a year or a month stands still as a rule
    moved = np.where(still & inside, moved, 0.0)
    best = int(np.argmax(moved))
    if moved[best] <= APART * float(np.quantile(apart, 0.95)) or moved[best] == 0:
        return None
    start, last = int(known[first[best]]), int(known[first[best] + sizes[best] - 1])
    return start, last - start + 1


def chart(values: F64) -> dict[str, Any]:
    parts = [p[np.isfinite(p)] for p in np.array_split(values, 40)]
    kept = [(i, p) for i, p in enumerate(parts) if len(p) >= 5]
    return {
        "kind": "line", "title": "Distinct values along the order", "x": [i + 1 for i, _ in kept],
        "y": [len(np.unique(p)) for _, p in kept], "x_title": "fortieth of the rows", "y_title": "distinct values",
    }  # fmt: skip
