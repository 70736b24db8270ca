"""Columns that say the same: copies, and one-to-one columns whose agreement no shuffling would give.

Candidates come from a sample by hashing what each column makes of the rows, so that their number never matters; what
is claimed is then confirmed over the whole table by row hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import I64, NUMERIC, Sample, Table

SEARCH_ROWS = 10_000
FEW = 64  # different values up to which a column is a code
CHANCE = 1e-6  # that any two of the columns would be one-to-one if one of them were shuffled


@dataclass(frozen=True, slots=True)
class Same:
    """Columns, sorted by name, that are one-to-one in every row of the table; ``copies`` where the values are equal."""

    columns: tuple[str, ...]
    copies: bool


@dataclass(frozen=True, slots=True)
class Print:
    """What a column looks like: a digest of its values, one of how it parts the rows, and the log of the chance that a
    shuffled column would part them so."""

    values: bytes
    parts: bytes
    chance: float
    constant: bool


def printed(sample: Sample, name: str) -> Print:
    from scipy.special import gammaln

    kind = next(c.kind for c in sample.columns if c.name == name)
    if kind in NUMERIC:
        x = sample.numbers(name)
        values = np.where(x == 0, 0.0, x).tobytes()  # minus zero is zero
        seen: np.ndarray = x
    else:
        codes, levels = sample.codes(name)
        values = codes.tobytes() + "\x00".join(levels).encode("utf-8", "replace")
        seen = codes
    _, first, inverse, counts = np.unique(seen, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    alone, blank = len(first), sample.null(name)[first]
    counts = counts[~blank]  # holes on the same rows are no values that agree
    if alone > FEW:  # nor is one code on the same rows of two measured columns
        counts = np.delete(counts, np.argsort(counts, kind="stable")[-1:])
    _, many = np.unique(counts, return_counts=True)
    chance = float(gammaln(counts + 1.0).sum() + gammaln(many + 1.0).sum() - gammaln(counts.sum() + 1.0))
    digests = [hashlib.blake2b(b, digest_size=16).digest() for b in (values, rank[inverse.ravel()].tobytes())]
    return Print(digests[0], digests[1], chance, alone < 2)


def same_columns(table: Table, sample: Sample, names: Sequence[str]) -> list[Same]:
    """Groups of two columns or more, each confirmed over the whole table; constants are left out.

    Two columns that part the rows alike are one-to-one. Where a shuffled column would do so too (keys, whose values
    all differ; two rare flags in few rows), only equal values count.
    """
    small = sample.take(np.arange(min(sample.n, SEARCH_ROWS)))
    prints = {name: printed(small, name) for name in sorted(names)}
    prints = {name: p for name, p in prints.items() if not p.constant}
    limit = np.log(CHANCE) - 2 * np.log(max(2, len(prints)))
    groups: dict[bytes, list[str]] = {}
    for name, p in prints.items():
        groups.setdefault(p.parts if p.chance <= limit else p.values, []).append(name)
    whole = small.n == table.n_rows
    out = []
    for members in groups.values():
        if len(members) < 2:
            continue
        equal = len({prints[m].values for m in members}) == 1
        kept = tuple(members) if whole else confirmed(table, members, equal)
        if len(kept) > 1:
            out.append(Same(kept, equal))
    return out


def confirmed(table: Table, members: Sequence[str], equal: bool) -> tuple[str, ...]:
    """The members that are one-to-one with the first in every row (or equal to it, where they are to be equal)."""
    first = table.row_hashes((members[0],))
    if equal and len({table.column(m).storage for m in members}) == 1:
        return (members[0], *(m for m in members[1:] if np.array_equal(first, table.row_hashes((m,)))))
    order: I64 = np.argsort(first)
    head = np.ones(len(order), bool)
    head[1:] = first[order[1:]] != first[order[:-1]]
    del first
    kept = [members[0]]
    for name in members[1:]:
        own = table.row_hashes((name,))[order]
        # a function of the first: it changes nowhere but at its heads; and back: no two heads share a value
        moved = own[1:] != own[:-1]
        if not (moved & ~head[1:]).any() and len(np.unique(own[head])) == int(head.sum()):
            kept.append(name)
    return tuple(kept)
