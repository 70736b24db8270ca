"""How a model was made, for challenges that judge the search and not only its winner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .table import F64, I64, U64


@dataclass(frozen=True, slots=True)
class Look:
    """One counted look at a locked test: ``number`` (from 1), by which verb, and why. ``head`` is the ledger's last
    hash. Handed over as ``subject.evidence["looks"]``."""

    test: str
    number: int
    verb: str
    reason: str
    head: str

    @property
    def says(self) -> str:
        nth = f"look {self.number}" if self.number > 1 else "the first look"
        return f"{nth} at the locked test {self.test} ({self.reason})"


@dataclass(frozen=True, eq=False)
class Making:
    """What was tried, and a way to do it again. Handed over as ``subject.evidence["making"]``.

    ``names`` (tries,) and ``loss`` (tries, rows): out-of-fold loss of every row under every try (log-loss in nats, or
    squared error), NaN where a try did not get that far. ``unit`` (rows,): rows of one unit move together.
    ``usual`` (rows,) is what knowing nothing loses. ``again(k)`` trains the model anew and returns what it predicts of
    the judged rows, in the order of ``judged`` (their row ids): on the same rows with another seed for k = 0, else on
    the k-th resample of its units. None where it would cost too much.
    """

    names: tuple[str, ...]
    loss: F64
    unit: I64
    usual: F64
    judged: U64
    again: Callable[[int], F64] | None = None
