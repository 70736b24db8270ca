"""What a place for a registry must do: keep events in order, one writer at a time, and files by their digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from .events import Event

PATIENCE = 30.0  # seconds that a writer waits for the others
FORMAT = 1  # of the tables; raised when they change

# The views are for people with an SQL shell; assay itself folds the events (``state``).
COLUMNS = (
    "at TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL, "
    "alias TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, more TEXT NOT NULL, previous TEXT NOT NULL UNIQUE, "
    "hash TEXT NOT NULL UNIQUE"
)
VERSIONS = (
    "SELECT a.name, a.version, a.digest, coalesce((SELECT s.kind FROM {events} s WHERE s.name = a.name AND s.version "
    "= a.version AND s.kind IN ('approved', 'retired') ORDER BY s.seq DESC LIMIT 1), 'proposed') AS stage, a.at, a.who,"
    " a.why AS note, a.seq FROM {events} a WHERE a.kind = 'added'"
)
ALIASES = (
    "SELECT e.name, e.alias, e.version, e.digest, e.at AS since, e.who, e.why AS reason, e.seq FROM {events} e WHERE "
    "e.version <> '' AND e.seq = (SELECT max(l.seq) FROM {events} l WHERE l.name = e.name AND l.alias = e.alias AND "
    "l.kind IN ('promoted', 'rolled-back', 'cleared'))"
)


class Store(Protocol):
    """One place. All methods may be called from several threads, one at a time, and from several processes."""

    place: str
    """How people are told of it; never with a password."""

    def head(self) -> int:
        """The sequence number of the last event, 0 before the first: one look-up."""
        ...

    def events(self, after: int) -> list[Event]: ...

    def writing(self) -> AbstractContextManager[None]:
        """Hold the only right to write; what ``append`` did is committed at the end, or gone after an error."""
        ...

    def append(self, events: Sequence[Event]) -> None:
        """Inside ``writing`` only."""
        ...

    def put(self, digest: str, data: bytes) -> None:
        """Keep a file; on the disk when this returns. Nothing happens where it is there already."""
        ...

    def get(self, digest: str) -> bytes | None: ...

    def has(self, digest: str) -> bool: ...

    def drop(self, digest: str) -> None:
        """Take a file out; inside ``writing`` only, so that no ``added`` can come between."""
        ...

    def stored(self) -> Iterable[tuple[str, int]]:
        """(digest, bytes) of every file."""
        ...

    def tidy(self) -> int:
        """Take out what killed writers left half-written; how many files that was."""
        ...

    def damage(self) -> list[str]:
        """What the storage itself finds wrong, in sentences."""
        ...

    def writer(self) -> str:
        """Whom the storage knows the writer as, where it does."""
        ...

    def close(self) -> None: ...
