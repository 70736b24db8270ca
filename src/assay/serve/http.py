"""What a handler sees and gives: a whole request as bytes, a whole answer as bytes, and a refusal with its reasons.

Handlers are pure functions ``Request -> Response``: they know neither sockets nor ASGI, so that any server, or a test,
can call them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.core.errors import did_you_mean

JSON, TEXT, HTML = b"application/json", b"text/plain; charset=utf-8", b"text/html; charset=utf-8"
OCTETS = b"application/octet-stream"


@dataclass(slots=True)
class Request:
    """One whole request; ``body`` is empty until the caller was let in.

    ``headers`` have lower-case names (of repeated ones the last), ``path`` is decoded.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    client: str = ""


@dataclass(slots=True)
class Response:
    """One whole answer."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why one value was refused: its row (from 0; None where the whole column is meant), its column, the reason."""

    row: int | None
    column: str | None
    reason: str

    def as_doc(self) -> dict[str, Any]:
        doc: dict[str, Any] = {} if self.row is None else {"row": self.row}
        if self.column is not None:
            doc["column"] = self.column
        return doc | {"reason": self.reason}


PATHS = (
    "/predict",
    "/explain",
    "/label",
    "/log",
    "/metrics",
    "/schema",
    "/openapi.json",
    "/healthz",
    "/v2",
    "/v2/models/",
)


class Refused(Exception):
    """A request that is not answered: an HTTP status, one sentence, and what was wrong with each field.

    The sentence is for the caller and never holds a secret.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        fields: Sequence[FieldError] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.fields, self.headers = status, reason, tuple(fields), headers

    def response(self) -> Response:
        """The error body of every route: {"error": sentence, "fields": [{"row", "column", "reason"}]?}."""
        import orjson

        doc: dict[str, Any] = {"error": self.reason}
        if self.fields:
            doc["fields"] = [f.as_doc() for f in self.fields]
        return Response(self.status, orjson.dumps(doc), JSON, self.headers)


def nothing_at(path: str) -> Refused:
    """404, with the path that may have been meant."""
    near = did_you_mean(path[:100], PATHS)
    return Refused(404, f"there is nothing at this path; /openapi.json lists what there is{near}")
