"""What a model gains where rows of several requests share a run of its graph, and whether they may."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.golden import TOLERANCE, Feed, feed_of, read
from assay.bundle.schema import Schema
from assay.core.errors import BundleError

from .decode import Batch
from .scoring import Served

MOST = 32  # rows of one run
WORTH = 1_000.0  # microseconds that a row must save before anything waits for it: timers of the loop are no finer
RUNS = 5
clock = time.perf_counter if sys.platform == "win32" else time.thread_time  # that of Windows ticks 64 times a second
DEAR, FEW = 20_000.0, 4  # microseconds of a row from which fewer are measured, and how many


@dataclass(frozen=True, slots=True)
class Gain:
    """What one model gains: microseconds of one row run alone, and of a row among ``MOST``.

    ``apart`` is the largest difference between golden rows run together and alone: ``None`` where that was not asked,
    since there is nothing to gain.
    """

    alone: float
    joined: float
    apart: float | None

    @property
    def saves(self) -> float:
        """Microseconds that a row saves by being among others."""
        return self.alone - self.joined

    @property
    def joins(self) -> bool:
        """Whether rows may share a run: it costs less, and they get the same answers."""
        return self.apart is not None and self.apart <= TOLERANCE

    @property
    def waits(self) -> bool:
        """Whether a row saves enough to be waited for."""
        return self.joins and self.saves >= WORTH


def gain_of(served: Served) -> Gain:
    """Measure a model; a few runs of its typical row, and its golden rows once each alone and together."""
    one = served.decoder.rows([served.typical])
    alone = fastest(served, one)
    many = MOST if alone < DEAR else FEW
    each = fastest(served, joined([one] * many)) / many
    return Gain(alone, each, apart(served, many) if each < alone / 2 else None)


def fastest(served: Served, batch: Batch) -> float:
    """Microseconds of processor time of the fastest of a few runs; what else the machine does must not decide."""
    best, spent = float("inf"), 0.0
    for _ in range(RUNS):
        start = clock()
        served.score(batch)
        took = clock() - start
        best, spent = min(best, took), spent + took
        if spent > DEAR / 1e6:
            break
    return best * 1e6


def apart(served: Served, most: int = MOST) -> float:
    """The largest difference between what rows give together and alone (relative where values exceed one).

    A graph of another maker may look along its rows, and would then mix what different callers asked: that shows here.
    Asked of golden rows, and of rows made of the ends of ranges; infinite where they do not run together.
    """
    session = served.model._session
    golden, _ = read(served.model._files, session.main)
    made = mixed(served.schema)
    feed = feed_of([*golden[: most - len(made)], *made], served.schema)
    kept, alone = [], []
    for row in range(len(next(iter(feed.values())))):
        with suppress(BundleError):  # one that its maker's graph does not take
            one = outputs(session, {name: column[row : row + 1] for name, column in feed.items()})
            if np.isfinite(one[0]).all():
                kept.append(row)
                alone.append(one)
    if len(kept) < 2:
        return float("inf")
    try:
        together = outputs(session, {name: column[kept] for name, column in feed.items()})
    except BundleError:
        return float("inf")
    worst = 0.0
    for place, wanted in enumerate(alone):
        for got, want in zip(together, wanted, strict=True):
            a, b = got[place], want[0]
            with np.errstate(invalid="ignore"):
                gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b) / np.maximum(1.0, np.abs(b)))
            worst = max(worst, float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)))
    return worst


def mixed(schema: Schema) -> list[dict[str, Any]]:
    """A few rows without a hole: low, high and usual values, and known categories, in turn."""
    rows: list[dict[str, Any]] = [{} for _ in range(FEW)]
    for j, i in enumerate(schema.inputs):
        known = [*i.categories] if i.is_text else [v for v in (i.lo, i.typical, i.hi) if v is not None]
        for k, row in enumerate(rows):
            row[i.column] = known[(j + k) % len(known)] if known else i.typical
    return rows


def outputs(session: Any, feed: Feed) -> list[NDArray[np.float64]]:
    """What answers are made of: the main output and the sets, as numbers."""
    return [np.asarray(session.run(feed, name), np.float64) for name in (session.main, "set")]


def joined(batches: Sequence[Batch]) -> Batch:
    """Rows of several requests one after another."""
    if len(batches) == 1:
        return batches[0]
    first = batches[0]
    if all(b.values is not None for b in batches):
        values = [row for b in batches for row in b.values or ()]
        return Batch(None, None, len(values), first.numeric, first.textual, values=values)
    numbers = None if first.numbers is None else np.concatenate([b.numbers for b in batches if b.numbers is not None])
    texts = None if first.texts is None else np.concatenate([b.texts for b in batches if b.texts is not None])
    return Batch(numbers, texts, sum(b.n for b in batches), first.numeric, first.textual)
