"""A model of the past against a model of a random draw, on the same later rows: what shuffling pretends."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject, Task
from assay.core.table import F64, I64, Sample
from assay.learn.encoder import encode, encode_training, fit_encoder
from assay.learn.learners import quick
from assay.learn.scoring import score
from assay.learn.splits import together
from assay.learn.target import Labels

from .halves import parts_of
from .order import moments

MOST_ROWS = 60_000
FEWEST_ROWS = 300
FIRST = 1 / 3  # of the rows is history before the first block
MOST_BLOCKS, FEWEST_BLOCKS = 20, 5
ROWS_A_BLOCK = 40
EMBARGO = 1 / 200  # of the rows between history and block: what leaks over a boundary is not drift
FOLDS = 3
ROUNDS, FEWEST_ROUNDS = 50, 20
WIDE = 100  # features above which rounds are saved: a round costs as much as there are features
WORKERS = 2
BLOCKS_A_MODEL, BLOCKS_A_WIDE_MODEL = 2, 4  # one model of the past serves so many blocks, which saves fits


@dataclass(frozen=True)
class Forward:
    """Scores by forward block (AUC, mean one-against-rest AUC, or R2). Arrays (blocks,).

    ``past``: trained on a random draw of the rows before the block, less an embargo. ``shuffled``: trained on a draw of
    the same size from all rows but a third that holds the test rows, as a random split does. ``start`` is the order
    value at which a block begins; ``repeat`` the score of the last known target, or None where the sample has gaps.
    """

    metric: str
    past: F64
    shuffled: F64
    start: F64
    rows: I64
    trained_on: int
    features: tuple[str, ...]
    repeat: float | None = None

    @property
    def gain(self) -> F64:
        """What shuffling pretends, by block."""
        return self.shuffled - self.past


@probe(needs=("target", "feature"), cost="fit")
def forward(subject: Subject, rows: Sample, labels: Labels, honest: tuple[str, ...]) -> Forward | None:
    """Forward blocks with the honest features; None without an order or with too few rows, blocks or classes."""
    if subject.roles.order is None:
        return None
    return blocks(subject, rows, labels, honest, "forward")


def blocks(
    subject: Subject,
    rows: Sample,
    labels: Labels,
    features: tuple[str, ...],
    purpose: str,
    past_only: bool = False,
) -> Forward | None:
    """``forward`` for any set of features. ``purpose`` names the random draws: same purpose, same draws.

    ``past_only`` leaves the shuffled model out (its scores are those of the past).
    """
    assert subject.roles.order is not None
    when = moments(subject, rows)
    index = np.flatnonzero(labels.known & np.isfinite(when))[:MOST_ROWS]
    index = index[np.lexsort((rows.row_id[index], when[index]))]
    n = len(index)
    first = int(n * FIRST)
    count = min(MOST_BLOCKS, (n - first) // ROWS_A_BLOCK)
    if n < FEWEST_ROWS or count < FEWEST_BLOCKS or not features:
        return None
    edges = np.linspace(first, n, count + 1).astype(np.int64)
    gap = max(1, int(n * EMBARGO))
    size = first - gap
    rng = subject.rng("forward", purpose)
    table = Bench(rows, labels, features, subject.roles.order.column, int(rng.integers(2**31)))
    part = parts_of(together(rows)[index], FOLDS, salt=2)
    mixed, past = table.empty(n), table.empty(n)
    todo: list[tuple[F64, I64, I64]] = []
    for fold in range(FOLDS):
        test = np.flatnonzero((part == fold) & (np.arange(n) >= first))
        todo.append((mixed, draw(np.flatnonzero(part != fold), size, rng), test))
    each = BLOCKS_A_MODEL if len(features) <= WIDE else BLOCKS_A_WIDE_MODEL
    for k in range(0, count, each):
        test = np.arange(edges[k], edges[min(k + each, count)])
        todo.append((past, draw(np.arange(edges[k] - gap), size, rng), test))
    todo = [job for job in todo if job[0] is past or not past_only]
    made = table.many([(index[train], index[test]) for _, train, test in todo])
    for (out, _, test), output in zip(todo, made, strict=True):
        out[test] = output
    return compare(
        labels, index, when, edges, past if past_only else mixed, past, size, features, rows.n == subject.table.n_rows
    )


def draw(pool: I64, size: int, rng: np.random.Generator) -> I64:
    return np.sort(rng.choice(pool, min(size, len(pool)), replace=False))


@dataclass(frozen=True)
class Bench:
    """The quick booster on any training rows; encoders are fitted on these rows only, never on what is tested."""

    rows: Sample
    labels: Labels
    features: tuple[str, ...]
    order: str
    seed: int

    def outputs(self, train: I64, test: I64) -> F64:
        spec = fit_encoder(self.rows, self.features, self.labels, index=train, order=self.order)
        task: Task = self.labels.task
        k = None if task == "regression" else len(self.labels.classes)
        if not spec.features:
            return np.tile(plain(self.labels.y[train], k), (len(test),) if k is None else (len(test), 1))
        X = encode_training(spec, self.rows, self.labels, index=train)
        model = quick(
            X, self.labels.y[train], task, spec.categorical, rounds(len(spec.features)), self.seed, outputs=k, threads=1
        )
        return np.asarray(model.predict(encode(spec, self.rows.take(test))))

    def many(self, jobs: Sequence[tuple[I64, I64]]) -> list[F64]:
        """``outputs`` of several (train, test), two at a time: two single-threaded fits never wait for each other, as
        the threads of one fit do at every split."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda job: self.outputs(*job), jobs))

    def empty(self, n: int) -> F64:
        return np.full(n if self.labels.task == "regression" else (n, len(self.labels.classes)), np.nan)


def rounds(features: int) -> int:
    """Boosting rounds for so many features: the same for all fits that are compared."""
    return max(FEWEST_ROUNDS, min(ROUNDS, ROUNDS * WIDE // max(1, features)))


def plain(y: F64, classes: int | None) -> F64:
    """The mean, or class shares: what is left to say where no column can feed a learner."""
    return np.array(y.mean()) if classes is None else np.bincount(y.astype(int), minlength=classes) / len(y)


def compare(
    labels: Labels,
    index: I64,
    when: F64,
    edges: I64,
    mixed: F64,
    past: F64,
    size: int,
    features: tuple[str, ...],
    whole: bool,
) -> Forward | None:
    """Scores by block; a block in which only one class happens is left out."""
    y = labels.y[index]
    kept: list[tuple[float, float, float, int]] = []
    metric = ""
    for start, end in pairwise(edges):
        own = slice(int(start), int(end))
        if len(np.unique(y[own])) < 2:
            continue
        (a, metric), (b, _) = score(past[own], y[own], labels.task), score(mixed[own], y[own], labels.task)
        kept.append((a, b, float(when[index[start]]), int(end - start)))
    if len(kept) < FEWEST_BLOCKS:
        return None
    a_, b_, at, size_of = (np.array(v) for v in zip(*kept, strict=True))
    repeat = last_again(y, labels.task) if whole else None
    return Forward(metric, a_, b_, at, size_of.astype(np.int64), size, features, repeat)


def last_again(y: F64, task: Task) -> float:
    """Score of saying the row before again: accuracy for classes, R2 for values. Needs every row, in order."""
    if task == "regression":
        spread = float(np.var(y[1:]))
        return 1 - float(np.mean((y[1:] - y[:-1]) ** 2)) / spread if spread else 0.0
    return float((y[1:] == y[:-1]).mean())
