"""A head that came before is not read again, and nothing else about the request is taken for granted."""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import replace

import pytest

from assay.serve.app import MOST_HEADS, App
from assay.serve.batching import Batches, Gain
from assay.serve.guard import Guard
from assay.serve.key_file import KeyRing
from assay.serve.keys import make

from .conftest import service_of
from .test_direct import plain, request, running, talk

TOKEN, KEY = make("one")


class Ring(KeyRing):
    """Keys that a test changes as the file would."""

    def put(self, *keys):
        self._set(keys)


def known(served):
    """What was measured of a model, as on a machine that has nothing else to do."""
    served.gain, served.at_all, served.per_row = Gain(100.0, 10.0, 0.0), 100.0, 10.0


@pytest.fixture
def wire(late):
    """(port, app, keys): with batches, so that requests may be held."""
    ring = Ring(None)
    ring.put(KEY)
    service = service_of(late)
    guard = Guard(ring)
    service.spend = guard.spend
    app = App(service, guard)
    app.seen, app.noted = [], []
    again = app.again
    app.again = lambda *asked: app.seen.append(asked) or again(*asked)
    app.after = app.noted.append
    app.batches = Batches()
    known(service.live.lineup.live)
    with running(app) as port:
        yield port, app, ring


def asked(row, *headers, token=TOKEN):
    body = json.dumps([row]).encode()
    return request(body, *headers).replace(re.search(rb"Bearer (\S+)", request(b""))[1], token.encode())


def test_the_same_head_is_read_once_and_the_answer_is_the_same(wire, row):
    port, app, _ = wire
    one = asked(row)
    first, second, third = (talk(port, one)[0] for _ in range(3))
    assert len(app.seen) == 2 and len(app.heads) == 1
    assert plain(first[0]) == plain(second[0]) == plain(third[0])
    ids = {json.loads(said).pop("id") for _, said in (first, second, third)}
    assert len(ids) == 3 and len({re.sub(rb'"id":"\w+"', b"", said) for _, said in (first, second, third)}) == 1
    until = time.monotonic() + 5
    while len(app.noted) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert {n.asked.id for n in app.noted} == ids and all(n.asked.request.client == "127.0.0.1" for n in app.noted)
    assert app.service.metrics.table[0].max() >= 3


def test_another_length_is_another_head(wire, row):
    port, app, _ = wire
    talk(port, asked(row))
    longer = asked({**row, "more": "x"})
    talk(port, longer)
    assert not app.seen and len(app.heads) == 2
    ((head, _),) = talk(port, longer[:-5], longer[-5:])
    assert " 200 " in head and not app.seen, "a body in parts is read by the parser, though its head is known"


def test_a_key_that_ended_is_refused_though_its_head_is_known(wire, row):
    port, app, ring = wire
    one = asked(row)
    talk(port, one)
    assert " 200 " in talk(port, one)[0][0]
    ring.put(replace(KEY, revoked="2026-01-01T00:00:00Z"))
    assert " 401 " in talk(port, one)[0][0] and len(app.seen) == 2
    ring.put()
    assert " 401 " in talk(port, one)[0][0]
    ring.put(replace(KEY, expires="2001-01-01"))
    assert " 401 " in talk(port, one)[0][0]
    ring.put(replace(KEY, scopes=("metrics",)))
    assert " 403 " in talk(port, one)[0][0]
    ring.put(KEY)
    assert " 200 " in talk(port, one)[0][0]
    assert len(app.seen) == 6


def test_rate_and_budget_hold(wire, row):
    port, _, ring = wire
    ring.put(replace(KEY, rate=0.001, burst=3.0))
    heads = [talk(port, asked(row))[0][0] for _ in range(5)]
    assert [h[9:12] for h in heads] == ["200"] * 3 + ["429"] * 2
    token, key = make("two", budget=2)
    ring.put(key)
    heads = [talk(port, asked(row, token=token))[0][0] for _ in range(4)]
    assert [h[9:12] for h in heads] == ["200"] * 2 + ["429"] * 2


