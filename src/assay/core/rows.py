"""Which rows a claim is about: how many, and the first of them by number."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .table import I64, U64

ROWS_KEPT = 10_000  # positions kept in memory per claim; the count is always whole


@dataclass(frozen=True, slots=True)
class Rows:
    """``total`` rows, of which at most ROWS_KEPT positions (and row ids where known) are kept, in ascending order."""

    total: int
    positions: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    ids: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    weight: float = 1.0  # rows of the table that one sampled row stands for

    @staticmethod
    def at(positions: I64, ids: U64 | None = None) -> Rows:
        order = np.argsort(positions, kind="stable")[:ROWS_KEPT]
        kept = np.asarray(positions, np.int64)[order]
        return Rows(len(positions), kept, np.empty(0, np.uint64) if ids is None else ids[order])
