"""Who is let in, what is bounded, what is written down: the same as for REST, on a real port."""

from __future__ import annotations

import json
import queue
import re
import socket
import threading
import time
from concurrent.futures import Future

import grpc
import numpy as np
import pytest
from tests.serve.test_jwt import CLAIMS, ED, okp, token
from tests.serve.test_tls import Authority

from assay.log import read_log
from assay.serve.audit_log import AuditLog, in_order, verify
from assay.serve.batching import Batches, Gain
from assay.serve.grpc.calls import OPEN as OPEN_CALLS
from assay.serve.guard import OPEN, Guard
from assay.serve.jwt import Tokens
from assay.serve.key_file import KeyRing
from assay.serve.keys import make
from assay.serve.limits import Limits
from assay.serve.live import Live
from assay.serve.log import LogUnavailable, PredictionLog
from assay.serve.metrics import ROUTES
from assay.serve.scoring import Served
from assay.serve.service import Service
from assay.serve.setup import Setup
from assay.serve.shadow import Shadow

from .conftest import CHECK, INFER, METHODS, SERVICE, TOKEN, TYPES, Refusal, behind, raw, typed

NAMED = {"ModelReady": "name", "ModelMetadata": "name"}


def until(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_three_calls_answer_to_everybody_and_no_other(late_behind, row):
    for path in METHODS:
        if ("POST", path) in OPEN_CALLS:
            assert late_behind(path, key="")
        else:
            refusal = late_behind.refused(path, key="")
            assert refusal.status == "UNAUTHENTICATED" and "a key is needed" in refusal.reason
            assert late_behind.refused(path, key=make("other")[0]).reason == "the key is not known here"
    assert {p.rpartition("/")[2] for _, p in OPEN_CALLS} == {"ServerLive", "ServerReady", "Check"}
    assert set(METHODS) <= set(ROUTES)


@pytest.mark.parametrize("path", [SERVICE + "Nothing", "/x.Y/Z", "/grpc.health.v1.Health/Watch", "/"])
def test_what_is_not_offered_is_not_implemented(late_behind, path):
    assert late_behind.refused(path, b"").status == "UNIMPLEMENTED"


def test_health_metadata_and_readiness(late_behind, late):
    assert late_behind(SERVICE + "ServerLive").live and late_behind(SERVICE + "ServerReady").ready
    about = late_behind(SERVICE + "ServerMetadata")
    assert about.name == "assay" and list(about.extensions) == ["binary_tensor_data"]
    for version in ("", late.version):
        asked = TYPES["ModelMetadataRequest"](name="late", version=version)
        model = late_behind(SERVICE + "ModelMetadata", asked)
        assert model.platform == "onnx_onnxv1" and [i.datatype for i in model.inputs].count("BYTES") == 2
        assert [list(o.shape) for o in model.outputs] == [[-1, 2], [-1], [-1, 2]]
        assert late_behind(SERVICE + "ModelReady", TYPES["ModelReadyRequest"](name="late", version=version)).ready
    for path in ("ModelReady", "ModelMetadata"):
        for name, version in (("other", ""), ("late", "9"), ("", "")):
            refusal = late_behind.refused(SERVICE + path, TYPES[f"{path}Request"](name=name, version=version))
            assert refusal.status == "NOT_FOUND" and "there is 'late'" in refusal.reason
    for service in ("", "inference.GRPCInferenceService"):
        assert late_behind(CHECK, TYPES["HealthCheckRequest"](service=service)).status == 1
    assert late_behind.refused(CHECK, TYPES["HealthCheckRequest"](service="x")).status == "NOT_FOUND"
    late_behind.service.draining = True
    try:
        assert not late_behind(SERVICE + "ServerReady").ready and late_behind(CHECK).status == 2
        assert not late_behind(SERVICE + "ModelReady", TYPES["ModelReadyRequest"](name="late")).ready
    finally:
        late_behind.service.draining = False


@pytest.mark.parametrize(
    ("metadata", "status", "reason"),
    [
        ([("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x")], "INVALID_ARGUMENT", "sent twice"),
        ([("authorization", f"Bearer {TOKEN}"), ("x-api-key", TOKEN)], "UNAUTHENTICATED", "not both"),
        ([("authorization", "Digest x")], "UNAUTHENTICATED", "must be Bearer KEY"),
        ([("authorization", "Basic ////")], "UNAUTHENTICATED", "in base64"),
        ([("authorization-bin", b"\xff\0")], "UNAUTHENTICATED", "a key is needed"),
        ([("x-api-key", "")], "UNAUTHENTICATED", "not known"),
        ([(f"x-{k}", "y") for k in range(100)], "RESOURCE_EXHAUSTED", "at most 64 headers"),
        ([("x", "y" * 20_000)], "RESOURCE_EXHAUSTED", ""),
        ([("x-bin", bytes(range(256))), ("authorization", f"Bearer {TOKEN}x")], "UNAUTHENTICATED", "not known"),
    ],
)
def test_metadata_that_lets_nobody_in(late_behind, row, metadata, status, reason):
    with pytest.raises(grpc.RpcError) as caught:
        late_behind.channel.unary_unary(INFER)(typed([row]).SerializeToString(), metadata=metadata, timeout=5)
    assert caught.value.code().name == status and reason in caught.value.details()


def test_a_key_may_come_as_rest_takes_it(late_behind, row):
    assert late_behind(INFER, typed([row]), key="", x_api_key=TOKEN).outputs
    assert late_behind(INFER, typed([row]), key="", authorization=f"bearer  {TOKEN}").outputs


def test_ids_and_the_model_come_back(late_behind, row):
    late_behind(INFER, typed([row]), x_request_id="mine-1")
    assert late_behind.metadata["x-request-id"] == "mine-1"
    assert late_behind.metadata["x-assay-model"].startswith("late@")
    late_behind(INFER, typed([row]), x_request_id=f"{TOKEN}")
    assert re.fullmatch("[0-9a-f]{24}", late_behind.metadata["x-request-id"])
    assert late_behind.refused(INFER, b"\xff", x_request_id="mine-2").metadata["x-request-id"] == "mine-2"


def test_scopes_budgets_and_rates(late, row):
    keys = {
        "reader": make("reader", ("explain",)),
        "poor": make("poor", budget=3),
        "slow": make("slow", rate=1, burst=2),
    }
    guard = Guard(KeyRing(None, tuple(k for _, k in keys.values())), open=OPEN)
    with behind(late, guard=guard) as service:
        refusal = service.refused(INFER, typed([row]), key=keys["reader"][0])
        assert refusal.status == "PERMISSION_DENIED" and "needs the scope predict" in refusal.reason
        assert service(SERVICE + "ServerMetadata", key=keys["reader"][0]).name == "assay"
        poor = keys["poor"][0]
        assert service(INFER, typed([row] * 2), key=poor) and service(INFER, raw([row]), key=poor)
        refusal = service.refused(INFER, typed([row]), key=poor)
        assert refusal.status == "RESOURCE_EXHAUSTED" and "budget" in refusal.reason
        slow = keys["slow"][0]
        service(INFER, typed([row] * 2), key=slow)
        refusal = service.refused(INFER, typed([row]), key=slow)
        assert refusal.status == "RESOURCE_EXHAUSTED" and int(refusal.metadata["retry-after"]) >= 1


def test_tokens_of_an_issuer(late, row, tmp_path):
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [okp(ED)]}))
    guard = Guard(tokens=Tokens(tmp_path / "jwks.json", "https://login.test", "late"))
    with behind(late, guard=guard) as service:
        fresh = CLAIMS | {"exp": time.time() + 60}
        assert service(INFER, typed([row]), key=token(claims=fresh)).outputs
        assert service.refused(INFER, typed([row]), key=token(claims=fresh | {"aud": "x"})).status == "UNAUTHENTICATED"
        denied = service.refused(INFER, typed([row]), key=token(claims=fresh | {"scope": ""}))
        assert denied.status == "PERMISSION_DENIED"


