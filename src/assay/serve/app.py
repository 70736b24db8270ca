"""The ASGI shell: reads a request within the limits, asks the service, sends the answer, then logs and shadows it."""

from __future__ import annotations

import asyncio
import gzip
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from .batching import Batches, Held, small
from .events import Events, trace_of
from .guard import Caller, Guard
from .http import Refused, Request, Response
from .limits import Gone, headers_of, read_body
from .log import LogUnavailable
from .scoring import INLINE, Served
from .secrets import request_id
from .service import Answer, Done, Service

if TYPE_CHECKING:
    from .tracing import Traces

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
CERTIFICATE = "assay.certificate"
WORTH_PACKING = 1_024  # bytes of an answer above which gzip is worth its time
THREADS = 2
NO_BODY = frozenset(("GET", "HEAD"))
SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
MOST_HEADS, LONGEST_HEAD, MOST_LEADS = 1_024, 2_048, 64
# Heads with these say something of one request only, or are not followed by the plain body alone.
ONE_TIME = frozenset((
    b"connection", b"content-encoding", b"expect", b"traceparent", b"transfer-encoding", b"upgrade", b"x-request-id",
))  # fmt: skip


class Visit:
    """One request on its way: who asks, under which id, since when."""

    __slots__ = ("caller", "id", "request", "start")

    def __init__(self, method: str, path: str) -> None:
        self.start = time.perf_counter()
        self.request = Request(method, path)
        self.caller: Any = None
        self.id = ""


Made = tuple[Visit, Response, Answer | None]


