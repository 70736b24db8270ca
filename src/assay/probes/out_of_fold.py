"""Predictions for every row by a model that never saw it, from honest features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I64, Sample
from assay.learn.budget import rows_to_learn
from assay.learn.encoder import left_out
from assay.learn.scoring import score
from assay.learn.splits import together
from assay.learn.target import Labels

from .forward import Bench
from .halves import parts_of

FOLDS = 3
FEWEST_ROWS = 60


@dataclass(frozen=True)
class OutOfFold:
    """``index``: positions in ``rows`` with a known target; ``output`` (len(index), classes) or (len(index),) values;
    ``fold`` of each. ``state`` is unfinished where there was too little to learn from: then ``output`` is empty."""

    index: I64
    output: F64
    fold: I64
    features: tuple[str, ...]
    score: float
    metric: str
    state: str


@probe(needs=("target", "feature"), cost="fit")
def out_of_fold(subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...]) -> OutOfFold:
    """Three folds; equal rows, and rows of one group, share a fold. A fold is learned from at most 30,000 rows, with
    more than four classes from as many fewer, within the work of ``learn.budget``."""
    return folds(subject, rows, labels, honest)


def folds(
    subject: Subject, rows: Sample, labels: Labels, features: tuple[str, ...], only: int | None = None
) -> OutOfFold:
    """Out-of-fold predictions with any features; ``only`` the first so many folds."""
    index = np.flatnonzero(labels.known)
    fold = parts_of(keys(subject, rows)[index], FOLDS, salt=3)
    if len(left_out(rows, features, index=index)) == len(features):  # nothing in it that a learner can read
        features = ()
    enough = min((np.bincount(fold, minlength=FOLDS)), default=0) >= FEWEST_ROWS // FOLDS
    if len(index) < FEWEST_ROWS or not features or len(np.unique(labels.y[index])) < 2 or not enough:
        return OutOfFold(index[:0], np.empty(0), index[:0], features, np.nan, "", "unfinished")
    order = subject.roles.order.column if subject.roles.order else ""
    bench = Bench(rows, labels, features, order, int(subject.rng("out_of_fold", "fit").integers(2**31)))
    output = bench.empty(len(index))
    wanted = range(FOLDS if only is None else only)
    most = rows_to_learn(labels.outputs, len(features))
    made = bench.many([(index[fold != k][:most], index[fold == k]) for k in wanted])
    for k, own in zip(wanted, made, strict=True):
        output[fold == k] = own
    done = fold < (FOLDS if only is None else only)
    index, output, fold = index[done], output[done], fold[done]
    value, metric = score(output, labels.y[index], labels.task)
    return OutOfFold(index, output, fold, features, value, metric, "done")


def keys(subject: Subject, rows: Sample) -> np.ndarray:
    """What keeps rows together: the hash of the group's value where there is a group, else of the row's content."""
    if subject.roles.group is None:
        return together(rows)
    import hashlib

    codes, levels = rows.codes(subject.roles.group.column)
    own = [int.from_bytes(hashlib.blake2b(v.encode(), digest_size=8).digest(), "big") for v in levels]
    return np.where(codes < 0, together(rows), np.array([*own, 0], np.uint64)[codes])
