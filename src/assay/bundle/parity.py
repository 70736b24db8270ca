"""The graph against the trained model, on held-out rows: only the record is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assay.core.errors import BundleError
from assay.core.table import F64

MOST_ROWS = 5_000
LIMIT = 1e-4


@dataclass(frozen=True, slots=True)
class Parity:
    """Absolute differences of probabilities, or of values in units of their spread. ``unit`` says which."""

    rows: int
    max: float
    mean: float
    unit: str
    limit: float = LIMIT

    def to_doc(self) -> dict[str, Any]:
        return asdict(self)


def compare(graph: F64, native: F64) -> Parity:
    """Compare (n, classes) probabilities, or (n,) values.

    Raises:
        BundleError: the shapes differ, an output is not finite on one side only, or the difference is above 1e-4.
    """
    if graph.shape != native.shape:
        raise BundleError(
            f"graph and trained model must give the same shape; they give {graph.shape} and {native.shape}"
        )
    if len(graph) == 0:
        return Parity(0, 0.0, 0.0, "probability" if graph.ndim == 2 else "spread")
    unit, scale = "probability", 1.0
    if graph.ndim == 1:
        unit, scale = "spread", float(native.std()) or max(1.0, float(np.abs(native).max()))
    gap = np.abs(graph - native) / scale
    worst = float(gap.max())
    if not worst <= LIMIT:
        raise BundleError(
            f"the graph and the trained model differ by {worst:.2g} on {len(graph):,} held-out rows; "
            f"at most {LIMIT:g} is shipped"
        )
    return Parity(len(graph), worst, float(gap.mean()), unit)
