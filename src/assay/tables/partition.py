"""Build, choose, judge: 60, 20 and 20 % of the rows, keyed on what a row is and never on where it stands.

By time where an order is set (earlier rows build, later rows judge, equal times never split); else by the hash of the
group; else by the hash of the row's content, so that exact duplicates fall together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import BUILD, Roles
from assay.core.table import U64, Sample, Table

from . import rowid

SHARES = (0.6, 0.8)


@dataclass(frozen=True)
class TimePartition:
    """Rows by their value in the order column (or position): to the first cut build, above the second judge."""

    table: Any
    column: str
    cuts: tuple[float, float]
    says: str

    def part(self, sample: Sample) -> NDArray[np.int8]:
        if self.column == "@row":
            when = sample.position.astype(np.float64)
        else:
            recorded = getattr(sample, "recorded", None)
            when = recorded(self.column) if recorded is not None else sample.numbers(self.column)
        part = np.digitize(when, self.cuts, right=True).astype(np.int8)
        return np.where(np.isnan(when), np.int8(BUILD), part).astype(np.int8)


@dataclass(frozen=True)
class HashPartition:
    """Rows by a hash: of the group where one is set, else of the content; rows too ``common`` to be copies singly."""

    column: str | None
    seed: int
    says: str
    common: U64

    def part(self, sample: Sample) -> NDArray[np.int8]:
        if self.column is None:
            key = np.where(np.isin(sample.content, self.common), sample.row_id, sample.content)
        else:
            codes, names = _recorded_codes(sample, self.column)
            keys = np.array([_text_hash(n) for n in names] + [0], np.uint64)
            key = np.where(codes < 0, sample.row_id, keys[codes])
        spread = rowid.salted(key, "partition", self.seed)
        share = spread.astype(np.float64) / 2.0**64
        return np.digitize(share, SHARES).astype(np.int8)


def _recorded_codes(sample: Sample, column: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes of the group as recorded in the source, even where a recipe changed or dropped the column."""
    recorded = getattr(sample, "recorded_codes", None)
    return recorded(column) if recorded is not None else sample.codes(column)


def _text_hash(text: str) -> int:
    import hashlib

    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def make_partition(table: Table, roles: Roles, seed: int = 0) -> TimePartition | HashPartition:
    """The partition that the roles demand. Rows without a time build; rows without a group go singly."""
    if roles.order is not None:
        column = roles.order.column
        if column == "@row":
            cuts = (0.6 * table.n_rows - 1.0, 0.8 * table.n_rows - 1.0)
            says = (
                "by position in the file: the first 60 % of the rows build, the next 20 % choose, the last 20 % judge"
            )
            return TimePartition(table, column, cuts, says)
        when: Any = table.numbers(column)  # type: ignore[attr-defined]
        when = np.sort(when[~np.isnan(when)])
        if len(when) == 0:
            cuts = (np.inf, np.inf)
        else:
            at = [max(0, int(np.ceil(s * len(when))) - 1) for s in SHARES]
            cuts = (float(when[at[0]]), float(when[at[1]]))
            if cuts[1] >= when[-1]:  # many equal last times: the judge part must not be empty if it can be helped
                below = when[when < when[-1]]
                cuts = (min(cuts[0], float(below[-1])), float(below[-1])) if len(below) else cuts
        says = (
            f"by time ({column}): the earliest 60 % of the rows build, the next 20 % choose, the latest 20 % judge; "
            "equal times stay together"
        )
        return TimePartition(table, column, cuts, says)
    if roles.group is not None:
        column = roles.group.column
        says = f"by group ({column}): 60 % build, 20 % choose, 20 % judge; all rows of one {column} fall together"
        return HashPartition(column, seed, says, np.empty(0, np.uint64))
    says = "at random by content: 60 % build, 20 % choose, 20 % judge; exact duplicates fall together"
    return HashPartition(None, seed, says, rowid.common(table.content_hashes()))  # type: ignore[attr-defined]