@dataclass(slots=True)
class Head:
    """What the head of a plain prediction says. It is kept by its bytes: a client that sends it again is read once."""

    path: str
    headers: Mapping[bytes, bytes]
    length: int  # of the body that follows
    caller: Caller


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
        self.batches: Batches | None = None  # where requests that come together are run together
        self.traces: Traces | None = None
        self.heads: dict[bytes, Head] = {}
        self._leads: dict[Any, bytes] = {}
        self._leads_of: Any = None

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] != "http":
            return
        visit, answer = Visit(scope["method"], scope["path"]), None
        request = visit.request
        try:
            self._read(visit, scope)
            self._admit(visit, scope)
            if request.method not in NO_BODY:
                request.body = await read_body(receive, request.headers, self.limits)
            if self.batches is not None and small(request) and self.batches.takes(self._live(), len(request.body)):
                answer = self.service.answer(request, visit.caller, visit.id, self.batches)
                if isinstance(answer, Held):
                    answer = await answer
            elif self.service.heavy(request, len(request.body)):
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self.threads, self.service.answer, request, visit.caller, visit.id)
            else:
                answer = self.service.answer(request, visit.caller, visit.id)
            if answer.later is not None:
                answer.response.body = b'{"sequence":%d}' % await asyncio.wrap_future(answer.later)
            if self.before is not None and answer.done is not None:
                await asyncio.wrap_future(self.before(answer.done))
            response = answer.response
        except Gone:
            return
        except Exception as error:
            response, answer = self._refusal(error, visit), None
        body, headers = self._sent(visit, response)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
        self.left(visit, response, answer)

    def direct(self, scope: Scope, body: bytes, alone: bool = False) -> Made | Held | None:
        """Answer a whole request at once; ``alone`` says that no other connection is open.

        None where something would have to be waited for: then nothing was done, and the request goes the usual way. A
        held request is answered by ``finished`` when the run that it shares is over.
        """
        path = scope["path"]
        if self.before is not None or scope["method"] != "POST" or not (path == "/predict" or path.endswith("/infer")):
            return None
        if scope["query_string"] or len(body) > self.limits.body:
            return None
        batches = self._together(len(body), alone)
        if batches is None and self._live().cost(len(body)) > INLINE:
            return None
        visit = Visit("POST", path)
        try:
            self._read(visit, scope)
            if b"content-encoding" in visit.request.headers:
                return None
            self._admit(visit, scope)
        except Exception as error:
            return visit, self._refusal(error, visit), None
        return self._asked(visit, body, batches)

    def again(self, head: Head, body: bytes, client: str, alone: bool = False) -> Made | Held | None:
        """``direct`` for a request whose head came before, to the byte. Its key and its rate are asked anew."""
        batches = self._together(len(body), alone)
        if batches is None and self._live().cost(len(body)) > INLINE:
            return None
        visit = Visit("POST", head.path)
        request, now = visit.request, time.time()
        request.headers, request.client = head.headers, client
        visit.id = request_id(head.headers.get(b"x-request-id"))
        try:
            if not self.guard.still(head.caller, now):
                head.caller = self.guard.admit(request, now)
            visit.caller = head.caller
        except Exception as error:
            return visit, self._refusal(error, visit), None
        return self._asked(visit, body, batches)

    def _together(self, size: int, alone: bool) -> Batches | None:
        batches = self.batches
        return batches if batches is not None and batches.takes(self._live(), size, alone) else None

    def _asked(self, visit: Visit, body: bytes, batches: Batches | None) -> Made | Held:
        visit.request.body = body
        try:
            answer = self.service.answer(visit.request, visit.caller, visit.id, batches)
        except Exception as error:
            return visit, self._refusal(error, visit), None
        if batches is not None and isinstance(answer, Held):
            answer.visit = visit
            return answer
        return visit, answer.response, answer

    def finished(self, held: Held) -> Made:
        """What ``direct`` gives, of a request that was held."""
        try:
            answer = held.answer()
        except Exception as error:
            return held.visit, self._refusal(error, held.visit), None
        return held.visit, answer.response, answer

    def learn(self, data: bytes, made: Made | Held, scope: Scope) -> None:
        """Keep the head of a request that came whole in ``data`` and was let in by its key."""
        visit = made.visit if isinstance(made, Held) else made[0]
        headers = visit.request.headers
        head, _, body = data.partition(b"\r\n\r\n")
        if (
            len(head) > LONGEST_HEAD
            or body != visit.request.body
            or headers.get(b"content-length") != b"%d" % len(body)
            or visit.caller is None
            or visit.caller.how != "key"
            or scope["http_version"] != "1.1"
            or not ONE_TIME.isdisjoint(headers)
        ):
            return
        if len(self.heads) >= MOST_HEADS:
            self.heads.clear()
        self.heads[head] = Head(visit.request.path, headers, len(body), visit.caller)

    def written(self, made: Made, default: Headers, keep_alive: bool) -> bytes:
        """An answer to ``direct`` as it goes over the wire; ``default`` headers are the server's own."""
        visit, response, _ = made
        end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
        body = response.body
        if len(body) > WORTH_PACKING and takes_gzip(visit.request.headers):
            body, headers = self._sent(visit, response)
            return b"".join((STATUS[response.status], lines((*default, *headers)), end, body))
        if default is not self._leads_of or len(self._leads) > MOST_LEADS:
            self._leads_of, self._leads = default, {}
        key = response.status, response.content_type, response.headers
        if (lead := self._leads.get(key)) is None:
            lead = STATUS[response.status] + lines((*default, *constant(response))) + b"x-request-id: "
            self._leads[key] = lead
        return b"%b%b\r\ncontent-length: %d\r\n%b%b" % (lead, visit.id.encode(), len(body), end, body)

    def _live(self) -> Served:
        return self.service.live.lineup.live

    def _read(self, visit: Visit, scope: Scope) -> None:
        request, client = visit.request, scope["client"]
        request.headers = headers = headers_of(scope["headers"], self.limits)
        visit.id = request_id(headers.get(b"x-request-id"))
        if query := scope["query_string"]:
            request.query = query.decode("latin-1")
        request.client = client[0] if client else ""

    def _admit(self, visit: Visit, scope: Scope) -> None:
        extensions = scope.get("extensions")
        certificate = extensions.get(CERTIFICATE) if extensions else None
        visit.caller = self.guard.admit(visit.request, time.time(), certificate)

    def _refusal(self, error: Exception, visit: Visit) -> Response:
        visit.id = visit.id or request_id(None)  # of a request whose headers could not be taken
        if isinstance(error, Refused):
            if error.fields:
                self.service.metrics.add("refused_fields", len(error.fields))
            return error.response()
        if isinstance(error, LogUnavailable):
            return Refused(503, str(error) or "the log cannot be written now").response()
        # The text of an error may hold values of a row: where it was raised says enough.
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{at.filename.rpartition('/')[2]}:{at.lineno}"
        what = type(error).__name__
        self.events("failed", request_id=visit.id, route=template(visit.request.path), error=what, where=where)
        return Refused(500, f"the service failed on this request; its id is {visit.id}").response()

    def _sent(self, visit: Visit, response: Response) -> tuple[bytes, Headers]:
        """Body and headers as they are sent."""
        body = response.body
        headers = [*constant(response), (b"x-request-id", visit.id.encode())]
        if len(body) > WORTH_PACKING and takes_gzip(visit.request.headers):
            body = gzip.compress(body, 1, mtime=0)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        headers.append((b"content-length", b"%d" % len(body)))
        return body, headers

    def left(self, visit: Visit, response: Response, answer: Answer | None) -> None:
        """After the answer: count it, log it, let the shadow have it."""
        took = time.perf_counter() - visit.start
        route = answer.route if answer is not None else template(visit.request.path)
        self.service.metrics.request(route, response.status, took)
        if answer is not None and answer.done is not None and self.after is not None and self.before is None:
            self.after(answer.done)
        if self.audit is not None or self.events.requests or self.traces is not None:
            self._record(visit.request, visit.caller, visit.id, route, response, answer, took)

    def _record(
        self, request: Request, caller: Any, id: str, route: str, response: Response, answer: Answer | None, took: float
    ) -> None:
        done = answer.done if answer is not None else None
        rows = done.batch.n if done is not None else 0
        name = caller.name if caller is not None else ""
        if self.audit is not None:
            model = done.served.digest if done is not None else ""
            self.audit(request, name, id, route, response.status, rows, model)
        if self.traces is not None:
            served = done.served if done is not None else None
            ids = self.traces.request(request, route, response.status, took, id, rows, served)
        else:
            ids = trace_of(request.headers)
        if self.events.requests:
            self.events.request(
                request_id=id, method=request.method, route=route, status=response.status, caller=name, rows=rows,
                seconds=round(took, 6), **ids,
            )  # fmt: skip


def constant(response: Response) -> Headers:
    """The headers of an answer that do not change from request to request."""
    return [(b"content-type", response.content_type), *SAFE, *response.headers]


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


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
