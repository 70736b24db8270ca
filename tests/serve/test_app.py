"""The ASGI shell, driven without a socket: keys, packed answers, ids, failures, what happens after an answer."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from concurrent.futures import Future

import pytest

from assay.serve.app import App, takes_gzip
from assay.serve.events import Events, trace_of
from assay.serve.guard import OPEN, Guard
from assay.serve.key_file import KeyRing
from assay.serve.keys import temporary
from assay.serve.log import LogUnavailable

from .conftest import asgi, service_of

TOKEN, KEY = temporary()
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Wire:
    """Sends requests to an app as a server would."""

    def __init__(self, late, **options):
        self.events = io.StringIO()
        self.service = service_of(late)
        guard = Guard(KeyRing(None, (KEY,)), open=OPEN)
        self.app = App(self.service, guard, events=Events(self.events, requests=True), **options)

    def __call__(self, path, body=None, method="", key=TOKEN, **headers):
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if key:
            headers["authorization"] = f"Bearer {key}"
        sent = asyncio.run(asgi(self.app, method or ("GET" if body is None else "POST"), path, raw, **headers))
        assert [m["type"] for m in sent] == ["http.response.start", "http.response.body"]
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    def lines(self):
        self.app.events.flush()
        return [json.loads(line) for line in self.events.getvalue().splitlines()]


@pytest.fixture
def wire(late):
    return Wire(late)


def test_only_liveness_answers_without_a_key(wire, row):
    every = ("/", "/schema", "/openapi.json", "/metrics", "/v2", "/v2/models/late", "/predict", "/explain", "/nothing")
    for path in every:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "HEAD"):
            assert wire(path, b"", method, key="")[0] == 401, (path, method)
    assert wire("/healthz", key="")[0] == wire("/v2/health/live", key="")[0] == 200
    assert wire("/predict", [row], key="assay_00000000_" + "x" * 43)[0] == 401
    assert wire("/predict", [row])[0] == 200


def test_answers_carry_their_id_and_the_model(wire, late, row):
    status, headers, body = wire("/predict", [row], x_request_id="mine-1")
    assert (status, headers[b"x-request-id"], json.loads(body)["id"]) == (200, b"mine-1", "mine-1")
    assert headers[b"x-assay-model"] == f"late@{late.version};sha256={late.digest[:12]}".encode()
    assert int(headers[b"content-length"]) == len(body) and headers[b"x-content-type-options"] == b"nosniff"
    _, headers, _ = wire("/predict", [row], x_request_id="not plain \x01")
    assert len(headers[b"x-request-id"]) == 24


def test_long_answers_are_packed_for_those_who_take_it(wire, row):
    body = [row] * 200
    _, plain, expected = wire("/predict", body, x_request_id="a")
    _, headers, packed = wire("/predict", body, x_request_id="a", accept_encoding="br, gzip")
    assert b"content-encoding" not in plain and headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(packed) == expected and headers[b"vary"] == b"accept-encoding"
    assert b"content-encoding" not in wire("/healthz", accept_encoding="gzip")[1]


@pytest.mark.parametrize(
    ("said", "takes"),
    [(None, False), (b"gzip", True), (b"gzip;q=0", False), (b"*", True), (b"*;q=0", False), (b"br", False),
     (b"GZIP; q=0.5, br", True), (b"gzip;q=x", False), (b"", False)],
)  # fmt: skip
def test_accept_encoding_is_read_as_the_standard_says(said, takes):
    assert takes_gzip({} if said is None else {b"accept-encoding": said}) is takes


def test_a_head_has_the_headers_of_a_get_and_no_body(wire):
    status, headers, body = wire("/schema", method="HEAD")
    assert (status, body) == (200, b"") and int(headers[b"content-length"]) > 1000


def test_what_fails_inside_is_a_500_with_an_id_and_no_detail(wire, row, monkeypatch):
    def fail(*_):
        raise RuntimeError(f"a secret: {TOKEN}")

    monkeypatch.setattr(wire.service, "answer", fail)
    status, headers, body = wire("/predict", [row])
    assert status == 500 and headers[b"x-request-id"].decode() in json.loads(body)["error"]
    assert b"secret" not in body and TOKEN not in wire.events.getvalue()
    (failed,) = [e for e in wire.lines() if e["event"] == "failed"]
    assert failed["error"].startswith("RuntimeError")


def test_every_request_is_counted_by_route_never_by_what_anybody_wrote(wire, row):
    wire("/predict", [row])
    wire("/predict", [])
    wire("/" + "x" * 50)
    wire("/v2/models/late/infer", {})
    text = wire.service.metrics.text().decode()
    for route, code in (("/predict", 200), ("/predict", 422), ("other", 404), ("/v2/infer", 400)):
        assert f'assay_requests_total{{code="{code}",route="{route}"}} 1.0' in text
    assert "xxx" not in text and wire.service.metrics.total("refused_fields") == 0


def test_lines_of_requests_carry_the_callers_trace(wire, row):
    wire("/predict", [row, row], traceparent=PARENT)
    wire("/predict", [row], traceparent="00-" + "0" * 32 + "-b7ad6b7169203331-01")
    first, second = wire.lines()
    assert first["trace_id"] == PARENT[3:35] and first["span_id"] == PARENT[36:52] and first["rows"] == 2
    assert (first["route"], first["status"], first["caller"]) == ("/predict", 200, "one-time")
    assert "trace_id" not in second and TOKEN not in wire.events.getvalue()
    for bad in (b"", b"ff" + PARENT[2:].encode(), PARENT.encode() + b"-x", PARENT.upper().encode()):
        assert trace_of({b"traceparent": bad}) == {}
    assert trace_of({b"traceparent": b"01" + PARENT[2:].encode() + b"-more"})


def test_a_prediction_is_logged_after_its_answer_and_a_refusal_is_not(late, row):
    kept = []
    wire = Wire(late, after=kept.append)
    wire("/predict", {"rows": [row]})
    wire("/predict", {"columns": {k: [v] for k, v in row.items()}})
    wire("/predict", [])
    wire("/explain", [row])
    assert len(kept) == 2 and kept[0].rows == [row] and kept[1].rows == {k: [v] for k, v in row.items()}
    assert kept[0].answers()[0]["prediction"] == late.predict([row])[0]


def test_a_durable_answer_waits_for_its_commit_or_is_refused(late, row):
    outcome = Future()
    wire = Wire(late, before=lambda done: outcome)
    outcome.set_result(7)
    assert wire("/predict", [row])[0] == 200
    outcome = Future()
    outcome.set_exception(LogUnavailable("the disk is full"))
    status, _, body = wire("/predict", [row])
    assert status == 503 and json.loads(body)["error"] == "the disk is full"


def test_dear_requests_leave_the_event_loop(late, row):
    service = service_of(late)
    from assay.serve.http import Request

    def heavy(path, size, query="", **headers):
        named = {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}
        return service.heavy(Request("POST", path, query, named), size)

    assert not heavy("/predict", 200) and heavy("/predict", 2_000_000) and heavy("/explain", 200)
    assert heavy("/predict", 200, "reasons=3") and heavy("/predict", 200, content_encoding="gzip")


def test_a_request_whose_headers_are_refused_has_an_id_too(late):
    wire = Wire(late)
    status, headers, _ = wire("/predict", {"rows": []}, **{f"x_{k}": "1" for k in range(70)})
    assert status == 431 and len(headers[b"x-request-id"]) == 24
    assert wire.lines()[-1]["request_id"] == headers[b"x-request-id"].decode()
