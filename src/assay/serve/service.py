"""The service without a wire: whole requests in, whole answers out, and what is left to do after an answer was sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.core.errors import BundleError

from . import forms, page, v2
from .decode import Batch
from .fallback import Breaker
from .guard import Caller
from .http import HTML, Refused, Request, Response, nothing_at
from .limits import Limits, check_depth, inflate
from .live import Lineup, Live
from .metrics import Metrics
from .scoring import INLINE, Scored, Served

if TYPE_CHECKING:
    from .batching import Batches
    from .log import PredictionLog

METRICS = b"text/plain; version=0.0.4; charset=utf-8"
GETS = {
    "/healthz": "health", "/livez": "health", "/v2/health/live": "health", "/v2/health/ready": "ready", "/v2": "server",
    "/schema": "schema", "/openapi.json": "openapi", "/metrics": "scrape", "/": "page",
}  # fmt: skip
POSTS = {"/predict": "predict", "/explain": "explain", "/label": "label", "/log": "elsewhere"}
TEMPLATES = {
    "/v2": "/v2/metadata",
    "/v2/health/live": "/v2/live",
    "/v2/health/ready": "/v2/ready",
    "/livez": "/healthz",
}
ALLOW = {"GET": ((b"allow", b"GET, HEAD"),), "POST": ((b"allow", b"POST"),)}
AGAIN = ((b"retry-after", b"10"),)


@dataclass(slots=True)
class Asked:
    """One admitted request: who asks, under which id, which models were there when it came."""

    request: Request
    caller: Caller
    id: str
    lineup: Lineup
    batches: Batches | None = None  # what may set it aside until it shares a run with others


@dataclass(slots=True)
class Done:
    """A prediction that was made: what the log and the shadow take after the answer."""

    asked: Asked
    served: Served
    batch: Batch
    scored: Scored
    rows: Any  # as they were sent: records, or columns
    decode: Callable[[Served], Batch]
    outputs: Any = None  # one answer a row, where they were made already

    def answers(self) -> list[dict[str, Any]]:
        """One answer a row, as /predict gives them."""
        return self.served.documents(self.scored, self.batch) if self.outputs is None else self.outputs


@dataclass(slots=True)
class Answer:
    """An answer, the template of its route, and the prediction behind it, where there was one."""

    response: Response
    route: str
    done: Done | None = None
    later: Any = None  # a future whose sequence number the answer waits for


class Service:
    """Answers requests. ``spend`` takes rows from a caller's budget: (caller, rows, time); it may refuse."""

    def __init__(
        self,
        live: Live,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        fallback: str = "refuse",
        spend: Callable[[Caller, int, float], None] | None = None,
        log: PredictionLog | None = None,
        event: Callable[..., None] | None = None,
    ) -> None:
        self.live, self.limits, self.metrics = live, limits or Limits(), metrics or Metrics()
        self.fallback, self.spend, self.log = fallback, spend, log
        self.event = event or (lambda *_, **__: None)
        self.draining = False
        self.steady = time.monotonic

    def heavy(self, request: Request, size: int) -> bool:
        """Whether a request is expected to take so long that it must not hold up others (above one millisecond)."""
        if request.method != "POST":
            return request.path in ("/metrics", "/")
        if (
            request.path == "/explain"
            or b"reasons=" in request.query.encode()
            or b"content-encoding" in request.headers
        ):
            return True
        return self.live.lineup.live.cost(size) > INLINE

    def answer(self, request: Request, caller: Caller, id: str, batches: Batches | None = None) -> Answer:
        """Answer one request whose caller is known and whose body is whole; given ``batches``, perhaps a ``Held`` one.

        Raises:
            Refused: as it says.
        """
        asked = Asked(request, caller, id, self.live.lineup, batches)
        path = request.path
        if path == "/predict" and request.method == "POST":
            return self.predict(asked)
        if path.startswith("/v2/models/"):
            return v2.answer(self, asked)
        method = "GET" if request.method == "HEAD" else request.method
        if path in GETS:
            if method != "GET":
                raise Refused(405, f"{path} is read with GET", headers=ALLOW["GET"])
            return Answer(getattr(self, GETS[path])(asked), TEMPLATES.get(path, path))
        if path not in POSTS:
            raise nothing_at(path)
        if method != "POST":
            raise Refused(405, f"{path} is asked with POST", headers=ALLOW["POST"])
        answered: Answer = getattr(self, POSTS[path])(asked)
        return answered

    def body(self, request: Request) -> Any:
        """The JSON of a request's body, unpacked and within the limits."""
        body = inflate(request.body, request.headers, self.limits)
        check_depth(body, self.limits)
        return forms.parsed(body)

    def predict(self, asked: Asked) -> Answer:
        found, reasons, coverage = {}, 0, None
        if asked.request.query:
            found = forms.options(asked.request.query, ("coverage", "reasons"))
            reasons, coverage = forms.number(found, "reasons", 0, forms.MOST_REASONS, 0), forms.share(found, "coverage")
        doc = self.body(asked.request)
        decode = lambda served: forms.batch_of(doc, served.decoder)  # noqa: E731
        if asked.batches is not None and not found:
            return asked.batches.held(self, asked, decode, lambda done: self.predicted(done, doc))
        return self.predicted(self.scored(asked, decode, coverage), doc, reasons)

    def predicted(self, done: Done, doc: Any, reasons: int = 0) -> Answer:
        """The answer to /predict from what the model said of its rows."""
        asked, served, scored = done.asked, done.served, done.scored
        if reasons:
            self._few(done.batch.n)
        out = served.documents(scored, done.batch)
        if reasons:
            for one, why in zip(out, served.explained(scored, done.batch, reasons), strict=True):
                one["reasons"] = why["reasons"]
        said: dict[str, Any] = {"id": asked.id, "model": served.about, "predictions": out}
        if scored.by != "naive":
            said["coverage"] = scored.coverage
        if served.model.threshold is not None:
            said["threshold"] = served.model.threshold
        if scored.by:
            said["fallback"] = scored.by
        done.rows, done.outputs = forms.asked_rows(doc), out
        return Answer(json_of(said, served), "/predict", done)

    def explain(self, asked: Asked) -> Answer:
        found = forms.options(asked.request.query, ("n",))
        n = forms.number(found, "n", 1, forms.MOST_REASONS, 3)
        doc = self.body(asked.request)
        served = asked.lineup.live
        batch = forms.batch_of(doc, served.decoder)
        self._few(batch.n)
        self.pay(asked, batch.n)
        try:
            out = served.explained(served.score(batch), batch, n)
        except BundleError as error:
            raise self.failing(served, error) from None
        return Answer(json_of({"id": asked.id, "model": served.about, "explanations": out}, served), "/explain")

    def scored(self, asked: Asked, decode: Callable[[Served], Batch], coverage: float | None = None) -> Done:
        """Predict with the model that is due, or with what answers where it fails.

        Raises:
            Refused: rows that do not fit, a spent budget, or 503 where the model fails and nothing else may answer.
        """
        served, batch = self.begun(asked, decode)
        return self.ended(asked, decode, coverage, served, batch)

    def begun(self, asked: Asked, decode: Callable[[Served], Batch]) -> tuple[Served, Batch]:
        """Which model is due, and the rows as it reads them; they are paid for."""
        lineup = asked.lineup
        served = lineup.live
        if self.live.canary:
            key = asked.request.headers.get(b"x-assay-key") or asked.id.encode()
            served = self.live.chosen(lineup, key)
        try:
            batch = decode(served)
        except Refused as refused:
            if served is lineup.live:
                raise
            batch = decode(lineup.live)  # rows that only the model on trial cannot read are no fault of the caller
            self.event("canary-refused", model=served.header.decode(), request_id=asked.id, error=refused.reason)
            served = lineup.live
        self.pay(asked, batch.n)
        if served is not lineup.live:
            self.metrics.add("canary")
        return served, batch

    def ended(
        self, asked: Asked, decode: Callable[[Served], Batch], coverage: float | None, served: Served, batch: Batch,
        scored: Scored | None = None,
    ) -> Done:  # fmt: skip
        """The prediction: what the model said, where it was run already, or says now, or what answers in its place."""
        lineup = asked.lineup
        if scored is None:
            scored = self._tried(served, lineup.breaker if served is lineup.live else lineup.trial, batch, coverage)
        if scored is None and served is not lineup.live:
            served = lineup.live
            batch = decode(served)
            scored = self._tried(served, lineup.breaker, batch, coverage)
        if scored is None and self.fallback == "previous" and (before := lineup.previous) is not None:
            with suppress(Refused):  # it may need other columns; then nothing else may answer
                read = decode(before)
                if (old := self._tried(before, Breaker(), read, coverage)) is not None:
                    served, scored, batch = before, old, read
                    scored.by = "previous"
                    self.metrics.add("fallback_previous")
        if scored is None and self.fallback == "naive" and lineup.naive is not None:
            scored = lineup.naive.score(batch.n)
            self.metrics.add("fallback_naive")
        if scored is None:
            raise Refused(503, "the model failed on this request and nothing else may answer", headers=AGAIN)
        self.metrics.add("rows", batch.n)
        if batch.odd:
            self.metrics.add("odd_rows", len(batch.odd))
        return Done(asked, served, batch, scored, None, decode)

    def pay(self, asked: Asked, rows: int) -> None:
        """Take rows from the caller's budget."""
        if self.spend is not None:
            self.spend(asked.caller, rows, time.time())

    def _tried(self, served: Served, breaker: Breaker, batch: Batch, coverage: float | None) -> Scored | None:
        if breaker.count and not breaker.allows(self.steady()):
            return None
        try:
            scored = served.score(batch, coverage)
        except BundleError as error:
            breaker.failed(self.steady())
            self.failing(served, error)
            return None
        if breaker.count:
            breaker.succeeded()
        return scored

    def failing(self, served: Served, error: BundleError) -> Refused:
        self.metrics.add("model_failures")
        self.event("model-failed", model=served.header.decode(), error=str(error))
        return Refused(503, "the model failed on this request", headers=AGAIN)

    @staticmethod
    def _few(rows: int) -> None:
        if rows > forms.MOST_EXPLAINED:
            raise Refused(413, f"reasons are given for at most {forms.MOST_EXPLAINED} rows in a request; got {rows:,}")

    def health(self, asked: Asked) -> Response:
        return Response(200, b'{"live":true}')

    def ready(self, asked: Asked) -> Response:
        if self.draining:
            raise Refused(503, "shutting down")
        return Response(200, b'{"live":true,"ready":true}')

    def server(self, asked: Asked) -> Response:
        return v2.server()

    def schema(self, asked: Asked) -> Response:
        served = asked.lineup.live
        return json_of(served.model.schema, served)

    def openapi(self, asked: Asked) -> Response:
        served = asked.lineup.live
        return json_of(page.api_of(served), served)

    def page(self, asked: Asked) -> Response:
        served = asked.lineup.live
        return Response(200, page.html(served), HTML, ((b"content-security-policy", page.policy()), *served.mark))

    def scrape(self, asked: Asked) -> Response:
        roles = (
            ("live", asked.lineup.live),
            ("previous", asked.lineup.previous),
            ("challenger", asked.lineup.challenger),
        )
        return Response(200, self.metrics.text([(r, s.about) for r, s in roles if s is not None]), METRICS)

    def label(self, asked: Asked) -> Answer:
        from . import log_routes

        log, doc = self._kept(), self.body(asked.request)
        later = log_routes.label(log, doc, asked.caller.name, time.time(), self.limits)
        return Answer(Response(200), "/label", later=later)

    def elsewhere(self, asked: Asked) -> Answer:
        from . import log_routes

        log, doc = self._kept(), self.body(asked.request)
        columns = asked.lineup.live.model.columns
        later = log_routes.elsewhere(log, doc, asked.caller.name, asked.id, time.time(), self.limits, columns)
        return Answer(Response(200), "/log", later=later)

    def _kept(self) -> PredictionLog:
        if self.log is None:
            raise Refused(404, "this service keeps no log: start it with --log FOLDER")
        return self.log


def json_of(doc: Any, served: Served) -> Response:
    import orjson

    return Response(200, orjson.dumps(doc), headers=served.mark)
