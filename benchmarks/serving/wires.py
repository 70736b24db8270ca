"""Hostile bytes on a socket: smuggling, lies about lengths, slow and endless senders.

``@auth`` is replaced by the header that holds a good key. A status of 0 means that the connection was closed without
an answer. None may be answered 2xx or 5xx, and none may be answered twice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wire:
    """Bytes on a socket, perhaps slowly; ``@auth`` is replaced by the header that holds the key."""

    name: str
    parts: tuple[bytes, ...]
    wait: float = 0.0
    expect: tuple[int, ...] = (0, 400)


HEAD = b"POST /predict HTTP/1.1\r\nhost: a\r\n@auth\r\n"
SMUGGLED = b"GET /metrics HTTP/1.1\r\nhost: a\r\n@auth\r\n\r\n"
WIRES: list[Wire] = [
    Wire(
        "length and chunks together (CL.TE)",
        (HEAD + b"content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nG" + SMUGGLED,),
    ),
    Wire(
        "chunks and length together (TE.CL)",
        (HEAD + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\n" + SMUGGLED,),
    ),
    Wire("two lengths", (HEAD + b"content-length: 2\r\ncontent-length: 40\r\n\r\n{}" + SMUGGLED,)),
    Wire("two lengths in one", (HEAD + b"content-length: 2, 40\r\n\r\n{}" + SMUGGLED,)),
    Wire("a length with a sign", (HEAD + b"content-length: +2\r\n\r\n{}",)),
    Wire("a length with a space", (HEAD + b"content-length : 2\r\n\r\n{}",)),
    Wire("a length of 2^64", (HEAD + b"content-length: 18446744073709551618\r\n\r\n{}",), expect=(0, 400, 413)),
    Wire("an obscured encoding", (HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",), expect=(0, 400, 501)),
    Wire("an encoding after a tab", (HEAD + b"transfer-encoding:\tchunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",)),
    Wire(
        "encodings in two headers",
        (HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",),
    ),
    Wire("chunked, but not last", (HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",)),
    Wire("a chunk size that is no number", (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",)),
    Wire("a chunk size of 2^68", (HEAD + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",)),
    Wire("a negative chunk size", (HEAD + b"transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",)),
    Wire("a chunk longer than it says", (HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",)),
    Wire("bare line feeds in chunks", (HEAD + b"transfer-encoding: chunked\r\n\r\n2\n{}\n0\n\n",)),
    Wire(
        "a folded header",
        (b"POST /predict HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n@auth\r\ncontent-length: 2\r\n\r\n{}",),
        expect=(0, 400, 422),
    ),
    Wire("a NUL in a header", (HEAD + b"x: a\0b\r\ncontent-length: 2\r\n\r\n{}",)),
    Wire("a carriage return in a header", (HEAD + b"x: a\rb: c\r\ncontent-length: 2\r\n\r\n{}",)),
    Wire("a space before the colon", (b"POST /predict HTTP/1.1\r\nhost : a\r\n\r\n",)),
    Wire("two keys", (HEAD + b"@auth\r\ncontent-length: 2\r\n\r\n{}",)),
    Wire("two hosts", (HEAD + b"host: b\r\ncontent-length: 2\r\n\r\n{}",)),
    Wire(
        "an absolute address",
        (b"POST http://evil.test/healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}",),
        expect=(0, 400, 401),
    ),
    Wire("no version", (b"POST /predict\r\n\r\n",), expect=(0, 400, 401)),
    Wire("HTTP/9.9", (b"POST /predict HTTP/9.9\r\nhost: a\r\n\r\n",)),
    Wire("HTTP/2 without TLS", (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",)),
    Wire(
        "upgrade to h2c",
        (
            HEAD
            + b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAA\r\n"
            + b"content-length: 2\r\n\r\n{}",
        ),
        expect=(0, 400, 422),
    ),
    Wire(
        "upgrade to websocket",
        (
            b"GET /predict HTTP/1.1\r\nhost: a\r\n@auth\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n",
        ),
        expect=(0, 400, 405, 426),
    ),
    Wire("TLS to a plain port", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),)),
    Wire("garbage", (bytes(range(256)) * 20,), expect=(0, 400, 431)),
    Wire("a megabyte without a line end", (b"A" * 1_000_000,), expect=(0, 400, 431)),
    Wire("headers that never end", (HEAD, *[b"x: a\r\n"] * 60), 0.15, (0, 408, 431)),
    Wire("a slow body", (HEAD + b"content-length: 5000\r\n\r\n", *[b" "] * 60), 0.15, (0, 408)),
    Wire("a slow chunked body", (HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 60), 0.15, (0, 408)),
    Wire("a body that stops", (HEAD + b"content-length: 5000\r\n\r\n{",), 0.0, (0, 408)),
    Wire(
        "endless trailers",
        (HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"x: " + b"a" * 100_000,),
        0.0,
        (0, 400, 408, 431),
    ),
    Wire(
        "endless chunk extensions",
        (HEAD + b"transfer-encoding: chunked\r\n\r\n1;" + b"a" * 5_000_000,),
        0.0,
        (0, 400, 408, 413, 431),
    ),
    Wire(
        "expects 100 and sends 20 MB",
        (HEAD + b"expect: 100-continue\r\ncontent-length: 20000000\r\n\r\n", b"a" * 20_000_000),
        0.0,
        (0, 413),
    ),
]