def test_tls_and_certificates_of_clients(late, row, tmp_path):
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    server, client, foreign, unknown = ours.make("s"), ours.make("c"), other.make("f"), ours.make("u")
    _, key = make("known", ("predict",), certificate=client[0].read_bytes())
    setup = Setup("late", grpc_port=0, tls_cert=str(server[0]), tls_key=str(server[1]), client_ca=str(ours.pem))

    def credentials(pair):
        chain = (pair[1].read_bytes(), pair[0].read_bytes()) if pair else (None, None)
        return grpc.ssl_channel_credentials(ours.pem.read_bytes(), *chain)

    guard = Guard(KeyRing(None, (key,)))
    with behind(late, setup=setup, guard=guard, credentials=credentials(client)) as service:
        assert service(INFER, typed([row]), key="").outputs
        assert service(INFER, typed([row]), key="").outputs and len(service.app.events.stream.getvalue()) == 0
        for pair, status in ((None, "UNAVAILABLE"), (foreign, "UNAVAILABLE"), (unknown, "UNAUTHENTICATED")):
            with grpc.secure_channel(f"127.0.0.1:{service.number}", credentials(pair)) as channel:
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary(INFER)(typed([row]).SerializeToString(), timeout=3)
                assert caught.value.code().name == status
        with grpc.insecure_channel(f"127.0.0.1:{service.number}") as plain, pytest.raises(grpc.RpcError):
            plain.unary_unary(INFER)(b"", timeout=2)


