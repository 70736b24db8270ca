"""Progress on standard error: only on a terminal, only for what takes longer than two seconds, with the time left."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

PATIENCE = 2.0  # seconds of silence before a bar is worth its line


class Progress:
    """Called with what is being done and the share done. Draws nothing where nobody would see it.

    >>> with Progress(quiet=True) as progress:
    ...     progress("reading", 0.5)
    """

    def __init__(self, quiet: bool = False) -> None:
        self.seen = not quiet and sys.stderr.isatty()
        self.state: tuple[str, float] = ("reading", 0.0)
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
        with self.lock:
            self.state = (what, max(self.state[1], min(1.0, share)))
            if self.bar is not None:
                self.bar.update(self.task, description=self.state[0], completed=self.state[1])

    def draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        with self.lock:
            columns = (
                TextColumn("{task.description:<32.32}"),
                BarColumn(24),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
            )
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task(self.state[0], total=1.0, completed=self.state[1])
            self.bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.timer.cancel()
        with self.lock:
            if self.bar is not None:
                self.bar.stop()
