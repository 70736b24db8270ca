"""Addresses of databases: which texts are one, and how they are told without their password."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote, urlsplit

POSTGRES = ("postgresql://", "postgres://")
FILES = ("sqlite:///", "duckdb:///")


def is_database(text: str) -> bool:
    """Whether a text is the address of a database, not a path."""
    return text.startswith((*POSTGRES, *FILES))


def shown(url: str) -> str:
    """An address as people may see it: scheme, user, host and database; no password, no parameters."""
    if url.startswith(FILES):
        return url
    try:
        parts = urlsplit(url)
        at = f"{parts.username}@" if parts.username else ""
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "postgresql://..."
    return f"postgresql://{at}{host}{port}{parts.path}"


def hidden(text: str, url: str) -> str:
    """A server's or library's message without the address and without the password, however it is written."""
    text = text.replace(url, shown(url))
    with suppress(ValueError):
        parts = urlsplit(url)
        asked = [part.partition("=")[2] for part in parts.query.split("&") if part.startswith("password=")]
        for secret in (parts.password, *asked):
            for way in {secret, unquote(secret)} - {""} if secret else ():
                text = text.replace(way, "***")
    return text
