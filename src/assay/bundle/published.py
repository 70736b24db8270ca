"""The JSON Schemas of what an .assay file holds, as they are published with the package (docs/bundle.md)."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

NAMES = ("dossier", "golden-inputs", "golden-outputs", "manifest", "parity", "row", "signature", "statement", "variant")


@cache
def schema_text(name: str) -> str:
    """One of ``NAMES`` as text."""
    return files("assay.bundle").joinpath(f"schemas/{name}.json").read_text("utf-8")


def schema(name: str) -> dict[str, Any]:
    """One of ``NAMES``: JSON Schema 2020-12. They refer to each other by their ``$id``, ``urn:assay:bundle-1:NAME``."""
    return dict(json.loads(schema_text(name)))
