"""The page for people: a form from the schema, the answer with its reasons, the model card. One file, no network.

Nothing that a user or a table wrote becomes markup: the page is fixed, what it shows travels as JSON and is set as
text. The policy lets run only the script and the style whose digests it names, and talk only to this service.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from assay.bundle.schema import Input

from .scoring import Served

CARD = "dossier/model_card.md"
MOST_LEVELS = 200


@cache
def _part(name: str) -> str:
    return files("assay.serve").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@cache
def policy() -> bytes:
    """The content security policy of the page."""
    script, style = _hash(_part("page.js")), _hash(_part("page.css"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


def html(served: Served) -> bytes:
    """The page of one model."""
    import orjson

    target = served.schema.target or "a target"
    what = (
        "a value" if not served.classes else ", ".join(served.classes[:6]) + (" ..." if len(served.classes) > 6 else "")
    )
    n = len(served.schema.inputs)
    about = f"Version {served.version}, {served.digest[:12]}: {target} ({what}) from {n} column{'' if n == 1 else 's'}"
    doc = {"columns": [_column(i, served.typical[i.column]) for i in served.schema.inputs], "card": card_of(served)}
    data = orjson.dumps(doc).decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    parts = {
        "TITLE": escape(served.name),
        "ABOUT": escape(about),
        "STYLE": _part("page.css"),
        "SCRIPT": _part("page.js"),
        "MODEL": data,
    }
    return re.sub("@([A-Z]+)@", lambda found: parts[found[1]], _part("page.html")).encode()


def _column(i: Input, typical: Any) -> dict[str, Any]:
    levels = list(i.categories or (i.bins if i.kind == "category" else ()))[:MOST_LEVELS]
    return {"name": i.column, "kind": i.kind, "says": _says(i), "typical": typical, "levels": levels}


def _says(i: Input) -> str:
    """What belongs into the field, for people."""
    from assay.bundle.reasons import written

    kinds = {"number": "number", "bool": "true or false", "clock": "time of day as HHMM", "date": "date"}
    what = kinds.get(i.kind, "text")
    if i.is_text and i.categories:
        return f"{what}; training saw {', '.join(i.categories[:4])}{' ...' if len(i.categories) > 4 else ''}"
    if i.lo is None or i.kind == "bool":
        return what
    return f"{what}; training saw {written(i, i.lo)} to {written(i, i.hi)}"


def card_of(served: Served) -> str:
    """The model card of the file, or that there is none."""
    raw = served.model._files.get(CARD)
    return raw.decode("utf-8", "replace") if raw is not None else "This file holds no model card."


def api_of(served: Served) -> dict[str, Any]:
    """The OpenAPI document frozen in the file, made now where an older file has none, under the name served."""
    from assay.bundle.openapi import openapi

    if served.model.openapi and served.name == served.model.name:
        return served.model.openapi
    return openapi(served.model.schema, served.name, served.version)
