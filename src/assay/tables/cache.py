"""Landed copies: Parquet files in the user's cache, mode 0600, keyed by digest, deleted after 7 days."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from pathlib import Path

KEPT_SECONDS = 7 * 24 * 3600


class Folder:
    """A private temporary folder (mode 0700) that goes with the last table that needs it, or at exit."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="assay-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def cache_folder() -> Path:
    """``$ASSAY_CACHE``, else the platform's folder for caches."""
    given = os.environ.get("ASSAY_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))) / "assay" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "assay"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay"


def landed(key: str, make: Callable[[Path], None], *, cache: bool) -> tuple[Path, object]:
    """The landed copy for ``key``, made by ``make`` (into the path given) unless it is there already.

    Returns the path and an object to keep alive as long as the path is needed. Where the cache cannot be written, or
    ``cache`` is off, the copy is temporary.
    """
    if cache:
        folder = cache_folder()
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            forget_old(folder)
            path = folder / f"{key}.parquet"
            if path.is_file():
                return path, None
            probe = folder / f".{key}.{os.getpid()}.part"
            os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            try:
                make(probe)
                probe.chmod(0o600)
                probe.replace(path)
            finally:
                probe.unlink(missing_ok=True)
            return path, None
    keep = Folder()
    path = keep.path / "landed.parquet"
    make(path)
    path.chmod(0o600)
    return path, keep


def forget_old(folder: Path) -> None:
    """Delete landed copies older than seven days, and parts that a killed process left."""
    limit = time.time() - KEPT_SECONDS
    for path in [*folder.glob("*.parquet"), *folder.glob(".*.part")]:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()
