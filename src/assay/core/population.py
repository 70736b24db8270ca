"""What a population is like, column by column: known margins, or those of a reference sample with its own error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Margin:
    """One column of a population.

    ``shares`` maps each value, as text, to its share; they sum to 1. ``rows`` is the size of the sample that they were
    counted in, None where they are known. With ``edges`` (ascending) the column is a number in bins, in the order of
    ``shares``: the first lies below ``edges[0]``, the i-th in [edges[i - 1], edges[i]), the last from ``edges[-1]`` on.
    """

    shares: Mapping[str, float]
    rows: int | None = None
    edges: tuple[float, ...] = ()


def margins(given: Mapping[str, Any]) -> dict[str, Margin]:
    """A population as ``Subject.evidence`` holds it: column -> Margin, or column -> value -> share."""
    return {c: m if isinstance(m, Margin) else Margin(dict(m)) for c, m in given.items()}
