"""Who asked what, when, and what came of it: one JSON object a line, each holding the SHA-256 of the line before.

A line that is changed, taken out or put in breaks the chain at that place; what is cut off at the end is seen by who
kept the last hash (``assay keys audit`` prints it). No row, no key and no token is ever in it: the body is there as its
SHA-256. One file a worker, written by a thread every fifth of a second: a killed process loses no more than that.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.core.errors import InputError, OutputError

from .http import Request
from .locking import PLAIN, own_place

EVERY = 0.2
MOST_WAITING = 200_000
FIRST = "0" * 64
TAIL = 1 << 20


class AuditLog:
    """Appends to ``<number>.jsonl`` in ``folder``; a file of ``max_mb`` is put aside as ``<number>-<first n>.jsonl``.

    Raises:
        OutputError: the folder cannot be written. InputError: the end of the file there is no audit log.
    """

    def __init__(
        self, folder: Path, max_mb: float = 256.0, warn: Callable[[str], object] = lambda sentence: None
    ) -> None:
        self.folder, self.warn, self.most = folder, warn, int(max_mb * 1e6)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.number, self._lock_file = own_place(folder, "audit-")
            self.path = folder / f"{self.number}.jsonl"
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | PLAIN, 0o600)
            with tempfile.TemporaryFile(dir=folder) as trial:
                trial.write(bytes(4096))  # a full disk is told now, not at the first request
        except OSError as error:
            raise OutputError(
                f"the audit folder {folder} cannot be written ({error.strerror or error}); choose another with --audit"
            ) from None
        self._waiting: deque[dict[str, Any]] = deque()
        self._missing = 0
        self._ill = self._closing = False
        self._second: tuple[int, str] = (0, "")
        self._n, self._head, self._first = 0, FIRST, 1
        import orjson

        self._dumps = orjson.dumps
        self._resume()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay-audit", daemon=True)
        self._thread.start()

    def _resume(self) -> None:
        """Go on where the file ends; a line that a kill cut off is taken out, and that is written down."""
        size = os.fstat(self._file).st_size
        os.lseek(self._file, max(0, size - TAIL), os.SEEK_SET)
        tail = os.read(self._file, TAIL)
        if not tail and (aside := [p for files in in_order(self.folder) for p in files if p != self.path]):
            mine = [p for p in aside if p.stem.startswith(f"{self.number}-")]
            tail = mine[-1].read_bytes()[-TAIL:] if mine else b""
        whole, newline, torn = tail.rpartition(b"\n")
        if whole or newline:
            last = whole.rpartition(b"\n")[2]
            try:
                doc = json.loads(last)
                self._n, self._head = int(doc["n"]), hashlib.sha256(last).hexdigest()
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{self.path} does not end as an audit log; move it away") from None
        elif size > TAIL:
            raise InputError(f"{self.path} does not end as an audit log; move it away")
        if torn:
            os.ftruncate(self._file, size - len(torn))
            self._waiting.append({"event": "recovered", "bytes_cut_off": len(torn)})
        self._first = self._n + 1
        if whole and size:
            with self.path.open("rb") as file:
                self._first = int(_read(self.path, 1, file.readline())["n"])

    def put(
        self, at: float, request_id: str, caller: str, route: str, status: int, rows: int, model: str, body_sha256: str
    ) -> None:
        """Keep one request; never blocks. ``route`` is the template, not the path that was asked."""
        if len(self._waiting) >= MOST_WAITING:
            self._missing += 1
            return
        self._waiting.append(
            {"at": at, "id": request_id, "caller": caller, "route": route, "status": status, "rows": rows,
             "model": model, "body": body_sha256}
        )  # fmt: skip

    def put_request(
        self, request: Request, caller: str, request_id: str, route: str, status: int, rows: int, model: str
    ) -> None:
        """Keep one request, now."""
        body = hashlib.sha256(request.body).hexdigest() if request.body else ""
        self.put(time.time(), request_id, caller, route, status, rows, model, body)

    def close(self) -> None:
        """Write what is waiting, then end."""
        if not self._closing:
            self._closing = True
            self._wake.set()
            self._thread.join(10.0)
            os.close(self._file)
            os.close(self._lock_file)

    def _run(self) -> None:
        while True:
            self._wake.wait(EVERY)
            ending = self._closing
            try:
                while self._waiting or self._missing:
                    self._write()
                if self._ill:
                    self._ill = False
                    self.warn(f"the audit log {self.path} is written again")
            except OSError as error:
                if not self._ill:
                    self._ill = True
                    self.warn(f"the audit log {self.path} cannot be written ({error.strerror}); it is tried again")
            except Exception as error:  # the writer must outlive whatever happens to it
                self.warn(f"the audit log met {type(error).__name__}; it goes on")
            if ending:
                return

    def _write(self) -> None:
        """Up to 256 lines in one call; on failure they wait, and the file is cut back to its last whole line."""
        taken = [self._waiting[k] for k in range(min(256, len(self._waiting)))]
        lines, n, head = [], self._n, self._head
        missing = self._missing
        for doc in (*taken, *([{"event": "missing", "requests": missing}] if missing else ())):
            n += 1
            line = self._line(n, doc, head)
            head = hashlib.sha256(line).hexdigest()
            lines.append(line + b"\n")
        data = b"".join(lines)
        before = os.fstat(self._file).st_size
        if before + len(data) > self.most and before:
            self._aside()
            before = 0
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(28, "the disk is full")
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self._n, self._head = n, head
        self._missing -= missing
        for _ in taken:
            self._waiting.popleft()

    def _line(self, n: int, doc: dict[str, Any], head: str) -> bytes:
        at = doc.get("at")
        said = {
            "n": n,
            **doc,
            "at": self._moment(at if at is not None else datetime.now(UTC).timestamp()),
            "prev": head,
        }
        return self._dumps(said)

    def _moment(self, at: float) -> str:
        second = int(at)
        if second != self._second[0]:
            self._second = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{self._second[1]}.{int((at - second) * 1000):03d}Z"

    def _aside(self) -> None:
        self.path.rename(self.folder / f"{self.number}-{self._first}.jsonl")
        os.close(self._file)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | PLAIN, 0o600)
        self._first = self._n + 1


@dataclass(frozen=True, slots=True)
class Verified:
    """An audit log whose chain holds: how many lines, their numbers, from when to when, and the last hash."""

    lines: int
    first: int
    last: int
    since: str
    until: str
    head: str
    missing: int  # requests that the log itself says are not in it


class Broken(InputError):
    """The chain does not hold."""


def verify(files: Sequence[Path]) -> Verified:
    """Check the chain of one worker's files, oldest first.

    Raises:
        Broken: where the chain breaks, naming file and line. InputError: a file cannot be read.
    """
    missing = last = 0
    found: Verified | None = None
    for path, number, line, doc in _lines(files):
        if found is None:
            if doc["n"] == 1 and doc["prev"] != FIRST:
                raise Broken(f"{path} line {number}: the first line does not begin a chain")
            found = Verified(0, doc["n"], 0, doc["at"], "", "", 0)
        elif doc["prev"] != found.head or doc["n"] != last + 1:
            raise Broken(f"{path} line {number}: the chain breaks here; a line was changed, taken out or put in")
        last = doc["n"]
        missing += doc["requests"] if doc.get("event") == "missing" else 0
        found = Verified(
            found.lines + 1, found.first, last, found.since, doc["at"], hashlib.sha256(line).hexdigest(), missing
        )
    if found is None:
        raise InputError(f"{files[-1]} holds no line to check")
    return found


def holds(files: Sequence[Path], head: str) -> bool:
    """Whether a line of these files has this hash."""
    return any(hashlib.sha256(line).hexdigest() == head for _, _, line, _ in _lines(files))


def _lines(files: Sequence[Path]) -> Iterator[tuple[Path, int, bytes, dict[str, Any]]]:
    for path in files:
        try:
            with path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    yield path, number, raw.removesuffix(b"\n"), _read(path, number, raw)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); a file of --audit was expected") from None


def _read(path: Path, number: int, raw: bytes) -> dict[str, Any]:
    try:
        doc = json.loads(raw)
        if not raw.endswith(b"\n") or not isinstance(doc["n"], int) or not isinstance(doc["prev"], str):
            raise ValueError
        return dict({"at": ""} | doc)
    except (ValueError, KeyError, TypeError):
        raise Broken(f"{path} line {number} is no whole line of an audit log") from None


def in_order(place: Path) -> list[list[Path]]:
    """The files of each worker in a folder, oldest first; or the one file that ``place`` is."""
    if place.is_file():
        return [[place]]
    workers: dict[int, list[tuple[float, Path]]] = {}
    for path in place.glob("*.jsonl"):
        number, _, start = path.stem.partition("-")
        if number.isdigit() and (start.isdigit() or not start):
            workers.setdefault(int(number), []).append((int(start) if start else float("inf"), path))
    if not workers:
        raise InputError(f"there is no audit log in {place}; the folder given to assay serve --audit was expected")
    return [[path for _, path in sorted(files)] for _, files in sorted(workers.items())]
