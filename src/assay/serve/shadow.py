"""The model on trial answers what the live one was asked, after the answer was sent, and the difference is counted.

A bounded queue and one thread: where the shadow is too slow, requests are passed over and counted, never delayed.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from assay.core.errors import BundleError
from assay.core.table import F64

from .events import Events
from .http import Refused
from .metrics import Metrics
from .scoring import Scored, Served
from .service import Done

WAITING = 1_000
Then = Callable[[Done, Scored | None, Served | None], None]


class Shadow:
    """Runs challengers. ``then`` gets every prediction with what the challenger made of it (None: it failed)."""

    def __init__(self, metrics: Metrics, then: Then | None = None, events: Events | None = None) -> None:
        self.metrics, self.then, self.events = metrics, then, events or Events()
        self._queue: queue.Queue[Done | None] = queue.Queue(WAITING)
        self._failing = ""
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def __call__(self, done: Done) -> None:
        """Take one prediction; never waits."""
        try:
            self._queue.put_nowait(done)
        except queue.Full:
            self.metrics.add("shadow_dropped")
            if self.then is not None:
                self.then(done, None, None)

    def close(self, seconds: float = 5.0) -> None:
        """Finish what waits."""
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while (done := self._queue.get()) is not None:
            challenger = done.asked.lineup.challenger
            scored = None
            if challenger is not None and challenger is not done.served:
                scored = self._ask(challenger, done)
            if self.then is not None:
                self.then(done, scored, challenger if scored is not None else None)

    def _ask(self, challenger: Served, done: Done) -> Scored | None:
        try:
            scored = challenger.score(done.decode(challenger))
        except (BundleError, Refused) as error:
            self.metrics.add("shadow_failures")
            said = str(error)[:200]
            if said != self._failing:
                self.events("shadow-failed", model=challenger.header.decode(), request_id=done.asked.id, error=said)
            self._failing = said
            return None
        self.metrics.add("shadow_rows", done.batch.n)
        pairs = zip(scored.labels.tolist(), done.scored.labels.tolist(), strict=True)
        self.metrics.add("shadow_disagreed", sum(one != other for one, other in pairs))
        apart = differences(done.scored, done.served, scored, challenger)
        self.metrics.add("shadow_difference_sum", float(apart.sum()))
        return scored


def differences(a: Scored, of_a: Served, b: Scored, of_b: Served) -> F64:
    """(n,) the largest difference of the outputs of each row; classes are matched by name, one that is absent is 0."""
    if of_a.classes == of_b.classes:
        return np.asarray(np.abs(a.output - b.output).max(1))
    worst: Any = np.zeros(len(a.output))
    for name in {*of_a.classes, *of_b.classes}:
        one, other = (
            s.output[:, of.classes.index(name)] if name in of.classes else np.zeros(len(a.output))
            for s, of in ((a, of_a), (b, of_b))
        )
        worst = np.maximum(worst, np.abs(one - other))
    return np.asarray(worst)
