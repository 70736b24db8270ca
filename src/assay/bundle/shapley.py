"""What an explanation of predictions holds, and how rows of graph inputs are mixed for it (``stats.shapley``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import SettingsError
from assay.core.table import F64, I64, Mask
from assay.stats.shapley import quantile

Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``contributions`` (n, columns) in the unit of ``output`` (n,): ``baseline + contributions.sum(1) == output``.

    ``output`` is the probability of ``of`` (one class name a row; the positive class of two), or the value.
    ``error`` (n, columns) is the standard error of each contribution, 0 where ``exact``; ``freedom`` its degrees of
    freedom. ``values`` (n, columns) are the row's own values, None for null. ``groups`` are columns that carry the same
    thing: (n, groups) ``shared`` and ``shared_error`` hold their sums, since credit between them is arbitrary.
    """

    columns: tuple[str, ...]
    contributions: F64
    baseline: F64
    output: F64
    of: tuple[str, ...]
    values: NDArray[Any]
    reasons: tuple[tuple[str, ...], ...]  # the strongest of each row, in words
    error: F64
    exact: bool
    freedom: int
    groups: tuple[tuple[str, ...], ...]
    shared: F64
    shared_error: F64
    against: str  # "usual" or "typical": see ``background``; "sample" where rows of a table were drawn
    shown: tuple[tuple[str, ...], ...]  # cells in words

    def interval(self, alpha: float = 0.05) -> tuple[F64, F64]:
        """Ends (n, columns) of the interval of every contribution: what more draws would make of it, not of the world.

        Raises:
            SettingsError: alpha is not 0.05 or 0.01.
        """
        if alpha not in (0.05, 0.01):
            raise SettingsError(f"an interval of contributions is at alpha 0.05 or 0.01; got {alpha:g}")
        half = quantile(alpha, self.freedom) * self.error
        return self.contributions - half, self.contributions + half


def mixed(feed: Feed, base: Feed) -> Callable[[I64, I64, Mask], Feed]:
    """How rows of graph inputs are mixed with background rows."""
    names = list(feed)

    def mix(row: I64, back: I64, mask: Mask) -> Feed:
        return {
            name: np.where(mask[:, j], feed[name][row, 0], base[name][back, 0]).reshape(-1, 1)
            for j, name in enumerate(names)
        }

    return mix
