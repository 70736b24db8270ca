"""Hostile requests: each is refused with a reason, none is a 2xx or a 5xx. The whole list, with what only a socket
sees, runs against a real process in make prove (benchmarks/serving/hostile.py)."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from assay.serve.app import App
from assay.serve.audit_log import AuditLog
from assay.serve.events import Events
from assay.serve.guard import OPEN, Guard
from assay.serve.http import Request
from assay.serve.key_file import KeyRing
from assay.serve.keys import make
from assay.serve.log import PredictionLog
from assay.serve.service import GETS, POSTS

from .conftest import service_of

FOLDER = Path(__file__).parents[2] / "benchmarks" / "serving"
LARGE = re.compile(r"MB|000,000|10,001|1,000,000|brackets|100,000|20 MB|60 kB|packed")


def module(name: str):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


PROBES = [p for p in module("probes").REQUESTS if not LARGE.search(p.name)]
COLUMNS = ("amount", "colour", "clock", "member", "when", "town", "big", "label")
TOKEN, KEY = make("tests", ("predict", "explain", "metrics", "label", "log"))


class Inside:
    """An app with all logs on, asked without a socket."""

    def __init__(self, late, folder) -> None:
        self.out = (folder / "events").open("w+")
        self.log, self.audit = PredictionLog(folder / "log"), AuditLog(folder / "audit")
        service = service_of(late, log=self.log)
        self.app = App(
            service, Guard(KeyRing(None, (KEY,)), open=OPEN), after=self.keep, audit=self.audit.put_request,
            events=Events(self.out, requests=True),
        )  # fmt: skip

    def keep(self, done):
        self.log.put(done.asked.id, done.asked.caller.name, done.rows, done.answers(), 1.0, columns=COLUMNS)

    def __call__(self, path, body=b"", method="POST", headers=None, key=TOKEN):
        where, _, query = path.partition("?")
        named = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        if key and b"authorization" not in dict(named):
            named.append((b"authorization", b"Bearer " + key.encode()))
        scope = {"type": "http", "method": method, "path": unquote(where), "raw_path": where.encode(),
                 "query_string": query.encode(), "headers": named, "client": ("127.0.0.1", 5)}  # fmt: skip
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        return sent[0]["status"], b"".join(m.get("body", b"") for m in sent)

    def close(self):
        self.log.close()
        self.audit.close()
        self.app.events.flush()
        self.out.close()


@pytest.fixture(scope="module")
def inside(late, tmp_path_factory):
    made = Inside(late, tmp_path_factory.mktemp("inside"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def good(inside, late):
    from assay.serve.scoring import Served

    row = dict(Served(late).typical)
    assert inside("/predict", json.dumps({"rows": [row]}).encode())[0] == 200
    return row


@pytest.mark.parametrize("probe", PROBES, ids=lambda p: p.name)
def test_a_hostile_request_is_refused(inside, good, probe):
    body = probe.body(good)
    size = str(json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]) if "@json" in probe.headers.values() else ""
    headers = {k: v.replace("@key", TOKEN).replace("@json", size) for k, v in probe.headers.items()}
    status, said = inside(probe.path.replace("@key", TOKEN), body, probe.method, headers, TOKEN if probe.key else "")
    assert status in probe.expect or (status in (403, 404, 405) and 400 in probe.expect and probe.method != "POST"), (
        said
    )
    if probe.method not in ("HEAD", "TRACE"):
        assert set(json.loads(said)) <= {"error", "fields"} and TOKEN.encode() not in said
    assert inside("/predict", json.dumps({"rows": [good]}).encode())[0] == 200


def test_every_route_without_a_key(inside, good, late):
    """Whatever the service and its published description name: only the probes of liveness answer."""
    paths = {*GETS, *POSTS, *late.openapi["paths"], "/v2/models/late", "/v2/models/late/versions/0.1.0", "/docs",
             "/v2/models/late/ready", "/v2/models/late/infer", "/v2/repository/index", "/admin", "/ping",
             "/invocations", "/static/x.js", "/favicon.ico", "/.env", "/v1/models/late:predict"}  # fmt: skip
    assert len(paths) > 20
    body = json.dumps({"rows": [good]}).encode()
    answered = set()
    for path in paths:
        path = path.replace("{model}", "late").replace("{version}", "0.1.0")
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            status, _ = inside(path, body if method == "POST" else b"", method, key="")
            if status != 401:
                answered.add((method, path))
    live = {"/healthz", "/livez", "/v2/health/live"}
    assert answered == {(m, p) for m in ("GET", "HEAD") for p in live}


def places(secret: str, row: dict):
    """A secret in every place of a request, each as arguments of ``Inside``."""
    body = json.dumps({"rows": [row]}).encode()
    yield f"/{secret}", b"", "GET", {}
    yield f"/predict?reasons={secret}", body, "POST", {}
    yield f"/v2/models/{secret}/infer", b"{}", "POST", {}
    yield f"/v2/models/late/versions/{secret}", b"", "GET", {}
    for name in ("x-request-id", "user-agent", "referer", "traceparent", "content-type", "content-encoding", "host",
                 "accept-encoding", "cookie", "inference-header-content-length"):  # fmt: skip
        yield "/predict", body, "POST", {name: secret}
    for how in ("Bearer {}", "Basic {}", "{}", "Token {}"):
        yield "/predict", body, "POST", {"authorization": how.format(secret)}
    yield "/predict", body, "POST", {"x-api-key": secret}
    for wrong in ({"rows": [row | {"amount": secret}]}, {"rows": [row | {secret: 1}]}, {secret: 1}, {"rows": secret}):
        yield "/predict", json.dumps(wrong).encode(), "POST", {}
    yield "/predict", secret.encode(), "POST", {}
    yield "/label", json.dumps({"id": "a", secret: 1}).encode(), "POST", {}
    yield "/v2/models/late/infer", json.dumps({"id": secret, "inputs": [{"name": secret}]}).encode(), "POST", {}


def test_no_secret_is_in_any_log(late, tmp_path, capfd):
    inside = Inside(late, tmp_path)
    from assay.serve.scoring import Served

    row = dict(Served(late).typical)
    jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlc2lnbmF0dXJl"
    count = 0
    for secret in (TOKEN, make("other")[0], jwt):
        for path, body, method, headers in places(secret, row):
            status, _ = inside(path, body, method, headers)
            assert status < 500, (path, headers)
            count += 1
    inside.close()
    assert count > 70
    written = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    out, err = capfd.readouterr()
    written |= {Path("stdout"): out.encode(), Path("stderr"): err.encode()}
    assert sum(map(len, written.values())) > 10_000
    for path, data in written.items():
        for secret in (TOKEN[15:], jwt[25:], "c2lnbmF0dXJl"):
            assert secret.encode() not in data, (path, data[max(0, data.find(secret.encode()) - 200) :][:400])


def test_a_body_that_is_refused_leaves_no_row(inside, good):
    before = inside.log._given
    inside("/predict", json.dumps({"rows": [good | {"amount": "secret cell"}]}).encode())
    assert inside.log._given == before


def test_requests_are_checked_before_their_body_is_read(inside):
    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message):
        pass

    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": [], "client": None}
    asyncio.run(inside.app(scope, receive, send))
    assert read == [] and Request("POST", "/predict").body == b""


@pytest.mark.slow
def test_the_whole_list_against_a_real_process():
    done = subprocess.run([sys.executable, str(FOLDER / "hostile.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
