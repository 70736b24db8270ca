"""What each call does: who asks, within which limits, what is answered, what is written down. One way for all methods.

A caller is let in by its metadata before its message is read, as REST reads a body only then. Everything behind that
is the code of REST (``App``, ``Service``, ``v2``); what it refuses with an HTTP status goes out as the gRPC status of
the same meaning, with the same sentence.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable
from typing import Any

from assay.serve import v2
from assay.serve.app import App, Visit
from assay.serve.batching import Batches, Held
from assay.serve.guard import ANY, Guard
from assay.serve.http import Refused, Response
from assay.serve.limits import headers_of
from assay.serve.scoring import INLINE
from assay.serve.secrets import request_id
from assay.serve.service import Answer, Asked, Done

from . import inference
from .messages import HEALTH, INFERENCE, messages

SERVICE, PROBED = "/inference.GRPCInferenceService/", "/grpc.health.v1.Health/"
INFER = f"{SERVICE}ModelInfer"
OPEN = frozenset(("POST", p) for p in (f"{SERVICE}ServerLive", f"{SERVICE}ServerReady", f"{PROBED}Check"))
SERVING, NOT_SERVING = 1, 2
SMALL = 65_536  # bytes of a message that is parsed on the event loop
CERTIFICATES = 1_024  # whose digest is remembered
MOST_FIELDS = 4_096  # bytes of reasons in one refusal: clients take 8 kB of metadata
STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    405: "UNIMPLEMENTED", 408: "DEADLINE_EXCEEDED", 413: "RESOURCE_EXHAUSTED", 415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 431: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


def scope_of(method: str, path: str) -> str:
    """The scope that a call needs."""
    return "predict" if path == INFER else ANY


class Calls:
    """Answers calls of both services. ``certificates`` where TLS asks clients for one."""

    def __init__(self, app: App, certificates: bool = False) -> None:
        self.app, self.service, self.certificates = app, app.service, certificates
        self.guard = Guard(app.guard.keys, app.guard.tokens, app.guard.usage, scope_of, OPEN)
        self._digests: dict[bytes, str] = {}
        named: dict[str, Callable[[Any, Asked], Any]] = {
            f"{SERVICE}ServerLive": lambda message, asked: {"live": True},
            f"{SERVICE}ServerReady": lambda message, asked: {"ready": not self.service.draining},
            f"{SERVICE}ModelReady": self._model_ready,
            f"{SERVICE}ServerMetadata": lambda message, asked: v2.about(),
            f"{SERVICE}ModelMetadata": self._metadata,
            f"{PROBED}Check": self._check,
        }
        self.methods = messages(INFERENCE).methods | messages(HEALTH).methods
        self._small = {path: (*self.methods[path], answer) for path, answer in named.items()}
        self._request, self._response = self.methods[INFER]

    async def call(self, path: str, context: Any) -> bytes:
        """One call, from its metadata to its answer; whatever is refused ends it with a status."""
        visit, answer, later = Visit("POST", path), None, asyncio.get_running_loop().call_soon
        try:
            visit.request.headers = headers = headers_of(_plain(context.invocation_metadata()), self.service.limits)
            visit.id = request_id(headers.get(b"x-request-id"))
            certificate = self._certificate(context) if self.certificates else None
            visit.caller = self.guard.admit(visit.request, time.time(), certificate)
            visit.request.body = await self._message(context)
            answer = await self._infer(visit) if path == INFER else self._answer(visit)
            if self.app.before is not None and answer.done is not None:
                await asyncio.wrap_future(self.app.before(answer.done))
        except asyncio.CancelledError:  # the caller left, or its deadline passed; what was predicted is counted
            if answer is not None:
                self.app.left(visit, Response(408), answer)
            raise
        except Exception as error:
            visit.id = visit.id or request_id(None)
            response, answer = self.app._refusal(error, visit), None
        if answer is None:
            later(self.app.left, visit, response, None)
            return await _refuse(context, response, visit)
        trailing = [("x-request-id", visit.id), *((k.decode(), v.decode()) for k, v in answer.response.headers)]
        context.set_trailing_metadata(trailing)
        later(self.app.left, visit, answer.response, answer)  # once this was sent
        return answer.response.body

    async def _message(self, context: Any) -> bytes:
        limits = self.service.limits
        try:
            async with asyncio.timeout(limits.seconds):
                given = await context.read()
        except TimeoutError:
            raise Refused(408, f"the message was not whole after {limits.seconds:g} s") from None
        if not isinstance(given, bytes):
            raise Refused(400, "the call ended before a message of it was whole")
        left = context.time_remaining()
        if left is not None and left <= 0:
            raise Refused(408, "the caller's deadline has passed")
        return given

    async def _infer(self, visit: Visit) -> Answer:
        """ModelInfer, on the event loop where it is expected to take less than a millisecond, else on a thread."""
        body = visit.request.body
        message = None
        if len(body) <= SMALL:
            message = _parsed(self._request, body)
            first = message.inputs[0].shape[:1] if message.inputs else ()
            live = self.service.live.lineup.live
            batches = self.app.batches
            if batches is not None and batches.takes(live, len(body)):
                answer = self._predicted(visit, message, batches)
                return await answer if isinstance(answer, Held) else answer
            if live.at_all + live.per_row * sum(first) <= INLINE:
                return self._predicted(visit, message)
        work = asyncio.get_running_loop().run_in_executor(self.app.threads, self._apart, visit, message)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:  # the caller left; what is predicted is still counted and logged
            work.add_done_callback(lambda done: self._unheard(visit, done))
            raise
        finally:
            del work  # its error holds this frame and so itself, and the message with it, until a collection

    def _apart(self, visit: Visit, message: Any) -> Answer:
        """On a thread: a refusal goes back without its trace, which holds the message, perhaps megabytes of it."""
        try:
            return self._predicted(visit, message)
        except Refused as error:
            raise error.with_traceback(None) from None

    def _unheard(self, visit: Visit, done: asyncio.Future[Answer]) -> None:
        error = done.exception()
        answer = done.result() if error is None else None
        if answer is not None and answer.done is not None and self.app.before is not None:
            self.app.before(answer.done)
        self.app.left(visit, Response(408), answer)

    def _predicted(self, visit: Visit, message: Any, batches: Batches | None = None) -> Answer:
        message = _parsed(self._request, visit.request.body) if message is None else message
        asked = Asked(visit.request, visit.caller, visit.id, self.service.live.lineup, batches)
        served = v2.found(asked, message.model_name, message.model_version or None)
        doc, binary = inference.read(message)

        def finish(done: Done, wanted: v2.Wanted) -> Answer:
            made, raws = v2.document(doc, done, wanted)
            sent = inference.written(made, raws, self._response)
            return Answer(Response(200, sent, headers=done.served.mark), INFER, done)

        return v2.predicted(self.service, asked, served, bool(message.model_version), doc, binary, finish)

    def _answer(self, visit: Visit) -> Answer:
        path = visit.request.path
        takes, gives, answer = self._small[path]
        message = _parsed(takes, visit.request.body)
        asked = Asked(visit.request, visit.caller, visit.id, self.service.live.lineup)
        return Answer(Response(200, gives(**answer(message, asked)).SerializeToString()), path)

    def _model_ready(self, message: Any, asked: Asked) -> dict[str, Any]:
        v2.found(asked, message.name, message.version or None)
        return {"ready": not self.service.draining}

    def _metadata(self, message: Any, asked: Asked) -> dict[str, Any]:
        return v2.metadata(v2.found(asked, message.name, message.version or None), asked)

    def _check(self, message: Any, asked: Asked) -> dict[str, Any]:
        if message.service not in ("", SERVICE.strip("/")):
            raise Refused(404, f"there is no service {message.service[:60]!r} here")
        return {"status": NOT_SERVING if self.service.draining else SERVING}

    def _certificate(self, context: Any) -> str | None:
        """The SHA-256 of the certificate that TLS has verified."""
        shown = context.auth_context().get("x509_pem_cert")
        if not shown:
            return None
        pem = shown[0]
        if pem not in self._digests:
            if len(self._digests) >= CERTIFICATES:
                self._digests.clear()
            self._digests[pem] = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()
        return self._digests[pem]


def _plain(metadata: Any) -> list[tuple[bytes, bytes]]:
    """Metadata as headers; names are lower-case already."""
    return [(k.encode(), v if isinstance(v, bytes) else v.encode("utf-8", "replace")) for k, v in metadata or ()]


def _parsed(kind: Any, body: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(body)
    except DecodeError:
        raise Refused(400, f"the message is no {kind.DESCRIPTOR.full_name}") from None


async def _refuse(context: Any, response: Response, visit: Visit) -> bytes:
    """End the call with the status that stands for a refusal."""
    import grpc
    import orjson

    doc = orjson.loads(response.body)
    trailing: list[tuple[str, str | bytes]] = [("x-request-id", visit.id)]
    trailing += [(k.decode(), v.decode()) for k, v in response.headers if k == b"retry-after"]
    fields = doc.get("fields", [])
    while fields and len(orjson.dumps(fields)) > MOST_FIELDS:
        fields = fields[:-1]
    if fields:
        trailing.append(("x-assay-fields-bin", orjson.dumps(fields)))
    await context.abort(getattr(grpc.StatusCode, STATUS[response.status]), doc["error"], tuple(trailing))
    return b""
