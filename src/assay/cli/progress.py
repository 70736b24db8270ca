"""Progress on standard error: only on a terminal, only for what takes longer than two seconds, with the time left."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any

from assay.core.stopping import heed

PATIENCE = 2.0  # seconds of silence before a bar is worth its line


class Progress:
    """Called with what is being done and the share done. Draws nothing where nobody would see it. Where Ctrl-C got lost
    since, a call raises it again.

    >>> with Progress(quiet=True) as progress:
    ...     progress("reading", 0.5)
    """

    def __init__(self, quiet: bool = False) -> None:
        self.seen = not quiet and sys.stderr.isatty()
        self.state = ("reading", "", 0.0)  # what is done, what is left, share done
        self.start = time.monotonic()
        self.lock = threading.Lock()
        self.bar: Any = None
        self.task: Any = None
        self.timer = threading.Timer(PATIENCE, self.draw)
        self.timer.daemon = True

    def __enter__(self) -> Progress:
        if self.seen:
            self.timer.start()
        return self

    def __call__(self, what: str, share: float) -> None:
        """``what`` may end in ``; how much is left``, where whoever works knows better than the clock."""
        heed()
        words, _, left = what.partition("; ")
        with self.lock:
            share = max(self.state[2], min(1.0, share))
            self.state = (words, left or self.estimate(share), share)
            if self.bar is not None:
                self.bar.update(self.task, description=self.state[0], left=self.state[1], completed=share)

    def estimate(self, share: float) -> str:
        """Time left if the rest goes as the part so far; nothing before a twentieth is done."""
        if share < 0.05:
            return ""
        left = (time.monotonic() - self.start) * (1 - share) / share
        return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"

    def draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        with self.lock:
            words = TextColumn("{task.description:<30.30}")
            left = TextColumn("{task.fields[left]}")
            self.bar = Progress(
                SpinnerColumn(), words, BarColumn(20), left, console=Console(stderr=True), transient=True
            )
            self.task = self.bar.add_task(self.state[0], total=1.0, completed=self.state[2], left=self.state[1])
            self.bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.timer.cancel()
        with self.lock:
            if self.bar is not None:
                self.bar.stop()
