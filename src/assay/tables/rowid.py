"""Row identity: hashes that do not depend on the order of rows or columns.

``content`` is DuckDB's ``hash`` of the row over its features, sorted by name; it is faster than md5 and stable for one
DuckDB version (docs/decisions). The target is no part of it: rows of equal features and *one* label would else leave
training together, and the rest would teach the opposite. ``row_id`` mixes the hash over all columns with the row's
ordinal among its equals, so that it is unique and yet free of position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from assay.core.table import I64, U64, Column

DEFAULT = 0.01  # share of a table above which equal rows are a default and no copies
DISTINCT = 0.5  # share of different rows below which columns are too coarse for equal rows to be one record
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: U64) -> U64:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): a bijection, so distinct stays distinct."""
    z = np.array(x, np.uint64, copy=True)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def ordinals(hashes: U64) -> I64:
    """0, 1, 2 ... among equal hashes, in source order."""
    out = np.zeros(len(hashes), np.int64)
    again = repeated(hashes)
    if again.any():
        where = np.flatnonzero(again)
        order = np.argsort(hashes[where], kind="stable")
        run = hashes[where][order]
        first = np.r_[True, run[1:] != run[:-1]]
        start = np.maximum.accumulate(np.where(first, np.arange(len(run)), 0))
        out[where[order]] = np.arange(len(run)) - start
    return out


def repeated(hashes: U64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which hashes occur more than once."""
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice) == 0:
        return np.zeros(len(hashes), bool)
    twice = np.unique(twice)
    at = np.minimum(np.searchsorted(twice, hashes), len(twice) - 1)
    return np.asarray(twice[at] == hashes, bool)


def row_ids(hashes: U64) -> U64:
    """Unique ids: a bijective mix of each hash, moved on by its ordinal among equals."""
    return mix(hashes + ordinals(hashes).astype(np.uint64) * _GOLDEN)


def salted(keys: U64, purpose: str, seed: int = 0) -> U64:
    """Keys mixed anew for one purpose: what a sample takes says nothing about where a split puts it."""
    salt = hashlib.blake2b(f"{purpose}\x00{seed}".encode(), digest_size=8).digest()
    return mix(mix(keys) ^ np.uint64(int.from_bytes(salt, "big")))


def table_digest(hashes: U64, columns: Sequence[Column]) -> str:
    """Hex digest of a table from its row hashes: sums commute, so order does not matter."""
    head = "\x00".join(f"{c.name}\x01{c.kind}\x01{c.storage}" for c in sorted(columns, key=lambda c: c.name))
    total = int(np.add.reduce(mix(hashes), dtype=np.uint64)) if len(hashes) else 0
    again = int(np.add.reduce(mix(hashes ^ _GOLDEN), dtype=np.uint64)) if len(hashes) else 0
    return hashlib.blake2b(f"{head}\x02{len(hashes)}\x02{total}\x02{again}".encode(), digest_size=16).hexdigest()


def common(content: U64) -> U64:
    """Hashes, sorted, of rows that make up more than a hundredth of a table; all of them where fewer than half differ.

    Such rows are a default (all sensors at rest) or come of coarse columns, and are no copies of one record: kept
    together they would fill one part, and the others would never see them.
    """
    own, counts = np.unique(content, return_counts=True)
    if len(own) < DISTINCT * len(content):
        return own
    return own[counts > max(DEFAULT * len(content), 2)]
