"""What a model gains where rows of several requests share a run of its graph, and whether they may."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.golden import TOLERANCE, Feed, feed_of, read
from assay.core.errors import BundleError

from .decode import Batch
from .scoring import Served

MOST = 32  # rows of one run
WORTH = 1_000.0  # microseconds that a row must save before anything waits for it: timers of the loop are no finer
RUNS = 5
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
    """Microseconds of the fastest of a few runs."""
    best, until = float("inf"), time.perf_counter() + DEAR / 1e6
    for _ in range(RUNS):
        start = time.perf_counter()
        served.score(batch)
        end = time.perf_counter()
        best = min(best, end - start)
        if end > until:
            break
    return best * 1e6


def apart(served: Served, most: int = MOST) -> float:
    """The largest difference between what golden rows give together and alone (relative where values exceed one).

    A graph of another maker may look along its rows, and would then mix what different callers asked: that shows here.
    Infinite where they do not run together.
    """
    session = served.model._session
    rows, _ = read(served.model._files, session.main)
    feed = feed_of(rows[:most], served.schema)
    alone = []
    for row in range(len(rows[:most])):
        with suppress(BundleError):  # one that its maker's graph does not take
            alone.append((row, outputs(session, {name: column[row : row + 1] for name, column in feed.items()})))
    kept = [row for row, _ in alone] or [0]
    try:
        together = outputs(session, {name: column[kept] for name, column in feed.items()})
    except BundleError:
        return float("inf")
    worst = 0.0 if len(alone) > 1 else float("inf")
    for place, (_, wanted) in enumerate(alone):
        for got, want in zip(together, wanted, strict=True):
            with np.errstate(invalid="ignore"):
                gap = np.abs(got[place] - want[0]) / np.maximum(1.0, np.abs(want[0]))
            worst = max(worst, float(np.where(got[place] == want[0], 0.0, gap).max(initial=0.0)))
    return worst if np.isfinite(worst) else float("inf")


def outputs(session: Any, feed: Feed) -> list[NDArray[np.float64]]:
    """What answers are made of: the main output and the sets, as numbers."""
    return [np.asarray(session.run(feed, name), np.float64) for name in (session.main, "set")]


def joined(batches: Sequence[Batch]) -> Batch:
    """Rows of several requests one after another."""
    if len(batches) == 1:
        return batches[0]
    first = batches[0]
    numbers = None if first.numbers is None else np.concatenate([b.numbers for b in batches if b.numbers is not None])
    texts = None if first.texts is None else np.concatenate([b.texts for b in batches if b.texts is not None])
    return Batch(numbers, texts, sum(b.n for b in batches), first.numeric, first.textual)
