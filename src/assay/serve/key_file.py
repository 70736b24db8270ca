"""The keys file: JSON, mode 0600, written beside and renamed, read again when it has changed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from assay.core.errors import InputError, OutputError, SettingsError, did_you_mean
from assay.core.writing import replacing

from .keys import SCOPES, Key, moment, written
from .locking import take
from .watched import Watched

FORMAT = "assay-keys-1"
NOBODY = hashlib.sha256(os.urandom(32)).digest()


class KeyRing:
    """The keys that count now: those of a file, and ``more`` that are in no file.

    Raises:
        InputError: the file is missing, malformed, or others may write to it.
    """

    def __init__(
        self, path: Path | None, more: Sequence[Key] = (), warn: Callable[[str], object] = lambda sentence: None
    ) -> None:
        self.path, self.more, self.warn = path, tuple(more), warn
        self._file = Watched(path) if path is not None else None
        self._keys: dict[str, tuple[Key, bytes]] = {}
        self._certificates: dict[str, Key] = {}
        self._set(read(path) if path else ())

    def __len__(self) -> int:
        return len(self._keys) + len(self._certificates)

    def find(self, token: str) -> Key | None:
        """The entry of a key, or None where there is none like it; expiry is for the caller to see."""
        self._again()
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        key, kept = self._keys.get(token[6:14], (None, NOBODY))
        return key if hmac.compare_digest(digest, kept) and token.startswith("assay_") else None

    def holds(self, key: Key) -> bool:
        """Whether this very entry still stands in the file; expiry is for the caller to see."""
        self._again()
        return self._keys.get(key.id, (None,))[0] is key

    def of_certificate(self, sha256: str) -> Key | None:
        """The entry of a client certificate that TLS has already verified."""
        self._again()
        return self._certificates.get(sha256)

    def _again(self) -> None:
        """Read the file again where it changed. A file that is gone lets nobody in; a broken one changes nothing."""
        if self.path is None or self._file is None or not self._file.changed():
            return
        if self._file.gone:
            self._set(())
            self.warn(f"{self.path} is gone: no key of it counts any more")
            return
        try:
            self._set(read(self.path))
        except InputError as error:
            self.warn(f"{error}; the keys read before still count")

    def _set(self, keys: Sequence[Key]) -> None:
        every = (*keys, *self.more)
        self._keys = {k.id: (k, bytes.fromhex(k.sha256)) for k in every if not k.certificate}
        self._certificates = {k.sha256: k for k in every if k.certificate}


def read(path: Path) -> tuple[Key, ...]:
    """The entries of a keys file.

    Raises:
        InputError: it is missing, malformed, or other users may write to it.
    """
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o022:
            raise InputError(f"other users may write to {path}, so its keys cannot be trusted; run chmod 600 {path}")
        doc = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"the keys file {path} cannot be read ({error.strerror}); assay keys new NAME makes it"
        ) from None
    except ValueError:
        raise InputError(f"{path} is no keys file: JSON as assay keys new writes it was expected") from None
    return from_doc(doc, path)


def from_doc(doc: Any, path: Path) -> tuple[Key, ...]:
    known = {f.name for f in fields(Key)}
    try:
        if doc["format"] != FORMAT:
            raise ValueError("format")
        keys = []
        for entry in doc["keys"]:
            if not set(entry) <= known:
                raise ValueError("unknown fields")
            key = Key(**entry | {"scopes": tuple(entry["scopes"])})
            texts = (key.id, key.name, key.sha256, key.created, key.expires or "", key.revoked or "", *key.scopes)
            if not all(isinstance(t, str) for t in texts) or len(bytes.fromhex(key.sha256)) != 32 or len(key.id) != 8:
                raise ValueError("a field")
            if not set(key.scopes) <= set(SCOPES) or not isinstance(key.certificate, bool):
                raise ValueError("scopes")
            for number in (key.budget, key.rate, key.burst):
                if number is not None and (isinstance(number, bool) or not number > 0):
                    raise ValueError("a limit")
            if key.expires is not None:
                moment(key.expires)
            keys.append(key)
        if len({k.id for k in keys}) != len(keys):
            raise ValueError("ids")
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise InputError(f"{path} is no keys file as assay keys new writes it ({error})") from None
    return tuple(keys)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other commands from changing a keys file meanwhile, so that none of two changes is lost.

    Raises:
        OutputError: its folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); name another place with --keys") from None
    try:
        take(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def write(path: Path, keys: Sequence[Key]) -> None:
    """Write a keys file, readable by its owner alone.

    Raises:
        OutputError: it cannot be written; nothing half-written stays.
    """
    text = json.dumps({"format": FORMAT, "keys": [asdict(k) for k in keys]}, indent=1) + "\n"

    def fill(beside: Path) -> None:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    replacing(path, fill, "--keys")


def revoke(keys: Sequence[Key], which: str, now: float) -> tuple[tuple[Key, ...], Key]:
    """The keys with one of them revoked, by id or by a name that only one has.

    Raises:
        SettingsError: there is none, or several.
    """
    found = [k for k in keys if k.id == which] or [k for k in keys if k.name == which and k.revoked is None]
    if len(found) != 1:
        if found:
            raise SettingsError(f"{len(found)} keys are called {which!r}; name one by its id, see assay keys list")
        if any(k.name == which for k in keys):
            raise SettingsError(f"every key of {which!r} is revoked already")
        near = did_you_mean(which, [n for k in keys for n in (k.id, k.name)])
        raise SettingsError(f"there is no key {which!r} to revoke{near}")
    ended = replace(found[0], revoked=written(now))
    return tuple(ended if k.id == ended.id else k for k in keys), ended
