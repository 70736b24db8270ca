"""A plain model that has learned to do without cells, and rows as they come when something went wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, Mask, Sample
from assay.learn.encoded import EncodedModel
from assay.learn.learners import train

from .judged import Judged
from .plain_models import SMALL_ROUNDS, learnable, small

MOST_ROWS = 10_000
GONE = 0.2  # of the cells of the second copy of every row
NOISE = 0.1  # of the spread of a number
ATOM = 0.05  # of the known cells: a value of so many is a code or a state, and noise does not move it
SLIPS = ("x 1000", "x 0.001", "x 10", "degrees", "decimal point lost")
DECIMALS = 6


@probe(needs=("target", "predictions", "feature"), cost="fit")
def with_holes(subject: Subject, judged: Judged, honest: Sequence[str]) -> EncodedModel | None:
    """A small boosted model, trained on the build rows and on a copy of them in which a fifth of the cells are gone.

    What it loses with a column missing is what can be had without that column. Only columns that no leak rule suspects
    are used. None where there is too little to learn from.
    """
    made = learnable(subject, judged, honest, MOST_ROWS)
    if made is None:
        return None
    spec, data = made
    rng = subject.rng("with_holes", "holes")
    columns = sorted({f.column for f in spec.features})
    gone = dict(zip(columns, (rng.random((len(columns), len(data.y))) < GONE), strict=True))
    holed = data.X.copy()
    for i, feature in enumerate(spec.features):
        holed[gone[feature.column], i] = np.nan
    both = replace(data, X=np.vstack((data.X, holed)), y=np.concatenate((data.y, data.y)))
    seed = int(rng.integers(2**31))
    return EncodedModel(spec, train(small(both), both, seed=seed, rounds=SMALL_ROUNDS), subject.roles.classes)


@dataclass(frozen=True)
class Range:
    """What a column of numbers held: its ends, its spread (half the way from the 16th to the 84th percentile), and its
    atoms, values of one cell in twenty or more."""

    low: float
    high: float
    spread: float
    atoms: F64


def range_of(x: F64) -> Range | None:
    """Of the finite values; None where no two differ."""
    x = x[np.isfinite(x)]
    if not len(x) or x.min() == x.max():
        return None
    values, count = np.unique(x, return_counts=True)
    atoms = values[count >= ATOM * len(x)]
    free = x[~np.isin(x, atoms)]
    free = free if len(free) else x
    low, high = np.quantile(free, (0.16, 0.84))
    return Range(float(x.min()), float(x.max()), float(high - low) / 2, atoms)


def noisy(x: F64, known: Range, rng: np.random.Generator) -> F64:
    """Numbers with noise of a tenth of their spread, within the range; atoms and holes stay, whole stays whole."""
    made = np.clip(x + NOISE * known.spread * rng.normal(size=len(x)), known.low, known.high)
    fine = np.isfinite(x)
    if np.all(x[fine] == np.floor(x[fine])):
        made = np.round(made)
    return np.where(fine & ~np.isin(x, known.atoms), made, x)


def slipped(x: F64, kind: str) -> F64:
    """Numbers in other units, Fahrenheit for Celsius, or without their decimal point."""
    if kind == "degrees":
        return np.asarray(x * 1.8 + 32)
    if kind != "decimal point lost":
        return np.asarray(x * float(kind.split()[1]))
    made, left = x.copy(), np.isfinite(x)
    for digits in range(1, DECIMALS + 1):
        left &= np.abs(made - np.round(made)) > 1e-9 * np.maximum(1.0, np.abs(made))
        made = np.where(left, x * 10.0**digits, made)
    return made


def with_numbers(rows: Sample, column: str, x: F64) -> Sample:
    """The rows with other numbers in a column; NaN is null. Whole columns stay whole where the numbers are."""
    import pyarrow as pa

    hole: Mask = np.isnan(x)
    was = rows.arrow[column].type
    if pa.types.is_integer(was) and np.all(np.abs(x[~hole]) < 2.0**31) and np.all(x[~hole] == np.floor(x[~hole])):
        made = pa.array(np.where(hole, 0, x).astype(np.int64), mask=hole)
        return rows.replace({column: made.cast(was) if fits(x[~hole], was.bit_width) else made})
    return rows.replace({column: pa.array(np.where(hole, 0.0, x), mask=hole)})


def fits(x: F64, bits: int) -> bool:
    return bool(len(x) == 0 or (x.min() >= 0 and x.max() < 2.0 ** min(bits - 1, 31)))


def masks(
    columns: Sequence[str], n: int, share: float, rng: np.random.Generator
) -> Mapping[str, Mask]:  # fmt: skip
    """Which cells go missing, each by itself."""
    return {c: rng.random(n) < share for c in columns}
