"""The prediction log: what was asked and answered, written after the answer by a thread of its own.

``put`` hands a request over and returns its sequence number at once; it never blocks and never fails. Where the queue
is full or the disk is, the request is counted as a gap, which the file says as soon as it can. ``durable`` answers wait
for ``committed``: one commit, synced to the disk, for all that wait (group commit). Labels and predictions made
elsewhere are acknowledged in the same way, always.

One folder, one file a worker (``0.db``, ``1.db`` ...): a worker takes the first number that no living process has. So
no worker ever waits for another's commit, and a damaged file costs one worker's part. The order within a file is that
of the sequence numbers, whatever the clock does.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from assay.core.errors import OutputError
from assay.log.file import File, Gap, Label

from .http import Refused
from .locking import PLAIN, own_place
from .log_entries import ELSEWHERE, SERVED, Entry, Kept, Personal, Rows, blocks_of

EVERY = 1.0  # seconds between two commits when nobody waits
BLOCK = 256  # requests in a block: more would hold the interpreter, and so the answers, for longer at a stretch
STRETCH, PAUSE = 0.00015, 0.0005  # seconds for which the writer encodes, and then leaves the interpreter to answers
BLOCK_ROWS = 8192
LOOK = 10.0  # seconds between two looks at the size
JUMP = 60.0  # seconds by which a clock may drift between two looks
DAY = 86400.0
SWITCH = 0.0002  # seconds


class LogUnavailable(Refused):
    """What was to be acknowledged could not be written: 503."""

    def __init__(self, reason: str) -> None:
        super().__init__(503, reason, headers=((b"retry-after", b"5"),))


class PredictionLog:
    """Writes the log of one process.

    Args:
        folder: made where it is missing.
        durable: whether answers wait for ``committed``.
        columns: those that are kept (all by default).
        personal: columns that are dropped or hashed.
        max_mb, days: how much and how long this process's file keeps.
        queue: requests that may wait to be written.
        warn: takes one sentence, once for each trouble.

    Raises:
        OutputError: the folder cannot be written. InputError: a file in it is damaged.
    """

    def __init__(
        self,
        folder: Path,
        durable: bool = False,
        *,
        model: str = "",
        columns: Sequence[str] | None = None,
        personal: Personal | None = None,
        max_mb: float = 1024.0,
        days: float = 90.0,
        queue: int = 20_000,
        warn: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self.folder, self.durable, self.model, self.queue, self.warn = folder, durable, model, queue, warn
        self.max_bytes, self.days = int(max_mb * 1e6), days
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.number, self._lock_file = own_place(folder)
            salt = _salt(folder) if personal and "hash" in personal.values() else b""
        except OSError as error:
            raise OutputError(
                f"the log folder {folder} cannot be written ({error.strerror or error}); choose another with --log"
            ) from None
        self._kept = Kept(None if columns is None else tuple(columns), dict(personal or {}), salt)
        try:
            self._file = File(folder / f"{self.number}.db")
        except BaseException:
            os.close(self._lock_file)
            raise
        kept, given = self._file.last()
        self._given = self._done = given
        self._gaps: list[Gap] = []
        if given > kept:
            self._gaps.append((kept + 1, given, given - kept, None, time.time(), "the process was killed"))
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._waiting: deque[Entry | _Labels] = deque()
        self._waiters: list[tuple[int, Future[int]]] = []
        self._failed: deque[tuple[int, int]] = deque(maxlen=10_000)
        self._closing = False
        self._ill = False
        self._most = BLOCK
        self._rested = 0.0
        self.written = self.dropped = self.trimmed = 0
        self._clock = (time.time(), time.monotonic())
        self._by_age = days > 0
        if durable:  # a commit asks for the interpreter several times, and must not wait 5 ms for it each time
            sys.setswitchinterval(min(SWITCH, sys.getswitchinterval()))
        self._thread = threading.Thread(target=self._run, name="assay-log", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        return len(self._waiting)

    def put(
        self,
        request_id: str,
        caller: str,
        rows: Rows,
        outputs: Sequence[Mapping[str, Any]],
        at: float,
        *,
        model: str | None = None,
        ids: Sequence[Any] | None = None,
        shadow: Sequence[Mapping[str, Any]] | None = None,
        shadow_model: str = "",
        source: str = SERVED,
        columns: Sequence[str] | None = None,
    ) -> int:
        """Hand over one request: ``rows`` as records or columns, ``outputs`` one a row as ``/predict`` answers them.

        Args:
            columns: those of the model that answered; the others of ``rows`` are not kept.

        Returns:
            Its sequence number in this process's file.
        """
        return self._add(
            Entry(0, at, request_id, caller, rows, outputs, self.model if model is None else model, ids, shadow,
                  shadow_model, source, columns), len(outputs))  # fmt: skip

    def _add(self, entry: Entry | _Labels, rows: int) -> int:
        with self._lock:
            self._given = sequence = self._given + 1
            if not self._closing:
                self._file.given(sequence)
            if len(self._waiting) >= self.queue or self._closing:
                self._drop(sequence, sequence, 1, rows, "the queue was full")
            else:
                entry.sequence = sequence
                self._waiting.append(entry)
                if len(self._waiting) == BLOCK:  # a whole block, while all of it is still in the processor's cache
                    self._wake.set()
        return sequence

    def _drop(self, first: int, last: int, requests: int, rows: int | None, reason: str) -> None:
        self.dropped += requests
        if self._failed and self._failed[-1][1] + 1 == first:
            self._failed[-1] = (self._failed[-1][0], last)
        else:
            self._failed.append((first, last))
        if self._gaps and self._gaps[-1][5] == reason and self._gaps[-1][1] + 1 == first:
            a, _, n, r, at, _ = self._gaps[-1]
            self._gaps[-1] = (a, last, n + requests, None if r is None or rows is None else r + rows, at, reason)
        else:
            self._gaps.append((first, last, requests, rows, time.time(), reason))

    def committed(self, sequence: int) -> Future[int]:
        """Done once ``sequence`` is synced to the disk; its result is the number. Fails with ``LogUnavailable``."""
        future: Future[int] = Future()
        with self._lock:
            if any(first <= sequence <= last for first, last in self._failed):
                future.set_exception(LogUnavailable("the log cannot be written at the moment"))
            elif self._closing:
                future.set_exception(LogUnavailable("the log is closing"))
            else:
                self._waiters.append((sequence, future))
        self._wake.set()
        return future

    def label(self, caller: str, items: Sequence[Mapping[str, Any]], at: float) -> Future[int]:
        """Keep what turned out to be true: {"request_id", "row"} or {"id"}, and "label". Done once it is committed."""
        return self.committed(self._add(_Labels(0, at, caller, items), len(items)))

    def elsewhere(
        self, caller: str, request_id: str, rows: Rows, outputs: Sequence[Mapping[str, Any]], at: float, *,
        model: str = "", ids: Sequence[Any] | None = None, columns: Sequence[str] | None = None,
    ) -> Future[int]:  # fmt: skip
        """Keep predictions that something else made. Done once they are committed."""
        return self.committed(
            self.put(request_id, caller, rows, outputs, at, model=model, ids=ids, source=ELSEWHERE, columns=columns)
        )

    def learn(self, schema: Mapping[str, Any]) -> None:
        """Leave out what the schema of a further model flags as personal, from now on."""
        self._kept.learn(schema)

    def close(self, seconds: float = 30.0) -> None:
        """Write what is waiting, then end."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._wake.set()
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._file.close()
            os.close(self._lock_file)

    def _run(self) -> None:
        looked = 0.0
        while True:
            self._wake.wait(EVERY)
            self._wake.clear()
            ending = self._closing
            try:
                while self._write_some():
                    pass
                if (now := time.monotonic()) - looked > LOOK:
                    looked = now
                    self._look()
            except Exception as error:  # the writer must outlive whatever happens to it
                self._say(f"the prediction log met {type(error).__name__}; it goes on")
            if ending:
                self._end()
                return

    def _say(self, sentence: str) -> None:
        with contextlib.suppress(Exception):
            self.warn(sentence)

    def _write_some(self) -> bool:
        """One transaction. Returns whether there may be more."""
        with self._lock:
            taken: list[Entry | _Labels] = []
            rows = 0
            while self._waiting and len(taken) < self._most and rows < BLOCK_ROWS:
                taken.append(self._waiting.popleft())
                rows += len(taken[-1])
            gaps, self._gaps = self._gaps, []
            last = taken[-1].sequence if taken else self._done
            due = any(number <= last for number, _ in self._waiters)
            more = len(self._waiting) >= BLOCK or (bool(self._waiting) and (self._closing or bool(self._waiters)))
        if not taken and not gaps:
            if due:
                self._tell()
            return False
        try:
            entries = [e for e in taken if isinstance(e, Entry)]
            blocks = blocks_of(entries, self._kept, self._pause) if entries else []
            labels = [line for e in taken if isinstance(e, _Labels) for line in e.lines()]
            sync = self.durable or bool(labels) or any(e.source == ELSEWHERE for e in entries)
            self._file.write(blocks, labels, gaps, time.time(), sync)
        except sqlite3.Error as error:
            self._fail(taken, gaps, f"not written: {error}")
            return False
        except Exception as error:  # an entry that cannot be encoded must not take the others with it
            if len(taken) > 1:
                with self._lock:
                    self._gaps = gaps + self._gaps
                    self._waiting.extendleft(reversed(taken))
                    self._most = 1
                return True
            self._fail(taken, gaps, f"could not be encoded: {type(error).__name__}")
            return True
        self._most = min(BLOCK, 2 * self._most)
        with self._lock:
            self._done = max(self._done, last)
            self.written += len(taken)
        if self._ill:
            self._ill = False
            self._say(f"the prediction log is written again; {self.dropped:,} requests in all are missing from it")
        self._tell()
        return more

    def _pause(self) -> None:
        """Let answers go first, unless somebody waits for the writer or the queue fills."""
        if self.durable or self._waiters or self._closing or len(self._waiting) > self.queue // 2:
            return
        if time.perf_counter() - self._rested > STRETCH:
            time.sleep(PAUSE)
            self._rested = time.perf_counter()

    def _tell(self) -> None:
        """Answer everybody who waits for what is settled by now, those who came during the commit too."""
        with self._lock:
            settled = [w for w in self._waiters if w[0] <= self._done]
            self._waiters = [w for w in self._waiters if w[0] > self._done]
            lost = {n for n, _ in settled if any(first <= n <= last for first, last in self._failed)}
        for sequence, future in settled:
            if not future.set_running_or_notify_cancel():  # who waited may have gone
                continue
            if sequence in lost:
                future.set_exception(LogUnavailable("the log cannot be written at the moment"))
            else:
                future.set_result(sequence)

    def _fail(self, taken: Sequence[Entry | _Labels], gaps: list[Gap], reason: str) -> None:
        with self._lock:
            self._gaps = gaps + self._gaps
            later, self._gaps = self._gaps[len(gaps) :], self._gaps[: len(gaps)]
            if taken:
                rows = sum(len(e) for e in taken)
                self._drop(taken[0].sequence, taken[-1].sequence, len(taken), rows, reason)
                self._done = max(self._done, taken[-1].sequence)
            self._gaps += later
        if not self._ill:
            self._ill = True
            self._say(
                f"the prediction log {self._file.path} misses a request ({reason}); predictions go on, gaps count"
            )
        self._tell()

    def _end(self) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, []
        for _, future in waiters:
            if future.set_running_or_notify_cancel():
                future.set_exception(LogUnavailable("the log is closing"))

    def _look(self) -> None:
        """Keep the file within its limits. A clock that jumped cannot be trusted to say what is old."""
        wall, steady = time.time(), time.monotonic()
        jump = (wall - self._clock[0]) - (steady - self._clock[1])
        self._clock = (wall, steady)
        if abs(jump) > JUMP and self._by_age:
            self._by_age = False
            self._say(f"the clock jumped by {jump:+.0f} s: until the next start nothing is deleted from the log by age")
        try:
            before = wall - self.days * DAY if self._by_age else None
            self.trimmed += self._file.trim(self.max_bytes, before)
        except sqlite3.Error:
            return


class _Labels:
    """Labels of one call."""

    __slots__ = ("at", "caller", "items", "sequence")

    def __init__(self, sequence: int, at: float, caller: str, items: Sequence[Mapping[str, Any]]) -> None:
        self.sequence, self.at, self.caller, self.items = sequence, at, caller, items

    def __len__(self) -> int:
        return len(self.items)

    def lines(self) -> list[Label]:
        return [
            (
                self.sequence, self.at, self.caller, i.get("request_id"), i.get("row"), i.get("id"),
                json.dumps(i["label"], ensure_ascii=False),
            )
            for i in self.items
        ]  # fmt: skip


def _salt(folder: Path) -> bytes:
    """32 random bytes that all files of the folder share; without them hashed columns cannot be guessed back."""
    path = folder / "salt"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(32))
    except FileExistsError:
        pass
    for _ in range(100):
        if len(salt := path.read_bytes()) == 32:
            return salt
        time.sleep(0.01)
    raise OSError(f"{path} is no salt of 32 bytes")
