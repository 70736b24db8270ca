"""What answers when the model itself fails, and the breaker that stops asking a model that fails again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.bundle.background import background
from assay.core.table import F64

from .scoring import Scored, Served

POLICIES = ("refuse", "previous", "naive")
FAILURES, REST = 5, 10.0


class Breaker:
    """Opens after ``failures`` failures in a row; after ``rest`` seconds one request may try again."""

    def __init__(self, failures: int = FAILURES, rest: float = REST) -> None:
        self.failures, self.rest = failures, rest
        self.count, self.until = 0, 0.0

    @property
    def open(self) -> bool:
        return self.count >= self.failures

    def allows(self, now: float) -> bool:
        """Whether the model may be asked at ``now`` (seconds of a steady clock)."""
        if self.count < self.failures:
            return True
        if now < self.until:
            return False
        self.until = now + self.rest  # this one tries; the others wait for what it learns
        return True

    def succeeded(self) -> None:
        self.count = 0

    def failed(self, now: float) -> None:
        self.count += 1
        self.until = now + self.rest


class Naive:
    """The answer of nobody who knows the row: base rates of the classes in training, or the usual value.

    Base rates are those that the dossier holds; where it holds none, and for values, the mean (the median for values)
    of the model's own answers to its usual rows, taken when it was loaded.
    """

    def __init__(self, served: Served) -> None:
        self.served = served
        counts = ((served.model.dossier.get("report") or {}).get("subject") or {}).get("classes") or {}
        known = [float(counts.get(c, 0)) for c in served.classes]
        if served.classes and all(known):
            self.output: F64 = np.array([known]) / sum(known)
        else:
            usual = served.model._output(background(served.schema, "usual"))
            self.output = usual.mean(0, keepdims=True) if served.classes else np.median(usual, 0, keepdims=True)

    def score(self, n: int) -> Scored:
        """(n,) equal answers; the set holds every class, or nothing for values: nothing is claimed of this row."""
        output = np.repeat(self.output, n, axis=0)
        every: Any = np.ones(output.shape, bool) if self.served.classes else np.zeros((n, 0))
        served = self.served
        return Scored(output, served.labels(output), every, 1.0, served.decided(output), "naive")
