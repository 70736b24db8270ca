"""The connection below HTTP: what uvicorn leaves open is bounded here.

uvicorn with httptools keeps a connection that never ends its headers, takes headers of any size and any number of
connections. This protocol adds a cap on header bytes, one deadline for the headers and one for silence, a cap on
connections, and hands on the digest of the client's certificate where TLS asked for one. One sweep a second looks at
all connections: a timer a request would cost more than reading the request.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any, Literal

from .limits import Limits

CERTIFICATE = "assay.certificate"
SWEEP = 0.5  # seconds between two looks at all connections


def _answer(status: bytes, error: bytes) -> bytes:
    body = b'{"error":"%s"}' % error
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (status, len(body)) + body


BUSY = _answer(b"503 Service Unavailable", b"too many connections are open; try again shortly")
LONG = _answer(b"431 Request Header Fields Too Large", b"the headers are larger than is read here")
SLOW = _answer(b"408 Request Timeout", b"the headers were not whole in time")
BAD = _answer(b"400 Bad Request", b"this is no well-formed HTTP request")


def declined(data: bytes) -> bytes:
    """The request without its offer to go on in HTTP/2, which the JDK's client and curl make: httptools would drop the
    body of such a request. A server is free to take no notice of an offer (RFC 9110, section 7.8)."""
    head, end, body = data.partition(b"\r\n\r\n")
    return re.sub(rb"(?i)\r\nupgrade:", b"\r\nx-offer:", head) + end + body


def protocol(limits: Limits) -> type[asyncio.Protocol] | Literal["h11"]:
    """What ``uvicorn.Config(http=...)`` takes: a class bounded by ``limits``.

    Without httptools (Windows) it is uvicorn's other parser, which bounds headers at 64 kB and nothing else of this.
    """
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "h11"

    class Bounded(HttpToolsProtocol):
        """One connection."""

        heading: float | None = None  # since when headers are coming that are not whole yet
        began: float = 0.0  # when the headers of the last request were whole
        quiet: float = 0.0  # when the last byte came
        whole = True  # whether the body of the last request has come
        headed = False  # whether headers ended in the bytes that are read now
        waiting_bytes = header_bytes = 0
        extensions: dict[str, str] | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.quiet = self.loop.time()
            if len(self.connections) > limits.connections:
                transport.write(BUSY)
                transport.close()
                return
            tls = transport.get_extra_info("ssl_object")
            shown = tls.getpeercert(binary_form=True) if tls is not None else None
            if shown:
                self.extensions = {CERTIFICATE: hashlib.sha256(shown).hexdigest()}
            sweep(self)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            self.quiet = self.loop.time()
            if self.whole and b"h2c" in data:
                data = declined(data)
            all_head, self.headed = self.heading is not None or self.whole, False
            super().data_received(data)
            if self.heading is not None and all_head and not self.headed and not self.transport.is_closing():
                self.waiting_bytes += len(data)  # a header that has not ended is held by the parser, and is not seen
                if self.waiting_bytes > limits.header_bytes:
                    self.refuse(LONG)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.heading, self.waiting_bytes, self.header_bytes = self.loop.time(), 0, 0

        def on_url(self, url: bytes) -> None:
            self.header_bytes += len(url)
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self.header_bytes += len(name) + len(value) + 4
            if self.header_bytes <= limits.header_bytes:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self.heading, self.headed = None, True
            self.began, self.whole = self.quiet, False
            if self.header_bytes > limits.header_bytes:
                self.refuse(LONG)
                return
            if self.extensions is not None:
                self.scope["extensions"] = self.extensions  # type: ignore[typeddict-item]
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            if not self.transport.is_closing():
                super().on_body(body)

        def on_message_complete(self) -> None:
            self.whole = True
            if not self.transport.is_closing():
                super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self.refuse(BAD)

        def refuse(self, answer: bytes) -> None:
            """Answer, where nothing of another answer is on its way, and close."""
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                self.transport.write(answer)
            self.transport.close()

        def look(self, now: float) -> None:
            """Close what is late: headers, a body that nobody waits for any more, a connection that is silent."""
            if self.transport.is_closing():
                return
            answered = self.cycle is None or self.cycle.response_complete
            if self.heading is not None and now - self.heading > limits.header_seconds:
                self.refuse(SLOW)
            elif answered and (
                now - self.quiet > limits.idle_seconds or (not self.whole and now - self.began > limits.seconds)
            ):
                self.transport.close()

    def sweep(connection: Bounded) -> None:
        """Look at all connections of this server once a second, for as long as there is one."""
        state = connection.server_state
        if getattr(state, "assay_sweep", None) is not None:
            return

        def again() -> None:
            now = connection.loop.time()
            for other in list(state.connections):
                if isinstance(other, Bounded):
                    other.look(now)
            state.assay_sweep = (  # type: ignore[attr-defined]
                connection.loop.call_later(SWEEP, again) if state.connections else None
            )

        state.assay_sweep = connection.loop.call_later(SWEEP, again)  # type: ignore[attr-defined]

    return Bounded
