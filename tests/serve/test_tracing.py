"""Spans as a collector gets them: decoded from what really came over HTTP, held against the SDK's own reading."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assay.core.errors import MissingExtra, SettingsError
from assay.serve import tracing
from assay.serve.events import Events, parent_of
from assay.serve.http import Request
from assay.serve.setup import Setup
from assay.serve.tracing import Traces, address_of

from .test_app import TOKEN, Wire

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """A collector on loopback: takes OTLP over HTTP, or fails as it is told."""

    def __init__(self, status=200, seconds=0.0):
        self.status, self.seconds, self.raw, self.paths = status, seconds, [], []
        collector = self

        class Takes(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.paths.append(self.path)
                time.sleep(collector.seconds)
                collector.raw.append(body)
                self.send_response(collector.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def resources(self):
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        return [r for raw in self.raw for r in ExportTraceServiceRequest.FromString(raw).resource_spans]

    @property
    def spans(self):
        return [s for r in self.resources for scope in r.scope_spans for s in scope.spans]


def plain(attributes):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@pytest.fixture
def collector():
    one = Collector()
    yield one
    one.close()


@pytest.fixture
def made():
    """Makes Traces, and closes them."""
    every = []

    def make(address, **options):
        every.append(Traces(address, "late", events=options.pop("events", None) or Events(), **options))
        every[-1].at("127.0.0.1", 8080)
        return every[-1]

    yield make
    for traces in every:
        traces.close(0.2)


def parent(flags="01", version="00"):
    return f"{version}-{TRACE}-{SPAN}-{flags}"


def test_a_request_is_a_span_by_the_conventions(late, row, collector, made):
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
    from opentelemetry.semconv.attributes import (
        error_attributes,
        http_attributes,
        server_attributes,
        service_attributes,
        url_attributes,
    )  # fmt: skip

    wire = Wire(late)
    wire.app.traces = made(collector.url)
    before = time.time_ns()
    secret = "A-Town-That-Nobody-Knows"  # a value of a row
    wire("/predict", [row | {"town": secret}, row], traceparent=parent(), x_request_id="mine-1")
    wire("/predict", [])
    wire(f"/v2/models/{secret}/infer", {})
    wire(f"/{secret}")
    wire("/predict", [row], key="")
    wire("/v2/models/late")
    wire("/healthz", b"", "BREW")
    wire.service.answer = lambda *_: 1 / 0
    wire("/predict", [row])
    wire.app.traces.close()
    assert collector.paths == ["/v1/traces"] and wire.app.traces.made == wire.app.traces.sent == 8
    (resource,) = collector.resources
    about = plain(resource.resource.attributes)
    assert about[service_attributes.SERVICE_NAME] == "late" and about["telemetry.sdk.name"] == "opentelemetry"
    spans = collector.spans
    assert [s.name for s in spans] == [
        "POST /predict", "POST /predict", "POST /v2/models/{name}/infer", "GET", "POST /predict",
        "GET /v2/models/{name}", "HTTP /healthz", "POST /predict",
    ]  # fmt: skip
    first = spans[0]
    assert (first.trace_id.hex(), first.parent_span_id.hex(), first.kind) == (TRACE, SPAN, Span.SPAN_KIND_SERVER)
    assert before <= first.start_time_unix_nano < first.end_time_unix_nano <= time.time_ns()
    assert plain(first.attributes) == {
        http_attributes.HTTP_REQUEST_METHOD: "POST", http_attributes.HTTP_ROUTE: "/predict",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200, url_attributes.URL_SCHEME: "http",
        url_attributes.URL_PATH: "/predict", server_attributes.SERVER_ADDRESS: "127.0.0.1",
        server_attributes.SERVER_PORT: 8080, "assay.request_id": "mine-1", "assay.rows": 2,
        "assay.model.name": "late", "assay.model.version": late.version, "assay.model.digest": late.digest,
    }  # fmt: skip
    told = [plain(s.attributes) for s in spans]
    assert [t["http.response.status_code"] for t in told] == [200, 422, 404, 404, 401, 200, 405, 500]
    assert told[5]["url.path"] == "/v2/models/late" and told[6]["http.request.method"] == "_OTHER"
    for t, s in zip(told, spans, strict=True):
        broken = t["http.response.status_code"] >= 500
        assert t.get(error_attributes.ERROR_TYPE) == ("500" if broken else None)
        assert s.status.code == (Status.STATUS_CODE_ERROR if broken else Status.STATUS_CODE_UNSET)
    assert len({s.trace_id for s in spans}) == 8 and all(not s.parent_span_id for s in spans[1:])
    for said in (secret, TOKEN, TOKEN.rpartition("_")[2]):
        assert said.encode() not in b"".join(collector.raw)


def test_a_line_of_the_log_and_its_span_are_one(late, row, collector, made):
    wire = Wire(late)
    wire.app.traces = made(collector.url)
    wire("/predict", [row], traceparent=parent())
    wire("/predict", [row])
    wire.app.traces.close()
    for line, span in zip(wire.lines(), collector.spans, strict=True):
        assert (line["trace_id"], line["span_id"]) == (span.trace_id.hex(), span.span_id.hex())
    assert collector.spans[0].trace_id.hex() == TRACE and collector.spans[0].span_id.hex() != SPAN


@pytest.mark.parametrize(
    "given",
    [
        parent(), parent("00"), parent("03"), parent("ff"), parent(version="01"), parent(version="01") + "-more",
        parent(version="ff"), parent() + "-more", "", parent().upper(), parent()[:-1], "00-" + "0" * 32 + f"-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", parent().replace("-", "_"),
    ],
)  # fmt: skip
def test_who_began_a_trace_is_read_as_opentelemetry_reads_it(given):
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    theirs = TraceContextTextMapPropagator().extract({"traceparent": given}, Context())
    want = trace.get_current_span(theirs).get_span_context()
    got = parent_of({b"traceparent": given.encode()})
    if not want.is_valid:
        assert got is None
    else:
        assert got is not None and (int(got[0], 16), int(got[1], 16)) == (want.trace_id, want.span_id)
        assert bool(got[2] & 1) is want.trace_flags.sampled


def test_a_callers_choice_is_followed_and_a_share_of_the_others_is_traced(collector, made):
    from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

    every, none, some = made(collector.url), made(collector.url, ratio=0.0), made(collector.url, ratio=0.3)
    yes, no = ({b"traceparent": parent(flags).encode()} for flags in ("01", "00"))
    plain_one = Request("POST", "/predict", "", {}, b"", "")
    for traces in (every, none):
        for headers in (yes, no, {}):
            traces.request(Request("POST", "/predict", "", headers, b"", ""), "/predict", 200, 0.001, "r")
    assert (every.made, none.made) == (2, 1), "sampled by the caller; or, where nobody began it, by the share"
    ids = [some.request(plain_one, "/predict", 200, 0.001, "r") for _ in range(400)]
    for traces in (every, none, some):
        traces.close()
    theirs, yes_of = TraceIdRatioBased(0.3), Decision.RECORD_AND_SAMPLE
    want = [i["trace_id"] for i in ids if theirs.should_sample(None, int(i["trace_id"], 16), "x").decision is yes_of]
    assert 70 < len(want) < 170
    sent = [s.trace_id.hex() for s in collector.spans if s.trace_id.hex() != TRACE]
    assert len(sent) == len(want) + 1 and set(want) < set(sent)


def ask(wire, row, times=30):
    """Seconds of the slowest of some requests."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        assert wire("/predict", [row])[0] == 200
        took.append(time.perf_counter() - began)
    return max(took)


