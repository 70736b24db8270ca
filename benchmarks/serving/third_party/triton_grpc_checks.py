"""Checks of a server with NVIDIA's tritonclient[grpc]; runs in an environment of its own (``clients.py``).

python triton_grpc_checks.py HOST:PORT KEY ROW_AS_JSON
"""

import asyncio
import json
import queue
import sys

import grpc
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

URL, KEY, ROW = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
HEADERS = {"authorization": f"Bearer {KEY}"}  # gRPC knows lower-case names only
MODEL = "late"
client = triton.InferenceServerClient(URL)
about = client.get_model_metadata(MODEL, headers=HEADERS)
VERSION = about.versions[0]
OUTPUT = about.outputs[0].name
KINDS = {"FP64": np.float64, "FP32": np.float32, "BOOL": np.bool_, "BYTES": np.object_}
done, failed = [], []


def check(what):
    def run(function):
        try:
            function()
            done.append(what)
            print(f"ok      {what}")
        except Exception as error:
            failed.append(what)
            print(f"FAILED  {what}: {type(error).__name__}: {error}")

    return run


def value_of(name, row=None):
    given = row or ROW
    return given.get(name, given.get(name.removeprefix("input ")))  # a column called as an output


def inputs(rows=1, row=None, skip=(), module=triton):
    out = []
    for one in about.inputs:
        if one.name in skip:
            continue
        value = value_of(one.name, row)
        kind = "BYTES" if isinstance(value, str) else one.datatype  # a date comes as text or as seconds
        data = np.array([value.encode() if kind == "BYTES" else value] * rows, KINDS[kind])
        made = module.InferInput(one.name, list(data.shape), kind)
        made.set_data_from_numpy(data)
        out.append(made)
    return out


def typed(rows=1, **more):
    """The same request with typed contents, as the protocol's own messages have them."""
    fields = {"BYTES": "bytes_contents", "BOOL": "bool_contents", "FP64": "fp64_contents"}
    request = service_pb2.ModelInferRequest(model_name=MODEL, **more)
    for one in about.inputs:
        value = value_of(one.name)
        kind = "BYTES" if isinstance(value, str) else one.datatype
        made = request.inputs.add(name=one.name, datatype=kind, shape=[rows])
        getattr(made.contents, fields[kind]).extend([value.encode() if kind == "BYTES" else value] * rows)
    return request


stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(URL))
METADATA = (("authorization", f"Bearer {KEY}"),)


def refused(status, *arguments, headers=HEADERS, **more):
    try:
        client.infer(*arguments, headers=headers, **more)
    except InferenceServerException as error:
        assert error.status() == f"StatusCode.{status}", error
        assert error.message(), error
        return
    raise AssertionError("it was answered")


@check("server live")
def _():
    assert client.is_server_live(headers=HEADERS)


@check("server live and ready, without a key")
def _():
    assert client.is_server_live() and client.is_server_ready()


@check("server ready")
def _():
    assert client.is_server_ready(headers=HEADERS)


@check("model ready")
def _():
    assert client.is_model_ready(MODEL, headers=HEADERS)


@check("model ready, by version")
def _():
    assert client.is_model_ready(MODEL, VERSION, headers=HEADERS)


@check("another model is not found")
def _():
    for name, version in (("other", ""), (MODEL, "99.0.0")):
        try:
            client.is_model_ready(name, version, headers=HEADERS)
        except InferenceServerException as error:
            assert error.status() == "StatusCode.NOT_FOUND", error
            continue
        raise AssertionError("it is ready")


@check("server metadata")
def _():
    said = client.get_server_metadata(headers=HEADERS)
    assert said.name == "assay" and said.version


@check("model metadata")
def _():
    assert about.name == MODEL and len(about.inputs) == len(ROW) and about.platform


@check("model metadata, by version")
def _():
    assert client.get_model_metadata(MODEL, VERSION, headers=HEADERS).name == MODEL


@check("model metadata as JSON")
def _():
    assert client.get_model_metadata(MODEL, headers=HEADERS, as_json=True)["name"] == MODEL


@check("infer: raw in, raw out")
def _():
    got = client.infer(MODEL, inputs(3), headers=HEADERS)
    assert got.as_numpy(OUTPUT).shape[0] == 3 and len(got.get_response().raw_output_contents) == len(about.outputs)


@check("infer: typed in, typed out")
def _():
    got = stub.ModelInfer(typed(3), metadata=METADATA)
    assert not got.raw_output_contents and len(got.outputs[0].contents.fp32_contents) == 3 * got.outputs[0].shape[1]


@check("raw and typed agree, text too")
def _():
    raw, plain = client.infer(MODEL, inputs(3), headers=HEADERS), stub.ModelInfer(typed(3), metadata=METADATA)
    for one in plain.outputs:
        field = {"FP32": "fp32_contents", "FP64": "fp64_contents", "BOOL": "bool_contents", "BYTES": "bytes_contents"}
        values = list(getattr(one.contents, field[one.datatype]))
        assert raw.as_numpy(one.name).ravel().tolist() == values, one.name


@check("typed in, raw out (binary_data_output)")
def _():
    request = typed(2)
    request.parameters["binary_data_output"].bool_param = True
    assert stub.ModelInfer(request, metadata=METADATA).raw_output_contents


