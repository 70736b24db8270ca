"""Rows that cannot be real: a flag in the answer, never a refusal.

The rule, for each column by itself (combinations of columns are not judged):

* a number or date farther outside the range that training saw than that range is wide;
* a number below zero where training saw none (clocks too);
* a time of day whose minutes are 60 or more, or beyond 23:59;
* a category that training never saw, in a column all of whose categories the file names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.bundle.reasons import written
from assay.bundle.schema import Input

NO_END = float("inf")


@dataclass(frozen=True, slots=True)
class Odd:
    """Why one cell cannot be real."""

    column: str
    reason: str

    def as_doc(self) -> dict[str, str]:
        return {"column": self.column, "reason": self.reason}


def far_of(i: Input) -> tuple[float, float]:
    """The ends beyond which a value of this column is odd; infinite where nothing is known."""
    if i.kind == "bool":
        return 0.0, 1.0
    if i.kind == "clock":
        return 0.0, 2359.0
    if i.lo is None or i.hi is None:
        return -NO_END, NO_END
    width = i.hi - i.lo
    low = i.lo - width
    return (max(low, 0.0) if i.kind == "number" and i.lo >= 0 else low), i.hi + width


def oddities(
    found: dict[int, list[Odd]], numbers: NDArray[np.float64], outside: NDArray[np.bool_], inputs: Sequence[Input]
) -> None:
    """Add a reason for every cell of ``outside`` (rows, columns) to ``found``, by row."""
    for j, r in np.argwhere(outside.T):
        i, value = inputs[j], float(numbers[r, j])
        if i.kind in ("clock", "bool"):
            reason = (
                f"{value:g} is no time of day (HHMM)" if i.kind == "clock" else f"{value:g} is neither true nor false"
            )
        else:
            lo, hi = (written(i, v) for v in (i.lo, i.hi))
            far = "below zero" if i.lo is not None and value < 0 <= i.lo else "far away"
            reason = f"{written(i, value)} is {far}; training saw {lo} to {hi}"
        found.setdefault(int(r), []).append(Odd(i.column, reason))
