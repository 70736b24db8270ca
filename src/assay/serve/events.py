"""What happens to the service, one JSON object a line on standard error: starts, swaps, failures, requests on demand.

Times are RFC 3339 in UTC. ``trace_id`` and ``span_id`` are those of the caller's W3C traceparent header, so that the
lines stand beside everybody else's in a tracing system.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

from .secrets import without_secrets

_IDS = rb"-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
PARENT = re.compile(rb"(?!ff)(?:00(?=.{53}\Z)|(?!00)[0-9a-f]{2})" + _IDS + rb"(?:-.*)?")  # version 00 ends there


class Events:
    """Writes lines. ``requests`` also writes one for every request, in blocks of at most half a second."""

    def __init__(self, stream: TextIO | None = None, *, worker: int = 0, requests: bool = False) -> None:
        self.stream, self.worker, self.requests = stream or sys.stderr, worker, requests
        self._waiting: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, event: str, **said: Any) -> None:
        """Write one event now."""
        self._write(self._line(event, said))

    def request(self, **said: Any) -> None:
        """Keep the line of one request until ``flush``."""
        self._waiting.append(self._line("request", said))
        if len(self._waiting) > 1_000:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if waiting:
            self._write("".join(waiting))

    def _line(self, event: str, said: Mapping[str, Any]) -> str:
        import orjson

        at = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        doc = {"time": at, "event": event, "worker": self.worker, **said}
        return without_secrets(orjson.dumps(doc, default=str).decode()) + "\n"

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads standard error any more; the service goes on


def server_tells(events: Events) -> None:
    """Let what the HTTP server says of itself be events too. What anybody without a key could make it say (a line that
    is no HTTP, an offer of another protocol) is answered, and not said: it would fill the log."""
    tells("uvicorn.error", "server", events, logging.ERROR)


def tells(logger: str, event: str, events: Events, level: int = logging.WARNING, every: float = 0.0) -> None:
    """Let what a library logs be events; of one kind of message no more than one in ``every`` seconds."""
    last: dict[str, float] = {}

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            now = time.monotonic()
            if now - last.get(record.msg, -every) >= every:
                last[record.msg] = now
                events(event, says=record.getMessage()[:300])

    theirs = logging.getLogger(logger)
    theirs.handlers, theirs.propagate = [Told(level)], False


def parent_of(headers: Mapping[bytes, bytes]) -> tuple[str, str, int] | None:
    """Trace, span and flags of a traceparent header (w3.org/TR/trace-context); None where there is none that is
    valid."""
    given = headers.get(b"traceparent")
    found = PARENT.fullmatch(given) if given is not None else None
    return None if found is None else (found[1].decode(), found[2].decode(), int(found[3], 16))


def trace_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Trace and span of the caller, as the line of a request has them."""
    parent = parent_of(headers)
    return {} if parent is None else {"trace_id": parent[0], "span_id": parent[1]}
