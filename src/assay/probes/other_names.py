"""Whether a model of some rows errs less on others where a class is read as another, or two as each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.challenge import Options
from assay.core.subject import Subject
from assay.core.table import F64, I64, Sample
from assay.learn.encoded import encoded
from assay.learn.encoder import encode
from assay.learn.learners import quick
from assay.learn.target import Labels
from assay.stats.ratios import ratio_above, ratio_interval
from assay.stats.shares import share_above, share_interval

from .forward import rounds

FEWEST, MOST_CLASSES, LEAST, BLOCKS = 200, 6, 60, 20
SMOOTH, TRIES = 0.02, 20


@dataclass(frozen=True)
class Reading:
    """``old`` is called ``new``, or the two are swapped."""

    old: int
    new: int
    swap: bool

    def apply(self, p: F64) -> F64:
        """The probabilities (n, classes) under this reading."""
        out = p.copy()
        if self.swap:
            out[:, [self.old, self.new]] = p[:, [self.new, self.old]]
        else:
            out[:, self.new] = p[:, self.old] + p[:, self.new]
            out[:, self.old] = 0.0
        return out


@dataclass(frozen=True)
class Bench:
    subject: Subject
    rows: Sample
    labels: Labels
    features: tuple[str, ...]
    part: I64

    def outputs(self, train: I64, test: I64, purpose: str) -> F64:
        """Class probabilities of the test rows, a little of each class added, by a model of the rows ``train``."""
        k = len(self.labels.classes)
        seed = int(self.subject.rng("L07", purpose).integers(2**31))
        spec, data = encoded(self.rows, self.features, self.labels, train)
        y = data.y
        share = (np.bincount(y.astype(int), minlength=k) + 1.0) / (len(y) + k)
        if not spec.features or len(np.unique(y)) < 2:
            return np.tile(share, (len(test), 1))
        turns = max(10, rounds(len(spec.features)) * 2 // max(2, k))
        made = quick(data.X, y, self.labels.task, spec.categorical, turns, seed, outputs=k)
        return (1 - SMOOTH) * made.predict(encode(spec, self.rows.take(test))) + SMOOTH * share

    def candidates(self) -> list[Reading]:
        """Every pair of the most frequent classes of all rows, as a new name and as a swap."""
        y = self.labels.y[self.labels.known].astype(int)
        counts = np.bincount(y, minlength=len(self.labels.classes))
        often = [int(c) for c in np.argsort(-counts, kind="stable")[:MOST_CLASSES] if counts[c] >= FEWEST // 20]
        out = [Reading(a, b, True) for a in often for b in often if a < b]
        return out + [Reading(a, b, False) for a in often for b in often if a != b and len(often) > 2]


def losses(p: F64, y: I64, like: I64, reading: Reading | None) -> F64:
    """Log-loss by row under a reading, class shares corrected to those of ``like``. What the model gives to a class
    that does not occur there goes to the others; a class that it hardly knows gets its share in every row."""
    k = p.shape[1]
    share = (np.bincount(like, minlength=k) + 0.5) / (len(like) + 0.5 * k)
    if reading is not None:
        p = reading.apply(p)
    mean = p.mean(axis=0)
    unknown = (mean < SMOOTH) & (share > SMOOTH)
    made = np.where(unknown, 0.0, p * share / np.maximum(mean, 1e-6))
    left = float(share[~unknown].sum())
    made = made / np.maximum(made.sum(axis=1, keepdims=True), 1e-12) * left + np.where(unknown, share, 0.0)
    made = (1 - SMOOTH) * made + SMOOTH * share
    return np.asarray(-np.log(made[np.arange(len(y)), y]), np.float64)


@dataclass(frozen=True)
class Tried:
    """The reading that the first half chose, and the losses of the second half's rows without and with it, as units."""

    reading: Reading
    plain: F64
    read: F64
    rows: int
    at: I64

    @property
    def saved(self) -> float:
        total = float(self.plain.sum())
        return 1 - float(self.read.sum()) / total if total > 0 else 0.0

    def p(self, k: int, n: int, options: Options) -> float:
        """Against: the reading saves no more than is material, or touches no more rows than are."""
        loss = ratio_above(self.plain, self.read, 1 / (1 - options["saved"]))
        return max(loss, share_above(k, n, options["rows"]))

    def bound(self, k: int, n: int, limit: float, alpha: float) -> tuple[float, float]:
        """Of the share of rows under another name: none is sure before the loss saved is."""
        lo, hi = ratio_interval(self.read, self.plain, alpha)
        low, high = share_interval(k, n, alpha)
        return low if 1 - hi > limit else 0.0, high if 1 - lo > limit else 0.0


def tried(bench: Bench, p: F64, at: I64, ordered: bool) -> Tried | None:
    """Choose on the rows of the first half, measure on those of the second; ``at`` in order of time where ordered."""
    y = bench.labels.y[at].astype(np.int64)
    first, second = np.flatnonzero(bench.part[at] == 0), np.flatnonzero(bench.part[at] == 1)
    if min(len(first), len(second)) < LEAST:
        return None
    base = losses(p[first], y[first], y[first], None).sum()
    saves = [(base - losses(p[first], y[first], y[first], r).sum(), r) for r in bench.candidates()]
    if not saves:
        return None
    reading = max(saves, key=lambda s: s[0])[1]
    plain, read = (losses(p[second], y[second], y[first], r) for r in (None, reading))
    if ordered and len(second) >= 5 * BLOCKS:
        block = np.arange(len(second)) * BLOCKS // len(second)
        plain, read = (np.bincount(block, weights=v, minlength=BLOCKS).astype(np.float64) for v in (plain, read))
    return Tried(reading, plain, read, len(second), at)


def change(bench: Bench, p: F64, at: I64) -> int | None:
    """Where along the line a reading begins: the cut with the least loss on the first half's rows, as the model is up
    to it and with the best reading beyond, each stretch at its own class shares."""
    y = bench.labels.y[at].astype(np.int64)
    first = np.flatnonzero(bench.part[at] == 0)
    best: tuple[float, int] | None = None
    readings = bench.candidates()
    for share in np.linspace(0, 1, TRIES, endpoint=False):
        start = int(share * len(at))
        before, own = first[first < start], first[first >= start]
        if len(own) < LEAST:
            break
        kept = losses(p[before], y[before], y[before], None).sum() if len(before) else 0.0
        for reading in readings:
            total = float(kept + losses(p[own], y[own], y[own], reading).sum())
            if best is None or total < best[0]:
                best = total, start
    return None if best is None else best[1]
