"""Rows that are equal in every feature carry different labels.

What it is
    Two or more rows agree in every column that a model may use, and not in the target.

Why it matters
    No model of these columns can be right about all of them: whatever it answers, the rows with the other labels are
    wrong. That is a floor under every error rate, and no tuning gets below it. Either a label is wrong, or a column
    that makes the difference is missing.

How it is measured
    An exact count over the whole table. Columns that name a row and say nothing about it (declared and guessed ids,
    row numbers, the group, the moment) are left out first, since with any of them no two rows are equal; so are
    columns that a leak rule suspects, since they are not there when the question is asked. Labels that differ only in
    case, blanks, quotes or a last full stop count as one. In each set of equal rows the commonest label is the best
    answer; the others add up to the floor, which is the effect. How many rows would be equal by chance is estimated
    from a sample as for D07. Where equal rows are no more than chance gives, the columns are too coarse to tell cases
    apart, labels differ by nature, and the floor has to reach the larger threshold. The sentence claims the count and
    the floor, never which label is right.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> x = np.random.default_rng(0).normal(size=300)
    >>> y = np.where(x > 0, "a", "b")
    >>> x[:20], y[:20] = x[20:40], np.where(y[20:40] == "a", "b", "a")
    >>> table = pa.table({"row": np.arange(300), "x": x, "z": np.round(3 * x), "y": y})
    >>> assay.check(table, target="y")["L02"].verdict
    'found'

Remedy
    None that is safe: look at the rows, or find the column that tells them apart. Unsafe, on trial: give each set its
    commonest label where it has a majority, and leave the set out where it has none.

Known false alarms
    A table of few coarse columns, or of repeated measurements of one case whose outcome is chance: the floor is true
    there too, and says what the columns can give, not that a label is wrong.

Sources
    Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on Information Theory 13 (1967), for
    the error that no rule can avoid; Chow and Liu (1968) for the estimate of chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import InputError
from assay.core.facts import Holes
from assay.core.finding import Finding
from assay.core.remedy import Remedy
from assay.core.rows import ROWS_KEPT, Rows
from assay.core.subject import Planted, Subject
from assay.core.table import I64, U64, Ask, Facts, Mask, Sample
from assay.core.words import percent
from assay.probes.coincidence import expected, most_by_chance
from assay.probes.spelt import one_class
from assay.tables.roles import key_columns
from assay.tables.rowid import repeated, row_ids

CHALLENGE = Challenge(
    code="L02",
    name="conflicting-labels",
    title="equal rows with different labels",
    stage="data",
    needs=("target", "classes", "feature", "two-rows"),
    category="costs",
    scope="marginal",
    promise=Dose(0.04, 500, "one row in twenty-five is written again with another label"),
    materiality=(
        Threshold("floor", 0.005, "share of rows", "half a point of accuracy that no model can have"),
        Threshold(
            "coarse", 0.05, "share of rows", "where rows are equal by chance: a ceiling of 95 % changes what to expect"
        ),
    ),
    proof="gain",
    safety="unsafe",
)
NULL = np.uint64(0xBF58476D1CE4E5B9)  # what the engine's hash gives for null, whatever the type
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Conflicts:
    """``at``: positions of rows in sets of equal rows with more than one label. ``floor`` of them any model misses."""

    at: I64
    sets: int
    floor: int
    tied: int  # sets without a majority
    equal: int  # rows beyond the first of each set of equal rows, whatever the label


def asks(subject: Subject) -> Iterable[Ask]:
    yield Ask("holes", subject.roles.named("target"))


def measure(subject: Subject, facts: Facts, rows: Sample, honest: tuple[str, ...], options: Options) -> Iterator[Claim]:
    target = subject.roles.named("target")[0]
    columns = compared(subject, honest)
    holes: Holes = facts[Ask("holes", (target,))]
    n = holes.rows - holes.n
    if n < 2 or not columns:
        return
    found = conflicts(subject, columns, target, rows, holes.n > 0)
    chance = expected(rows, columns, n) if len(found.at) else 0.0
    by_chance = found.equal <= most_by_chance(chance)
    left_out = tuple(sorted({c.name for c in subject.table.columns} - {*columns, target}))
    share = found.floor / n
    says = f"{len(found.at):,} rows stand in {found.sets:,} sets of equal rows with different labels in {target}"
    says += f": any model of these columns is wrong in {found.floor:,} of {n:,} rows or more ({percent(share)})"
    if by_chance and len(found.at):
        says += "; chance alone makes as many rows look alike"
    yield Claim(
        About((target,), Rows(len(found.at), found.at[:ROWS_KEPT], ids_of(subject, found.at[:ROWS_KEPT]))),
        Effect(share, "share of rows", options["coarse" if by_chance else "floor"]),
        "exact",
        says,
        n,
        impact=Impact("costs", share, None, "accuracy that no model can have"),
        evidence={
            "sets": found.sets, "rows": len(found.at), "floor": found.floor, "sets_without_majority": found.tied,
            "equal_rows": found.equal, "expected_by_chance": round(chance, 3), "compared": list(columns),
            "left_out": list(left_out), "best_accuracy": 1 - share,
        },
    )  # fmt: skip


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    evidence = finding.claim.evidence
    says = f"look at the {evidence['sets']:,} sets: a label is wrong or a column is missing; or give each set its "
    says += "commonest label"
    options = {"relabel": "majority of equal rows", "columns": evidence["compared"], "ties": "leave out"}
    return Remedy("rows", "unsafe", "gain", says, rows=finding.claim.about.rows, options=options)


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Write a share ``dose`` of the rows once more, over other rows, and give the copies another class."""
    import pyarrow as pa

    target = subject.roles.named("target")[0]
    arrow, n = subject.table.arrow(), subject.table.n_rows
    y = np.array(arrow[target].to_pylist(), dtype=object)
    levels = sorted({v for v in y if v is not None}, key=str)
    if len(levels) < 2:
        raise InputError("conflicting labels are planted in a target with at least two classes; this one has fewer")
    picked = rng.permutation(np.flatnonzero(np.array([v is not None for v in y])))
    half = min(round(dose * n), len(picked) // 2)
    origin, over = picked[:half], picked[half : 2 * half]
    source = np.arange(n)
    source[over] = origin
    place = {v: i for i, v in enumerate(levels)}
    step = rng.integers(1, len(levels), half)
    y[over] = [levels[(place[v] + int(s)) % len(levels)] for v, s in zip(y[origin], step, strict=True)]
    kept = {*subject.roles.named("id"), *subject.roles.named("group")}
    copied = arrow.take(pa.array(source))
    made = {name: arrow[name] if name in kept else copied[name] for name in arrow.column_names}
    made[target] = pa.array(y.tolist(), arrow.schema.field(target).type)
    table = subject.table.derive(pa.table(made))
    both = np.sort(np.concatenate((origin, over)))
    return Planted(subject.with_table(table), (target,), half / n if n else 0.0, Rows.at(both))


def compared(subject: Subject, honest: tuple[str, ...]) -> tuple[str, ...]:
    """Features that say something of a row: no ids, row numbers, groups, nor the moment."""
    roles = subject.roles
    naming = {*key_columns(subject.table), *roles.named("order"), *roles.named("group")}
    return tuple(c for c in honest if c not in naming)


def spelt_alike(subject: Subject, target: str, rows: Sample) -> tuple[U64, U64]:
    """Hashes of labels, sorted, and of the first label of the same class (labels may differ in spelling alone)."""
    codes, levels = rows.codes(target)
    seen, first = np.unique(codes, return_index=True)
    hashes = subject.table.row_hashes((target,))[rows.position[first]][seen >= 0]
    cls, _ = one_class([levels[i] for i in seen[seen >= 0]])
    order = np.argsort(hashes, kind="stable")
    return hashes[order], hashes[np.unique(cls, return_index=True)[1]][cls][order]


def conflicts(subject: Subject, columns: tuple[str, ...], target: str, rows: Sample, holes: bool) -> Conflicts:
    """Sets of equal rows with more than one label, over the whole table; rows without a label are left out."""
    again = np.flatnonzero(repeated(subject.table.row_hashes(columns)))
    if len(again) == 0:
        return Conflicts(again, 0, 0, 0, 0)
    labels = subject.table.row_hashes((target,))[again]
    known: Mask = labels != NULL if holes else np.ones(len(again), bool)
    again, labels = again[known], labels[known]
    spelt, lead = spelt_alike(subject, target, rows)
    if len(spelt):
        near = np.minimum(np.searchsorted(spelt, labels), len(spelt) - 1)
        labels = np.where(spelt[near] == labels, lead[near], labels)
    _, of = np.unique(subject.table.row_hashes(columns)[again], return_inverse=True)
    _, label = np.unique(labels, return_inverse=True)
    pairs, count = np.unique(of.astype(np.int64) * (label.max(initial=0) + 1) + label, return_counts=True)
    own = pairs // (label.max(initial=0) + 1)
    sizes = np.bincount(of)
    most = np.zeros(len(sizes), np.int64)
    np.maximum.at(most, own, count)
    ties = np.bincount(own[count == most[own]], minlength=len(sizes)) > 1
    mixed = most < sizes
    return Conflicts(
        again[mixed[of]].astype(np.int64), int(mixed.sum()), int((sizes - most)[mixed].sum()),
        int((ties & mixed).sum()), len(again) - len(sizes),
    )  # fmt: skip


def ids_of(subject: Subject, at: I64) -> U64:
    return row_ids(subject.table.row_hashes(()))[at] if len(at) else np.empty(0, np.uint64)
