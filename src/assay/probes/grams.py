"""Texts as sets of three-letter pieces: how alike two are, and which are alike among many (locality-sensitive hashing).

Pieces are three bytes of the text in lower case without punctuation, weighed by rarity (a piece that all texts have
tells nothing). Pairs come from MinHash (Broder 1997) in bands (Indyk & Motwani 1998): texts that share half of their
pieces meet in some band with probability .88, those that share a fifth with .12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.table import F64, I64, U64

BANDS, IN_BAND = 16, 3
MOST_IN_BUCKET = 30
CHUNK = 50_000


def plain(texts: Sequence[str]) -> list[str]:
    """Texts in lower case, punctuation and repeated blanks as one blank."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lowered = pc.utf8_lower(pa.array(texts, pa.string()))
    words = pc.replace_substring_regex(lowered, r"[^\p{L}\p{N}]+", " ")
    out: list[str] = pc.utf8_trim_whitespace(words).to_pylist()
    return out


def parted(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of each text without digits, and its digits without words: a number is no misspelling of another."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = pa.array(texts, pa.string())
    digits = pc.utf8_trim_whitespace(pc.replace_substring_regex(array, r"[^0-9]+", " "))
    words = pc.replace_substring_regex(pc.replace_substring_regex(array, r"[0-9]+", " "), r" +", " ")
    return pc.utf8_trim_whitespace(words).to_pylist(), digits.to_pylist()


@dataclass(frozen=True)
class Grams:
    """``matrix`` (texts, pieces): weights, each row of length one, and ``flat`` the same without rarity; ``pieces`` and
    ``start``: hashes text by text."""

    matrix: Any
    flat: Any
    pieces: U64
    start: I64

    def alike(self, i: I64, j: I64) -> F64:
        """Cosine of the weighed pieces of texts i and j, pair by pair."""
        return cosines(self.matrix, i, j)

    def spelt_alike(self, i: I64, j: I64) -> F64:
        """The same of all pieces alike: one changed letter costs the same wherever it stands."""
        return cosines(self.flat, i, j)

    def meeting(self) -> tuple[I64, I64]:
        """Pairs i < j of texts that share a band and are few in it."""
        if not len(self.start) - 1:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        keys = []
        for band in range(BANDS):
            key = np.zeros(len(self.start) - 1, np.uint64)
            for k in range(IN_BAND):
                low = np.minimum.reduceat(mixed(self.pieces, band * IN_BAND + k + 1), self.start[:-1])
                key = mixed(key ^ low, 99)
            keys.append(key)
        found = [bucketed(key, MOST_IN_BUCKET) for key in keys]
        i, j = (np.concatenate([pair[s] for pair in found]) for s in (0, 1))
        return unique_pairs(i, j)


def cosines(matrix: Any, i: I64, j: I64) -> F64:
    parts = [
        np.asarray(matrix[i[k : k + CHUNK]].multiply(matrix[j[k : k + CHUNK]]).sum(1)).ravel()
        for k in range(0, len(i), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def grams(texts: Sequence[str]) -> Grams:
    """Every text must have a letter or more."""
    from scipy.sparse import csr_array

    raw = [f" {t} ".encode() for t in texts]
    data = np.frombuffer(b"".join(raw), np.uint8).astype(np.int64)
    length = np.array([len(r) for r in raw], np.int64)
    piece = data[:-2] * 65536 + data[1:-1] * 256 + data[2:]
    owner = np.repeat(np.arange(len(raw)), length)[:-2]
    inside = np.arange(len(piece)) < (np.cumsum(length)[owner] - 2)
    piece, owner = piece[inside], owner[inside]
    both = np.unique(owner * (1 << 24) + piece)
    owner, piece = both >> 24, both & ((1 << 24) - 1)
    names, column, count = np.unique(piece, return_inverse=True, return_counts=True)
    weight = np.log((1 + len(raw)) / count)[column.ravel()]
    norm = np.sqrt(np.bincount(owner, weight**2, len(raw)))
    value = weight / np.maximum(norm, 1e-12)[owner]
    start = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(raw))))).astype(np.int64)
    matrix = csr_array((value, column.ravel(), start), shape=(len(raw), len(names)))
    each = 1 / np.sqrt(np.maximum(np.bincount(owner, minlength=len(raw)), 1))
    flat = csr_array((each[owner], column.ravel(), start), shape=(len(raw), len(names)))
    return Grams(matrix, flat, piece.astype(np.uint64), start)


def mixed(x: U64, salt: int) -> U64:
    """splitmix64's finaliser (Steele, Lea & Flood 2014)."""
    with np.errstate(over="ignore"):
        z = x + np.uint64((0x9E3779B97F4A7C15 * salt) % 2**64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))


def bucketed(key: Any, most: int) -> tuple[I64, I64]:
    """All pairs i < j of equal key, where at most ``most`` rows have it."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    size = np.diff(np.concatenate((first, [len(ordered)])))
    i, j = [], []
    for gap in range(1, most):
        here = first[(size > gap) & (size <= most)]
        if not len(here):
            break
        many = size[(size > gap) & (size <= most)] - gap
        at = np.repeat(here - np.concatenate(([0], np.cumsum(many)[:-1])), many) + np.arange(int(many.sum()))
        i.append(order[at])
        j.append(order[at + gap])
    if not i:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    a, b = np.concatenate(i), np.concatenate(j)
    return np.minimum(a, b), np.maximum(a, b)


def unique_pairs(i: I64, j: I64) -> tuple[I64, I64]:
    n = int(j.max(initial=0)) + 1
    both = np.unique(i * n + j)
    return both // n, both % n