@pytest.mark.parametrize("how", ["dead", "slow", "fails"])
def test_a_collector_that_is_away_slow_or_failing_costs_spans_and_no_answers(late, row, made, monkeypatch, how):
    monkeypatch.setattr(tracing, "EVERY", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    at = Collector(*{"slow": (200, 30.0), "fails": (500, 0.0)}[how]) if how != "dead" else None
    said = []
    wire = Wire(late)
    wire.app.traces = traces = made(nobody if at is None else at.url, events=lambda event, **what: said.append(what))
    try:
        assert ask(wire, row) < 0.25
        time.sleep(0.1)
        assert ask(wire, row) < 0.25
        for _ in range(3 * tracing.QUEUE):
            traces.request(Request("POST", "/predict", "", {}, b"", ""), "/predict", 200, 0.001, "r")
        (processor,) = traces._provider._active_span_processor._span_processors
        assert len(processor._batch_processor._queue) <= tracing.QUEUE
        began = time.perf_counter()
        traces.close(0.3)
        assert time.perf_counter() - began < 0.6
        assert traces.made > 3 * tracing.QUEUE and traces.sent == 0
        sentence = "500" if how == "fails" else "did not take the last spans"
        assert any(sentence in what["says"] for what in said)
        assert len(said) < 10, "what goes wrong is said, and not once a span"
    finally:
        if at is not None:
            at.seconds = 0
            at.close()


def test_nothing_but_the_flag_switches_it_on(late, monkeypatch, tmp_path, collector):
    from assay.serve.worker import Worker

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    worker = Worker(Setup(str(late.save(tmp_path / "late.assay"))))
    assert worker.traces is None and worker.app.traces is None
    worker.close()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    worker = Worker(Setup(str(tmp_path / "late.assay"), traces=collector.url))
    worker.traces.request(Request("POST", "/predict", "", {}, b"", ""), "/predict", 200, 0.001, "r")
    worker._count()
    assert worker.metrics.total("spans") == 1
    worker.close()
    assert worker.metrics.total("spans_sent") == 1, "what waits is sent at the end, to the address of the flag alone"
    about = plain(collector.resources[0].resource.attributes)
    assert about["deployment.environment.name"] == "test" and about["service.name"] == "model"


def test_without_the_packages_the_command_is_named(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"--traces needs the package .* pip install 'assay\[otel\]'") as missing:
        Traces("http://127.0.0.1:4318", "late", events=Events())
    assert missing.value.exit_code == 2


@pytest.mark.parametrize(
    "given", ["127.0.0.1:4318", "ftp://host", "http://", "http://host:0", "http://host:x", "http://h/?a=b", "nothing"]
)
def test_an_address_is_one(given):
    with pytest.raises(SettingsError, match="--traces must be the address of a collector"):
        Setup("late.assay", traces=given)


def test_an_address_holds_no_secret_and_is_completed():
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_HEADERS") as refused:
        Setup("late.assay", traces="http://me:hunter2@host:4318")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(SettingsError, match="--trace-ratio must lie between 0 and 1"):
        Setup("late.assay", trace_ratio=1.5)
    assert address_of("https://h/otlp/") == "https://h/otlp/v1/traces" == address_of("https://h/otlp/v1/traces")


def test_spans_of_requests_that_share_a_run_stay_apart(late, row, collector, made):
    from .test_batching import Wire as Many

    wire = Many(late)
    wire.app.traces = made(collector.url)
    wire([row], [row, row], [row])
    wire.app.traces.close()
    assert sorted(plain(s.attributes)["assay.rows"] for s in collector.spans) == [1, 1, 2] and wire.shared == (1, 3)
    assert {plain(s.attributes)["assay.request_id"] for s in collector.spans} == {"r0", "r1", "r2"}


@pytest.mark.slow
def test_a_real_service_sends_what_waits_at_its_end_and_ends_in_time(late, row, collector, tmp_path):
    from .test_process import ask as ask_it
    from .test_process import serving

    late.save(tmp_path / "late.assay")
    slow = Collector(200, 60.0)
    for at, spans in ((collector, 20), (slow, 0)):
        flags = ("--traces", at.url, "--log-requests", "--workers", 2)
        with serving(tmp_path, "late.assay", *flags) as (process, port, token):
            for _ in range(20):
                assert ask_it(port, token, "/predict", [row])[0] == 200
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, lines = process.communicate(timeout=20)
            assert process.returncode == 0 and time.monotonic() - began < 6
        assert len(at.spans) == spans and all(plain(s.attributes)["server.port"] == port for s in at.spans)
        written = [json.loads(line) for line in lines.splitlines() if '"event":"request"' in line]
        assert len(written) == 20
        if spans:
            assert {s.span_id.hex() for s in at.spans} == {line["span_id"] for line in written}
    slow.seconds = 0
    slow.close()


def test_the_command_says_what_is_missing(late, tmp_path, monkeypatch, capsys):
    from assay.cli.app import run

    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.chdir(tmp_path)
    late.save(tmp_path / "late.assay")
    assert run(["serve", "late.assay", "--port", "0", "--traces", "http://127.0.0.1:4318"]) == 2
    said = capsys.readouterr()
    assert "pip install 'assay[otel]'" in said.err + said.out and "answers at" not in said.out
    assert run(["serve", "late.assay", "--traces", "collector:4318"]) == 2
