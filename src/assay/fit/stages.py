"""How long to boost, told by rows that do not judge it.

A fold that stops a booster early has picked the luckiest point of its path, and is then scored at that very point. With
few rows this flatters boosters and networks against families that do not stop (a nested choice would not: Cawley &
Talbot 2010). So below 5,000 rows each fold is scored at the mean number of rounds that the other folds stopped at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import F64, I64
from assay.learn.learners import F32, Staged

STAGES = 32  # points of a path of rounds that are kept: of 1,000 rounds each a quarter beyond the one before


@dataclass(frozen=True, eq=False)
class Stages:
    """What a model said of its fold after ``rounds`` (stages,): ``output`` (stages, rows[, outputs])."""

    rounds: I64
    output: F64


def stages(model: Staged, X: F32) -> Stages:
    """The path of a model on the rows ``X``, on a geometric grid of rounds."""
    rounds = np.unique(np.geomspace(1, model.grown, STAGES).round().astype(np.int64))
    return Stages(rounds, np.stack([model.staged(X, int(r)) for r in rounds]))


def crossed_rounds(paths: Mapping[int, Stages], rounds: Sequence[int]) -> dict[int, F64]:
    """Fold -> what its model said at the grid point nearest to the mean of the rounds that other folds stopped at.

    ``rounds`` (folds,) are where each fold stopped.
    """
    stopped = np.array(rounds, np.float64)
    others = (stopped.sum() - stopped) / (len(stopped) - 1)
    return {f: p.output[int(np.argmin(np.abs(np.log(p.rounds / others[f]))))] for f, p in paths.items()}
