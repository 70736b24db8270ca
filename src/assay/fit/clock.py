"""The budget: CPU seconds of this process, what is left of them, and word of progress."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_BEFORE = 0.5  # of a budget that may be gone before the race begins: a model is worth no less than an audit
Progress = Callable[[str, float], None]  # what is being done with the time left, share done (0..1)


class Budget:
    """CPU seconds (user and system, all threads and waited-for children) from the moment this is made.

    ``spent`` were used before that, by the audit: they count, up to half of the whole.
    """

    def __init__(self, seconds: float, progress: Progress | None = None, spent: float = 0.0) -> None:
        self.seconds = float(seconds)
        self.progress = progress
        self._start = cpu_seconds() - min(spent, MOST_BEFORE * self.seconds)
        self._share = 0.0
        self.bound = False  # whether the clock ever changed what was done: if not, the result is reproducible

    @property
    def spent(self) -> float:
        return cpu_seconds() - self._start

    @property
    def left(self) -> float:
        return self.seconds - self.spent

    def count(self, seconds: float) -> None:
        """Seconds that were spent before this was made: by the part of a fit that was killed."""
        self._start -= seconds

    def deadline(self, reserve: float = 0.0) -> float:
        """The value of ``cpu_seconds`` at which work must stop so that ``reserve`` seconds remain."""
        return self._start + self.seconds - reserve

    def say(self, what: str, share: float) -> None:
        """Report a stage; the share never goes back."""
        self._share = min(1.0, max(self._share, share))
        if self.progress is not None:
            left = max(0.0, self.left)
            self.progress(f"{what}; at most {left:.0f} s of work left", self._share)


def cpu_seconds() -> float:
    """CPU time used so far by this process, its threads and the children it has waited for."""
    try:
        import resource
    except ImportError:  # no such module on Windows
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
