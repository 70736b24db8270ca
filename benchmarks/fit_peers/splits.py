"""Outer splits that every system shares: forward in time, by group, or stratified; no row on both sides.

One fifth is the test set. A seed is another draw, or for time another origin: the test set is the fifth that follows
the first 80, 70 or 60 % of the rows. Exact copies (all columns but those that split) stay on one side: together where
the draw is free, otherwise the test set gives up the rows that training holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tasks import GROUP, ORDER, Task

SHARE, ORIGINS, DRAWS, BINS = 0.2, (0.8, 0.7, 0.6), 40, 10
Rows = NDArray[np.int64]


def outer(task: Task, frame: Any, seed: int) -> tuple[Rows, Rows]:
    """Positions of the training and the test rows; training in order of time where there is one, else shuffled."""
    rng = np.random.default_rng(seed)
    same = copies(frame)
    if task.split == "time":
        n, origin = len(frame), ORIGINS[seed % len(ORIGINS)]
        train = np.arange(int(origin * n))
        test = np.arange(int(origin * n), min(n, int((origin + SHARE) * n)))
        order = frame[ORDER].to_numpy()
        test = test[order[test] > order[train[-1]]]  # rows of the same moment stay together
    else:
        units = frame[GROUP].factorize()[0] if task.split == "group" else same
        held = drawn(units, strata(task, frame), rng)
        train, test = rng.permutation(np.flatnonzero(~held)), np.flatnonzero(held)
    return train, test[~np.isin(same[test], same[train])]


def copies(frame: Any) -> Rows:
    """The same number for rows that are the same in all columns but those that split."""
    import pandas as pd

    plain = frame.drop(columns=[c for c in (ORDER, GROUP) if c in frame])
    return pd.util.hash_pandas_object(plain, index=False).factorize()[0].astype(np.int64)


def strata(task: Task, frame: Any) -> Rows:
    """Classes, or tenths of a number."""
    import pandas as pd

    y = frame[task.target]
    bins = pd.qcut(y, BINS, labels=False, duplicates="drop") if task.kind == "regression" else y.factorize()[0]
    return np.asarray(bins, dtype=np.int64)


def drawn(units: Rows, strata: Rows, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whole units for a fifth of the rows: of several draws the one whose strata are nearest to the table's."""
    shares = np.bincount(strata) / len(strata)
    first = np.zeros(units.max() + 1, dtype=np.int64)
    first[units] = strata  # a unit of many rows counts for its last one: the choice below corrects for the rest
    best, least = np.zeros(len(units), dtype=bool), np.inf
    for _ in range(DRAWS):
        held = np.zeros(len(first), dtype=bool)
        for stratum in range(len(shares)):
            members = rng.permutation(np.flatnonzero(first == stratum))
            held[members[: round(SHARE * len(members))]] = True
        rows = held[units]
        found = np.bincount(strata[rows], minlength=len(shares)) / max(1, rows.sum())
        off = np.abs(found - shares).sum() + abs(rows.mean() - SHARE)
        if off < least:
            best, least = rows, off
    return best
