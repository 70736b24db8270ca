"""Small models behind the service, without a wire: one of classes with every kind of column, one of values."""

from __future__ import annotations

import json

import pytest
from tests.bundle.conftest import Case

from assay.bundle.model import Model
from assay.serve.guard import Caller
from assay.serve.http import Refused, Request, Response
from assay.serve.live import Live
from assay.serve.metrics import Metrics
from assay.serve.scoring import Served
from assay.serve.service import Answer, Service

CALLER = Caller("tests", frozenset(("predict", "explain", "metrics", "label")), "key", "k1")


class Client:
    """Asks a service as a caller that is let in."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.asked = 0

    def answer(self, path: str, body: object = None, method: str = "", **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        where, _, query = path.partition("?")
        named = {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}
        self.asked += 1
        request = Request(method or ("GET" if body is None else "POST"), where, query, named, raw, "127.0.0.1")
        return self.service.answer(request, CALLER, f"request-{self.asked}")

    def ask(self, path: str, body: object = None, method: str = "", **headers: str) -> Response:
        try:
            return self.answer(path, body, method, **headers).response
        except Refused as refused:
            return refused.response()

    def json(self, path: str, body: object = None, status: int = 200, **headers: str) -> dict:
        response = self.ask(path, body, **headers)
        assert response.status == status, response.body
        return json.loads(response.body)


async def asgi(app, method: str, path: str, raw: bytes = b"", **headers: str) -> list[dict]:
    """What an ASGI app sends to one whole request; header names with _ for -."""
    where, _, query = path.partition("?")
    named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    scope = {
        "type": "http", "method": method, "path": where, "query_string": query.encode(), "headers": named,
        "client": ("127.0.0.1", 5),
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


def service_of(model: Model, **options: object) -> Service:
    return Service(Live(Served(model, "late"), naive=options.get("fallback") == "naive"), metrics=Metrics(), **options)


@pytest.fixture(scope="session")
def late() -> Model:
    return Case("binary", "linear").build()


@pytest.fixture(scope="session")
def later() -> Model:
    """Another model of the same columns."""
    return Case("binary", "tree").build()


@pytest.fixture(scope="session")
def values() -> Model:
    return Case("regression", "linear").build()


@pytest.fixture
def client(late: Model) -> Client:
    return Client(service_of(late))


@pytest.fixture(scope="session")
def row(late: Model) -> dict:
    """The typical row."""
    return dict(Served(late).typical)


@pytest.fixture
def swapped(late: Model, later: Model):
    """A service whose live model was promoted over another."""

    def make(**options: object) -> Client:
        service = service_of(late, **options)
        service.live.promote(Served(later, "late", "0.2.0"))
        return Client(service)

    return make
