"""A model of the past against a model of a random draw, on the same later rows: what shuffling pretends."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from assay.core.challenge import probe
from assay.core.subject import Subject, Task
from assay.core.table import F64, I64, Sample
from assay.learn.budget import LIGHT_WORK, MOST_WORK
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import quick
from assay.learn.splits import together
from assay.learn.target import Labels

from .block_gains import block_gains
from .halves import parts_of
from .order import moments

MOST_ROWS = 60_000
MOST_WIDE_ROWS = 12_000  # where there are many features: a fit costs as much as rows times features
FEWEST_ROWS = 300
FIRST = 1 / 3  # of the rows is history before the first block
MOST_BLOCKS, FEWEST_BLOCKS = 20, 5
ROWS_A_BLOCK = 40
FEWEST_TRAINED = 40
EMBARGO = 1 / 200  # of the rows between history and block: what leaks over a boundary is not drift
FOLDS, TURNS, WIDE_TURNS = 3, 2, 1  # thirds of the rows, dealt twice where fits are cheap
ROUNDS, FEWEST_ROUNDS = 50, 20
WIDE = 100  # features above which rounds are saved: a round costs as much as there are features
WORKERS = 2
BLOCKS_A_MODEL, BLOCKS_A_WIDE_MODEL = 2, 4  # one model of the past serves so many blocks, which saves fits


@dataclass(frozen=True)
class Forward:
    """Scores by forward block (AUC, mean one-against-rest AUC, or R2). Arrays (blocks,).

    ``past``: trained on a random draw of the rows before the block, less an embargo. ``shuffled``: mean over two or
    four models of the same size, each trained on a random third of all rows, as a random split does. ``squared``:
    squared error of ``gain`` by block from the rows tested; ``learned``: that of its mean from the rows learned from,
    and its degrees of freedom.
    ``start`` is the order value at which a block begins; ``repeat`` the score of the last known target, or None where
    the sample has gaps.
    """

    metric: str
    past: F64
    shuffled: F64
    squared: F64
    learned: tuple[float, float]
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

    ``past_only`` leaves the shuffled models out (their scores are those of the past).
    """
    assert subject.roles.order is not None
    when, wide = moments(subject, rows), len(features) > WIDE
    known = np.flatnonzero(labels.known & np.isfinite(when))
    index = known[: MOST_WIDE_ROWS if wide else MOST_ROWS]
    index = index[np.lexsort((rows.row_id[index], when[index]))]
    n = len(index)
    first = int(n * FIRST)
    count = min(MOST_BLOCKS, (n - first) // ROWS_A_BLOCK)
    if n < FEWEST_ROWS or count < FEWEST_BLOCKS or not features:
        return None
    edges = np.linspace(first, n, count + 1).astype(np.int64)
    gap = max(1, int(n * EMBARGO))
    parts = [parts_of(together(rows)[index], FOLDS, salt=2 + turn) for turn in range(WIDE_TURNS if wide else TURNS)]
    size = min(first - gap, *(int(np.bincount(part, minlength=FOLDS).min()) for part in parts))
    if size < FEWEST_TRAINED:
        return None
    rng = subject.rng("forward", purpose)
    table = Bench(rows, labels, features, subject.roles.order.column, int(rng.integers(2**31)), LIGHT_WORK)
    todo: list[tuple[I64, I64]] = []
    for part in parts:
        for fold in range(FOLDS):
            todo.append((draw(np.flatnonzero(part == fold), size, rng), np.flatnonzero(part != fold)))
    thirds = len(todo)
    each = BLOCKS_A_WIDE_MODEL if wide else BLOCKS_A_MODEL
    for k in range(0, count, each):
        todo.append((draw(np.arange(edges[k] - gap), size, rng), np.arange(edges[k], edges[min(k + each, count)])))
    skip = thirds if past_only else 0
    made = table.many([(index[train], index[test]) for train, test in todo[skip:]])
    past = table.empty(n)
    for (_, test), output in zip(todo[thirds:], made[thirds - skip :], strict=True):
        past[test] = output
    thrice = [] if past_only else [paired(made[i : i + FOLDS], parts[i // FOLDS]) for i in range(0, thirds, FOLDS)]
    gains = block_gains(labels.y[index], thrice, past, parts, edges, labels.task)
    if len(gains.past) < FEWEST_BLOCKS:
        return None
    whole = rows.n == subject.table.n_rows and len(index) == len(known)
    return Forward(
        gains.metric,
        gains.past,
        gains.shuffled,
        gains.squared,
        (gains.learned, float(len(parts) * (FOLDS - 1))),
        when[index[edges[:-1]]][gains.kept],
        np.diff(edges)[gains.kept],
        size,
        features,
        last_again(labels.y[index], labels.task) if whole else None,
    )


def paired(made: Sequence[F64], part: I64) -> tuple[F64, F64]:
    """Every row as it is told by the next third and by the one after; ``made[k]`` holds the rows outside third k."""
    out = tuple(np.empty((len(part), *made[0].shape[1:])) for _ in range(FOLDS - 1))
    for k, output in enumerate(made):
        test = np.flatnonzero(part != k)
        for turn, side in enumerate(out, 1):
            own = part[test] == (k - turn) % FOLDS
            side[test[own]] = output[own]
    return out[0], out[1]


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
    most_work: float = MOST_WORK  # of a fit

    def outputs(self, train: I64, test: I64, like: int | None = None) -> F64:
        """``like``: rows that the fit is planned for, where fits on unlike numbers of rows are compared."""
        spec, data = encoded(self.rows, self.features, self.labels, train, order=self.order)
        task: Task = self.labels.task
        k = None if task == "regression" else len(self.labels.classes)
        if not spec.features:
            return np.tile(plain(self.labels.y[train], k), (len(test),) if k is None else (len(test), 1))
        model = quick(
            data.X, data.y, task, spec.categorical, rounds(len(spec.features)), self.seed, outputs=k,
            threads=1, most_work=self.most_work, like=like, said=self.labels.said,
        )  # fmt: skip
        return np.asarray(model.predict(encode(spec, self.rows, test)))

    def many(self, jobs: Sequence[tuple[I64, I64]], like: int | None = None) -> list[F64]:
        """``outputs`` of several (train, test), two at a time: two single-threaded fits never wait for each other, as
        the threads of one fit do at every split."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda job: self.outputs(job[0], job[1], like), jobs))

    def empty(self, n: int) -> F64:
        return np.full(n if self.labels.task == "regression" else (n, len(self.labels.classes)), np.nan)


def rounds(features: int) -> int:
    """Boosting rounds for so many features: the same for all fits that are compared."""
    return max(FEWEST_ROUNDS, min(ROUNDS, ROUNDS * WIDE // max(1, features)))


def plain(y: F64, classes: int | None) -> F64:
    """The mean, or class shares: what is left to say where no column can feed a learner."""
    return np.array(y.mean()) if classes is None else np.bincount(y.astype(int), minlength=classes) / len(y)


def last_again(y: F64, task: Task) -> float:
    """Score of saying the row before again: accuracy for classes, R2 for values. Needs every row, in order."""
    if task == "regression":
        spread = float(np.var(y[1:]))
        return 1 - float(np.mean((y[1:] - y[:-1]) ** 2)) / spread if spread else 0.0
    return float((y[1:] == y[:-1]).mean())
