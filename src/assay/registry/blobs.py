"""Files by their SHA-256 in a folder: ``sha256/ab/abcd...``, written beside, flushed to the disk, renamed.

A name is there only with the whole file behind it, whatever is killed when.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from assay.core.errors import OutputError

LEFT = 3600.0  # seconds after which a half-written file is nobody's any more
_NAME = re.compile(r"[0-9a-f]{64}")


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a renamed file survives a power cut; nothing on Windows."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each flushed."""
    for path in reversed([p for p in (folder, *folder.parents) if not p.is_dir()]):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


class Blobs:
    """A folder of files by digest."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "sha256"

    def path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def get(self, digest: str) -> bytes | None:
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(
                f"{self.path(digest)} cannot be read ({error.strerror}): see its owner and mode"
            ) from None

    def put(self, digest: str, data: bytes) -> None:
        """
        Raises:
            OutputError: the folder cannot be written, or the disk is full; nothing half-written stays.
        """
        final = self.path(digest)
        if final.is_file() and final.stat().st_size == len(data) and _same(final, digest):
            return
        beside = final.with_name(f".{digest[:16]}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            make_folder(final.parent)
            try:
                with beside.open("xb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                beside.replace(final)
            finally:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)
            sync_folder(final.parent)
        except OSError as error:
            raise OutputError(
                f"the registry's folder {self.root.parent.parent} could not be written ({error.strerror or error}); "
                "nothing was added"
            ) from None

    def drop(self, digest: str) -> None:
        try:
            self.path(digest).unlink(missing_ok=True)
            if self.path(digest).parent.is_dir():
                sync_folder(self.path(digest).parent)
        except OSError as error:
            raise OutputError(f"{self.path(digest)} could not be removed ({error.strerror})") from None

    def stored(self) -> Iterator[tuple[str, int]]:
        for path in sorted(self.root.glob("??/*")):
            if _NAME.fullmatch(path.name):
                with suppress(FileNotFoundError):
                    yield path.name, path.stat().st_size

    def tidy(self) -> int:
        found = 0
        for path in self.root.glob("??/.*"):
            with suppress(OSError):
                if abs(time.time() - path.stat().st_mtime) > LEFT:
                    path.unlink()
                    found += 1
        return found


def _same(path: Path, digest: str) -> bool:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest() == digest
