"""Two ways of learning on the same blocks of rows: scores, their difference, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assay.core.table import F64, I64
from assay.learn.scoring import score
from assay.stats.auc import auc_influence

BATCHES = 5  # a block is cut into so many stretches: rows within one may depend on each other in any way
STRETCHES = 5  # of the tested rows, and one before them, in which the models of thirds are compared with each other
# What training rows do to the mean gain, as a share of what they do to one model: two models that share a part of
# their rows share that part of it. The ten draws of the past (from 5/15 to 14/15 of the rows, 5/15 each) leave .52 in
# their mean. The thirds leave 1/3, but of rows that the past has too, so that less than .52 is left in the difference.
SHARED = 0.52


@dataclass(frozen=True)
class Gains:
    """By block with more than one class, arrays (blocks,): scores, and the squared error of their difference.

    ``kept``: positions of these blocks. ``learned``: squared error of the mean difference from the rows learned from.
    """

    metric: str
    past: F64
    shuffled: F64
    squared: F64
    learned: float
    kept: I64


def block_gains(
    y: F64, thirds: Sequence[tuple[F64, F64]], past: F64, parts: Sequence[I64], edges: I64, task: str
) -> Gains:
    """Gains of ``thirds`` over ``past``: outputs of every row, in order, for blocks between ``edges``.

    Each pair holds what two models say that learned from the two thirds (by ``parts``) to which a row does not belong.
    Without any the gain is nil. The error by block is that of batch means of each row's influence on the difference.
    """
    metric = ""
    told = [side for pair in thirds for side in pair] or [past]
    kept: list[tuple[float, float, float, int]] = []
    for k, own in enumerate(spans(edges)):
        if len(np.unique(y[own])) < 2:
            continue
        truth = y[own]
        before, metric = score(past[own], truth, task)
        each = [score(side[own], truth, task)[0] for side in told]
        pull = np.mean([influence(side[own], truth, task) for side in told], axis=0)
        kept.append((before, float(np.mean(each)), batched(pull - influence(past[own], truth, task)), k))
    past_, shuffled, squared, at = (np.array(v) for v in zip(*kept, strict=True)) if kept else (np.empty(0),) * 4
    step = max(1, (len(edges) - 1) // STRETCHES)
    broad = np.unique(np.concatenate(([0], edges[::step], edges[-1:])))
    seen = [gap for pair, part in zip(thirds, parts, strict=False) for gap in apart(y, pair, part, broad, task)]
    learned = SHARED * max(0.0, float(np.mean(seen)) / 2) if seen else 0.0
    return Gains(metric, past_, shuffled, squared, learned, at.astype(np.int64))


def spans(edges: I64) -> Iterator[slice]:
    return (slice(int(start), int(end)) for start, end in pairwise(edges))


def batched(pull: F64) -> float:
    """Squared error of a sum of influences along time, from sums over its stretches (BATCHES - 1 degrees)."""
    sums = np.array([part.sum() for part in np.array_split(pull, BATCHES)])
    return float(np.var(sums, ddof=1)) * BATCHES


def influence(output: F64, y: F64, task: str) -> F64:
    """(n,) what each row does to ``scoring.score``: to first order, the score is its mean over the process plus the
    sum. Two classes at least, or values that differ."""
    if task == "regression":
        loss, spread = (output - y) ** 2, (y - y.mean()) ** 2
        return np.asarray((spread * (loss.sum() / spread.sum()) - loss) / spread.sum(), np.float64)
    if output.shape[1] == 2:
        return auc_influence(y, output[:, 1])
    present = [k for k in range(output.shape[1]) if 0 < int((y == k).sum()) < len(y)]
    return np.asarray(np.mean([auc_influence(y == k, output[:, k]) for k in present], axis=0))


def apart(y: F64, pair: tuple[F64, F64], part: I64, edges: I64, task: str) -> list[float]:
    """For each third of the rows: squared difference of the two models that tell it, less the noise of the rows tested.

    The two have no row in common: half of it estimates what the rows learned from do to one model's squared error.
    """
    out = []
    for third in np.unique(part):
        gaps: list[tuple[float, float]] = []
        for own in spans(edges):
            mine = np.flatnonzero(part[own] == third) + own.start
            truth = y[mine]
            if len(np.unique(truth)) < 2:
                continue
            (a, _), (b, _) = (score(side[mine], truth, task) for side in pair)
            first, second = (influence(side[mine], truth, task) for side in pair)
            gaps.append((a - b, float(((first - second) ** 2).sum())))
        if gaps:
            gap, noise = np.array(gaps).T
            out.append(float(gap.mean()) ** 2 - float(noise.sum()) / len(gaps) ** 2)
    return out
