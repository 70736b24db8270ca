"""What is done, kept as it is done: one JSON line a unit, so that a stopped run goes on where it stood.

A state belongs to one version of assay and one setup: the file's name holds their digest. A line counts only while the
challenge's own file, and how tables are read and lent what they lack, are unchanged.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assay.core.errors import OutputError
from assay.tables.cache import cache_folder

from .plan import Unit, source_digest


def state_path(settings: Mapping[str, Any]) -> Path:
    """The state of these settings, in the user's cache."""
    key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()
    return cache_folder() / "prove" / f"{key}.jsonl"


class State:
    """Records by unit; ``add`` writes through."""

    def __init__(self, path: Path, settings: Mapping[str, Any], fresh: bool = False) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if fresh:
                path.unlink(missing_ok=True)
            new = not path.exists()
            self.known: dict[str, dict[str, Any]] = {} if new else read(path)
            handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
            self.lines = os.fdopen(handle, "a", encoding="utf-8")
            if new:
                self.write({"proof": 1, "settings": dict(settings)})
            elif not ends_whole(path):
                self.lines.write("\n")  # the last line was cut off when the run was killed
        except OSError as error:
            raise OutputError(
                f"what is done cannot be kept in {path} ({error.strerror}); set ASSAY_CACHE to a folder of yours"
            ) from None

    def has(self, unit: Unit) -> bool:
        record = self.known.get(unit.key)
        return record is not None and record["source"] == source_digest(unit.code, unit.place)

    def add(self, unit: Unit, record: dict[str, Any]) -> None:
        record = record | {"source": source_digest(unit.code, unit.place)}
        self.known[record["key"]] = record
        self.write(record)

    def write(self, line: Mapping[str, Any]) -> None:
        self.lines.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        self.lines.flush()

    def of(self, units: Iterable[Unit]) -> list[dict[str, Any]]:
        return [self.known[u.key] for u in units if self.has(u)]

    def close(self) -> None:
        self.lines.close()


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Records by unit, the latest line of each; a line that was cut off is passed over."""
    out: dict[str, dict[str, Any]] = {}
    for line in path.read_text("utf-8", errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            record = json.loads(line)
            if isinstance(record, dict) and {"key", "source"} <= set(record):
                out[record["key"]] = record
    return out


def ends_whole(path: Path) -> bool:
    return path.stat().st_size == 0 or path.read_bytes()[-1:] == b"\n"
