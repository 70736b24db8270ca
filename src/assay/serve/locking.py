"""A lock that one process holds and the system takes back when the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)  # for os.open: bytes as they are, not for children

if sys.platform == "win32":
    import msvcrt

    def take(descriptor: int, wait: bool) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def leave(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def take(descriptor: int, wait: bool) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            return False
        return True

    def leave(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def own_place(folder: Path, prefix: str = "", most: int = 1024) -> tuple[int, int]:
    """The first number in ``folder`` that no living process has, and the descriptor that holds it.

    A worker that is started again takes the number that the dead one left. Close the descriptor to give it back.

    Raises:
        OSError: the folder cannot be written.
    """
    for number in range(most):
        descriptor = os.open(folder / f"{prefix}{number}.lock", os.O_RDWR | os.O_CREAT | PLAIN, 0o600)
        if take(descriptor, wait=False):
            return number, descriptor
        os.close(descriptor)
    raise OSError(f"more than {most} processes write to {folder}")