def test_what_is_counted_logged_and_audited(late, row, tmp_path):
    log, audit = PredictionLog(tmp_path / "log"), AuditLog(tmp_path / "audit")

    def keep(done):
        log.put(done.asked.id, done.asked.caller.name, done.rows, done.answers(), time.time(), model=done.served.digest,
                columns=done.served.decoder.columns)  # fmt: skip

    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with behind(late, after=keep, audit=audit.put_request) as service:
        service(INFER, typed([row, row | {"amount": float("nan")}]), x_request_id="first", traceparent=parent)
        service(INFER, raw([row]), x_request_id="second")
        service.refused(INFER, b"\xff", x_request_id="third")
        service.refused(INFER, typed([row]), key="", x_request_id="fourth")
        service(SERVICE + "ServerLive", key="")
        text = lambda: service.service.metrics.text().decode()  # noqa: E731
        assert until(lambda: f'assay_requests_total{{code="200",route="{SERVICE}ServerLive"}} 1.0' in text())
        for code, count in ((200, 2.0), (400, 1.0), (401, 1.0)):
            assert f'assay_requests_total{{code="{code}",route="{INFER}"}} {count}' in text()
        assert f'assay_request_seconds_count{{route="{INFER}"}} 4.0' in text() and "assay_rows_total 3.0" in text()
        service.app.events.flush()
        lines = [json.loads(line) for line in service.events.getvalue().splitlines()]
        assert [(x["request_id"], x["status"], x["rows"]) for x in lines[:2]] == [("first", 200, 2), ("second", 200, 1)]
        assert lines[0]["trace_id"] == parent[3:35] and lines[0]["route"] == INFER and lines[0]["caller"] == "tests"
    log.close()
    audit.close()
    found = read_log(tmp_path / "log").columns()
    assert found["request_id"] == ["first", "first", "second"] and found["x:colour"] == [row["colour"]] * 3
    assert verify(in_order(tmp_path / "audit")[0]).lines == 5
    kept = [json.loads(line) for line in (tmp_path / "audit" / "0.jsonl").read_text().splitlines()]
    assert [(k["id"], k["status"]) for k in kept[:4]] == [
        ("first", 200), ("second", 200), ("third", 400), ("fourth", 401)
    ]  # fmt: skip
    assert TOKEN not in json.dumps(kept) and kept[0]["body"] and not kept[3]["body"]


def test_a_durable_answer_waits_for_its_commit_and_says_where_there_is_none(late, row):
    waiting: list[Future] = []

    def before(done):
        waiting.append(Future())
        return waiting[-1]

    with behind(late, before=before) as service:
        asked = service.channel.unary_unary(INFER).future(
            typed([row]).SerializeToString(), metadata=[("authorization", f"Bearer {TOKEN}")], timeout=10
        )
        assert until(lambda: waiting) and not asked.done()
        time.sleep(0.1)
        assert not asked.done()
        waiting[0].set_result(1)
        assert asked.result()
        thread = threading.Thread(
            target=lambda: until(lambda: len(waiting) == 2) and waiting[1].set_exception(LogUnavailable("disk is full"))
        )
        thread.start()
        refusal = service.refused(INFER, typed([row]))
        thread.join()
        assert refusal.status == "UNAVAILABLE" and "disk is full" in refusal.reason


