"""Where a registry is, and the one place where a bundle is found: a path, or a name of the registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from assay.core.addresses import POSTGRES
from assay.core.errors import BundleError, InputError

from .names import looks_like_one
from .registry import Registry

DEFAULT, VARIABLE = ".assay/registry", "ASSAY_REGISTRY"
MOST_FILE = 1 << 30


def place_of(said: str | Path | None = None) -> str:
    """What was said, else ``registry`` of this folder's settings, else $ASSAY_REGISTRY, else .assay/registry."""
    if said:
        return str(said)
    from assay.core.settings import read_settings

    return read_settings(Path.cwd()).registry or os.environ.get(VARIABLE, "") or DEFAULT


def open_registry(place: str | Path | None = None, create: bool = True) -> Registry:
    """Open a registry: a folder, or a ``postgresql://`` address; ``None`` is the usual place (``place_of``).

    Args:
        create: make it where there is none.

    Raises:
        InputError: there is none, or it is damaged or of another format. OutputError: it cannot be written.
        MissingExtra: Postgres without psycopg.
    """
    where = place_of(place)
    if where.startswith(POSTGRES):
        from .postgres import PostgresStore

        return Registry(PostgresStore(where, create))
    if "://" in where:
        raise InputError(
            f"a registry is a folder or a postgresql:// address; got one that begins with {where.partition('://')[0]}://"
        )
    from .sqlite import SqliteStore

    return Registry(SqliteStore(Path(where), create))


def named_bundle(source: Any, registry: str | Path | None = None) -> Any:
    """The bytes behind ``name@alias``, ``name@1.2.0`` or ``name@sha256:ab12cd``; anything else as it is.

    A file that has such a name itself comes first.

    Raises:
        InputError: there is no such version. BundleError: its file was damaged in the registry.
    """
    if not isinstance(source, str) or not looks_like_one(source) or Path(source).exists():
        return source
    with open_registry(registry, create=False) as opened:
        return opened.read(opened.resolve(source))


def read_bundle(source: Any, registry: str | Path | None = None) -> bytes:
    """The bytes of an .assay file: of a path, of a name of the registry (``named_bundle``), or bytes as they are.

    Raises:
        InputError: there is no such file or version. BundleError: it is too large, or damaged in the registry.
    """
    found = named_bundle(source, registry)
    if isinstance(found, (bytes, bytearray, memoryview)):
        return bytes(found)
    path = Path(found)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; an .assay file was expected")
        if path.stat().st_size > MOST_FILE:
            raise BundleError(f"{path} is larger than an .assay file may be ({MOST_FILE >> 30} GiB)")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): an .assay file was expected") from None