def test_what_is_not_kept(wire, row):
    port, app, _ = wire
    for headers in (
        ["x-request-id: a"],
        ["traceparent: 00-" + "1" * 32 + "-" + "2" * 16 + "-01"],
        ["connection: close"],
    ):
        talk(port, asked(row, *headers))
    talk(port, asked(row, "x-long: " + "y" * 3000))
    talk(port, asked(row, token="assay_00000000_" + "n" * 43))
    talk(port, asked(row, "x-api-key: " + TOKEN))
    twice = asked(row).replace(b"host: x", b"host: x\r\nhost: y")
    assert " 400 " in talk(port, twice)[0][0]
    assert not app.heads and not app.seen
    talk(port, asked(row))
    app.heads |= dict.fromkeys((b"%d" % k for k in range(MOST_HEADS)), next(iter(app.heads.values())))
    talk(port, asked(row, "x-new: 1"))
    assert len(app.heads) == 1, "there is room for so many, and then for new ones"


def test_a_wrong_row_is_refused_with_its_reasons(wire, row):
    port, app, _ = wire
    one = asked(row)
    talk(port, one)
    name = next(iter(row))
    bad = one.replace(b'"%s"' % name.encode(), b'"%s"' % name[::-1].upper().encode())
    ((head, said),) = talk(port, bad)
    assert " 422 " in head and json.loads(said)["fields"][0]["column"] == name and len(app.seen) == 1
    ((head, _),) = talk(port, one)
    assert " 200 " in head


def test_answers_come_in_order_when_the_next_request_comes_early(wire, row):
    port, app, _ = wire
    one = asked(row)
    other = request(b"", "x-request-id: read", path="/healthz", method="GET")
    talk(port, one)
    until = time.monotonic() + 0.2
    app.batches._expected = 2  # others seem to be there: requests are held
    app.batches._patience = lambda: 0.05 if time.monotonic() < until else 0.0
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in (one, other, one, one[:20], one[20:] + other):
            raw.sendall(part)
            time.sleep(0.03)
        data = b""
        while data.count(b"HTTP/1.1 200") < 5:
            data += raw.recv(65536)
    assert re.findall(rb"x-request-id: (\w+)", data)[1] == b"read" and b"predictions" in data.partition(b"read")[2]
    assert re.findall(rb"x-request-id: (\w+)", data)[-1] == b"read"


def test_those_who_come_together_share_a_run_and_who_leaves_is_logged(wire, row):
    port, app, _ = wire
    one = asked(row)
    talk(port, one)
    app.batches._expected = 4
    score, runs = app.service.live.lineup.live.score, []
    app.service.live.lineup.live.score = lambda batch, *more: runs.append(batch.n) or score(batch, *more)
    wires = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(4)]
    for raw in wires:
        raw.sendall(one)
    for raw in wires[:3]:
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
    wires[3].close()
    assert sum(runs) == 4
    for raw in wires[:3]:
        raw.close()


def test_a_service_that_ends_answers_what_it_holds(late, row):
    service = service_of(late)
    app = App(service, Guard(Ring(None, (KEY,))))
    app.batches = Batches(wait=0.3)
    known(service.live.lineup.live)
    servers = []
    with running(app, state=servers) as port:
        one = asked(row)
        talk(port, one)
        app.batches._expected = 3
        app.batches._patience = lambda: 0.3 if time.monotonic() < until else 0.0
        until = time.monotonic() + 0.4
        with socket.create_connection(("127.0.0.1", port), 5) as raw:
            raw.sendall(one)
            time.sleep(0.1)
            servers[0].should_exit = True
            data = b""
            while part := raw.recv(65536):
                data += part
        assert data.startswith(b"HTTP/1.1 200") and b"connection: close" in data and time.monotonic() >= until
