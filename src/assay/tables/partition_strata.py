"""Class by class, where chance alone would leave a class out of a part.

Rows are dealt by a hash; of a class with few rows it may deal none to judge, and then nothing can be said of it. Where
that happens to a class of at least five units, the units of every class (equal rows are one unit) are put in the order
of the same hash and cut at the same shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import Partition
from assay.core.table import I64, U64, Sample, Table

from . import rowid

MOST_ROWS = 200_000  # beyond, reading the target once more costs more than a class of so few rows can tell
FEWEST = 5  # units of a class that can give one to each part
PLENTY = 200  # rows of the rarest class above which chance leaves none out: .8 ** 200 < 1e-19


@dataclass(frozen=True)
class StrataPartition:
    """Units by a table of their parts; what is not in it, as rows that were changed, by the hash (``otherwise``)."""

    keys: U64  # sorted
    parts: NDArray[np.int8]
    common: U64
    otherwise: Partition
    says: str

    def part(self, sample: Sample) -> NDArray[np.int8]:
        key = np.where(np.isin(sample.content, self.common), sample.row_id, sample.content)
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[at] == key, self.parts[at], self.otherwise.part(sample)).astype(np.int8)


def by_class(
    table: Table, target: str, common: U64, seed: int, shares: tuple[float, float], otherwise: Partition, says: str
) -> StrataPartition | None:
    """The partition class by class; None where the hash leaves no class out of a part."""
    if table.n_rows > MOST_ROWS or target not in {c.name for c in table.columns}:
        return None
    whole: Any = table
    codes, names = whole.codes(target)
    count = np.bincount(codes[codes >= 0], minlength=len(names))
    if len(codes) == 0 or not (count > 0).any() or count[count > 0].min() >= PLENTY:
        return None
    content: U64 = whole.content_hashes()
    own = rowid.row_ids(whole.row_hashes(()))
    keys, unit = np.unique(np.where(np.isin(content, common), own, content), return_inverse=True)
    label = labels_of(unit, codes + 1, len(keys))
    spread = rowid.salted(keys, "partition", seed).astype(np.float64) / 2.0**64
    dealt = np.digitize(spread, shares)
    held = np.zeros((len(names) + 1, 3), np.int64)
    np.add.at(held, (label, dealt), 1)
    if not ((held[1:] == 0).any(1) & (held[1:].sum(1) >= FEWEST)).any():
        return None
    order = np.lexsort((spread, label))
    start = np.searchsorted(label[order], np.arange(len(names) + 1))
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys)) - start[label[order]]
    size = np.bincount(label, minlength=len(names) + 1)
    parts = np.digitize((rank + 0.5) / size[label], shares).astype(np.int8)
    return StrataPartition(keys, parts, common, otherwise, says)


def labels_of(unit: I64, code: NDArray[Any], units: int) -> I64:
    """(units,) the most frequent label of each unit, the lowest of equals."""
    pairs, count = np.unique(np.column_stack((unit, code)), axis=0, return_counts=True)
    order = np.lexsort((pairs[:, 1], -count, pairs[:, 0]))
    first = np.searchsorted(pairs[order, 0], np.arange(units))
    return np.asarray(pairs[order, 1][first], np.int64)
