"""One file of the log: an SQLite database in WAL mode with one writer. ``docs/serving-log.md`` describes every column.

A process killed at any point leaves what it had committed; what a power cut leaves is what was synced: a commit that
somebody waits for (a label, a durable prediction) is synced before they are told, the others are not.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import InputError, OutputError

FORMAT = "assay-log-1"
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, requests INTEGER NOT NULL,
    rows INTEGER NOT NULL, since REAL NOT NULL, until REAL NOT NULL, source TEXT NOT NULL, model TEXT NOT NULL,
    written REAL NOT NULL, asked BLOB NOT NULL, answered BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS label (
    id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, at REAL NOT NULL, caller TEXT NOT NULL, request_id TEXT,
    row INTEGER, own_id TEXT, label TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS gap (
    id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, requests INTEGER NOT NULL,
    rows INTEGER, at REAL NOT NULL, reason TEXT NOT NULL);
"""
INTO_BLOCK = (
    "INSERT INTO block (first, last, requests, rows, since, until, source, model, asked, answered, written) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INTO_LABEL = "INSERT INTO label (sequence, at, caller, request_id, row, own_id, label) VALUES (?, ?, ?, ?, ?, ?, ?)"
INTO_GAP = "INSERT INTO gap (first, last, requests, rows, at, reason) VALUES (?, ?, ?, ?, ?, ?)"
Block = tuple[int, int, int, int, float, float, str, str, bytes, bytes]
Label = tuple[int, float, str, str | None, int | None, str | None, str]
Gap = tuple[int, int, int, int | None, float, str]


class File:
    """A database that this process alone writes to.

    Raises:
        OutputError: the place cannot be written. InputError: the file is damaged or something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._counter = Counter(path.with_suffix(".count"))
            self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5.0)
        except (OSError, sqlite3.OperationalError) as error:
            said = getattr(error, "strerror", None) or error
            raise OutputError(f"the log {path} cannot be written ({said}); choose another folder with --log") from None
        try:
            if self.db.execute("PRAGMA page_count").fetchone()[0] == 0:
                self.db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA journal_size_limit=8388608")
            self.db.executescript(TABLES)
            found = dict(self.db.execute("SELECT key, value FROM meta").fetchall())
            if found.get("format", FORMAT) != FORMAT:
                raise InputError(f"the log {path} is of another version ({found['format']}); name another folder")
            self.db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
        except sqlite3.OperationalError as error:
            raise OutputError(f"the log {path} cannot be written ({error}); choose another folder with --log") from None
        except sqlite3.DatabaseError as error:
            raise InputError(f"the log {path} is damaged ({error}); move it away, and a new one is begun") from None
        self.synced: bool | None = None

    def last(self) -> tuple[int, int]:
        """The last sequence number that is on disk, and the last that was given out (they differ after a kill)."""
        sql = (
            "SELECT max(coalesce((SELECT max(last) FROM block), 0), coalesce((SELECT max(sequence) FROM label), 0), "
            "coalesce((SELECT max(last) FROM gap), 0), "
            "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'trimmed'), 0))"
        )
        kept = int(self.db.execute(sql).fetchone()[0])
        return kept, max(kept, self._counter.read())

    def given(self, sequence: int) -> None:
        """Remember that a number was given out, in a file that outlives the process."""
        self._counter.write(sequence)

    def write(
        self, blocks: Sequence[Block], labels: Iterable[Label], gaps: Iterable[Gap], now: float, sync: bool
    ) -> None:
        """One transaction at the time ``now``; synced to the disk where ``sync``.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        if sync != self.synced:
            self.db.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
            self.synced = sync
        lines: list[tuple[str, tuple[Any, ...]]] = [(INTO_BLOCK, (*block, now)) for block in blocks]
        lines += [(INTO_LABEL, label) for label in labels]
        lines += [(INTO_GAP, gap) for gap in gaps]
        if len(lines) == 1:  # one statement is a transaction; each further one waits for the interpreter again
            self.db.execute(*lines[0])
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in lines:
                self.db.execute(statement, values)
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def size(self) -> int:
        """Bytes of the pages in use."""
        pages, free, page = (self.db.execute(f"PRAGMA {p}").fetchone()[0] for p in SIZES)
        return int((pages - free) * page)

    def trim(self, most: int, before: float | None) -> int:
        """Delete the oldest blocks: those written before a time, and while the file is larger than ``most`` bytes.

        Returns:
            How many requests went. ``meta.trimmed`` keeps the last sequence number that did.
        """
        gone = 0
        while True:
            oldest = self.db.execute("SELECT id, last, requests, written FROM block ORDER BY id LIMIT 1").fetchone()
            if oldest is None or not (self.size() > most or (before is not None and oldest[3] < before)):
                break
            self.db.execute("BEGIN IMMEDIATE")
            self.db.execute("DELETE FROM block WHERE id = ?", (oldest[0],))
            self.db.execute("INSERT OR REPLACE INTO meta VALUES ('trimmed', ?)", (str(oldest[1]),))
            self.db.execute("COMMIT")
            gone += int(oldest[2])
        if gone:
            self.db.executescript("PRAGMA incremental_vacuum")  # execute would free one page
        return gone

    def close(self) -> None:
        self.db.close()
        self._counter.close()


SIZES = ("page_count", "freelist_count", "page_size")


class Counter:
    """One whole number in a mapped file: a write is a store to memory, and the system keeps it if the process dies."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < 8:
                os.write(descriptor, bytes(8))  # real bytes: a store to a hole kills the process on a full disk
            self._map = mmap.mmap(descriptor, 8)
        finally:
            os.close(descriptor)
        self._cell = memoryview(self._map).cast("q")

    def read(self) -> int:
        return max(0, int(self._cell[0]))

    def write(self, value: int) -> None:
        self._cell[0] = value

    def close(self) -> None:
        self._cell.release()
        self._map.close()
