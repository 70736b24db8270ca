"""A service behind gRPC on a real port of loopback, in a thread, and a plain client of grpcio."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
from collections.abc import Iterator

import grpc
import pytest
from tests.serve.conftest import service_of

from assay.serve.app import App
from assay.serve.events import Events
from assay.serve.grpc.messages import HEALTH, INFERENCE, messages
from assay.serve.grpc.server import Port, needed
from assay.serve.guard import OPEN, Guard
from assay.serve.key_file import KeyRing
from assay.serve.keys import make
from assay.serve.limits import Limits
from assay.serve.setup import Setup

needed()
TOKEN, KEY = make("tests", ("predict", "explain", "metrics", "label"))
SERVICE = "/inference.GRPCInferenceService/"
INFER = SERVICE + "ModelInfer"
CHECK = "/grpc.health.v1.Health/Check"
TYPES = messages(INFERENCE).of | messages(HEALTH).of
METHODS = messages(INFERENCE).methods | messages(HEALTH).methods
FIELDS = {
    str: ("BYTES", "bytes_contents"),
    bool: ("BOOL", "bool_contents"),
    float: ("FP64", "fp64_contents"),
    int: ("FP64", "fp64_contents"),
}


class Refusal(Exception):
    """What a call ended with."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(f"{error.code().name}: {error.details()}")
        self.status, self.reason = error.code().name, error.details()
        self.metadata = dict(error.trailing_metadata() or ())


class Behind:
    """A service and its port. Calling it makes one call; ``metadata`` of the last answer is kept."""

    def __init__(self, app: App, number: int, channel: grpc.Channel, events: io.StringIO) -> None:
        self.app, self.service, self.number, self.channel, self.events = app, app.service, number, channel, events
        self.metadata: dict[str, str] = {}

    def __call__(self, path, message=None, key=TOKEN, timeout=10, compression=None, **named):
        gives = METHODS[path][1] if path in METHODS else None
        body = b"" if message is None else message if isinstance(message, bytes) else message.SerializeToString()
        metadata = [(k.replace("_", "-"), v) for k, v in named.items()]
        metadata += [("authorization", f"Bearer {key}")] if key else []
        try:
            sent, call = self.channel.unary_unary(path).with_call(
                body, metadata=metadata, timeout=timeout, compression=compression
            )
        except grpc.RpcError as error:
            raise Refusal(error) from None
        self.metadata = dict(call.trailing_metadata())
        return gives.FromString(sent)

    def refused(self, path, message=None, **more) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self(path, message, **more)
        return caught.value


@contextlib.contextmanager
def behind(
    model, *, service=None, guard=None, limits=None, setup=None, credentials=None, **options
) -> Iterator[Behind]:
    """Serve a model until the end of the block; what grpc itself closes is closed."""
    events = io.StringIO()
    service = service or service_of(model, **({"limits": limits} if limits else {}))
    guard = guard or Guard(KeyRing(None, (KEY,)), open=OPEN)
    service.spend = guard.spend
    app = App(service, guard, events=Events(events, requests=True), **options)
    ready, stop, port = threading.Event(), [], []

    async def run():
        opened = Port(app, setup or Setup("late", grpc_port=0, limits=service.limits))
        await opened.open()
        port.append(opened)
        stopped = asyncio.Event()
        stop.append((asyncio.get_running_loop(), stopped))
        ready.set()
        await stopped.wait()
        await opened.close(2.0)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    where = f"127.0.0.1:{port[0].number}"
    own = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    make_channel = grpc.insecure_channel if credentials is None else grpc.secure_channel
    arguments = (where,) if credentials is None else (where, credentials)
    try:
        with make_channel(*arguments, options=own) as channel:
            yield Behind(app, port[0].number, channel, events)
    finally:
        loop, stopped = stop[0]
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        app.threads.shutdown()
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def late_behind(late):
    with behind(late, limits=Limits(seconds=1.0)) as made:
        yield made


def typed(rows, model="late", **more):
    """Rows as typed tensors."""
    request = TYPES["ModelInferRequest"](model_name=model, **more)
    for name in rows[0]:
        values = [r[name] for r in rows]
        kind, field = FIELDS[type(values[0])]
        one = request.inputs.add(name=name, datatype=kind, shape=[len(rows)])
        getattr(one.contents, field).extend([v.encode() for v in values] if kind == "BYTES" else values)
    return request


def raw(rows, model="late", **more):
    """Rows as raw tensors."""
    from tests.serve.test_v2 import raw_of

    request = TYPES["ModelInferRequest"](model_name=model, **more)
    for name in rows[0]:
        values = [r[name] for r in rows]
        kind = FIELDS[type(values[0])][0]
        request.inputs.add(name=name, datatype=kind, shape=[len(rows)])
        request.raw_input_contents.append(raw_of(values, kind))
    return request
