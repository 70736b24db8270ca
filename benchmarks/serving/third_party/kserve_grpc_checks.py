"""Checks of a server with the gRPC client of KServe; runs in an environment of its own (``clients.py``).

python kserve_grpc_checks.py HOST:PORT KEY ROW_AS_JSON
"""

import asyncio
import json
import logging
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

URL, KEY, ROW = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
METADATA = (("authorization", f"Bearer {KEY}"),)
MODEL = "late"
done, failed = [], []
logging.disable(logging.CRITICAL)  # it prints a trace for every error that is asked for here


def request(rows=1, raw=True, model=MODEL, id=None, skip=0):
    made = []
    for name, value in list(ROW.items())[skip:]:
        text = isinstance(value, str)
        kind = "BYTES" if text else "BOOL" if isinstance(value, bool) else "FP64"
        one = InferInput(name, [rows], kind)
        data = np.array(
            [value.encode() if text else value] * rows, object if text else np.bool_ if kind == "BOOL" else float
        )
        one.set_data_from_numpy(data, binary_data=raw)
        made.append(one)
    return InferRequest(model_name=model, infer_inputs=made, request_id=id)


async def main():
    client = InferenceGRPCClient(URL, timeout=20, retries=0)

    async def infer(asked, metadata=METADATA):
        return await client.infer(asked, headers=metadata)

    async def refused(asked, status, metadata=METADATA):
        try:
            await infer(asked, metadata)
        except grpc.RpcError as error:
            assert error.code().name == status and error.details(), error
            return
        raise AssertionError("it was answered")

    async def live():
        assert await client.is_server_live() and await client.is_server_live(headers=METADATA)

    async def ready():
        assert await client.is_server_ready(headers=METADATA)

    async def model():
        assert await client.is_model_ready(MODEL, headers=METADATA)

    async def raw():
        answer = await infer(request(3))
        assert answer.model_name == MODEL and answer.outputs[0].as_numpy().shape[0] == 3

    async def typed():
        answer = await infer(request(3, False))
        assert answer.outputs[0].as_numpy().shape[0] == 3

    async def agree():
        a, b = await infer(request(5)), await infer(request(5, False))
        for one, other in zip(a.outputs, b.outputs, strict=True):
            x, y = (np.array([v.decode() if isinstance(v, bytes) else v for v in o.as_numpy().ravel()])
                    for o in (one, other))  # fmt: skip
            assert (x == y).all(), one.name

    async def id():
        assert (await infer(request(id="mine-1"))).id == "mine-1"

    async def many():
        answers = await asyncio.gather(*(infer(request(k + 1)) for k in range(20)))
        assert [a.outputs[0].shape[0] for a in answers] == list(range(1, 21))

    for what, function in {
        "server live": live, "server ready": ready, "model ready": model, "infer, raw": raw, "infer, typed": typed,
        "raw and typed agree": agree, "the id comes back": id, "20 at once": many,
        "error: another model": lambda: refused(request(model="other"), "NOT_FOUND"),
        "error: an input is missing": lambda: refused(request(skip=1), "INVALID_ARGUMENT"),
        "error: too many rows": lambda: refused(request(10_001), "RESOURCE_EXHAUSTED"),
        "error: no key": lambda: refused(request(), "UNAUTHENTICATED", ()),
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
print(f"kserve, gRPC: {len(done)} of {len(done) + len(failed)} checks pass")
sys.exit(1 if failed or len(done) < 12 else 0)