@check("one output of several")
def _():
    name = about.outputs[-1].name
    got = client.infer(MODEL, inputs(), outputs=[triton.InferRequestedOutput(name)], headers=HEADERS)
    assert [o.name for o in got.get_response().outputs] == [name] and got.as_numpy(name) is not None


@check("text out (BYTES)")
def _():
    got = client.infer(MODEL, inputs(2), outputs=[triton.InferRequestedOutput("label")], headers=HEADERS)
    assert got.as_numpy("label").shape == (2,) and all(isinstance(v, bytes) and v for v in got.as_numpy("label"))


@check("the id comes back")
def _():
    assert client.infer(MODEL, inputs(), request_id="mine-1", headers=HEADERS).get_response().id == "mine-1"


@check("a version is asked for")
def _():
    got = client.infer(MODEL, inputs(), model_version=VERSION, headers=HEADERS)
    assert got.get_response().model_version == VERSION


@check("parameters of the request are taken")
def _():
    client.infer(MODEL, inputs(), headers=HEADERS, parameters={"trace": "no", "count": 3}, priority=1, timeout=10_000)


for packing in ("gzip", "deflate"):

    @check(f"a request packed with {packing}")
    def _(packing=packing):
        got = client.infer(MODEL, inputs(50), compression_algorithm=packing, headers=HEADERS)
        assert got.as_numpy(OUTPUT).shape[0] == 50


@check("20 requests at once (async)")
def _():
    answers = queue.Queue()
    for k in range(20):
        client.async_infer(
            MODEL, inputs(k + 1), lambda result, error, k=k: answers.put((k, result, error)), headers=HEADERS
        )
    for _ in range(20):
        k, result, error = answers.get(timeout=20)
        assert error is None and result.as_numpy(OUTPUT).shape[0] == k + 1, error


@check("20 requests at once (asyncio)")
def _():
    async def ask():
        other = triton_aio.InferenceServerClient(URL)
        made = [inputs(k + 1, module=triton_aio) for k in range(20)]
        got = await asyncio.gather(*(other.infer(MODEL, one, headers=HEADERS) for one in made))
        assert [g.as_numpy(OUTPUT).shape[0] for g in got] == list(range(1, 21))
        await other.close()

    asyncio.run(ask())


@check("1,000 rows")
def _():
    assert client.infer(MODEL, inputs(1000), headers=HEADERS).as_numpy(OUTPUT).shape[0] == 1000


@check("a deadline that cannot be met")
def _():
    refused("DEADLINE_EXCEEDED", MODEL, inputs(5000), client_timeout=0.001)


@check("error: unknown model")
def _():
    refused("NOT_FOUND", "other", inputs())


@check("error: unknown version")
def _():
    refused("NOT_FOUND", MODEL, inputs(), model_version="99.0.0")


@check("error: an input is missing")
def _():
    refused("INVALID_ARGUMENT", MODEL, inputs(skip=(about.inputs[0].name,)))


@check("error: an infinite value")
def _():
    number = next(i.name for i in about.inputs if i.datatype == "FP64")
    refused("INVALID_ARGUMENT", MODEL, inputs(row=ROW | {number: float("inf")}))


@check("error: an unknown output")
def _():
    refused("INVALID_ARGUMENT", MODEL, inputs(), outputs=[triton.InferRequestedOutput("secrets")])


@check("error: a wrong shape")
def _():
    bad = inputs()
    bad[0].set_shape([7])
    refused("INVALID_ARGUMENT", MODEL, bad)


@check("error: the classification extension")
def _():
    wanted = [triton.InferRequestedOutput(OUTPUT, class_count=2)]
    refused("INVALID_ARGUMENT", MODEL, inputs(), outputs=wanted)


@check("error: too many rows")
def _():
    refused("RESOURCE_EXHAUSTED", MODEL, inputs(10_001))


@check("error: a message that is too large")
def _():
    refused("RESOURCE_EXHAUSTED", MODEL, inputs(200_000))


@check("error: no key")
def _():
    refused("UNAUTHENTICATED", MODEL, inputs(), headers=None)


@check("error: a wrong key")
def _():
    refused("UNAUTHENTICATED", MODEL, inputs(), headers={"authorization": "Bearer assay_00000000_" + "x" * 43})


@check("error: hostile metadata")
def _():
    for headers in ({"x" * 60: "y" * 30_000}, {f"x-{k}": "y" for k in range(200)}, {"authorization": "Bearer"},
                    {"x-api-key": KEY, "authorization": f"Bearer {KEY}"}, {"authorization": "Basic ////"}):  # fmt: skip
        try:
            client.infer(MODEL, inputs(), headers=headers)
        except InferenceServerException as error:
            assert error.status() in ("StatusCode.UNAUTHENTICATED", "StatusCode.RESOURCE_EXHAUSTED"), error
            continue
        raise AssertionError(f"answered: {list(headers)[:2]}")


@check("it still answers")
def _():
    assert client.infer(MODEL, inputs(), headers=HEADERS).as_numpy(OUTPUT).shape[0] == 1


print(f"tritonclient[grpc]: {len(done)} of {len(done) + len(failed)} checks pass")
sys.exit(1 if failed or len(done) < 38 else 0)
