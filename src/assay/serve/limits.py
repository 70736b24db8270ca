"""What one request may take: bytes, headers, depth, rows, seconds. Everything is bounded before it is read.

The body is read with one deadline for all of it, so a sender of one byte a second holds a connection no longer than
``seconds``. What comes before the body (slow or huge headers, idle and too many connections) is bounded in ``wire``.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .http import Refused

Receive = Callable[[], Awaitable[Any]]
ONCE = frozenset((
    b"host", b"authorization", b"x-api-key", b"content-length", b"content-type", b"content-encoding",
    b"transfer-encoding", b"inference-header-content-length", b"x-request-id",
))  # fmt: skip
FEW = 4_096  # bytes of a body in which brackets are counted before they are looked at
CLOSE = ((b"connection", b"close"),)  # what is still to come is not read
ALIKE = bytes.maketrans(b"{}", b"[]")  # whether they pair is the parser's to say
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request and one process may take; every field has a flag of ``assay serve``."""

    body: int = 4 << 20  # bytes as sent
    inflated: int = 16 << 20  # bytes once unpacked
    depth: int = 16  # brackets inside brackets
    rows: int = 10_000  # in one request
    seconds: float = 10.0  # from the first byte of a body to its last
    header_bytes: int = 16_384
    headers: int = 64
    header_seconds: float = 5.0  # from the first byte of a request to the end of its headers
    idle_seconds: float = 30.0  # of a connection that asks nothing
    connections: int = 1_000  # open at once, in one process


class Gone(Exception):
    """The client left before its request was whole: nobody is there to answer."""


def headers_of(raw: Iterable[tuple[bytes, bytes]], limits: Limits | None = None) -> dict[bytes, bytes]:
    """Headers by lower-case name.

    Raises:
        Refused: more than there may be, or one twice of which only one can be meant (which of two keys counts?).
    """
    out: dict[bytes, bytes] = {}
    count = 0
    for name, value in raw:
        count += 1
        if name in out and name in ONCE:
            raise Refused(400, f"the header {name.decode('latin-1')} was sent twice; send it once")
        out[name] = value
    if limits is not None and count > limits.headers:
        raise Refused(431, f"at most {limits.headers} headers are read; this request has {count}")
    return out


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limits: Limits) -> bytes:
    """The whole body of a request.

    Raises:
        Refused: 400 a length that is no number, 408 not whole in time, 413 too large. Gone: the client left.
    """
    said = headers.get(b"content-length")
    if said is not None:
        if not said.isdigit():
            raise Refused(400, "content-length must be a whole number of bytes")
        if len(said) > 18 or int(said) > limits.body:
            raise _large(limits)
    first: Any = receive()
    try:
        waiting = first.send(None)  # a small body is there already: then no timer is needed, which would cost 5 us
    except StopIteration as done:
        message = done.value
        if not message.get("more_body") and message["type"] == "http.request":
            return _checked(bytes(message.get("body", b"")), limits)
        return await _rest(message, receive, limits)
    return await _rest(_Begun(first, waiting), receive, limits)


class _Begun:
    """A coroutine that has run to its first wait, and is waited for from there."""

    def __init__(self, coroutine: Any, waiting: Any) -> None:
        self.coroutine, self.waiting = coroutine, waiting

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            while True:
                try:
                    got = yield self.waiting
                except BaseException as error:
                    self.waiting = self.coroutine.throw(error)
                else:
                    self.waiting = self.coroutine.send(got)
        except StopIteration as done:
            return done.value


async def _rest(first: Any, receive: Receive, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.seconds):
            message = await first if isinstance(first, _Begun) else first
            while True:
                if message["type"] == "http.disconnect":
                    raise Gone
                part = message.get("body", b"")
                size += len(part)
                if size > limits.body:
                    raise _large(limits)
                parts.append(bytes(part))
                if not message.get("more_body"):
                    return b"".join(parts)
                message = await receive()
    except TimeoutError:
        raise Refused(408, f"the body was not whole after {limits.seconds:g} s", headers=CLOSE) from None


