"""Checks of a server with NVIDIA's tritonclient[http]; runs in an environment of its own (``clients.py``).

python triton_checks.py HOST:PORT KEY ROW_AS_JSON
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

URL, KEY, ROW = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
HEADERS = {"Authorization": f"Bearer {KEY}"}  # copied for every call: the client writes into them
MODEL = "late"
client = triton.InferenceServerClient(URL, concurrency=8)
about = client.get_model_metadata(MODEL, headers=dict(HEADERS))
VERSION = about["versions"][0]
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


def inputs(rows=1, binary=True, row=None, skip=()):
    out = []
    for one in about["inputs"]:
        if one["name"] in skip:
            continue
        given = row or ROW
        value = given.get(one["name"], given.get(one["name"].removeprefix("input ")))  # a column called as an output
        kind = "BYTES" if isinstance(value, str) else one["datatype"]  # a date comes as text or as seconds
        data = np.array([value.encode() if kind == "BYTES" else value] * rows, KINDS[kind])
        made = triton.InferInput(one["name"], list(data.shape), kind)
        made.set_data_from_numpy(data, binary_data=binary)
        out.append(made)
    return out


def wanted(binary):
    return [triton.InferRequestedOutput(o["name"], binary_data=binary) for o in about["outputs"]]


def refused(status, *arguments, **more):
    try:
        client.infer(*arguments, headers=dict(HEADERS), **more)
    except InferenceServerException as error:
        assert str(error.status()) == str(status), error
        assert error.message(), error
        return
    raise AssertionError("it was answered")


@check("server live")
def _():
    assert client.is_server_live()


@check("server ready")
def _():
    assert client.is_server_ready(headers=dict(HEADERS))


@check("model ready")
def _():
    assert client.is_model_ready(MODEL, headers=dict(HEADERS))


@check("model ready, by version")
def _():
    assert client.is_model_ready(MODEL, VERSION, headers=dict(HEADERS))


@check("another model is not ready")
def _():
    assert not client.is_model_ready("other", headers=dict(HEADERS))
    assert not client.is_model_ready(MODEL, "99.0.0", headers=dict(HEADERS))


@check("server metadata")
def _():
    said = client.get_server_metadata(headers=dict(HEADERS))
    assert said["name"] == "assay" and "binary_tensor_data" in said["extensions"]


@check("model metadata")
def _():
    assert about["name"] == MODEL and len(about["inputs"]) == len(ROW) and about["platform"]


@check("model metadata, by version")
def _():
    assert client.get_model_metadata(MODEL, VERSION, headers=dict(HEADERS))["name"] == MODEL


def plain(array):
    """Text is bytes in binary answers and str in JSON ones."""
    if array.dtype != object:
        return array
    return np.array([v.decode() if isinstance(v, bytes) else v for v in array.ravel()], object)


answers = {}
for sent in (True, False):
    for asked in (True, False):
        name = f"{'binary' if sent else 'JSON'} in, {'binary' if asked else 'JSON'} out"

        @check(name)
        def _(sent=sent, asked=asked, name=name):
            answers[name] = client.infer(MODEL, inputs(3, sent), outputs=wanted(asked), headers=dict(HEADERS))


@check("the four encodings agree")
def _():
    first, *others = answers.values()
    assert len(answers) == 4
    for output in about["outputs"]:
        a = plain(first.as_numpy(output["name"]))
        assert a is not None and a.shape[0] == 3
        for other in others:
            b = plain(other.as_numpy(output["name"]))
            assert (a == b).all() if a.dtype == object or a.dtype == bool else np.allclose(a, b, atol=1e-6), output


@check("default outputs, which this client asks for in binary")
def _():
    got = client.infer(MODEL, inputs(), headers=dict(HEADERS))
    assert got.as_numpy(about["outputs"][0]["name"]) is not None


@check("one output of several")
def _():
    name = about["outputs"][-1]["name"]
    got = client.infer(MODEL, inputs(), outputs=[triton.InferRequestedOutput(name)], headers=dict(HEADERS))
    assert [o["name"] for o in got.get_response()["outputs"]] == [name]


@check("the id comes back")
def _():
    assert client.infer(MODEL, inputs(), request_id="mine-1", headers=dict(HEADERS)).get_response()["id"] == "mine-1"


@check("a version is asked for")
def _():
    assert (
        client.infer(MODEL, inputs(), model_version=VERSION, headers=dict(HEADERS)).get_response()["model_version"]
        == VERSION
    )


for packing in ("gzip", "deflate"):

    @check(f"a request packed with {packing}")
    def _(packing=packing):
        got = client.infer(MODEL, inputs(50), request_compression_algorithm=packing, headers=dict(HEADERS))
        assert got.as_numpy(about["outputs"][0]["name"]).shape[0] == 50


@check("an answer packed with gzip")
def _():
    got = client.infer(MODEL, inputs(500), response_compression_algorithm="gzip", headers=dict(HEADERS))
    assert got.as_numpy(about["outputs"][0]["name"]).shape[0] == 500


@check("both packed")
def _():
    got = client.infer(MODEL, inputs(200, False), outputs=wanted(False), request_compression_algorithm="gzip",
                       response_compression_algorithm="gzip", headers=dict(HEADERS))  # fmt: skip
    assert got.as_numpy(about["outputs"][0]["name"]).shape[0] == 200


@check("20 requests at once (async)")
def _():
    waiting = [client.async_infer(MODEL, inputs(k + 1), headers=dict(HEADERS)) for k in range(20)]
    sizes = [w.get_result().as_numpy(about["outputs"][0]["name"]).shape[0] for w in waiting]
    assert sizes == list(range(1, 21))


@check("1,000 rows")
def _():
    assert (
        client.infer(MODEL, inputs(1000), headers=dict(HEADERS)).as_numpy(about["outputs"][0]["name"]).shape[0] == 1000
    )


@check("error: unknown model")
def _():
    refused(404, "other", inputs())


@check("error: unknown version")
def _():
    refused(404, MODEL, inputs(), model_version="99.0.0")


@check("error: an input is missing")
def _():
    refused(400, MODEL, inputs(skip=(about["inputs"][0]["name"],)))


@check("error: an infinite value")
def _():
    number = next(i["name"] for i in about["inputs"] if i["datatype"] == "FP64")
    refused(400, MODEL, inputs(row=ROW | {number: float("inf")}))


@check("error: an unknown output")
def _():
    refused(400, MODEL, inputs(), outputs=[triton.InferRequestedOutput("secrets")])


@check("error: a wrong shape")
def _():
    bad = inputs()
    bad[0].set_shape([7])
    refused(400, MODEL, bad)


@check("error: no key")
def _():
    try:
        client.infer(MODEL, inputs())
    except InferenceServerException as error:
        assert str(error.status()) == "401", error.status()
        return
    raise AssertionError("answered without a key")


print(f"tritonclient: {len(done)} of {len(done) + len(failed)} checks pass")
sys.exit(1 if failed or len(done) < 30 else 0)
