"""Checks of a server with the client of KServe; runs in an environment of its own (``clients.py``).

python kserve_checks.py HOST:PORT KEY ROW_AS_JSON
"""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL, KEY, ROW = f"http://{sys.argv[1]}", sys.argv[2], json.loads(sys.argv[3])
HEADERS = {"Authorization": f"Bearer {KEY}"}
MODEL = "late"
done, failed = [], []


def request(rows=1, binary=False, model=MODEL, id=None, skip=0):
    made = []
    for name, value in list(ROW.items())[skip:]:
        text = isinstance(value, str)
        kind = "BYTES" if text else "BOOL" if isinstance(value, bool) else "FP64"
        one = InferInput(name, [rows], kind)
        data = np.array(
            [value.encode() if text else value] * rows, object if text else np.bool_ if kind == "BOOL" else float
        )
        one.set_data_from_numpy(data, binary_data=binary)
        made.append(one)
    return InferRequest(model_name=model, infer_inputs=made, request_id=id)


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1, timeout=20))

    async def infer(asked, **more):
        return await client.infer(
            URL, asked, model_name=asked.model_name, headers=dict(more.get("headers", HEADERS))
        )  # it writes into them

    async def refused(asked, status, headers=HEADERS):
        try:
            await infer(asked, headers=headers)
        except Exception as error:
            assert str(status) in str(error), error
            return
        raise AssertionError("it was answered")

    async def live():
        assert await client.is_server_live(URL, headers=HEADERS)

    async def ready():
        assert await client.is_server_ready(URL, headers=HEADERS)

    async def model():
        assert await client.is_model_ready(URL, MODEL, headers=HEADERS)

    async def as_json():
        answer = await infer(request(3))
        assert answer.model_name == MODEL and answer.outputs[0].shape[0] == 3

    async def as_binary():
        answer = await infer(request(3, True))
        assert answer.outputs[0].as_numpy().shape[0] == 3

    async def agree():
        a, b = await infer(request(5)), await infer(request(5, True))
        assert np.allclose(a.outputs[0].as_numpy(), b.outputs[0].as_numpy())

    async def id():
        assert (await infer(request(id="mine-1"))).id == "mine-1"

    async def many():
        answers = await asyncio.gather(*(infer(request(k + 1)) for k in range(20)))
        assert [a.outputs[0].shape[0] for a in answers] == list(range(1, 21))

    for what, function in {
        "server live": live, "server ready": ready, "model ready": model, "infer, JSON": as_json,
        "infer, binary": as_binary, "JSON and binary agree": agree, "the id comes back": id, "20 at once": many,
        "error: another model": lambda: refused(request(model="other"), 404),
        "error: an input is missing": lambda: refused(request(skip=1), 400),
        "error: no key": lambda: refused(request(), 401, {}),
    }.items():  # fmt: skip
        try:
            await function()
            done.append(what)
            print(f"ok      {what}")
        except Exception as error:
            failed.append(what)
            print(f"FAILED  {what}: {type(error).__name__}: {error}")
    await client.close()


asyncio.run(main())
print(f"kserve: {len(done)} of {len(done) + len(failed)} checks pass")
sys.exit(1 if failed else 0)
