"""Which models answer: the one that is live, the one before it, and the one on trial. All are swapped at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from .fallback import Breaker, Naive
from .scoring import Served

FULL = float(1 << 64)


@dataclass(frozen=True, slots=True)
class Lineup:
    """One moment's models. ``breaker`` and ``naive`` belong to the model that is live."""

    live: Served
    previous: Served | None = None
    challenger: Served | None = None
    naive: Naive | None = None
    breaker: Breaker = field(default_factory=Breaker)
    trial: Breaker = field(default_factory=Breaker)  # of the challenger

    def all(self) -> Iterator[Served]:
        yield self.live
        if self.challenger is not None:
            yield self.challenger


class Live:
    """Holds the lineup. Reading ``lineup`` once gives a request one consistent set of models to the end."""

    def __init__(
        self, live: Served, challenger: Served | None = None, canary: float = 0.0, naive: bool = False
    ) -> None:
        self.canary, self._with_naive = canary, naive
        self.lineup = Lineup(live, None, challenger, Naive(live) if naive else None)

    def promote(self, served: Served) -> None:
        """Let another model be live; the old one stays as ``previous``."""
        old = self.lineup
        if served.digest != old.live.digest:
            naive = Naive(served) if self._with_naive else None
            self.lineup = Lineup(served, old.live, old.challenger, naive)

    def try_out(self, served: Served | None) -> None:
        """Change the model on trial."""
        self.lineup = replace(self.lineup, challenger=served, trial=Breaker())

    def chosen(self, lineup: Lineup, key: bytes) -> Served:
        """The model that answers ``key``: the challenger for a share ``canary`` of keys, always the same ones."""
        if self.canary and lineup.challenger is not None and share_of(key) < self.canary:
            return lineup.challenger
        return lineup.live


def share_of(key: bytes) -> float:
    """A number in [0, 1) that depends on the key alone: BLAKE2b, so that keys of any form spread evenly."""
    return int.from_bytes(blake2b(key, digest_size=8, person=b"assay canary").digest(), "big") / FULL
