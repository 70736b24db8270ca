"""Two halves of the sample: search on A, claim on B. Equal rows always fall together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.table import I64, U64, Sample
from assay.learn.splits import together
from assay.learn.target import Labels


@dataclass(frozen=True, slots=True)
class Halves:
    """Positions in ``rows`` of the rows with a known target, by half, in ascending order (hence in random order)."""

    a: I64
    b: I64


@probe(needs=("target",), cost="sample")
def halves(rows: Sample, labels: Labels) -> Halves:
    """Split the rows with a known target by their content hash, so that duplicates cannot vouch for each other."""
    first = parts_of(together(rows), 2, salt=1) == 0
    return Halves(np.flatnonzero(labels.known & first), np.flatnonzero(labels.known & ~first))


def parts_of(keys: U64, k: int, salt: int = 0) -> I64:
    """Part 0..k-1 of each 64-bit key: splitmix64's finaliser (Steele, Lea & Flood 2014), so any bits of a key do."""
    with np.errstate(over="ignore"):
        z = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(salt + 1)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(32)) % np.uint64(k)).astype(np.int64)
