"""Events: what was done to a registry, in order, each chained to the one before it.

The hash of an event is SHA-256 over the hash of the one before (64 zeros for the first) followed by its own fields as
canonical JSON: keys sorted, no blanks, UTF-8. Whoever changes, drops or moves an event breaks the chain from there on.
The sequence number orders events; the time is told by the writer's clock, which may be wrong and may go backwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from assay.core.errors import InputError

FIRST = "0" * 64
FIELDS = ("seq", "at", "kind", "name", "version", "digest", "alias", "who", "why", "more", "previous", "hash")
"""Columns of the table of events, in order; ``who`` is who did it, ``why`` the reason or note, ``more`` is JSON."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done. Empty text where a field does not apply."""

    seq: int
    at: str  # RFC 3339, UTC, to the microsecond
    kind: str  # added, approved, retired, promoted, rolled-back, cleared, protected, unprotected, removed
    name: str = ""
    version: str = ""
    digest: str = ""
    alias: str = ""
    by: str = ""
    reason: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    previous: str = FIRST
    hash: str = ""

    def canonical(self) -> bytes:
        """What is hashed, after the hash of the event before."""
        return dumps({
            "seq": self.seq, "at": self.at, "kind": self.kind, "name": self.name, "version": self.version,
            "digest": self.digest, "alias": self.alias, "by": self.by, "reason": self.reason, "more": dict(self.more),
        }).encode()  # fmt: skip

    def chained(self) -> str:
        return hashlib.sha256(self.previous.encode() + self.canonical()).hexdigest()

    def row(self) -> tuple[Any, ...]:
        """Its columns, in the order of ``FIELDS``."""
        return (self.seq, self.at, self.kind, self.name, self.version, self.digest, self.alias, self.by, self.reason,
                dumps(dict(self.more)), self.previous, self.hash)  # fmt: skip

    @classmethod
    def read(cls, row: tuple[Any, ...]) -> Event:
        """From its columns.

        Raises:
            InputError: a column holds what no event has.
        """
        try:
            more = json.loads(row[9])
            if not isinstance(more, dict) or not isinstance(row[0], int):
                raise ValueError
        except (TypeError, ValueError):
            raise InputError(f"event {row[0]} of the registry is damaged: assay registry check tells more") from None
        at, kind, name, version, digest, alias, who, why = (str(v) for v in row[1:9])
        return cls(
            row[0], at, kind, name, version, digest, alias, who, why, more, previous=str(row[10]), hash=str(row[11])
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq, "at": self.at, "kind": self.kind, "name": self.name or None,
            "version": self.version or None, "digest": self.digest or None, "alias": self.alias or None, "by": self.by,
            "reason": self.reason or None, "more": dict(self.more), "hash": self.hash,
        }  # fmt: skip


def dumps(doc: Any) -> str:
    return json.dumps(doc, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def now() -> datetime:
    """The clock that events tell; tests set another."""
    return datetime.now(UTC)


def told(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond, so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """A moment as people write it: a date (its last microsecond is meant), or a date with a time; UTC unless it says.

    Raises:
        InputError: neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"a date such as 2027-01-31 or 2027-01-31T12:00:00Z was expected; got {text!r}") from None
    if len(text.strip()) <= 10:
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return moment.replace(tzinfo=moment.tzinfo or UTC)
