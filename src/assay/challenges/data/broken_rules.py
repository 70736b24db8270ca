"""Cells that break a rule which the rest of the table keeps.

What it is
    One column settles another nearly everywhere (a zip code its city), one date or year never comes before another,
    three columns add up - and a few rows do not. Or a row breaks what was promised: a contract (``--contract``), or a
    rule of the team in the settings.

Why it matters
    Such a cell is wrong, or its neighbour is. Models, joins and sums over it are wrong in the same row, and no look at
    one column alone shows it.

How it is measured
    Rules are sought on one half of the sample and must hold on the other; then the whole table is counted, so that the
    number of rows is exact. A column settles another if at least four fifths of the disagreement between two rows is
    gone once they agree in it (Goodman and Kruskal's tau over pairs of different rows: a key that never repeats, and a
    column that hardly varies, earn nothing). That alone is a tendency, and no rule: a rule is broken in at most one
    row of twenty, at least four in five of the rows that break it hold a value that no other row of their group holds
    (or that is no group's own), and groups torn between two values count against it. A carrier that takes over another
    one's plane breaks it in many rows alike, and is a fact of the world. If another column tells the rows that break a
    rule, both together are taken as determinant. Only names, dates and codes settle; a measurement that happens to
    repeat does not. An order holds between dates, years, or columns whose names are ends of one thing (min and max)
    if at most one row in a hundred breaks it, and ten times as many would by chance. Which cell of a row is to blame
    is put to a vote: the one that most broken rules bind; then the one of whose rules most are broken; then the value
    that fewer rows hold. What was promised is counted as it is written.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> zips = rng.integers(10, 40, 900)
    >>> city = np.array([f"city {k // 2}" for k in zips], dtype=object)
    >>> city[:5] = ["ctiy 3", "c1ty 7", "city x", "cty 11", "citi 5"]
    >>> table = pa.table({"zip": [f"Z{k}" for k in zips], "city": city.tolist(), "x": rng.normal(size=900)})
    >>> report = assay.check(table)
    >>> report["D06"].findings[0].message
    '5 cells of city (0.6 %) do not go with zip, which settles it elsewhere'

Remedy
    Unsafe: write what the determinant's other rows say, for the determinants whose rows disagree; new rows are treated
    alike. Orders, sums and promises say that a row is wrong, not what would be right: they are left to you.

Known false alarms
    A thing that changed once (a customer who moved in his last row); a clerk who is right where the others are not;
    sales on plan, before the house is built. Repeated exceptions are passed over, so an error made the same way in
    many rows of one group is missed.

Sources
    Goodman and Kruskal, "Measures of association for cross classifications", JASA 49 (1954) 732; Kivinen and Mannila,
    "Approximate inference of functional dependencies from relations", Theoretical Computer Science 149 (1995) 129;
    Bohannon, Fan, Geerts, Jia and Kementsietsidis, "Conditional functional dependencies for data cleaning", ICDE 2007;
    Mandros, Boley and Vreeken, "Discovering reliable approximate functional dependencies", KDD 2017.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.finding import Finding
from assay.core.remedy import Op, Remedy
from assay.core.rows import ROWS_KEPT, Rows
from assay.core.subject import Planted, Subject
from assay.core.table import F64, I64, Sample, SampleSpec
from assay.core.words import listed, percent
from assay.probes.blame import Commonness, blame
from assay.probes.dependencies import Settled, considered, known_codes, search
from assay.probes.promises import Kept
from assay.probes.row_rules import RowRule, is_year

CHALLENGE = Challenge(
    code="D06",
    name="broken-rules",
    title="cells that break a rule which the rest of the table keeps",
    stage="data",
    needs=("two-rows",),
    category="costs",
    scope="marginal",
    promise=Dose(0.02, 2000, "one cell in fifty does not go with the code that settles it"),
    materiality=(
        Threshold("cells", 1e-4, "share of cells", "rarer than one cell in ten thousand, no score moves"),
        Threshold("promised", 0.0, "share of rows", "a promise is made for every row"),
    ),
    proof="fidelity",
    safety="unsafe",
)
UNMEASURED = Impact("costs", why_unmeasured="what is wrong in a row is not known to a score")
SHOWN, CODED = 3, 12
PLANTED = "planted code"


def measure(
    subject: Subject,
    rows: Sample,
    dependencies: tuple[Settled, ...],
    row_rules: tuple[RowRule, ...],
    promises: tuple[Kept, ...],
    options: Options,
) -> Iterator[Claim]:
    n = subject.table.n_rows
    found = {(*d.by, d.of): d.fact.broken for d in dependencies} | {r.sql: r.fact.rows for r in row_rules}
    for promise in promises:
        ask = promise.rule
        key = None if ask is None else ask.columns if ask.fact == "dependency" else (*ask.args, None)[0]
        if key not in found or found[key] <= options["cells"] * n:  # else its cells are named below
            yield of_promise(promise, n, options["promised"])
    yield from settled(subject, rows, dependencies, options["cells"])
    yield from orders(subject, rows, [r for r in row_rules if r.form == "order"], options["cells"])
    for rule in (r for r in row_rules if r.form == "sum"):
        k = rule.fact.rows
        says = f"{rule.says()} in all but {count(k)} ({percent(k / n)})"
        evidence = {"kind": "sum", "rule": rule.says(), "sql": rule.sql, "rows": k}
        yield exact(rule.columns, rule.fact.where, k, n, options["cells"], says, evidence)


def settled(subject: Subject, rows: Sample, rules: Sequence[Settled], limit: float) -> Iterator[Claim]:
    """One claim a column: its cells that do not go with what settles it, or with what it settles."""
    n = subject.table.n_rows
    broken = [r for r in rules if r.fact.broken]
    standing: dict[str, int] = {}
    for rule in rules:
        for c in (*rule.by, rule.of):
            standing[c] = standing.get(c, 0) + 1
    bound = [((*r.by, r.of), r.fact.where.positions) for r in broken]
    cells = blame(bound, standing, commonness(rows), [r.of for r in broken])
    whole = all(r.fact.broken <= ROWS_KEPT for r in broken)
    for column in sorted({c for r in rules for c in (*r.by, r.of)}):
        at = cells.get(column, np.empty(0, np.int64))
        about = [r for r in broken if column in (*r.by, r.of) and np.isin(at, r.fact.where.positions).any()]
        about.sort(key=lambda r: (r.of != column, -int(np.isin(at, r.fact.where.positions).sum()), r.by))
        of = [r for r in about if r.of == column]
        k = len(at) if whole else max((r.fact.broken for r in of), default=len(at))
        names = tuple(dict.fromkeys(c for r in of or about for c in (*r.by, r.of) if c != column))
        which = f"which {'settles' if len(names) == 1 else 'settle'} it" if of else "which it settles"
        says = f"{k:,} {'cell' if k == 1 else 'cells'} of {column} ({percent(k / n)}) {'does' if k == 1 else 'do'} "
        says += f"not go with {listed(names, SHOWN)}, {which} elsewhere"
        evidence = {
            "kind": "dependency", "cells": {column: at[:ROWS_KEPT].tolist()},
            "rules": [{"by": list(r.by), "of": r.of, "rows": r.fact.rows, "broken": r.fact.broken,
                       "groups": r.fact.groups} for r in about[:10]],
            "look_up": look_up(subject, rows, of, at) if k else None,
        }  # fmt: skip
        yield exact((column, *names), where(rows, at), k, n, limit, says, evidence)


def look_up(subject: Subject, rows: Sample, rules: Sequence[Settled], at: I64) -> dict[str, object] | None:
    """The determinant that covers most of the cells, and what the groups of these cells say; None where none is fit."""
    usable = [r for r in rules if len(r.by) == 1 and r.fact.usual and replayable(subject, r.by[0], r.of)]
    if not usable:
        return None
    best = max(usable, key=lambda r: (int(np.isin(at, r.fact.where.positions).sum()), r.fact.rows, r.by))
    mapping = dict(best.fact.usual)
    if rows.n == subject.table.n_rows:  # else the groups of rows that were not drawn are not known
        codes, levels = rows.codes(best.by[0])
        own = {levels[c] for c in np.unique(codes[np.isin(rows.position, at)]) if c >= 0}
        mapping = {k: v for k, v in mapping.items() if k in own}
    return {"by": best.by[0], "mapping": mapping} if mapping else None


def replayable(subject: Subject, by: str, of: str) -> bool:
    """Both lowerings can read the determinant as text, and write text or numbers."""
    source, result = subject.table.column(by), subject.table.column(of)
    whole = source.storage in ("BIGINT", "VARCHAR") and source.kind != "date"
    return whole and result.kind in ("number", "category", "text", "mixed", "clock")


def orders(subject: Subject, rows: Sample, rules: Sequence[RowRule], limit: float) -> Iterator[Claim]:
    """One claim a column that comes too late or too early: the rows whose other orders say that it is the one."""
    n = subject.table.n_rows
    broken = [r for r in rules if r.fact.rows]
    standing: dict[str, int] = {}
    for c in (c for r in rules for c in r.columns):
        standing[c] = standing.get(c, 0) + 1
    cells = blame([(r.columns, r.fact.where.positions) for r in broken], standing, None)
    for column in sorted(standing):
        at = cells.get(column, np.empty(0, np.int64))
        about = [r for r in broken if column in r.columns and np.isin(at, r.fact.where.positions).any()]
        about.sort(key=lambda r: (-int(np.isin(at, r.fact.where.positions).sum()), r.columns))
        late = [r.columns[1] for r in about if r.columns[0] == column]
        early = [r.columns[0] for r in about if r.columns[1] == column]
        k = len(at)
        timed = subject.table.column(column).kind == "date" or is_year(rows.numbers(column))
        above, below = ("after", "before") if timed else ("above", "below")
        ways = [f"{above} {listed(late, SHOWN)}"] * bool(late) + [f"{below} {listed(early, SHOWN)}"] * bool(early)
        way = " or ".join(ways)
        says = f"{column} is {way} in {count(k)} ({percent(k / n)}), and hardly ever elsewhere"
        evidence = {
            "kind": "order", "cells": {column: at[:ROWS_KEPT].tolist()},
            "rules": [{"rule": r.says(), "broken": r.fact.rows} for r in about[:10]],
        }  # fmt: skip
        yield exact((column, *late, *early), where(rows, at), k, n, limit, says, evidence)


def of_promise(promise: Kept, n: int, limit: float) -> Claim:
    evidence = {"kind": promise.source, "rule": promise.name, "rows": promise.broken}
    return exact(promise.columns, promise.where, promise.broken, n, limit, promise.says, evidence, promise.name)


def exact(
    columns: tuple[str, ...], where: Rows, k: int, n: int, limit: float, says: str, evidence: Mapping[str, object],
    name: str | None = None,
) -> Claim:  # fmt: skip
    return Claim(
        About(columns, where if k else None, slice=name),
        Effect(k / n, "share of cells" if name is None else "share of rows", limit),
        "exact",
        says,
        n,
        impact=UNMEASURED,
        evidence=evidence,
    )


def where(rows: Sample, at: I64) -> Rows:
    """Positions, with row ids where the sample holds them all."""
    index = np.searchsorted(np.sort(rows.position), at)
    inside = len(at) and index.max() < rows.n and np.array_equal(np.sort(rows.position)[index], at)
    if not inside:
        return Rows.at(at)
    return Rows.at(at, rows.row_id[np.argsort(rows.position, kind="stable")[index]])


def commonness(rows: Sample) -> Commonness:
    """How many rows of the sample hold the value that a source position holds; NaN outside the sample."""
    order = np.argsort(rows.position, kind="stable")
    sorted_positions = rows.position[order]

    def common(name: str, at: I64) -> F64:
        codes = known_codes(rows, name)
        counts = np.bincount(codes[codes >= 0], minlength=1).astype(np.float64)
        place = np.minimum(np.searchsorted(sorted_positions, at), rows.n - 1)
        inside = sorted_positions[place] == at
        own = codes[order[place]]
        return np.where(inside & (own >= 0), counts[np.maximum(own, 0)], np.nan)

    return common


def count(k: int) -> str:
    return "1 row" if k == 1 else f"{k:,} rows"


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    told = finding.claim.evidence.get("look_up")
    if not told:
        return None
    column, by = finding.columns[0], told["by"]
    says = f"write into {column} what most rows of the same {by} say, for the {len(told['mapping']):,} that disagree"
    op = Op("look_up", (by, column), {"mapping": dict(told["mapping"])})
    return Remedy("cells", "unsafe", "fidelity", says, (op,), rows=finding.claim.about.rows)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Spoil a share ``dose`` of the cells of a column that another one settles, each with a value of its own.

    The dependency that the table has is broken (where a group has rows enough to tell); where it has none, a code of
    its most suitable category is added and broken.
    """
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    by, of = own_rule(subject)
    if of is None:
        codes, levels = sample_of(subject).codes(by) if by else (np.arange(n) % CODED, tuple(map(str, range(CODED))))
        words = np.array([*(f"K{k:03}" for k in rng.permutation(max(1, len(levels)))), None], object)
        of, values = PLANTED, words[codes]
        able = codes >= 0
    else:
        sample = sample_of(subject)
        codes, of_codes = known_codes(sample, by or ""), known_codes(sample, of)
        values = np.array(sample.arrow[of].to_pylist(), object)
        sizes = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=0)) + 1)
        able = (codes >= 0) & (of_codes >= 0) & (sizes[np.maximum(codes, 0)] >= 10)
    pool = rng.permutation(np.flatnonzero(able))[: round(dose * n)]
    spoiled = np.char.add(values[pool].astype(str), np.char.add("x", np.arange(len(pool)).astype(str)))
    values[pool] = spoiled.astype(object)
    table = arrow.drop_columns([of]) if of in arrow.column_names else arrow
    table = table.append_column(of, pa.array(values.tolist(), pa.string())).select(
        [*arrow.column_names, *([of] if of not in arrow.column_names else [])]
    )
    planted = subject.with_table(subject.table.derive(table))
    return Planted(planted, (of,), len(pool) / n if n else 0.0, Rows.at(np.sort(pool).astype(np.int64)))


def sample_of(subject: Subject) -> Sample:
    """The whole table in source order."""
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    return rows.take(np.argsort(rows.position, kind="stable"))


def own_rule(subject: Subject) -> tuple[str | None, str | None]:
    """A text column and the code that settles it; else a category to make a code of, and None."""
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    kinds = {c.name: c for c in subject.table.columns}
    found = [c for c in search(rows, considered(subject)) if kinds[c.of].storage == "VARCHAR"]
    found = [c for c in found if replayable(subject, c.by[0], c.of)]
    if found:
        return found[0].by[0], found[0].of
    few = [
        c for c in considered(subject)
        if kinds[c].kind == "category" and 3 <= len(rows.codes(c)[1]) <= max(3, rows.n // 20)
    ]  # fmt: skip
    return (few[0] if few else None), None
