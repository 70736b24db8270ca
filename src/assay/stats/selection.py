"""The score of the best of many tries, corrected for having been chosen because it was the best.

Bootstrap bias-corrected cross-validation: draw units with replacement, choose the winner on those drawn, and score it
on those that were not; the mean over draws is what the *procedure of choosing* scores. No model is trained again.

Source: Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", Machine Learning 107 (2018), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

DRAWS = 300
BLOCKS = 20
MOST_UNITS = 1_000  # more are bundled: their means tell the same, and a draw stays a small product of matrices


@dataclass(frozen=True)
class Chosen:
    """``naive`` is the winner's mean loss, ``corrected`` what choosing it truly promises, with a 95 % interval.

    ``error`` is the block jackknife's standard error of ``optimism``, with ``BLOCKS`` - 1 degrees of freedom.
    """

    winner: int
    naive: float
    corrected: float
    interval: tuple[float, float]
    units: int
    error: float

    @property
    def optimism(self) -> float:
        return self.corrected - self.naive


def corrected(loss: F64, unit: I64, rng: np.random.Generator, alpha: float = 0.05) -> Chosen:
    """The lowest mean loss among tries, without the winner's curse.

    Args:
        loss: (tries, rows), every entry finite. unit: (rows,) which rows move together, any whole numbers.

    The interval is Student's t of the winner's unit means around the corrected value, widened by half of the
    correction: where tries truly differ, the bootstrap corrects too much, by at most about that.
    """
    from scipy.special import stdtrit

    sums, counts = by_unit(loss, unit)
    tries, units = sums.shape
    mean = sums.sum(1) / counts.sum()
    winner = int(mean.argmin())
    naive = float(mean[winner])
    draws = rng.multinomial(units, np.full(units, 1 / units), size=DRAWS).astype(np.float64)
    more, error = 0.0, 0.0
    if tries > 1 and units > 1:
        more = luck(sums, counts, draws)
        block = rng.permutation(units) * BLOCKS // units
        left = [luck(sums[:, block != b], counts[block != b], draws[:, block != b]) for b in np.unique(block)]
        error = float(np.sqrt((len(left) - 1) * np.var(left)))
    spread = (sums[winner] - naive * counts) * units / counts.sum()
    wide = float(stdtrit(max(1, units - 1), 1 - alpha / 2)) * float(spread.std(ddof=1)) / np.sqrt(units)
    half = float(np.hypot(wide, more / 2))
    return Chosen(winner, naive, naive + more, (naive + more - half, naive + more + half), units, error)


def luck(sums: F64, counts: F64, draws: F64) -> float:
    """What the winner of the drawn units loses more on the others than the winner of all units seems to; at least 0."""
    naive = float((sums.sum(1) / counts.sum()).min())
    out = (draws == 0).astype(np.float64)
    fine = np.flatnonzero((out @ counts > 0) & (draws @ counts > 0))
    inside = (draws[fine] @ sums.T) / (draws[fine] @ counts)[:, None]
    outside = (out[fine] @ sums.T) / (out[fine] @ counts)[:, None]
    if not len(fine):
        return 0.0
    return max(0.0, float(outside[np.arange(len(fine)), inside.argmin(1)].mean()) - naive)


def by_unit(loss: F64, unit: I64) -> tuple[F64, F64]:
    """(tries, units) sums and (units,) counts, bundled to at most 1,000 units."""
    code = np.unique(unit, return_inverse=True)[1] % MOST_UNITS
    count = np.bincount(code).astype(np.float64)
    sums: F64 = np.stack([np.bincount(code, row, len(count)) for row in loss]).astype(np.float64)
    return sums, count