def test_swaps_the_canary_the_shadow_and_the_fallback_are_those_of_the_service(late, later, row, monkeypatch):
    live = Live(Served(late, "late"), Served(later, "late", "0.2.0"), canary=0.5)
    service = Service(live, fallback="previous")
    shadow = Shadow(service.metrics)
    with behind(late, service=service, after=shadow) as client:
        found = set()
        for k in range(20):
            answer = client(INFER, typed([row]), x_assay_key=f"customer-{k}")
            found.add(answer.model_version)
            assert client(INFER, raw([row]), x_assay_key=f"customer-{k}").model_version == answer.model_version
        assert found == {late.version, "0.2.0"}
        exact = [client(INFER, typed([row], model_version="0.2.0")).model_version for _ in range(4)]
        assert exact == ["0.2.0"] * 4
        live.promote(Served(later, "late", "0.3.0"))
        monkeypatch.setattr(live, "canary", 0.0)
        assert client(INFER, typed([row])).model_version == "0.3.0"
        monkeypatch.setattr(live.lineup.live, "score", broken)
        answer = client(INFER, typed([row]))
        assert answer.model_version == late.version and answer.parameters["fallback"].string_param == "previous"
        odd = client(INFER, typed([row, row | {"amount": 1e9}]))
        assert odd.parameters["odd_rows"].string_param == "1"
    shadow.close()
    assert service.metrics.total("shadow_rows") > 0 and service.metrics.total("canary") > 0


def broken(batch, coverage=None):
    from assay.core.errors import BundleError

    raise BundleError("the graph failed")


def test_a_model_that_fails_is_unavailable_and_one_that_breaks_is_internal_without_a_word(late, row, monkeypatch):
    with behind(late) as service:
        served = service.service.live.lineup.live
        monkeypatch.setattr(served, "score", broken)
        assert service.refused(INFER, typed([row])).status == "UNAVAILABLE"

        def worse(batch, coverage=None):
            raise RuntimeError("a secret of the row")

        monkeypatch.setattr(served, "score", worse)
        refusal = service.refused(INFER, typed([row]))
        assert refusal.status == "INTERNAL" and "secret" not in refusal.reason and "its id is" in refusal.reason
        monkeypatch.setattr(service.app, "_refusal", worse)
        refusal = service.refused(INFER, typed([row]))
        assert refusal.status == "INTERNAL" and "secret" not in refusal.reason
        assert "secret" not in service.events.getvalue()


def test_requests_that_come_together_share_a_run(late, row, monkeypatch):
    with behind(late) as service:
        served = service.service.live.lineup.live
        batches = Batches(add=service.service.metrics.add)
        batches.measure(served)
        monkeypatch.setattr(served, "gain", Gain(5_000.0, 10.0, 0.0))
        service.app.batches = batches
        call = service.channel.unary_unary(INFER)
        rows = [row | {"amount": float(k)} for k in range(200)]
        metadata = [("authorization", f"Bearer {TOKEN}")]
        asked = [call.future(raw([r]).SerializeToString(), metadata=metadata, timeout=20) for r in rows]
        answers = [TYPES["ModelInferResponse"].FromString(a.result()) for a in asked]
        got = np.array([np.frombuffer(a.raw_output_contents[0], "<f4") for a in answers])
        assert np.allclose(got, late.predict_proba(rows), atol=1e-6)
        assert service.service.metrics.total("rows") == 200 and service.service.metrics.total("batched") > 20


