"""What a random split promises too much where rows come in groups: two models on the same test rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, U64, Sample, SampleSpec
from assay.learn import target
from assay.learn.budget import LIGHT_WORK
from assay.learn.scoring import score

from .forward import Bench, draw
from .halves import parts_of

MOST_ROWS = 20_000
MOST_WIDE_ROWS, WIDE = 6_000, 100  # features above which fewer rows are learned from
FOLDS = 5
MOST_BLOCKS, FEWEST_BLOCKS = 20, 5
ROWS_A_BLOCK, GROUPS_A_BLOCK = 40, 3
FEWEST_SHARED = 0.005  # of rows that repeat a group: below, both models learn from all but the same rows


@dataclass(frozen=True)
class Grouped:
    """Scores by block of whole groups (AUC, mean one-against-rest AUC, or R2). Arrays (blocks,).

    ``apart``: by a model that saw no row of the test row's group. ``mixed``: by a model of equal size that learned from
    a random draw of the other rows, those of the group among them. ``rows`` tested by block.
    """

    metric: str
    apart: F64
    mixed: F64
    rows: I64
    trained_on: int
    groups: int

    @property
    def gain(self) -> F64:
        """What mixing pretends, by block."""
        return self.mixed - self.apart


@probe(needs=("target", "group", "feature"), cost="fit")
def grouped(subject: Subject, honest: tuple[str, ...]) -> Grouped | None:
    """Both models with the honest features less the group column; None with too few rows, groups, blocks or classes."""
    assert subject.roles.group is not None
    column = subject.roles.group.column
    features = tuple(c for c in honest if c not in subject.roles.group.columns)
    rows = of_whole_groups(subject, column, MOST_ROWS if len(features) <= WIDE else MOST_WIDE_ROWS)
    labels = target.labels(rows, subject.roles)
    index = np.flatnonzero(labels.known)
    unit = units(rows, column)[index]
    names = np.unique(unit)
    n = len(index)
    count = min(MOST_BLOCKS, n // ROWS_A_BLOCK, len(names) // GROUPS_A_BLOCK)
    if count < FEWEST_BLOCKS or not features or n - len(names) < FEWEST_SHARED * n:
        return None
    block = dealt(names, count)[np.searchsorted(names, unit)]
    fold, other = block % FOLDS, parts_of(rows.row_id[index], FOLDS, salt=5)
    size = int(n - max(np.bincount(fold, minlength=FOLDS).max(), np.bincount(other, minlength=FOLDS).max()))
    rng = subject.rng("grouped", "train")
    order = subject.roles.order.column if subject.roles.order else ""
    bench = Bench(rows, labels, features, order, int(rng.integers(2**31)), LIGHT_WORK)
    jobs = [(part, draw(np.flatnonzero(part != k), size, rng), k) for part in (fold, other) for k in range(FOLDS)]
    made = bench.many([(index[train], index[part == k]) for part, train, k in jobs])
    apart, mixed = bench.empty(n), bench.empty(n)
    for (part, _, k), output in zip(jobs, made, strict=True):
        (apart if part is fold else mixed)[part == k] = output
    return by_block(labels, index, block, count, apart, mixed, size, len(names))


def of_whole_groups(subject: Subject, column: str, most: int) -> Sample:
    """Rows of whole groups, about ``most``: a sample of single rows would tear groups apart."""
    table = subject.table
    if table.n_rows <= most:
        return table.sample(SampleSpec(n=max(1, table.n_rows)))
    rows = table.sample(SampleSpec(n=most, unit="group", key=column))
    return rows if rows.n <= 2 * most else rows.take(np.arange(2 * most))


def units(rows: Sample, column: str) -> U64:
    """(n,) key of the group of each row; rows without a group are their own."""
    codes, levels = rows.codes(column)
    own = [int.from_bytes(hashlib.blake2b(v.encode("utf-8", "replace"), digest_size=8).digest()) for v in levels]
    return np.where(codes < 0, rows.row_id, np.array([*own, 0], np.uint64)[codes])


def dealt(names: U64, count: int) -> I64:
    """Block of each group: dealt in the order of their mixed keys, so that blocks hold equally many groups."""
    with np.errstate(over="ignore"):
        mixed = names * np.uint64(0x9E3779B97F4A7C15)
    block = np.empty(len(names), np.int64)
    block[np.lexsort((names, mixed))] = np.arange(len(names)) % count
    return block


def by_block(
    labels: target.Labels, index: I64, block: I64, count: int, apart: F64, mixed: F64, size: int, groups: int
) -> Grouped | None:
    """Scores by block; a block in which only one class happens is left out."""
    y = labels.y[index]
    kept: list[tuple[float, float, int]] = []
    metric = ""
    for k in range(count):
        own = block == k
        if len(np.unique(y[own])) < 2:
            continue
        (a, metric), (b, _) = score(apart[own], y[own], labels.task), score(mixed[own], y[own], labels.task)
        kept.append((a, b, int(own.sum())))
    if len(kept) < FEWEST_BLOCKS:
        return None
    a_, b_, size_of = (np.array(v) for v in zip(*kept, strict=True))
    return Grouped(metric, a_, b_, size_of.astype(np.int64), size, groups)
