"""Requests that are there at once share a run of the graph, and nothing else: answers, errors, logs, models."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.bundle.importing.onnx_file import import_onnx
from assay.core.errors import BundleError, SettingsError
from assay.serve import batching, gain
from assay.serve.app import App
from assay.serve.batching import CAP, SMALL, Batches, Held, groups
from assay.serve.events import Events
from assay.serve.gain import MOST, Gain, gain_of
from assay.serve.guard import OPEN, Guard
from assay.serve.http import Request
from assay.serve.key_file import KeyRing
from assay.serve.keys import temporary
from assay.serve.live import Live
from assay.serve.metrics import Metrics
from assay.serve.scoring import Served
from assay.serve.service import Service
from assay.serve.setup import Setup, wait_from

from .conftest import CALLER, asgi

TOKEN, KEY = temporary()
F = TensorProto.FLOAT


class Wire:
    """An app whose batches know its models; asks it several things at once, as several connections would."""

    def __init__(self, model, *, trial=None, canary=0.0, wait=CAP, gains=None, **options):
        live, challenger = Served(model, "late"), trial and Served(trial, "late", "9.9.9")
        self.metrics = Metrics()
        self.service = Service(Live(live, challenger, canary), metrics=self.metrics)
        self.app = App(self.service, Guard(KeyRing(None, (KEY,)), open=OPEN), events=Events(), **options)
        self.batches = self.app.batches = Batches(self.app.threads, wait=wait, add=self.metrics.add)
        for served in (live, challenger):
            if served is not None:
                self.know(served, gains)

    def know(self, served, gains=None):
        served.gain = gains or Gain(100.0, 5.0, 0.0)
        return served

    async def one(self, body, path="/predict", **headers):
        raw = json.dumps(body).encode()
        sent = await asgi(self.app, "POST", path, raw, authorization=f"Bearer {TOKEN}", **headers)
        return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])

    def __call__(self, *bodies, path="/predict", lone=False):
        """Answers to bodies that are all there in one turn. Unless ``lone``, nobody is let through alone."""

        async def all_of_them():
            self.batches._expected = 1 if lone else max(2, len(bodies))
            return await asyncio.gather(*(self.one(body, path, x_request_id=f"r{k}") for k, body in enumerate(bodies)))

        return asyncio.run(all_of_them())

    def alone(self, body, path="/predict"):
        request = Request("POST", path, "", {}, json.dumps(body).encode(), "127.0.0.1")
        return json.loads(self.service.answer(request, CALLER, "r").response.body)

    @property
    def shared(self):
        return self.metrics.total("batches"), self.metrics.total("batched")


def perceptron(*more, columns=4, units=64):
    """A small network of another maker: of two classes; or where ``more`` nodes make ``y`` of its ``z``, of values."""
    rng = np.random.default_rng(3)
    sizes = {"W": (columns, units), "V": (units, 2)}
    tensors = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), k) for k, s in sizes.items()]
    nodes = [
        helper.make_node("MatMul", ["X", "W"], ["h0"]), helper.make_node("Relu", ["h0"], ["h"]),
        helper.make_node("MatMul", ["h", "V"], ["z"]),
        *(more or [helper.make_node("Softmax", ["z"], ["p"], axis=1)]),
    ]  # fmt: skip
    given = helper.make_tensor_value_info("X", F, [None, columns])
    out = helper.make_tensor_value_info("y" if more else "p", F, [None, 1 if more else 2])
    made = helper.make_graph(nodes, "net", [given], [out], tensors)
    data = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    table = pa.table({f"x{k}": rng.random(size=60) for k in range(columns)})
    return import_onnx(data, table, name="net", classes=() if more else ("no", "yes"))


@pytest.fixture(scope="module")
def net():
    return perceptron()


def rows_of(n, columns=4):
    rng = np.random.default_rng(n)
    return [{f"x{k}": float(v) for k, v in enumerate(row)} for row in rng.normal(size=(n, columns))]


def near(told, want, tolerance=1e-6):
    """Whether two answers say the same, numbers to the tolerance that the file promises (1e-5), and better."""
    for one, other in zip(told["predictions"], want["predictions"], strict=True):
        assert one.keys() == other.keys()
        if "probabilities" in one:
            assert (one["prediction"], one["set"]) == (other["prediction"], other["set"])
            assert one["probabilities"] == pytest.approx(other["probabilities"], abs=tolerance)
        else:
            assert [one["prediction"], *one["set"]] == pytest.approx([other["prediction"], *other["set"]], tolerance)


def test_answers_are_those_of_requests_that_come_alone(net, late, values, row):
    for model, some in ((net, rows_of(40)), (late, [row | {"amount": 3.0 * k} for k in range(40)]),
                        (values, [row | {"amount": 3.0 * k, "colour": None} for k in range(40)])):  # fmt: skip
        wire = Wire(model)
        bodies = [[r] for r in some[:30]] + [{"rows": some[30:33]}, {"columns": {k: [some[33][k]] for k in some[33]}}]
        told = wire(*bodies)
        assert wire.shared == (2, 32), "30 rows and 3 more are too many for one run"
        assert [h[b"x-request-id"] for _, h, _ in told] == [b"r%d" % k for k in range(32)]
        for (status, headers, said), body in zip(told, bodies, strict=True):
            assert status == 200 and said["id"].encode() == headers[b"x-request-id"]
            near(said, wire.alone(body))
        assert len({json.dumps(said["predictions"]) for _, _, said in told}) == 32


def test_the_protocol_shares_runs_too(late, row):
    wire = Wire(late)
    served = wire.service.live.lineup.live

    def infer(amount):
        inputs = []
        for i in served.schema.inputs:
            v = amount if i.column == "amount" else row[i.column]
            kind = "BYTES" if i.is_text or isinstance(v, str) else "FP64"
            inputs.append(
                {"name": i.input, "shape": [1], "datatype": kind, "data": [float(v) if kind == "FP64" else v]}
            )
        return {"id": f"{amount}", "inputs": inputs}

    bodies = [infer(30.0 * k) for k in range(6)]
    told = wire(*bodies, path="/v2/models/late/infer")
    assert wire.shared[1] == 6 and [said["id"] for _, _, said in told] == [b["id"] for b in bodies]
    for (status, _, said), body in zip(told, bodies, strict=True):
        assert status == 200
        want = wire.alone(body, "/v2/models/late/infer")
        for one, other in zip(said["outputs"], want["outputs"], strict=True):
            assert one["data"] == (pytest.approx(other["data"]) if one["datatype"] == "FP32" else other["data"])


@pytest.fixture(scope="module")
def picky():
    """A graph that fails where the first column is no place in a row of two."""
    return perceptron(
        helper.make_node("Split", ["X"], ["a", "b", "c", "d"], axis=1),
        helper.make_node("Cast", ["a"], ["place"], to=TensorProto.INT64),
        helper.make_node("GatherElements", ["z", "place"], ["y"], axis=1),
    )


def test_a_row_that_breaks_the_graph_breaks_its_own_request_alone(picky):
    wire = Wire(picky)
    some = [{"x0": 0.0, "x1": k / 10, "x2": 0.5, "x3": 0.2} for k in range(6)]
    bad = some[2] | {"x0": 7.0}
    told = wire(*([r] for r in (*some[:2], bad, *some[3:])))
    assert [status for status, _, _ in told] == [200, 200, 503, 200, 200, 200]
    assert wire.metrics.total("model_failures") == 1 and wire.metrics.total("rows") == 5
    for k in (0, 1, 3, 4, 5):
        near(told[k][2], wire.alone([some[k]]))


def test_a_number_that_is_none_belongs_to_its_own_request(late, row, monkeypatch):
    wire = Wire(late)
    session, outputs = wire.service.live.lineup.live.session, wire.service.live.lineup.live.session.outputs

    def spoilt(names, numbers, texts):
        made = outputs(names, numbers, texts)
        made[0][(numbers == 666.0).any(1)] = np.nan
        return made

    monkeypatch.setattr(session, "outputs", spoilt)
    told = wire([row], [row | {"amount": 666.0}], [row])
    assert [status for status, _, _ in told] == [200, 503, 200]


def test_what_is_wrong_with_a_row_is_told_to_who_sent_it(late, row):
    wire = Wire(late)
    told = wire([row], [row | {"amount": "x"}], [], [row], [{"amount": 1}])
    assert [status for status, _, _ in told] == [200, 422, 422, 200, 422]
    assert told[1][2]["fields"][0]["column"] == "amount" and wire.shared == (1, 2)
    assert wire.metrics.text().count(b'code="422",route="/predict"} 3.0') == 1


def test_a_swap_never_puts_two_models_into_one_run(late, later, row):
    wire = Wire(late)
    new, runs = wire.know(Served(later, "late", "0.2.0")), []
    for served in (wire.service.live.lineup.live, new):
        score = served.score
        served.score = lambda batch, coverage=None, served=served, score=score: (
            runs.append((served, batch.n)),
            score(batch),
        )[1]

    async def across():
        wire.batches._expected = 2
        before = [asyncio.ensure_future(wire.one([row | {"amount": 10.0 * k}])) for k in range(4)]
        await asyncio.sleep(0)
        assert len(wire.batches._held) == 4
        wire.service.live.promote(new)
        after = [asyncio.ensure_future(wire.one([row | {"amount": 10.0 * k}])) for k in range(4)]
        return await asyncio.gather(*before), await asyncio.gather(*after)

    before, after = asyncio.run(across())
    assert [n for _, n in runs] == [4, 4] and runs[0][0] is not runs[1][0]
    for told, model, version in ((before, late, late.version), (after, later, "0.2.0")):
        for k, (status, headers, said) in enumerate(told):
            assert status == 200 and headers[b"x-assay-model"].startswith(b"late@" + version.encode() + b";")
            want = model.predict_proba([row | {"amount": 10.0 * k}])[0]
            assert list(said["predictions"][0]["probabilities"].values()) == pytest.approx(want.tolist(), abs=1e-9)


def test_a_canary_and_a_shadow_see_each_request(late, later, row):
    wire = Wire(late, trial=later, canary=0.5)
    told = wire(*([row] for _ in range(20)))
    by = [headers[b"x-assay-model"].partition(b";")[0] for _, headers, _ in told]
    assert set(by) == {b"late@" + late.version.encode(), b"late@9.9.9"} and wire.metrics.total("canary") == by.count(
        b"late@9.9.9"
    )
    for model, mark in ((late, late.version), (later, "9.9.9")):
        want = model.predict_proba([row])[0].tolist()
        for name, (_, _, said) in zip(by, told, strict=True):
            if name == b"late@" + mark.encode():
                assert list(said["predictions"][0]["probabilities"].values()) == pytest.approx(want, abs=1e-9)


def test_log_and_metrics_have_each_request_by_itself(late, row):
    kept = []
    wire = Wire(late, after=kept.append)
    some = [row | {"amount": 10.0 * k} for k in range(9)]
    told = wire(*([r] for r in some))
    assert sorted(done.asked.id for done in kept) == sorted(f"r{k}" for k in range(9))
    for done in kept:
        k = int(done.asked.id[1:])
        assert done.rows == [some[k]] and done.batch.n == 1 and done.answers() == told[k][2]["predictions"]
        assert done.scored.output.shape == (1, 2) and done.decode(done.served).n == 1
    assert wire.metrics.total("rows") == 9 and b'code="200",route="/predict"} 9.0' in wire.metrics.text()


def test_a_durable_answer_waits_for_its_own_commit(late, row):
    order = []

    def before(done):
        order.append(done.asked.id)
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        return asyncio.run_coroutine_threadsafe(asyncio.sleep(0), asyncio.get_running_loop())

    wire = Wire(late, before=before)
    assert [status for status, _, _ in wire([row], [row], [row])] == [200] * 3
    assert sorted(order) == ["r0", "r1", "r2"] and wire.shared == (1, 3)


def test_who_comes_alone_is_answered_at_once(late, row, monkeypatch):
    wire = Wire(late, wait=0.5)
    monkeypatch.setattr(batching, "Held", None)  # would fail if one were made

    async def one_by_one():
        for _ in range(5):
            assert (await wire.one([row]))[0] == 200
            await asyncio.sleep(0)

    asyncio.run(one_by_one())
    monkeypatch.undo()
    wire([row], [row], [row], lone=True)
    assert wire.shared == (1, 2), "the first of a turn cannot know; the others come together"
    began = time.perf_counter()
    wire([row], lone=True)
    assert time.perf_counter() - began < 0.1


def waited(wire, row, expected, n=1, since=0.0):
    """Seconds until n requests were answered where so many were expected."""

    async def ask():
        wire.batches._expected, wire.batches._ended = expected, time.perf_counter() - since
        began = time.perf_counter()
        told = await asyncio.gather(*(wire.one([row]) for _ in range(n)))
        assert {status for status, _, _ in told} == {200}
        return time.perf_counter() - began

    return asyncio.run(ask())


def test_nobody_waits_longer_than_the_cap_and_a_full_batch_goes_at_once(late, row):
    much = Gain(1e6, 1.0, 0.0)  # a run alone would take a second: worth waiting for, if it were not for the cap
    for n, wait, low, high in ((1, 0.08, 0.08, 0.2), (1, CAP, CAP, 0.1), (1, 0.0, 0.0, 0.05), (MOST, 0.5, 0.0, 0.3)):
        wire = Wire(late, wait=wait, gains=much)
        wire.batches.threads = None
        assert low <= waited(wire, row, 100, n) < high, (n, wait)
    assert wire.shared == (1, MOST)
    wire = Wire(late, wait=0.5, gains=Gain(20_000.0, 1.0, 0.0))
    wire.batches.threads = None
    assert 0.02 <= waited(wire, row, 100) < 0.2, "the next is waited for no longer than its joining would save"
    wire = Wire(late, wait=0.1, gains=much)
    assert waited(wire, row, 100, since=0.2) < 0.05, "nobody has come for a while: none is waited for"
    wire = Wire(late, gains=Gain(100.0, 1.0, 0.0))
    assert waited(wire, row, 100) < 0.05, "what saves little is not waited for"


@pytest.mark.parametrize(("wait", "runs"), [(9.0, [1, 5]), (0.0, [1, 1, 4])])
def test_a_dear_graph_runs_beside_the_event_loop(late, row, monkeypatch, wait, runs):
    wire = Wire(late, wait=wait, gains=Gain(50_000.0, 10.0, 0.0))
    served = wire.service.live.lineup.live
    score, sizes, over = served.score, [], threading.Event()

    def slow(batch, coverage=None):
        sizes.append(batch.n)
        assert over.wait(10)
        return score(batch, coverage)

    monkeypatch.setattr(served, "score", slow)

    async def ask():
        asking = []
        for _ in range(6):
            asking.append(asyncio.ensure_future(wire.one([row])))
            while len(sizes) < min(len(asking), len(runs) - 1):
                await asyncio.sleep(0.001)
        for _ in range(5):
            await asyncio.sleep(0.001)
        assert sizes == runs[:-1], "the loop goes on, and those who came meanwhile wait for the end of a run"
        over.set()
        return await asyncio.gather(*asking)

    assert {status for status, _, _ in asyncio.run(ask())} == {200} and sizes == runs


def test_rows_that_see_each_other_are_never_run_together(late, row, monkeypatch):
    with pytest.raises(BundleError, match="golden rows"):  # import does not take such a graph in the first place
        perceptron(
            helper.make_node("ReduceMean", ["z"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["z", "mean"], ["left"]),
            helper.make_node("Split", ["left"], ["y", "other"], axis=1),
        )
    served = Served(late)
    assert gain.apart(served) < 1e-6
    outputs = served.session.outputs

    def mixing(names, numbers, texts):
        made = outputs(names, numbers, texts)
        return [made[0] * 0.5 + made[0].mean(0) * 0.5, *made[1:]]

    monkeypatch.setattr(served.session, "outputs", mixing)
    assert gain.apart(served) > 1e-3
    wire, said = Wire(late), []
    live = wire.service.live.lineup.live
    live.gain = None
    wire.batches.events, wire.batches.wait = (lambda event, **what: said.append((event, what))), 0.002
    wire.batches.measure(live)
    assert said[0][0] == "batching" and said[0][1]["joins"] is False
    wire(*([row | {"amount": 50.0 * k}] for k in range(6)))
    assert wire.shared == (0, 0)


def test_what_is_measured_decides(late, net):
    for model in (late, net):
        found = gain_of(Served(model))
        assert 0 < found.joined < found.alone / 2 and found.joins and found.apart <= 1e-6
    assert gain_of(Served(perceptron(columns=40))).joins, "whose golden rows have a hole each, which it does not take"
    assert gain_of(Served(late, most_rows=1)).joins, "what one request may hold is no bound for a run"
    assert not Gain(100.0, 60.0, None).joins, "nothing to gain"
    assert not Gain(100.0, 1.0, 2e-5).joins, "farther apart than the file promises"
    assert not Gain(900.0, 1.0, 0.0).waits and Gain(1_100.0, 30.0, 0.0).waits


def test_a_graph_that_takes_a_second_does_not_take_minutes_to_start(late, monkeypatch):
    served, sizes = Served(late), []
    score = served.score
    ticks = iter(range(100))
    monkeypatch.setattr(gain, "clock", lambda: next(ticks))  # a second passes between any two looks at it
    served.score = lambda batch: (sizes.append(batch.n), score(batch))[-1]
    gain_of(served)
    assert sizes == [1, gain.FEW]


def test_what_fails_in_a_shared_run_leaves_nobody_without_an_answer(late, row, monkeypatch):
    wire = Wire(late)
    monkeypatch.setattr(batching, "joined", lambda batches: 1 / 0)
    assert [status for status, _, _ in wire([row], [row], [row])] == [200] * 3

    async def one_that_fails_at_its_end():
        loop, seen = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, what: seen.append(what["exception"]))
        ends = []
        held = [Held(wire.service, None, None, None, None, None) for _ in range(3)]
        for k, one in enumerate(held):
            one.then = (lambda _: 1 / 0) if k == 1 else ends.append
        batching.release(held)
        assert ends == [held[0], held[2]] and isinstance(seen[0], ZeroDivisionError)

    asyncio.run(one_that_fails_at_its_end())


def test_a_model_in_trouble_and_larger_requests_go_by_themselves(late, row):
    wire = Wire(late)
    wire.service.live.lineup.breaker.failed(time.monotonic())
    wire([row], [row])
    assert wire.shared == (0, 0) and wire.service.live.lineup.breaker.count == 0, "it has succeeded since"
    wire([row] * (SMALL + 1), [row] * (SMALL + 1))
    assert wire.shared == (0, 0)
    wire([row] * SMALL, [row])
    assert wire.shared == (1, 2)


def test_groups_hold_one_model_and_no_more_rows_than_a_run():
    class One:
        def __init__(self, served, n):
            self.served, self.batch = served, type("B", (), {"n": n})()

    ones = [One(k % 2, 1 + k % SMALL) for k in range(40)]
    made = groups(ones)
    assert sorted(map(id, ones)) == sorted(id(one) for group in made for one in group)
    for group in made:
        assert len({one.served for one in group}) == 1 and sum(one.batch.n for one in group) <= MOST
        assert [ones.index(one) for one in group] == sorted(ones.index(one) for one in group)


@pytest.mark.parametrize("said", ["2", "-1ms", "2 minutes", "", "1.5.2ms", "2s", "nan"])
def test_a_cap_is_a_time(said):
    with pytest.raises(SettingsError, match="--batch-wait must be a time such as 2ms"):
        Setup("late.assay", batch_wait=said)
    assert wait_from("500us") == 0.0005 and wait_from("1s") == 1.0 and wait_from("0") == 0.0
    assert wait_from("off") is None and Setup("late.assay").batch_wait == "2ms" and wait_from("2ms") == CAP
