"""Files are written beside and renamed: readers see the old file or the whole new one, never half."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import OutputError


def replacing(path: Path, write: Callable[[Path], Any], flag: str = "-o") -> Path:
    """Let ``write`` fill a file beside ``path`` (of the same suffix), then rename it. Nothing half-written stays.

    Args:
        flag: what names another place.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full.
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(beside)
        beside.replace(path)
    except OSError as error:
        said = f"{path} could not be written ({error.strerror or error}); nothing was left behind"
        raise OutputError(f"{said}; choose another place with {flag}") from None
    finally:
        beside.unlink(missing_ok=True)
    return path
