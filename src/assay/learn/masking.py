"""Practice with cells that are missing: some training rows once more, with holes, for boosted trees.

A column that is always there in training gives a booster no reason to learn what to do without it, and LightGBM then
reads a hole as zero. Light copies of some rows with columns taken out at random teach a way for each column (input
dropout: Srivastava et al. 2014, section 10). What it does on four tables: ``benchmarks/holes.py``. Linear models take
the mean and forests the larger branch as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .learners import Data

COPIED = 0.1  # of the training rows come again with holes
GONE = 0.2  # of the columns of a copy are missing
WEIGHT = 0.3  # of a copy: at 1 rows that are whole paid for the lesson
FEWEST, MOST = 50, 20_000  # copies; the most bounds what the lesson costs


def with_masked_copies(data: Data, seed: int) -> Data:
    """``data`` and, after it, copies of its first rows (they stand in hash order) in which whole columns are missing.

    ``data.columns`` says which features are of one column: they go together.
    """
    n = min(len(data.y), MOST, max(FEWEST, round(COPIED * len(data.y))))
    place = np.unique(np.array(data.columns), return_inverse=True)[1]
    rng = np.random.Generator(np.random.PCG64([seed, 13]))
    gone = rng.random((n, int(place.max()) + 1)) < GONE
    copies = data.X[:n].copy()
    copies[gone[:, place]] = np.nan
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    return replace(
        data,
        X=np.vstack((data.X, copies)),
        y=np.concatenate((data.y, data.y[:n])),
        weight=np.concatenate((weight, WEIGHT * weight[:n])),
        columns=(),
    )
