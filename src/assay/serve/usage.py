"""What each caller has used: rows against its budget, and a token bucket for its rate, shared by all workers.

One small file of fixed records that every worker maps into memory. A record is changed under a lock of the system
(``flock``), about 2 microseconds, so the counts of several workers are exact: no row beyond a budget is answered, and
a rate is that of all workers together. The file outlives the server. A worker killed at any point leaves the record
as it was before or after its change, since the rows spent are one aligned word; a power cut may lose the changes that
the system had not written yet (some seconds), never more, and never makes a count negative.

The token bucket is the usual one: ``rate`` tokens a second up to ``burst``; a clock that jumps back gives nothing, one
that jumps ahead at most a full bucket.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from pathlib import Path

from assay.core.errors import InputError

from .locking import PLAIN, leave, take

MAGIC = b"assay-usage-1\0\0\0"
RECORD = struct.Struct("<16sqdd24x")  # who, rows spent, tokens, when they were counted
PLACES = 4096
SPENT = struct.Struct("<q")
BUCKET = struct.Struct("<dd")


class Usage:
    """Counts by caller. Without a path they are kept in memory, for one process and its life.

    Raises:
        InputError: the file cannot be used, or is something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        size = RECORD.size * (PLACES + 1)
        self._lock: int | None = None
        self._at: dict[str, tuple[int, bytes]] = {}
        if path is None:
            self._map = mmap.mmap(-1, size)
            self._map[:16] = MAGIC
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | PLAIN, 0o600)
            take(descriptor, wait=True)
            there = os.fstat(descriptor).st_size
            if there == 0:
                os.write(descriptor, MAGIC.ljust(size, b"\0"))  # no hole: a full disk would kill who stores there
            elif there != size or os.read(descriptor, 16) != MAGIC:
                os.close(descriptor)
                raise InputError(f"{path} is no usage file of assay serve; name another, or move it away")
            self._map = mmap.mmap(descriptor, size)
            leave(descriptor)
        except OSError as error:
            raise InputError(
                f"the usage file {path} cannot be used ({error.strerror}); name another with --usage"
            ) from None
        self._lock = descriptor

    def close(self) -> None:
        self._map.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def spent(self, who: str) -> int:
        """Rows that ``who`` has been answered."""
        return int(SPENT.unpack_from(self._map, self._place(who) + 16)[0])

    def spend(
        self,
        who: str,
        rows: int,
        tokens: int,
        now: float,
        budget: int | None,
        rate: float | None,
        burst: float | None,
    ) -> float | None:
        """Take ``rows`` from the budget and ``tokens`` from the bucket of ``who``: both or neither.

        Returns:
            None where they were taken; else the seconds to wait for the bucket, infinite where the budget is spent
            or the tokens are more than the bucket ever holds.
        """
        if self._lock is not None:
            take(self._lock, wait=True)
        try:
            at = self._place(who, now)
            spent = SPENT.unpack_from(self._map, at + 16)[0]
            if at == 0 or (budget is not None and spent + rows > budget):
                return float("inf")
            if rate is not None and tokens > 0:
                full = max(1.0, rate if burst is None else burst)
                there, since = BUCKET.unpack_from(self._map, at + 24)
                there = full if since == 0.0 else min(full, there + max(0.0, now - since) * rate)
                enough = tokens <= there
                BUCKET.pack_into(self._map, at + 24, there - tokens if enough else there, now)
                if not enough:
                    return float("inf") if tokens > full else (tokens - there) / rate
            if budget is not None:
                SPENT.pack_into(self._map, at + 16, spent + rows)
            return None
        finally:
            if self._lock is not None:
                leave(self._lock)

    def _place(self, who: str, now: float = 0.0) -> int:
        """Where the record of ``who`` is; 0 where there is no room.

        Open addressing. In a full file the bucket that was counted longest ago, of a caller without spent rows, gives
        way: it would be full again.
        """
        if (known := self._at.get(who)) is not None and self._map[known[0] : known[0] + 16] == known[1]:
            return known[0]
        name = hashlib.sha256(who.encode()).digest()[:16]
        start = int.from_bytes(name[:4], "little")
        old, oldest = 0, now
        for step in range(PLACES):
            at = RECORD.size * (1 + (start + step) % PLACES)
            there = self._map[at : at + 16]
            if there == bytes(16) or there == name:
                break
            _, spent, _, since = RECORD.unpack_from(self._map, at)
            if spent == 0 and since < oldest:
                old, oldest = at, since
        else:
            at = old
        if at and self._map[at : at + 16] != name:
            RECORD.pack_into(self._map, at, name, 0, 0.0, 0.0)
        if len(self._at) > 4 * PLACES:
            self._at.clear()
        self._at[who] = (at, name)
        return at
