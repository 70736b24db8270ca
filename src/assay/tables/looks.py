"""A locked test: it opens for a stated reason only, and every look is counted in a ledger beside it.

``assay split`` writes the test file read-only, with ``card.json`` and an empty ``looks.jsonl``. Whatever opens that
file through assay does so inside ``looking(reason)``; the look is on the disk before the first row is read, so that a
run that was killed counts too. Each line of the ledger holds the hash of the one before it, the first that of the card:
a line that is changed, or taken out between others, is noticed; a cut-off end is not. It is a guard against oneself
and no security: who copies the file, or reads it with another tool, is not counted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.core.errors import InputError, OutputError, SettingsError
from assay.core.making import Look

CARD, LEDGER = "card.json", "looks.jsonl"
KIND = "assay split"


@dataclass
class Looking:
    """Permission to open locked tests, and what was opened under it."""

    reason: str
    verb: str
    taken: dict[Path, Look] = field(default_factory=dict)


_NOW: ContextVar[Looking | None] = ContextVar("looking", default=None)


@contextmanager
def looking(reason: str | None, verb: str = "look") -> Iterator[Looking | None]:
    """Allow locked tests to be opened inside; each is counted once. ``reason`` None allows nothing.

    Raises:
        SettingsError: an empty reason.
    """
    if reason is None:
        yield None
        return
    if not reason.strip():
        raise SettingsError('a look at a locked test needs its reason in words: --look "why"')
    token = _NOW.set(Looking(" ".join(reason.split()), verb))
    try:
        yield _NOW.get()
    finally:
        _NOW.reset(token)


def now() -> Looking | None:
    return _NOW.get()


def card_of(folder: Path) -> dict[str, Any] | None:
    """The card of a folder that ``assay split`` wrote; None for any other."""
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and card.get("kind") == KIND else None


def gate(path: Path) -> None:
    """Count the look where ``path`` is a locked test; nothing for any other file.

    Raises:
        InputError: no reason was given, the test is not the one that was written, or its ledger was changed.
        OutputError: the look cannot be counted.
    """
    card = card_of(path.parent)
    if card is None or card["files"].get("test", {}).get("name") != path.name:
        return
    allowed = _NOW.get()
    if allowed is None:
        taken = len(read(path.parent))
        raise InputError(
            f"{path.name} is a locked test with {taken} {'look' if taken == 1 else 'looks'} so far: check, fit and "
            'predict open it for a reason, --look "why", and count'
        )
    key = path.resolve()
    if key not in allowed.taken:
        if sha256(path) != card["files"]["test"]["sha256"]:
            raise InputError(f"{path.name} is not the test that assay split wrote: its rows were changed; split again")
        allowed.taken[key] = count(path.parent, path.name, allowed)


def count(folder: Path, test: str, allowed: Looking) -> Look:
    """Append one look to the ledger, on the disk before this returns."""
    try:
        with (folder / LEDGER).open("a+b") as ledger:
            _hold(ledger)
            before = read(folder)
            number = len(before) + 1
            line = {
                "look": number,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "verb": allowed.verb,
                "reason": allowed.reason,
                "previous": before[-1]["hash"] if before else sha256(folder / CARD),
            }
            line["hash"] = _hash(line)
            ledger.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            ledger.flush()
            os.fsync(ledger.fileno())
    except OSError as error:
        raise OutputError(
            f"a look at {test} must be counted in {folder / LEDGER}, which cannot be written ({error.strerror})"
        ) from None
    return Look(test, number, allowed.verb, allowed.reason, str(line["hash"]))


def read(folder: Path) -> list[dict[str, Any]]:
    """The looks that were taken, oldest first.

    Raises:
        InputError: a line was changed or taken out.
    """
    path = folder / LEDGER
    previous = sha256(folder / CARD)
    out: list[dict[str, Any]] = []
    for text in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
            fine = line["previous"] == previous and line["hash"] == _hash(line)
        except (ValueError, KeyError, TypeError):
            fine = False
        if not fine:
            raise InputError(f"line {len(out) + 1} of {path} was changed after it was written: looks cannot be told")
        previous = line["hash"]
        out.append(line)
    return out


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(line: dict[str, Any]) -> str:
    plain = {k: v for k, v in line.items() if k != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _hold(file: Any) -> None:
    """One writer at a time, where the system can say so."""
    try:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    except (ImportError, OSError):
        return