def _checked(body: bytes, limits: Limits) -> bytes:
    if len(body) > limits.body:
        raise _large(limits)
    return body


def _large(limits: Limits) -> Refused:
    return Refused(413, f"a body may have at most {limits.body:,} bytes; send fewer rows at a time", headers=CLOSE)


def inflate(body: bytes, headers: Mapping[bytes, bytes], limits: Limits) -> bytes:
    """The body as it was before ``content-encoding``: gzip, deflate (zlib), or identity.

    Raises:
        Refused: 400 it does not unpack or goes on after its end, 413 it unpacks to too much, 415 another encoding.
    """
    said = headers.get(b"content-encoding")
    if said is None or (coding := said.strip().lower()) in (b"", b"identity"):
        return body
    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        raise Refused(415, "content-encoding must be gzip, deflate or identity")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | (0 if coding == b"deflate" else 16))
    try:
        out = unpacking.decompress(body, limits.inflated + 1)
    except zlib.error:
        raise Refused(400, f"the body is not {coding.decode()}, as its content-encoding says") from None
    if len(out) > limits.inflated:
        raise Refused(413, f"a body may unpack to at most {limits.inflated:,} bytes; send fewer rows at a time")
    if not unpacking.eof or unpacking.unused_data:
        raise Refused(400, f"the body is not one whole {coding.decode()} stream")
    return out


def check_depth(body: bytes, limits: Limits) -> None:
    """Refuse JSON with brackets inside brackets beyond the limit, before a parser meets it.

    A small body with few brackets needs two counts. Else all but brackets is taken out, and pairs are removed a layer a
    round. Only where brackets remain are strings, which may hold some, taken out first. (Text can so hide depth from
    the first look; the parser's own limit of 1,024 stands behind it.)

    Raises:
        Refused: too deep.
    """
    few = len(body) < FEW and body.count(b"[") + body.count(b"{") <= limits.depth
    if few or not _layers(body, limits.depth):
        return
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if _layers(b"".join(plain.split(b'"')[::2]), limits.depth):
        raise Refused(400, f"the JSON is nested deeper than {limits.depth} brackets, or its brackets do not pair")


def _layers(text: bytes, depth: int) -> bytes:
    """The brackets that are left when ``depth`` layers of pairs are taken away."""
    brackets = text.translate(ALIKE, NOT_BRACKETS)
    for _ in range(depth):
        size = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if not brackets or len(brackets) == size:
            break
    return brackets


def check_once(body: bytes, doc: Any) -> None:
    """Refuse JSON in which an object has a name twice: one reader takes the first, another the last (RFC 8259, 4).

    The parser keeps the last and says nothing. So names are counted in what it made and colons in what was sent: as
    many of both settle it, once the colons of text are taken off. Only where escapes or another form than rows hide
    how many those are, the strings are taken out of the body first.

    Raises:
        Refused: a name stands twice.
    """
    said = body.count(b":")
    rows = doc.get("rows") if isinstance(doc, dict) else doc
    if isinstance(rows, list) and set(map(type, rows)) == {dict}:
        names = sum(map(len, rows)) + (len(doc) if rows is not doc else 0)
        if said == names or (b"\\" not in body and said == names + sum(map(_colons, rows))):
            return
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    sent = b"".join(plain.split(b'"')[::2]).count(b":")
    if sent != _names(doc, every=False) and sent != _names(doc, every=True):
        raise Refused(400, "the JSON has an object in which a name stands twice; which of the two is meant?")


def _colons(row: dict[str, Any]) -> int:
    return "".join([*row, *[v for v in row.values() if v.__class__ is str]]).count(":")


def _names(doc: Any, every: bool) -> int:
    """Names in a document. Without ``every`` a list whose first value is plain is taken to hold plain values only."""
    if isinstance(doc, dict):
        return len(doc) + sum(_names(v, every) for v in doc.values() if isinstance(v, (dict, list)))
    if isinstance(doc, list) and doc and (every or isinstance(doc[0], (dict, list))):
        return sum(_names(v, every) for v in doc if isinstance(v, (dict, list)))
    return 0