def test_messages_that_are_too_large_late_or_never_whole(late_behind, row, monkeypatch):
    for size in ((4 << 20) + 1, 16 << 20):
        assert late_behind.refused(INFER, bytes(size)).status == "RESOURCE_EXHAUSTED"
        packed = late_behind.refused(INFER, bytes(size), compression=grpc.Compression.Gzip)
        assert packed.status == "RESOURCE_EXHAUSTED"  # which weighs some kB on the wire
    assert late_behind.refused(INFER, bytes(4 << 20)).status == "INVALID_ARGUMENT"
    assert late_behind.refused(INFER, typed([row] * 10_001)).status == "RESOURCE_EXHAUSTED"
    assert late_behind(INFER, raw([row] * 10_000)).outputs[0].shape[0] == 10_000
    endless: queue.Queue = queue.Queue()
    begun = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        late_behind.channel.stream_unary(INFER)(
            iter(endless.get, None), metadata=[("authorization", f"Bearer {TOKEN}")], timeout=10
        )
    endless.put(None)
    assert caught.value.code().name == "DEADLINE_EXCEEDED" and "not whole after 1 s" in caught.value.details()
    assert 0.9 < time.monotonic() - begun < 5
    with pytest.raises(grpc.RpcError) as caught:
        late_behind.channel.stream_unary(INFER)(iter([]), metadata=[("authorization", f"Bearer {TOKEN}")], timeout=10)
    assert caught.value.code().name == "INVALID_ARGUMENT"


def test_a_stranger_is_refused_before_a_message_is_read(late_behind):
    endless: queue.Queue = queue.Queue()
    begun = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        late_behind.channel.stream_unary(INFER)(iter(endless.get, None), timeout=10)
    endless.put(None)
    assert caught.value.code().name == "UNAUTHENTICATED" and time.monotonic() - begun < 0.9


def test_what_takes_long_leaves_the_event_loop_and_is_logged_though_the_caller_left(late, row, monkeypatch):
    kept, gate = [], threading.Event()
    with behind(late, after=kept.append) as service:
        served = service.service.live.lineup.live
        score = served.score

        def slow(batch, coverage=None):
            assert threading.current_thread().name.startswith("heavy")
            gate.wait(10)
            return score(batch, coverage)

        monkeypatch.setattr(served, "per_row", 1e6)
        monkeypatch.setattr(served, "score", slow)
        asked = service.channel.unary_unary(INFER).future(
            typed([row]).SerializeToString(), metadata=[("authorization", f"Bearer {TOKEN}")], timeout=0.3
        )
        assert service(SERVICE + "ServerLive", key="").live  # answered meanwhile
        assert asked.code().name == "DEADLINE_EXCEEDED" and not kept
        gate.set()
        assert until(lambda: kept) and kept[0].batch.n == 1
        assert service(INFER, typed([row])).outputs
        with pytest.raises(Refusal):
            service(INFER, typed([row | {"amount": 1e39}]))


JUNK = [
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    bytes(range(256)) * 40,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff\xff\xff\0\0\0\0\0\1" + b"a" * 10_000,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\4\1\5\0\0\0\1\xff\xff\xff\xff",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\4\3\0\0\0\0\1\0\0\0\0" * 500,
]


def test_junk_is_closed_and_the_service_goes_on(late_behind, row):
    for junk in JUNK:
        with socket.create_connection(("127.0.0.1", late_behind.number), 5) as wire:
            wire.settimeout(0.5)
            out = b""
            try:
                wire.sendall(junk)
                while part := wire.recv(65536):
                    out += part
            except (ConnectionError, TimeoutError):  # the last is well-formed: it is closed when it has been idle
                assert junk == JUNK[-1]
            assert b"probabilities" not in out
        assert late_behind(INFER, typed([row])).outputs
    for k in range(300):
        status = late_behind.refused(INFER, bytes([k % 256, *range(k % 97)]) + b"\x0a").status
        assert status in ("INVALID_ARGUMENT", "NOT_FOUND")  # what a field of another number holds is passed over


def test_connections_are_capped(late, row):
    with behind(late, limits=Limits(connections=5)) as service:
        service(SERVICE + "ServerLive")
        wires = [socket.create_connection(("127.0.0.1", service.number)) for _ in range(20)]
        time.sleep(0.2)
        one = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{service.number}", options=one) as more:
            with pytest.raises(grpc.RpcError) as caught:
                more.unary_unary(SERVICE + "ServerLive")(b"", timeout=2)
            assert caught.value.code().name == "UNAVAILABLE"
        assert service(INFER, typed([row])).outputs  # who is there already is served
        for wire in wires:
            wire.close()
