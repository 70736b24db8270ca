"""Cells that differ from a table that is trusted.

What it is
    The same things stand in a second table that is known to be right (``--trusted``): the ledger, the master file, a
    sample typed in twice. Cells of this table say something else, or rows stand in one of the two only.

Why it matters
    It is the one measure of data quality that needs no assumption: how often what is recorded is wrong. Every other
    check can only tell what looks wrong.

How it is measured
    Rows are paired by the id; where none is named or guessed, by a column or pair of columns that no two rows of the
    trusted table share (names, dates and codes, never measurements). Cells are compared by value: numbers as numbers
    (to twelve significant digits, whatever type either side has them as), dates as moments, texts without the blanks
    around them, and blank is empty. All counts are exact: cells that differ by column among the paired rows, rows that
    the trusted table does not have, and rows of the trusted table that are not here. A key that the trusted table has
    twice pairs nothing, and is counted apart.

Example
    >>> import numpy as np, pyarrow as pa, assay
    >>> rng = np.random.default_rng(0)
    >>> right = pa.table({"id": [f"A{k:04}" for k in range(400)], "x": rng.normal(size=400).round(3)})
    >>> x = right["x"].to_numpy().copy()
    >>> x[:8] += 1
    >>> report = assay.check(right.set_column(1, "x", pa.array(x)), roles={"id": "id"}, trusted=right)
    >>> report["D18"].findings[0].message
    '8 of 400 cells of x (2.0 %) differ from table'

Remedy
    Take the trusted cells. Where the trusted table is a sample, what it shows is the share of errors to expect in all
    the others.

Known false alarms
    Two tables drawn at different moments: what changed in between differs and is not wrong. Columns of one name and
    two meanings.

Sources
    Batini and Scannapieco, "Data and Information Quality" (2016), chapter 2, accuracy; Fan and Geerts, "Foundations of
    Data Quality Management" (2012), master data.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from assay.core.challenge import Challenge, Dose, Options, Threshold
from assay.core.claim import About, Claim, Effect, Impact
from assay.core.errors import NotApplicable
from assay.core.rows import ROWS_KEPT, Rows
from assay.core.subject import Planted, Subject
from assay.core.table import I64
from assay.core.words import listed, percent
from assay.tables.duck_table import DuckTable
from assay.tables.matching import Matched, differ, matched, unique
from assay.tables.roles import key_columns

CHALLENGE = Challenge(
    code="D18",
    name="disagrees-with-source",
    title="cells that differ from a table that is trusted",
    stage="data",
    needs=("trusted",),
    category="costs",
    scope="marginal",
    promise=Dose(0.01, 1000, "one cell of a column in a hundred is not what the trusted table says"),
    materiality=(
        Threshold("cells", 1e-4, "share of cells", "rarer than one cell in ten thousand, no score moves"),
        Threshold(
            "rows", 1e-3, "share of rows", "one row in a thousand missing moves no share by a digit that is read"
        ),
    ),
)
KEY_PARTS, PAIRED = 8, 0.5  # columns tried in pairs as a key; rows that a key must pair to be one


def measure(subject: Subject, options: Options) -> Iterator[Claim]:
    table, trusted = subject.table, subject.evidence["trusted"]
    if not isinstance(table, DuckTable) or not isinstance(trusted, DuckTable):
        raise NotApplicable("the two tables cannot be joined where they are")
    if not table.n_rows or not trusted.n_rows:
        raise NotApplicable("one of the two tables has no rows")
    key, pairs = joined(subject, table, trusted)
    n = len(pairs.at_a)
    shared = sorted({c.name for c in table.columns} & {c.name for c in trusted.columns} - set(key))
    for name in shared:
        off = differ(table, trusted, name, pairs)
        at = np.sort(pairs.at_a[off])
        k = len(at)
        yield claim(
            (name,), at, k, n, "share of cells", options["cells"],
            f"{k:,} of {n:,} cells of {name} ({percent(k / n)}) differ from {trusted.name}",
            {"key": list(key), "cells": {name: at[:ROWS_KEPT].tolist()}, "differ": k, "compared": n},
        )  # fmt: skip
    by = listed(list(key))
    for what, at, of, says in (
        ("unknown", pairs.only_a, table.n_rows, f"are not in {trusted.name}, by {by}"),
        ("absent", pairs.only_b, trusted.n_rows, f"of {trusted.name} are not here, by {by}"),
    ):
        k = len(at)
        rows = f"{k:,} of {of:,} rows ({percent(k / of)})"
        evidence = {"key": list(key), what: k, "several": pairs.several}
        own = at if what == "unknown" else np.empty(0, np.int64)
        yield claim(key, own, k, of, "share of rows", options["rows"], f"{rows} {says}", evidence, what)


def claim(
    columns: tuple[str, ...], at: I64, k: int, n: int, unit: str, limit: float, says: str, evidence: dict[str, object],
    what: str | None = None,
) -> Claim:  # fmt: skip
    return Claim(
        About(columns, Rows.at(at) if len(at) else None, slice=what),
        Effect(k / n if n else 0.0, unit, limit),
        "exact",
        says,
        n,
        impact=Impact("costs", why_unmeasured="needs a model of the trusted cells"),
        evidence=evidence,
    )


def joined(subject: Subject, table: DuckTable, trusted: DuckTable) -> tuple[tuple[str, ...], Matched]:
    """The first key that pairs at least half of the shorter table.

    Raises:
        NotApplicable: there is none.
    """
    shared = {c.name for c in table.columns} & {c.name for c in trusted.columns}
    least = PAIRED * min(table.n_rows, trusted.n_rows)
    tried = False
    for key in candidates(subject, table, trusted, shared):
        if unique(trusted, key) or key == subject.roles.named("id"):
            tried = True
            pairs = matched(table, trusted, key)
            if len(pairs.at_a) >= least:
                return key, pairs
    why = "pairs fewer than half of the rows" if tried else "tells the rows of the trusted table apart"
    raise NotApplicable(f"no shared column {why}: name one with --role id=COLUMN")


def candidates(subject: Subject, table: DuckTable, trusted: DuckTable, shared: set[str]) -> Iterator[tuple[str, ...]]:
    """Keys to try: the id, then key-shaped columns, then single names and codes, then pairs of them."""
    ids = subject.roles.named("id")
    if ids and set(ids) <= shared:
        yield ids
    named = sorted({*key_columns(trusted), *key_columns(table)} & shared)
    yield from ((c,) for c in named)
    codes = sorted(c for c in shared - set(named) if names_things(trusted, c))
    counts = {c: trusted.scanned.counts[c].estimate for c in codes}
    codes.sort(key=lambda c: (-counts[c], c))
    yield from ((c,) for c in codes[:KEY_PARTS])
    yield from (tuple(sorted(pair)) for pair in combinations(codes[:KEY_PARTS], 2))


def names_things(table: DuckTable, name: str) -> bool:
    column = table.column(name)
    return column.kind in ("category", "text", "date") or (column.kind == "number" and column.storage == "BIGINT")


def plant(subject: Subject, dose: float, rng: np.random.Generator) -> Planted:
    """Change a share ``dose`` of the cells of one column, the first number (by name) that is no key, else a text."""
    import pyarrow as pa

    arrow, n = subject.table.arrow(), subject.table.n_rows
    free = sorted(c.name for c in subject.table.columns if c.name not in subject.roles.named("id"))
    numbers = [c for c in free if subject.table.column(c).kind == "number"]
    name = (numbers or free)[0]
    at = np.sort(rng.permutation(n)[: round(dose * n)])
    hit = np.zeros(n, bool)
    hit[at] = True
    if numbers:
        x = np.asarray(arrow[name].to_numpy(zero_copy_only=False), np.float64)
        made = pa.array(np.where(hit, x + 1 + np.abs(x) * 0.1, x), from_pandas=True)
    else:
        words = np.array([str(v) if v is not None else None for v in arrow[name].to_pylist()], object)
        words[hit] = "not this"
        made = pa.array(words.tolist(), pa.string())
    table = arrow.set_column(arrow.schema.get_field_index(name), name, made)
    return Planted(
        subject.with_table(subject.table.derive(table)), (name,), len(at) / n if n else 0.0, Rows.at(at)
    )  # fmt: skip
