"""The ASGI shell: reads a request within the limits, asks the service, sends the answer, then logs and shadows it."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

from .events import Events, trace_of
from .guard import Guard
from .http import Refused, Request, Response
from .limits import Gone, headers_of, read_body
from .log import LogUnavailable
from .secrets import request_id
from .service import Answer, Done, Service

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
CERTIFICATE = "assay.certificate"
WORTH_PACKING = 1_024  # bytes of an answer above which gzip is worth its time
THREADS = 2
NO_BODY = frozenset(("GET", "HEAD"))
SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Takes(Protocol):
    """What takes predictions after they were answered: the log, the shadow."""

    def __call__(self, done: Done) -> Any: ...


class App:
    """ASGI 3 application. ``after`` is called with every prediction once its answer was sent.

    ``before`` (durable logging) is called ahead of the answer and gives a future that is waited for.
    """

    def __init__(
        self,
        service: Service,
        guard: Guard,
        *,
        after: Takes | None = None,
        before: Takes | None = None,
        audit: Callable[..., None] | None = None,
        events: Events | None = None,
    ) -> None:
        self.service, self.guard, self.limits = service, guard, service.limits
        self.after, self.before, self.audit, self.events = after, before, audit, events or Events()
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="heavy")

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] != "http":
            return
        start = time.perf_counter()
        path, caller, route, id = scope["path"], None, "other", ""
        headers: Mapping[bytes, bytes] = {}
        answer: Answer | None = None
        method = scope["method"]
        request = Request(method, path)
        try:
            headers = headers_of(scope["headers"], self.limits)
            id = request_id(headers.get(b"x-request-id"))
            client = scope["client"]
            request.headers, request.query = headers, scope["query_string"].decode("latin-1")
            request.client = client[0] if client else ""
            extensions = scope.get("extensions")
            certificate = extensions.get(CERTIFICATE) if extensions else None
            caller = self.guard.admit(request, time.time(), certificate)
            if method not in NO_BODY:
                request.body = await read_body(receive, headers, self.limits)
            if self.service.heavy(request, len(request.body)):
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self.threads, self.service.answer, request, caller, id)
            else:
                answer = self.service.answer(request, caller, id)
            if answer.later is not None:
                answer = await self._later(answer)
            response, route = answer.response, answer.route
            if self.before is not None and answer.done is not None:
                await asyncio.wrap_future(self.before(answer.done))
        except Refused as refused:
            response, answer = refused.response(), None
            if refused.fields:
                self.service.metrics.add("refused_fields", len(refused.fields))
        except LogUnavailable as error:
            response, answer = Refused(503, str(error) or "the log cannot be written now").response(), None
        except Gone:
            return
        except Exception as error:
            self.events("failed", request_id=id, route=template(path), error=f"{type(error).__name__}: {error}"[:300])
            response, answer = Refused(500, f"the service failed on this request; its id is {id}").response(), None
        await self._send(send, request, response, id)
        took = time.perf_counter() - start
        route = route if answer is not None else template(path)
        self.service.metrics.request(route, response.status, took)
        if answer is not None and answer.done is not None and self.after is not None and self.before is None:
            self.after(answer.done)
        self._record(request, caller, id, route, response, answer, took)

    async def _later(self, answer: Answer) -> Answer:
        sequence = await asyncio.wrap_future(answer.later)
        import orjson

        return replace(answer, response=replace(answer.response, body=orjson.dumps({"sequence": sequence})))

    async def _send(self, send: Send, request: Request, response: Response, id: str) -> None:
        body = response.body
        headers = [(b"content-type", response.content_type), (b"x-request-id", id.encode()), *SAFE, *response.headers]
        if len(body) > WORTH_PACKING and takes_gzip(request.headers):
            body = gzip.compress(body, 1, mtime=0)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})

    def _record(
        self, request: Request, caller: Any, id: str, route: str, response: Response, answer: Answer | None, took: float
    ) -> None:
        done = answer.done if answer is not None else None
        rows = done.batch.n if done is not None else 0
        name = caller.name if caller is not None else ""
        if self.audit is not None:
            model = done.served.digest if done is not None else ""
            self.audit(request, name, id, route, response.status, rows, model)
        if self.events.requests:
            self.events.request(
                request_id=id, method=request.method, route=route, status=response.status, caller=name, rows=rows,
                seconds=round(took, 6), **trace_of(request.headers),
            )  # fmt: skip


def takes_gzip(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the client takes gzip: named, or ``*``, and not with a weight of nought (RFC 9110, 12.5.3)."""
    said = headers.get(b"accept-encoding")
    if said is None:
        return False
    weights = {}
    for part in said.lower().split(b","):
        coding, _, weight = part.partition(b";")
        try:
            weights[coding.strip()] = float(weight.strip().removeprefix(b"q=") or 1)
        except ValueError:
            return False
    return weights.get(b"gzip", weights.get(b"*", 0.0)) > 0


def template(path: str) -> str:
    """The route of a refused request, for counting; never the path itself, which anybody can choose."""
    from .metrics import ROUTES

    if path.startswith("/v2/models/"):
        last = path.rpartition("/")[2]
        return {"infer": "/v2/infer", "ready": "/v2/ready"}.get(last, "/v2/metadata")
    return path if path in ROUTES else "other"
