"""Whole numbers that name rows: they crowd together and do not repeat, as no measurement does."""

from __future__ import annotations

import numpy as np

from assay.core.table import F64

NEAR, CHANCE = 32, 1e-6  # steps within which neighbours are counted; of a measurement that repeats as rarely
FEWEST, STRETCH, WIDE = 30, 20, 0.1  # values; equal steps in a row on the average, and share of steps wider than one


def whole(values: F64) -> bool:
    """All finite values are whole numbers, and there are some."""
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool(np.all(values == np.floor(values)))


def crowding(values: F64, filled: int) -> float:
    """Equal pairs to be expected of a smooth measurement that crowds like these sorted whole numbers."""
    gaps = np.diff(np.unique(values)).astype(np.int64)
    if len(gaps) == 0:
        return 0.0
    grid = int(np.gcd.reduce(gaps))
    reach = np.searchsorted(values, values + NEAR * grid, side="right")
    equal = np.searchsorted(values, values, side="right")
    return float((reach - equal).sum()) / NEAR * (filled / len(values)) ** 2


def unrepeated(values: F64, filled: int, repeats: int = 0) -> bool:
    """Whether these sorted whole numbers repeat less than any smooth measurement would that crowds as they do: so few
    equal pairs in a Poisson draw of the expected number have a chance of one in a million at most."""
    from scipy.special import pdtr

    return bool(pdtr(repeats, crowding(values, filled)) <= CHANCE) and not stepped(values)


def stepped(values: F64) -> bool:
    """A grid: the same step many times in a row, and wider than one. Moments and depths are asked for at such; what
    counts things up goes by one, and where some are left out it does so here and there."""
    steps = np.diff(np.unique(values))
    if len(steps) < FEWEST:
        return False
    changes = 1 + int((np.diff(steps) != 0).sum())
    return len(steps) >= STRETCH * changes and bool((steps > 1).mean() >= WIDE)


def is_key(values: F64) -> bool:
    """Whole numbers, all different, which name rows."""
    return len(np.unique(values)) == len(values) and whole(values) and unrepeated(np.sort(values), len(values))
