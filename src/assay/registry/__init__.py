"""Versions of models, what each alias names, and the history of both.

A registry is a folder (files by their SHA-256, and one SQLite file) or a Postgres database. Needs the standard library
and numpy; psycopg only for Postgres.
"""

from __future__ import annotations

from .events import Event
from .places import open_registry, place_of, read_bundle
from .registry import Registry
from .state import Live, Version
from .upkeep import Checked

__all__ = ["Checked", "Event", "Live", "Registry", "Version", "open_registry", "place_of", "read_bundle"]
