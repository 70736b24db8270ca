"""Ctrl-C that got lost: code of other makers swallows it while it is being imported, so it is kept and raised again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_asked = False


@contextmanager
def listening() -> Iterator[None]:
    """Keep in mind that Ctrl-C was pressed, besides raising it. Nothing where somebody else listens for it already."""
    global _asked
    _asked = False
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _heard)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _heard(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt


def asked() -> bool:
    """Whether Ctrl-C was pressed and nobody has acted on it."""
    return _asked


def taken() -> None:
    """Somebody acts on it: what goes on from here is meant to."""
    global _asked
    _asked = False


def heed() -> None:
    """
    Raises:
        KeyboardInterrupt: it was pressed before, and got lost.
    """
    if _asked:
        raise KeyboardInterrupt
