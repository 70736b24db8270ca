"""A registry in a Postgres database, through one address: the same events, and the files in a table beside them.

Writers take an advisory lock of the transaction; triggers refuse any change of the history. The password is in no
message. Anything that speaks the protocol and has advisory locks and ``bytea`` will do.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from assay.core.addresses import hidden, shown
from assay.core.errors import AssayError, InputError, MissingExtra, OutputError

from .events import FIELDS, Event
from .store import ALIASES, COLUMNS, FORMAT, PATIENCE, VERSIONS

LOCK = 0x6173736179  # "assay" as a number
_LISTED = ", ".join(FIELDS)
_SCHEMA = f"""
CREATE TABLE assay_events (seq BIGINT PRIMARY KEY, {COLUMNS});
CREATE UNIQUE INDEX assay_one_file_a_version ON assay_events (name, version) WHERE kind = 'added';
CREATE TABLE assay_blobs (digest TEXT PRIMARY KEY, size BIGINT NOT NULL, data BYTEA NOT NULL);
ALTER TABLE assay_blobs ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE FUNCTION assay_events_stay() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'events can only be added'; END $$;
CREATE FUNCTION assay_events_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM assay_events) THEN RAISE EXCEPTION 'events can only be added';
  END IF; RETURN NEW; END $$;
CREATE TRIGGER assay_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON assay_events
  FOR EACH STATEMENT EXECUTE FUNCTION assay_events_stay();
CREATE TRIGGER assay_events_follow BEFORE INSERT ON assay_events
  FOR EACH ROW EXECUTE FUNCTION assay_events_follow();
CREATE VIEW assay_versions AS {VERSIONS.format(events="assay_events")};
CREATE VIEW assay_aliases AS {ALIASES.format(events="assay_events")};
COMMENT ON TABLE assay_events IS 'assay registry, format {FORMAT}';
"""  # a model file is packed already: EXTERNAL keeps the server from packing it again


class PostgresStore:
    """See ``store.Store``."""

    def __init__(self, url: str, create: bool = True) -> None:
        try:
            import psycopg
        except ImportError:
            raise MissingExtra("psycopg", "postgres", "a registry in Postgres") from None
        self.native, self.url, self.place = psycopg, url, shown(url)
        self.lock, self.pid = threading.RLock(), 0
        self.con: Any = None
        with self._engine() as con:
            found = self._format(con)
            if found is None:
                if not create:
                    raise InputError(f"there is no registry in {self.place}: assay registry add makes one")
                # The server may still remember, after the lock, that there was no such table before.
                with suppress(psycopg.errors.DuplicateTable), con.transaction():
                    con.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                    con.execute(_SCHEMA)
                found = self._format(con)
        if found != FORMAT:
            raise InputError(f"the registry in {self.place} is of format {found}; this version of assay reads {FORMAT}")

    def _format(self, con: Any) -> int | None:
        for _ in range(100):  # made by another this very moment: the name is seen before its comment
            said = con.execute("SELECT obj_description(to_regclass('assay_events'), 'pg_class')").fetchone()[0]
            if said is not None:
                number = str(said).rpartition(" ")[2]
                return int(number) if number.isdigit() else 0
            if con.execute("SELECT to_regclass('assay_events')").fetchone()[0] is None:
                return None
            time.sleep(0.02)
        return 0

    @contextmanager
    def _engine(self) -> Iterator[Any]:
        """The connection of this process, under the lock; made again where it was lost; its errors become sentences."""
        with self.lock:
            try:
                if self.con is None or self.con.closed or self.pid != os.getpid():
                    self.con, self.pid = self._connect(), os.getpid()
                yield self.con
            except self.native.Error as error:
                raise self._said(error) from None

    def _connect(self) -> Any:
        try:
            known = self.native.conninfo.conninfo_to_dict(self.url)
        except self.native.Error:  # its message may hold parts of the password
            raise InputError(
                "the address of the registry cannot be read; it must look like postgresql://user@host:5432/database"
            ) from None
        patience = int(known.get("connect_timeout") or 10)
        con = self.native.connect(
            self.url, autocommit=True, connect_timeout=patience, application_name="assay registry"
        )
        con.execute(f"SET lock_timeout = '{int(PATIENCE)}s'")
        return con

    def _said(self, error: Exception) -> AssayError:
        text = hidden(str(error), self.url).strip().splitlines()
        why = text[0][:200] if text else type(error).__name__
        if "can only be added" in why or isinstance(error, self.native.IntegrityError):
            return InputError(f"the registry in {self.place} refused a change of its history ({why})")
        if isinstance(error, self.native.errors.LockNotAvailable):
            return OutputError(f"the registry in {self.place} stayed busy for {PATIENCE:.0f} s; try again")
        return OutputError(f"the registry in {self.place} could not be used ({why})")

    def head(self) -> int:
        with self._engine() as con:
            return int(con.execute("SELECT coalesce(max(seq), 0) FROM assay_events").fetchone()[0])

    def events(self, after: int) -> list[Event]:
        with self._engine() as con:
            sql = f"SELECT {_LISTED} FROM assay_events WHERE seq > %s ORDER BY seq"
            return [Event.read(row) for row in con.execute(sql, (after,)).fetchall()]

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._engine() as con, con.transaction():
            con.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            yield

    def append(self, events: Sequence[Event]) -> None:
        marks = ", ".join(["%s"] * len(FIELDS))
        with self._engine() as con, con.cursor() as cursor:
            cursor.executemany(f"INSERT INTO assay_events ({_LISTED}) VALUES ({marks})", [e.row() for e in events])

    def put(self, digest: str, data: bytes) -> None:
        with self._engine() as con:
            con.execute(
                "INSERT INTO assay_blobs VALUES (%s, %s, %s) ON CONFLICT (digest) DO UPDATE SET data = excluded.data, "
                "size = excluded.size WHERE encode(sha256(assay_blobs.data), 'hex') <> assay_blobs.digest",
                (digest, len(data), data),
                binary=True,
            )

    def get(self, digest: str) -> bytes | None:
        with self._engine() as con:
            row = con.execute("SELECT data FROM assay_blobs WHERE digest = %s", (digest,), binary=True).fetchone()
            return None if row is None else bytes(row[0])

    def has(self, digest: str) -> bool:
        with self._engine() as con:
            return con.execute("SELECT 1 FROM assay_blobs WHERE digest = %s", (digest,)).fetchone() is not None

    def drop(self, digest: str) -> None:
        with self._engine() as con:
            con.execute("DELETE FROM assay_blobs WHERE digest = %s", (digest,))

    def stored(self) -> list[tuple[str, int]]:
        with self._engine() as con:
            return [(str(d), int(s)) for d, s in con.execute("SELECT digest, size FROM assay_blobs ORDER BY digest")]

    def tidy(self) -> int:
        return 0

    def damage(self) -> list[str]:
        return []

    def writer(self) -> str:
        with self._engine() as con:
            return str(con.execute("SELECT session_user").fetchone()[0])

    def close(self) -> None:
        with self.lock:
            if self.con is not None and self.pid == os.getpid():
                with suppress(self.native.Error):
                    self.con.close()
            self.con = None
