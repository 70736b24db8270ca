"""Words of the table of score, size, latency and CPU: what a model costs to ship, limits, and who dominates whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.core.remedy import Op
from assay.core.table import Sample
from assay.learn.forms import Assembly

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Footprint:
    """``size``: bytes of the graph inside the file. ``latency``: median microseconds of one row, NaN: not measured."""

    size: int
    latency: float


Measure = Callable[[Assembly, Sequence[Op], Sample], Footprint]


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest size in MB and latency in microseconds; 0 is no limit. ``asked``: by the user, not by default."""

    size: float = 0.0
    latency: float = 0.0
    asked: bool = False

    def over(self, f: Footprint, growth: float = 1.0) -> list[tuple[float, str]]:
        """How many times each limit is exceeded, and the words for it; empty where both are kept."""
        out = []
        if self.size and f.size * growth > self.size * MB:
            out.append((f.size * growth / (self.size * MB), f"{f.size / MB:.2f} MB, above {self.size:g} MB"))
        if self.latency and f.latency * growth > self.latency:
            said = f"{f.latency:.0f} microseconds a row, above {self.latency:g}"
            out.append((f.latency * growth / self.latency, said))
        return out


@dataclass(frozen=True, slots=True)
class Point:
    """One line of the table. ``loss``: mean out-of-fold loss. ``cpu_seconds``: one training. ``barred``: why it could
    not be chosen. ``dominated_by``: a candidate that is no worse in loss, size, latency and CPU, and better in one.
    ``of``: what was measured, "first fold", "shipped", or "counted": an upper bound of
    the size from its nodes, where the budget left no time to measure."""

    name: str
    loss: float
    size: int
    latency: float
    cpu_seconds: float
    of: str = "first fold"
    barred: str = ""
    dominated_by: str = ""


def dominated(points: Sequence[Point]) -> list[Point]:
    """The same points, each with the best of those that dominate it."""
    out = []
    for p in points:
        better = [q for q in points if q is not p and _no_worse(q, p)]
        out.append(replace(p, dominated_by=min(better, key=lambda q: q.loss).name) if better else p)
    return out


def _no_worse(q: Point, p: Point) -> bool:
    ours, theirs = (q.loss, q.size, q.latency, q.cpu_seconds), (p.loss, p.size, p.latency, p.cpu_seconds)
    known = [(a, b) for a, b in zip(ours, theirs, strict=True) if np.isfinite(a) and np.isfinite(b)]
    return len(known) == len(ours) and all(a <= b for a, b in known) and any(a < b for a, b in known)
