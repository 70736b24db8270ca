"""One OpenTelemetry span for every request, sent by OTLP over HTTP to the collector that the user names.

Nothing of this is loaded unless ``--traces`` names an address; no variable of the environment switches it on. A span
is made after its request was answered, from what was measured anyway, and put into a bounded queue that one thread
sends from: a collector that is slow, away or failing costs spans, never answers. A span holds the route, the status
and the time, the model and the number of rows; never a value of a row, a key, a token, or a path that anybody chose.
Names are those of the semantic conventions (opentelemetry.io/docs/specs/semconv/http, stable since 1.23).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from assay.core.errors import MissingExtra, SettingsError

from .events import Events, parent_of, tells
from .http import Request
from .scoring import Served

PATH = "/v1/traces"
QUEUE, AT_ONCE = 2_048, 128  # spans: that wait at most, and in one message
EVERY = 1.0  # seconds between two messages at most
PATIENCE = 5.0  # seconds for one message, its retries included
DRAIN = 3.0  # seconds at the end for what waits
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))
MODELS = "/v2/models/"
OF_MODELS = {"/v2/infer": "/infer", "/v2/ready": "/ready", "/v2/metadata": ""}


def address_of(text: str) -> str:
    """Where spans are sent to: ``http://host:4318`` is completed as OTLP says.

    Raises:
        SettingsError: no such address.

    >>> address_of("http://collector:4318")
    'http://collector:4318/v1/traces'
    """
    shown = text.rpartition("@")[2]
    wrong = f"--traces must be the address of a collector such as http://127.0.0.1:4318; got {shown!r}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SettingsError(wrong) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise SettingsError(wrong)
    if parts.username is not None:
        raise SettingsError(
            "--traces takes no user and password, which everybody could read in the list of processes: put them into "
            "OTEL_EXPORTER_OTLP_HEADERS"
        )
    return text if parts.path.endswith(PATH) else text.rstrip("/") + PATH


class Traces:
    """Makes and sends spans. ``ratio`` is the share of requests that begin a trace; one that a caller began follows it.

    Raises:
        MissingExtra: OpenTelemetry is not installed. SettingsError: no such address.
    """

    def __init__(self, address: str, name: str, *, ratio: float = 1.0, tls: bool = False, events: Events) -> None:
        self.address, self.events = address_of(address), events
        try:
            from opentelemetry import trace
            from opentelemetry.context import Context
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        except ImportError:
            raise MissingExtra("opentelemetry-exporter-otlp-proto-http", "otel", "--traces") from None
        from assay import __version__

        tells("opentelemetry", "traces", events, every=60.0)  # of a collector that is away, not a line a span
        self.made = self.sent = 0
        traces = self

        class Counted(OTLPSpanExporter):  # type: ignore[misc]
            """Counts what arrived."""

            def export(self, spans: Sequence[Any]) -> Any:
                result = super().export(spans)
                if result is SpanExportResult.SUCCESS:
                    traces.sent += len(spans)
                return result

        about = {"service.name": name, "service.namespace": "assay", "service.version": __version__}
        resource = Resource.create().merge(Resource(about)).merge(OTELResourceDetector().detect())
        sampler = ParentBased(TraceIdRatioBased(ratio))
        self._provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(Counted(endpoint=self.address, timeout=PATIENCE), QUEUE, EVERY * 1e3, AT_ONCE)
        )
        self._tracer = self._provider.get_tracer("assay.serve", __version__)
        self._trace, self._nowhere = trace, Context()
        self._failed = trace.Status(trace.StatusCode.ERROR)
        self._here: dict[str, Any] = {"url.scheme": "https" if tls else "http"}

    def at(self, host: str, port: int) -> None:
        """Where this service answers."""
        self._here |= {"server.address": host, "server.port": port}

    def request(
        self,
        request: Request,
        route: str,
        status: int,
        took: float,
        id: str,
        rows: int = 0,
        served: Served | None = None,
    ) -> dict[str, str]:
        """Make the span of an answered request that took so many seconds; trace and span, for the line of the log."""
        end = time.time_ns()
        method = request.method if request.method in METHODS else "_OTHER"
        said = {
            "http.request.method": method,
            "http.response.status_code": status,
            "assay.request_id": id,
            **self._here,
        }
        shape = template_of(request.path, route)
        if shape:
            said |= {"http.route": shape, "url.path": request.path if status < 400 else shape}
        if served is not None:
            said |= {
                "assay.model.name": served.name, "assay.model.version": served.version,
                "assay.model.digest": served.digest, "assay.rows": rows,
            }  # fmt: skip
        if status >= 500:
            said["error.type"] = str(status)
        verb = "HTTP" if method == "_OTHER" else method
        span = self._tracer.start_span(
            f"{verb} {shape}" if shape else verb, self._context(request), self._trace.SpanKind.SERVER, said,
            start_time=end - int(took * 1e9), record_exception=False,
        )  # fmt: skip
        if status >= 500:
            span.set_status(self._failed)
        if span.is_recording():
            self.made += 1
        span.end(end)
        own = span.get_span_context()
        return {"trace_id": f"{own.trace_id:032x}", "span_id": f"{own.span_id:016x}"}

    def _context(self, request: Request) -> Any:
        parent = parent_of(request.headers)
        if parent is None:
            return self._nowhere
        trace = self._trace
        trace_id, span_id, flags = int(parent[0], 16), int(parent[1], 16), trace.TraceFlags(parent[2] & 1)
        remote = trace.NonRecordingSpan(trace.SpanContext(trace_id, span_id, True, flags))
        return trace.set_span_in_context(remote, self._nowhere)

    def close(self, seconds: float = DRAIN) -> None:
        """Send what waits, for no longer than this."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(seconds)
        if ending.is_alive():
            self.events("traces", says=f"the collector did not take the last spans within {seconds:g} s")


def template_of(path: str, route: str) -> str:
    """The route as the conventions have it, without what anybody chose; empty where there is none.

    >>> template_of("/v2/models/late/versions/1/infer", "/v2/infer"), template_of("/secret", "other")
    ('/v2/models/{name}/versions/{version}/infer', '')
    """
    if path.startswith(MODELS) and route in OF_MODELS:
        return MODELS + "{name}" + ("/versions/{version}" if "/versions/" in path else "") + OF_MODELS[route]
    return "" if route == "other" else path
