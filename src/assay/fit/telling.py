"""What the columns of a model tell of those that were ruled out: leaving a column out does not leave out its copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import I64, NUMERIC, Sample
from assay.core.words import percent

BINS = 20  # of a number: what stands for it tells at least in which twentieth it lies
MOST_LEVELS = 1_000
NEARLY = 0.9  # of what is not known beforehand: K02 calls as much a copy of the target
FEWEST = 100  # rows of each half


@dataclass(frozen=True, slots=True)
class Tells:
    """Knowing ``by``, the value of ``column`` (of a number: its twentieth) is named rightly in a share ``right`` of
    rows that did not teach it, against ``usual`` for the commonest."""

    column: str
    by: str
    right: float
    usual: float

    @property
    def says(self) -> str:
        return (
            f"{self.by!r} is still used, and tells the value of {self.column!r}, which was left out, in "
            f"{percent(self.right)} of rows (the commonest alone: {percent(self.usual)}): "
            f"--without {self.by} leaves it out too"
        )


def telling(rows: Sample, out: Iterable[str], used: Sequence[str]) -> tuple[Tells, ...]:
    """The columns in use that nearly repeat one that was left out, of every kind, in any form.

    The most frequent value beside each value is learned on one half of the rows and counted on the other.
    """
    made = []
    half = np.arange(rows.n) % 2 == 0  # rows stand in hash order, so every second is a random half
    codes = {c: coded(rows, c) for c in sorted({*out, *used}) if c in rows.names}
    for column in sorted(set(out) & set(codes)):
        own = codes[column]
        if own is None:
            continue
        for by in sorted(set(used) & set(codes)):
            other = codes[by]
            known = (own >= 0) & (other >= 0) if other is not None else np.zeros(rows.n, bool)
            if other is None or min(int((known & half).sum()), int((known & ~half).sum())) < FEWEST:
                continue
            first, second = known & half, known & ~half
            right, usual = named_rightly(own[first], other[first], own[second], other[second])
            if usual < 1 and (right - usual) / (1 - usual) >= NEARLY:
                made.append(Tells(column, by, right, usual))
    return tuple(made)


def named_rightly(own: I64, other: I64, own_later: I64, other_later: I64) -> tuple[float, float]:
    """Shares of the later rows whose own value is the commonest beside the other's, and the commonest of all."""
    pairs, count = np.unique(np.stack((other, own)), axis=1, return_counts=True)
    line = np.lexsort((pairs[1], -count, pairs[0]))
    first = line[np.unique(pairs[0][line], return_index=True)[1]]
    commonest = int(np.bincount(own).argmax())
    said = np.full(int(max(other.max(), other_later.max())) + 1, commonest)
    said[pairs[0][first]] = pairs[1][first]
    return float((said[other_later] == own_later).mean()), float((own_later == commonest).mean())


def coded(rows: Sample, name: str) -> I64 | None:
    """Levels as numbers from 0, -1 where missing; of a number its twentieths. None where there are too many levels."""
    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind not in NUMERIC:
        codes, levels = rows.codes(name)
        return codes.astype(np.int64) if len(levels) <= MOST_LEVELS else None
    x = rows.numbers(name)
    known = np.isfinite(x)
    if not known.any():
        return None
    edges = np.unique(np.quantile(x[known], np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    return np.where(known, np.searchsorted(edges, x, side="left"), -1)
