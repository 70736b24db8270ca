"""Judged rows made by hand: a calibrated binary model of known strength, with sets that hold what they promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.subject import BUILD, CHOOSE, JUDGE
from assay.probes.judged import Judged


@dataclass(frozen=True)
class Ids:
    """A stand-in for the sample where only row ids are read."""

    row_id: Any

    @property
    def n(self) -> int:
        return len(self.row_id)


def judged_rows(n: int, seed: int, strength: float = 1.0, order: bool = False) -> Judged:
    """60/20/20 rows whose probabilities are true by construction; sets hold the truth in 90 % of each class."""
    rng = np.random.default_rng(seed)
    logit = strength * rng.normal(size=n)
    p = 1 / (1 + np.exp(-logit))
    y = (rng.random(n) < p).astype(float)
    part = np.repeat(
        np.array([BUILD, CHOOSE, JUDGE], np.int8), (n * 6 // 10, n * 2 // 10, n - n * 6 // 10 - n * 2 // 10)
    )
    sets = np.ones((n, 2), bool)
    sets[np.arange(n), y.astype(int)] = rng.random(n) < 0.9
    ids = np.sort(rng.choice(2**62, n, replace=False)).astype(np.uint64)
    clock = np.arange(n, dtype=float) if order else np.full(n, np.nan)
    output = np.column_stack((1 - p, p))
    return Judged(Ids(ids), output, y, part, part, clock, np.full(n, -1), sets)  # type: ignore[arg-type]
