"""Levels of a column whose rows all hold one and the same target, confirmed over the whole table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assay.core.table import I64, Sample, Table
from assay.core.words import text_of
from assay.learn.target import Labels

SCALE, FEWEST, SLIGHT = 20, 20, 0.001
MOST_LEVELS, HEAD = 1_000, 2_000


@dataclass(frozen=True)
class Fixed:
    """Levels of a column whose rows all hold ``value``, with their rows; its share among the ``other`` rows."""

    column: str
    value: float
    levels: Mapping[str, int]
    other: float

    @property
    def rows(self) -> int:
        return sum(self.levels.values())


def fixed_levels(rows: Sample, labels: Labels, name: str) -> tuple[list[tuple[int, float]], int]:
    """Of the sample: (a row of the level, its one target) for each level of at least 20 rows, and levels looked at."""
    at = level_of(rows, name)
    if at is None:
        return [], 0
    known = np.flatnonzero(labels.known)
    known = known[np.argsort(at[known], kind="stable")]
    starts = np.flatnonzero(np.diff(at[known], prepend=-1))
    if not len(starts):
        return [], 0
    sizes, y = np.diff(starts, append=len(known)), labels.y[known]
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    one = np.flatnonzero((sizes >= FEWEST) & (low == high))
    return [(int(known[starts[i]]), float(low[i])) for i in one], int((sizes >= FEWEST).sum())


def level_of(rows: Sample, name: str) -> I64 | None:
    """Level of every row, a hole being one too; None for a column that has no levels to speak of."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in ("category", "mixed"):
        codes, levels = rows.codes(name)
        return np.asarray(codes, np.int64) + 1 if len(levels) <= MOST_LEVELS else None
    if kind not in ("number", "bool"):
        return None
    value = rows.numbers(name)
    if len(np.unique(value[:HEAD])) > SCALE:
        return None
    level, at = np.unique(value, return_inverse=True)
    return at if len(level) <= MOST_LEVELS else None


def exactly(table: Table, rows: Sample, target: str, name: str, fixed: list[tuple[int, float]], looked: int) -> Fixed:
    """The same over the whole table: a level stays where all of its rows hold the value, and chance would not do it."""
    own, both, all_y = (table.row_hashes(c) for c in ((name,), tuple(sorted((name, target))), (target,)))
    kept: dict[str, int] = {}
    place = rows.position[[row for row, _ in fixed]]
    inside = np.isin(own, own[place])
    value = int((all_y == all_y[place[0]]).sum())
    counts = [(int((own == own[p]).sum()), int((both == both[p]).sum())) for p in place]
    others = int((~inside).sum())
    elsewhere = (value - sum(same for _, same in counts)) / others if others else 1.0
    for (row, _), (k, same) in zip(fixed, counts, strict=True):
        if k == same and looked * max(elsewhere, 1 / max(1, others)) ** k <= SLIGHT:
            kept[str(text_of(rows.arrow[name][row].as_py()) or "missing")] = k
    return Fixed(name, fixed[0][1], dict(sorted(kept.items(), key=lambda pair: (-pair[1], pair[0]))), elsewhere)
