"""What ``assay run`` did last time, and whether it would come out the same: .assay/state.json."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import InputError, OutputError

PLACE, LOCK, FORMAT = Path(".assay/state.json"), Path(".assay/run.lock"), "assay-run-1"


@dataclass(frozen=True, slots=True)
class Done:
    """One step that ended well: digests of what went in and came out, of its settings, and versions."""

    inputs: Mapping[str, str]
    asked: str
    versions: Mapping[str, str]
    outputs: Mapping[str, str]
    at: str


def read_state(place: Path = PLACE) -> dict[str, Done]:
    """Step -> what it did; empty where nothing ran yet.

    Raises:
        InputError: the file is damaged or of another version.
    """
    try:
        doc = json.loads(place.read_text("utf-8"))
        if doc["format"] != FORMAT:
            raise ValueError("another format")
        return {name: Done(**step) for name, step in doc["steps"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{place} cannot be read: remove it, and assay run does every step anew") from None


def write_state(steps: Mapping[str, Done], place: Path = PLACE) -> None:
    """Keep the state, whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    from assay.bundle.archive import write_file

    doc = {"format": FORMAT, "steps": {name: asdict(step) for name, step in steps.items()}}
    write_file(place, (json.dumps(doc, indent=1, ensure_ascii=False) + "\n").encode())


def changed(
    before: Done | None, inputs: Mapping[str, str], asked: str, versions: Mapping[str, str], outputs: Iterable[Path]
) -> str:
    """Why a step has to be done: empty text where it need not be."""
    if before is None:
        return "not done yet"
    if before.asked != asked:
        return "its settings changed"
    if inputs != before.inputs:
        other = sorted(k for k in {*inputs, *before.inputs} if inputs.get(k) != before.inputs.get(k))
        return f"{other[0]} changed" + (f", and {len(other) - 1} more" if len(other) > 1 else "")
    if versions != before.versions:
        other = sorted(k for k in {*versions, *before.versions} if versions.get(k) != before.versions.get(k))
        return f"the version of {other[0]} changed"
    for path in outputs:
        now = digest_of(path)
        if now is None:
            return f"{path} is gone"
        if now != before.outputs.get(str(path)):
            return f"{path} was changed since"
    return ""


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file, or of all files of a folder with their names; None where there is nothing."""
    if path.is_dir():
        inner = {str(p.relative_to(path)): digest_of(p) for p in sorted(path.rglob("*")) if p.is_file()}
        return digest(inner)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def digest(doc: Any) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def alone() -> Iterator[None]:
    """Hold the folder for one run; the system takes the lock back however the process ends.

    Raises:
        InputError: another run holds it. OutputError: the folder cannot be written.
    """
    from assay.serve.locking import take

    try:
        LOCK.parent.mkdir(exist_ok=True)
        handle = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"{LOCK} cannot be written ({error.strerror}): assay run keeps its state there") from None
    try:
        if not take(handle, False):
            raise InputError("another assay run is at work in this folder: wait for it")
        yield
    finally:
        os.close(handle)
