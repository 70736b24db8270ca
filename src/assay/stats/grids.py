"""Regular grids in sorted moments: the step, what is missing, and what is closed by habit (nights, weekends).

Moments are seconds since 1970-01-01 (a Thursday). A grid in months is told apart from one in seconds, since months
differ in length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

DAY, WEEK = 86_400, 604_800
FEWEST = 30  # moments: fewer show no habit
MOST = 0.5  # of the steps between neighbours have to be the usual one
ON_GRID = 0.99  # of the moments have to lie on the grid
SAME = 0.9  # of the moments have to hold the same number of rows, or it is a log of events and not a series
PRESENT = 0.8  # of the expected steps have to be there
CYCLES = 3  # weeks (days) that a habit has to be seen in


@dataclass(frozen=True, slots=True)
class Grid:
    """``step`` is in seconds, or in months. ``slots``: steps that are expected; ``gone``: moments (seconds) of those
    that are missing, at most 1,000; ``missing`` their number; ``closed``: steps left out by habit; ``usual``: rows at a
    moment; ``extra``: rows beyond that, at ``crowded`` moments; ``off``: moments that lie between steps."""

    step: int
    unit: str
    slots: int
    missing: int
    closed: int
    usual: int
    extra: int
    crowded: int
    off: int
    gone: F64


def find_grid(at: F64, rows: I64) -> Grid | None:
    """The grid of moments (k,) ascending and different, with the rows at each; None where there is none."""
    if len(at) < FEWEST:
        return None
    usual = int(np.median(rows))
    if float((rows == usual).mean()) < SAME:
        return None
    month = _months(at)
    grid = None if month is None else _steps(month, "month")
    if grid is None and float(np.abs(at - np.round(at)).max()) < 1e-3:
        grid = _steps(np.round(at).astype(np.int64), "second")
    if grid is None:
        return None
    step, unit, slots, missing, closed, off, gone = grid
    more = rows > usual
    moments = _of_months(gone, at[0]) if unit == "month" else gone.astype(np.float64)
    return Grid(step, unit, slots, missing, closed, usual, int((rows[more] - usual).sum()), int(more.sum()), off,
                moments)  # fmt: skip


def _steps(at: I64, unit: str) -> tuple[int, str, int, int, int, int, I64] | None:
    """Step, expected slots, missing, closed, off the grid and the missing positions, of whole positions."""
    sizes, counts = np.unique(np.diff(at), return_counts=True)
    step = int(sizes[counts.argmax()])
    if counts.max() < MOST * (len(at) - 1):
        return None
    phase = np.mod(at, step)
    kinds, many = np.unique(phase, return_counts=True)
    on = phase == kinds[many.argmax()]
    if on.mean() < ON_GRID:
        return None
    slot = at[on] // step
    first, last = int(slot[0]), int(slot[-1])
    total = last - first + 1
    if len(slot) < MOST / 2 * total:
        return None
    here = np.zeros(total, bool)
    here[slot - first] = True
    expected = _open(here, first, step) if unit == "second" else np.ones(total, bool)
    slots = int(expected.sum())
    away = np.flatnonzero(expected & ~here)
    if len(away) > (1 - PRESENT) * slots:
        return None
    moments = (away[:1000] + first) * step + int(kinds[many.argmax()])
    return step, unit, slots, len(away), int((~expected & ~here).sum()), int((~on).sum()), moments.astype(np.int64)


def _open(here: NDArray[np.bool_], first: int, step: int) -> NDArray[np.bool_]:
    """Slots that are expected: all but those at an hour of the week (hour of the day, day of the week) at which more
    than half of the weeks (days) have nothing."""
    periods = [WEEK // step] if WEEK % step == 0 and (DAY % step == 0 or step == DAY) else []
    periods += [DAY // step] if DAY % step == 0 and step < DAY else []
    for period in periods:
        if period > 1 and len(here) >= CYCLES * period:
            phase = (first + np.arange(len(here))) % period
            rate = np.bincount(phase, here, period) / np.maximum(np.bincount(phase, minlength=period), 1)
            return np.asarray(rate[phase] > MOST)
    return np.ones(len(here), bool)


def _months(at: F64) -> I64 | None:
    """Months since 1970 where all moments are on the same day of the month (or the last) at the same time of day."""
    if np.median(np.diff(at)) < 28 * DAY - 1:
        return None
    date = at.astype("datetime64[s]")
    month = date.astype("datetime64[M]")
    into = (date - month).astype(np.int64)
    to_end = ((month + 1).astype("datetime64[s]") - date).astype(np.int64)
    if len(np.unique(into)) > 1 and len(np.unique(to_end)) > 1:
        return None
    return month.astype(np.int64)


def _of_months(month: I64, like: float) -> F64:
    date = np.array([like]).astype("datetime64[s]")
    into = (date - date.astype("datetime64[M]")).astype(np.int64)[0]
    return np.asarray(month.astype("datetime64[M]").astype("datetime64[s]").astype(np.float64) + into)
