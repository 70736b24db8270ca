"""A file that is read again when it has changed, looked at so seldom that asking costs nothing."""

from __future__ import annotations

import time
from pathlib import Path

LOOK = 0.5  # seconds between two looks


class Watched:
    """What a file looked like when it was last looked at: time, size and place on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.looked = time.monotonic()
        self.seen = self._state()

    @property
    def gone(self) -> bool:
        return self.seen is None

    def changed(self) -> bool:
        """Whether it is another file than at the last look; at most one look in ``LOOK`` seconds."""
        now = time.monotonic()
        if now - self.looked < LOOK:
            return False
        self.looked = now
        before, self.seen = self.seen, self._state()
        return before != self.seen

    def _state(self) -> tuple[int, ...] | None:
        try:
            s = self.path.stat()
        except OSError:
            return None
        return s.st_mtime_ns, s.st_size, s.st_ino
