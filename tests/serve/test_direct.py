"""The short way gives what the usual way gives, on a real connection, and leaves alone what would have to wait."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from assay.serve.app import App
from assay.serve.direct import protocol
from assay.serve.guard import OPEN, Guard
from assay.serve.key_file import KeyRing
from assay.serve.keys import temporary

from .conftest import service_of

TOKEN, KEY = temporary()


@contextmanager
def running(app, asgi=None, state=None):
    """The app behind the short way, in a thread of its own: gives the port."""
    from uvicorn.config import Config
    from uvicorn.server import Server

    class Quiet(Server):
        def install_signal_handlers(self):
            pass

    sock = socket.create_server(("127.0.0.1", 0))
    http = protocol(app.limits, app)
    config = Config(asgi or app, http=http, ws="none", lifespan="off", log_config=None, server_header=False)
    server = Quiet(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    if state is not None:
        state.append(server)
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
        sock.close()


@pytest.fixture(scope="module")
def wire(late):
    """A server in a thread: (port, app, how many requests went the usual way)."""
    service = service_of(late)
    service.live.lineup.live.at_all = 100.0  # as on a machine that has nothing else to do
    app, usual, kept = App(service, Guard(KeyRing(None, (KEY,)), open=OPEN)), [], []
    app.after = kept.append

    async def counted(scope, receive, send):
        usual.append(scope["path"])
        await app(scope, receive, send)

    with running(app, counted) as port:
        yield port, app, usual, kept


def request(body: bytes, *headers: str, path: str = "/predict", method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"authorization: Bearer {TOKEN}", f"content-length: {len(body)}"]
    return "".join(f"{line}\r\n" for line in (*lines, *headers, "")).encode() + body


def talk(port: int, *parts: bytes, answers: int = 1) -> list[tuple[str, bytes]]:
    """Send parts, one segment each, and read that many answers: (head, body)."""
    out, data = [], b""
    with socket.create_connection(("127.0.0.1", port), 5) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for k, part in enumerate(parts):
            if k:
                time.sleep(0.05)
            wire.sendall(part)
        while len(out) < answers:
            data += wire.recv(65536)
            while (end := data.find(b"\r\n\r\n")) >= 0:
                head = data[:end].decode()
                size = int(re.search(r"content-length: (\d+)", head)[1])
                if len(data) < end + 4 + size:
                    break
                out.append((head, data[end + 4 : end + 4 + size]))
                data = data[end + 4 + size :]
    return out


def plain(head: str) -> list[str]:
    return sorted(line for line in head.splitlines() if not line.startswith(("date:", "x-request-id:")))


def test_a_whole_request_takes_the_short_way_and_one_in_parts_the_usual(wire, row):
    port, _, usual, kept = wire
    body, before, logged = json.dumps([row]).encode(), len(usual), len(kept)
    ((short, said),) = talk(port, request(body, "x-request-id: a"))
    assert len(usual) == before and short.startswith("HTTP/1.1 200 OK")
    whole = request(body, "x-request-id: a")
    ((long, again),) = talk(port, whole[:-9], whole[-9:])
    assert len(usual) == before + 1 and said == again and plain(short) == plain(long)
    until = time.monotonic() + 5
    while len(kept) < logged + 2 and time.monotonic() < until:  # it is logged after it was answered
        time.sleep(0.01)
    assert len(kept) == logged + 2 and kept[-1].rows == kept[-2].rows == [row]


def test_refusals_are_the_same_both_ways(wire, row):
    port, _, usual, _ = wire
    for body in (b"[]", b"{", b'[{"amount": "x"}]'):
        whole = request(body, "x-request-id: a")
        before = len(usual)
        (short,) = talk(port, whole)
        (long,) = talk(port, whole[:-1], whole[-1:])
        assert len(usual) == before + 1 and short[1] == long[1] and plain(short[0]) == plain(long[0])
    ((head, _),) = talk(port, request(b"[]").replace(TOKEN.encode(), b"assay_00000000_nothing"))
    assert " 401 " in head and "www-authenticate" in head


def test_requests_in_one_segment_are_answered_in_order(wire, row):
    port, _, usual, _ = wire
    before = len(usual)
    one = request(json.dumps([row]).encode(), "x-request-id: first")
    two = request(json.dumps([row]).encode(), "x-request-id: second")
    read = request(b"", "x-request-id: third", path="/healthz", method="GET")
    said = talk(port, one + read + two, answers=3)
    assert [re.search("x-request-id: (.*)", head)[1].strip() for head, _ in said] == ["first", "third", "second"]
    assert usual[before:] == ["/healthz", "/predict"], "behind one that waits, all wait their turn"


@pytest.mark.parametrize(
    ("headers", "path", "rows"),
    [
        (("content-encoding: gzip",), "/predict", 1),
        ((), "/predict?reasons=1", 1),
        ((), "/explain", 1),
        ((), "/predict", 5000),
        (("expect: 100-continue",), "/predict", 1),
    ],
)
def test_what_may_have_to_wait_goes_the_usual_way(wire, row, headers, path, rows):
    import gzip

    port, _, usual, _ = wire
    body = json.dumps([row] * rows).encode()
    body = gzip.compress(body) if "content-encoding: gzip" in headers else body
    before = len(usual)
    if "expect: 100-continue" in headers:
        with socket.create_connection(("127.0.0.1", port), 5) as raw:
            raw.sendall(request(body, *headers))
            assert raw.recv(100).startswith(b"HTTP/1.1 100")
    else:
        ((head, _),) = talk(port, request(body, *headers, path=path))
        assert " 200 " in head
    assert len(usual) == before + 1


def test_an_old_client_is_answered_and_let_go(wire, row):
    port, _, usual, _ = wire
    before = len(usual)
    body = request(json.dumps([row]).encode()).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(body)
        data = b""
        while part := raw.recv(65536):
            data += part
    assert b"connection: close" in data and data.startswith(b"HTTP/1.1 200") and len(usual) == before


def test_what_fails_inside_is_a_500_on_the_short_way_too(wire, row, monkeypatch):
    port, app, usual, _ = wire

    def fail(*_):
        raise RuntimeError("amount 140.58")

    monkeypatch.setattr(app.service, "answer", fail)
    before = len(usual)
    ((head, said),) = talk(port, request(json.dumps([row]).encode()))
    assert " 500 " in head and b"140.58" not in said and len(usual) == before
