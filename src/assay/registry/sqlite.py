"""A registry in a folder: ``registry.sqlite`` (write-ahead log, every commit flushed) beside ``blobs/``.

The events can only be added to: triggers refuse anything else, from any program. For one machine (or one volume that
one machine mounts): SQLite's locks do not hold on network file systems. Teams take Postgres.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.core.errors import AssayError, InputError, OutputError

from .blobs import Blobs, make_folder, sync_folder
from .events import FIELDS, Event
from .store import ALIASES, COLUMNS, FORMAT, PATIENCE, VERSIONS

DATABASE = "registry.sqlite"
_LISTED = ", ".join(FIELDS)
_REFUSED = "RAISE(ABORT, 'events can only be added')"
_SCHEMA = f"""
CREATE TABLE events (seq INTEGER PRIMARY KEY, {COLUMNS});
CREATE UNIQUE INDEX one_file_a_version ON events (name, version) WHERE kind = 'added';
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT {_REFUSED}; END;
CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT {_REFUSED}; END;
CREATE TRIGGER events_follow BEFORE INSERT ON events
  WHEN NEW.seq <> coalesce((SELECT max(seq) FROM events), 0) + 1 BEGIN SELECT {_REFUSED}; END;
CREATE VIEW versions AS {VERSIONS.format(events="events")};
CREATE VIEW aliases AS {ALIASES.format(events="events")};
PRAGMA user_version = {FORMAT};
"""


class SqliteStore:
    """See ``store.Store``."""

    con: sqlite3.Connection | None

    def __init__(self, folder: Path, create: bool = True) -> None:
        self.folder, self.place = folder, str(folder)
        self.path, self.blobs = folder / DATABASE, Blobs(folder / "blobs")
        self.lock, self.con, self.pid = threading.RLock(), None, 0
        if not self.path.is_file():
            if not create:
                raise InputError(
                    f"there is no registry in {folder}: assay registry add makes one; --registry names another"
                )
            self._create()
        with self._engine() as con:
            found = con.execute("PRAGMA user_version").fetchone()[0]
        if found != FORMAT:
            raise InputError(f"the registry in {folder} is of format {found}; this version of assay reads {FORMAT}")

    def _create(self) -> None:
        """Make the database beside and link it in: it is there whole, or not at all, and the first of several wins."""
        beside = self.folder / f".{DATABASE}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            make_folder(self.folder)
            try:
                made = sqlite3.connect(beside, isolation_level=None)
                try:
                    made.execute("PRAGMA journal_mode = WAL")
                    made.executescript(_SCHEMA)
                finally:
                    made.close()
                with beside.open("r+b") as file:
                    os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(beside, self.path)
            finally:
                for left in self.folder.glob(f"{beside.name}*"):
                    left.unlink(missing_ok=True)
            sync_folder(self.folder)
        except (OSError, sqlite3.Error) as error:
            why = getattr(error, "strerror", None) or error
            raise OutputError(f"no registry could be made in {self.folder} ({why}); --registry names a place") from None

    @contextmanager
    def _engine(self) -> Iterator[sqlite3.Connection]:
        """The connection of this process, under the lock; its errors become sentences."""
        with self.lock:
            try:
                if self.con is None or self.pid != os.getpid():
                    self.con, self.pid = self._connect(), os.getpid()  # one does not survive a fork
                yield self.con
            except sqlite3.Error as error:
                raise self._said(error) from None

    def _connect(self) -> sqlite3.Connection:
        where, writable = self.path.resolve().as_uri(), os.access(self.folder, os.W_OK)
        if not writable:
            # A folder that nobody here can write: without a log beside it the file is all there is.
            still = not self.path.with_name(f"{DATABASE}-wal").exists()
            where += "?mode=ro" + ("&immutable=1" if still else "")
        con = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
        if writable:
            con.execute("PRAGMA synchronous = FULL")
        return con

    def _said(self, error: sqlite3.Error) -> AssayError:
        text = str(error)
        if "locked" in text or "busy" in text:
            return OutputError(f"the registry in {self.place} stayed busy for {PATIENCE:.0f} s; try again")
        if "readonly" in text or "full" in text or "disk I/O" in text or "unable to open" in text:
            return OutputError(f"the registry in {self.place} cannot be written ({text}); nothing was changed")
        if "events can only be added" in text or isinstance(error, sqlite3.IntegrityError):
            return InputError(f"the registry in {self.place} refused a change of its history ({text})")
        return InputError(f"the registry in {self.place} is damaged ({text}); restore it from a copy")

    def head(self) -> int:
        with self._engine() as con:
            return int(con.execute("SELECT max(seq) FROM events").fetchone()[0] or 0)

    def events(self, after: int) -> list[Event]:
        with self._engine() as con:
            found = con.execute(f"SELECT {_LISTED} FROM events WHERE seq > ? ORDER BY seq", (after,)).fetchall()
        return [Event.read(row) for row in found]

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._engine() as con:
            self._begin(con)
            try:
                yield
            except BaseException:
                con.execute("ROLLBACK")
                raise
            try:
                con.execute("COMMIT")
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    con.execute("ROLLBACK")
                raise

    def _begin(self, con: sqlite3.Connection) -> None:
        """Take the write lock; recovery after a killed process can answer "locked" without waiting, so ask again."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                con.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def append(self, events: Sequence[Event]) -> None:
        with self._engine() as con:
            marks = ", ".join("?" * len(FIELDS))
            con.executemany(f"INSERT INTO events ({_LISTED}) VALUES ({marks})", [e.row() for e in events])

    def put(self, digest: str, data: bytes) -> None:
        self.blobs.put(digest, data)

    def get(self, digest: str) -> bytes | None:
        return self.blobs.get(digest)

    def has(self, digest: str) -> bool:
        return self.blobs.has(digest)

    def drop(self, digest: str) -> None:
        self.blobs.drop(digest)

    def stored(self) -> Iterator[tuple[str, int]]:
        return self.blobs.stored()

    def tidy(self) -> int:
        found = 0
        for left in self.folder.glob(f".{DATABASE}.*"):
            with suppress(OSError):
                if abs(time.time() - left.stat().st_mtime) > 3600:
                    left.unlink()
                    found += 1
        return found + self.blobs.tidy()

    def damage(self) -> list[str]:
        with self._engine() as con:
            found = [str(row[0]) for row in con.execute("PRAGMA integrity_check")]
        return [f"{DATABASE}: {line}" for line in found if line != "ok"]

    def writer(self) -> str:
        return ""

    def close(self) -> None:
        with self.lock:
            if self.con is not None and self.pid == os.getpid():
                self.con.close()
            self.con = None
