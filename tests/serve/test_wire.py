"""The connection below HTTP, on a real socket: header caps, slow senders, idle and too many connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import pytest
from uvicorn import Config, Server

from assay.serve import wire
from assay.serve.http import Refused
from assay.serve.limits import Gone, Limits, headers_of, read_body

LIMITS = Limits(
    body=10_000, header_bytes=2_000, header_seconds=0.3, seconds=0.3, idle_seconds=0.6, connections=5, headers=20
)
GOOD = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"


async def app(scope, receive, send):
    """Answers with the size of the body, within the limits."""
    status, body = 200, b""
    try:
        body = await read_body(receive, headers_of(scope["headers"], LIMITS), LIMITS)
    except Refused as refused:
        status = refused.status
    except Gone:
        return
    said = b"%d" % len(body)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


@contextlib.contextmanager
def serving(application, **more):
    listening = socket.create_server(("127.0.0.1", 0))
    config = Config(
        application, http=wire.protocol(LIMITS), ws="none", lifespan="off", log_config=None, access_log=False, **more
    )
    server = Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture(scope="module")
def port():
    before, wire.SWEEP = wire.SWEEP, 0.05
    with serving(app) as at:
        yield at
    wire.SWEEP = before


def ask(port: int, data: bytes, *more: bytes, wait: float = 0.0, end: bool = False) -> bytes:
    """Send, perhaps slowly, and give everything that comes back until the server closes or is silent."""
    out = b""
    with socket.create_connection(("127.0.0.1", port)) as wire_:
        wire_.settimeout(0.25 if not more and not end else 3)
        with contextlib.suppress(OSError):
            wire_.sendall(data)
            for part in more:
                time.sleep(wait)
                wire_.sendall(part)
            if end:
                wire_.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while part := wire_.recv(65536):
                out += part
    return out


def closed_after(port: int, data: bytes) -> float:
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as wire_:
        wire_.settimeout(5)
        wire_.sendall(data)
        with contextlib.suppress(ConnectionError):
            while wire_.recv(65536):
                pass
    return time.monotonic() - start


def test_a_good_request(port):
    answer = ask(port, GOOD)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"3")


def test_requests_in_one_packet_are_answered_in_order(port):
    assert ask(port, GOOD * 3).count(b"HTTP/1.1 200") == 3


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 3_000 + b"\r\n\r\n", b"GET /" + b"a" * 3_000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 400 + b"\r\n", b"GET / HTTP/1.1\r\nx: " + b"a" * 9_000,
     b"GET / HTTP/1.1\r\n" + b"a" * 9_000, b"GET /" + b"a" * 500_000],
)  # fmt: skip
def test_headers_larger_than_is_read(port, head):
    answer = ask(port, head)
    assert answer.startswith(b"HTTP/1.1 431") and answer.count(b"HTTP/1.1") == 1


def test_headers_that_never_end(port):
    assert 0.2 < closed_after(port, b"GET / HTTP/1.1\r\nhost: a\r\n") < 2
    assert ask(port, b"GET / HTTP/1.1\r\n", *[b"a: b\r\n"] * 20, wait=0.05).startswith(b"HTTP/1.1 408")


def test_bodies_that_never_end(port):
    head = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n"
    assert ask(port, head, *[b"a"] * 20, wait=0.05).startswith(b"HTTP/1.1 408")
    chunked = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    assert ask(port, chunked, *[b"1\r\na\r\n"] * 20, wait=0.05).startswith(b"HTTP/1.1 408")


def test_a_body_that_nobody_waits_for_any_more_is_not_read_for_ever(port):
    head = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as wire_:
        wire_.settimeout(3)
        wire_.sendall(head)
        assert wire_.recv(65536).startswith(b"HTTP/1.1 413")
        with pytest.raises(OSError):
            for _ in range(60):
                wire_.sendall(b"a" * 10_000)
                time.sleep(0.05)


def test_silent_connections_are_closed(port):
    assert 0.4 < closed_after(port, b"") < 3
    assert closed_after(port, GOOD) < 8


def test_too_many_connections(port):
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        time.sleep(0.1)
        assert ask(port, GOOD).startswith(b"HTTP/1.1 503")
    time.sleep(0.2)
    assert ask(port, GOOD).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "data",
    [b"\r\n" * 10 + b"garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
     b"\0" * 100, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
     b"GET /admin HTTP/1.1\r\n\r\n",
     b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
     b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
     b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\na\r\n",
     b"POST / HTTP/1.1\r\nhost : a\r\ncontent-length: 0\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
     b"GET / HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n", b"GET / HTTP/1.1\nhost: a\n\n",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
     b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", b"GET / HTTP/1.1\r\nx: a\0b\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_refused_or_read_as_one_request(port, data):
    answer = ask(port, data)
    assert answer.count(b"HTTP/1.1") <= 1 and b"HTTP/1.1 5" not in answer, answer
    assert ask(port, GOOD).startswith(b"HTTP/1.1 200")
