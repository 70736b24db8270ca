"""What a one-row request costs over gRPC, beside the same request over REST and beside a bare gRPC echo.

    python benchmarks/serving/grpc_cost.py [late.assay] [--rounds 5] [--seconds 2]

One service with key, validation, metrics and log answers REST (JSON and binary tensors) and gRPC (typed and raw); two
echoes of grpcio, one on its asyncio server and one on its server with threads, send back what they get. Servers have
core 0, the client core 1; rounds are interleaved and medians printed. Processor time is that of the server's process,
divided by the requests answered. The client is Python's in both cases, with as many threads as connections.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from process import running

ECHO = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
import grpc, uvloop

def opened(server):
    handler = server_handlers(server)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("x.Y", {"Z": handler}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    return server

def server_handlers(server):
    async def later(body, context):
        return body
    return grpc.unary_unary_rpc_method_handler(later if sys.argv[1] == "asyncio" else lambda body, context: body)

async def main():
    server = opened(grpc.aio.server())
    await server.start()
    await server.wait_for_termination()

if sys.argv[1] == "asyncio":
    uvloop.run(main())
else:
    server = opened(grpc.server(ThreadPoolExecutor(8)))
    server.start()
    server.wait_for_termination()
"""
FIELDS = {str: ("BYTES", "bytes_contents"), bool: ("BOOL", "bool_contents")}
INFER = "/inference.GRPCInferenceService/ModelInfer"
Asks = Callable[[], contextlib.AbstractContextManager[Callable[[], None]]]


@contextlib.contextmanager
def echo(kind: str) -> Iterator[tuple[int, int]]:
    """An echo of grpcio: (process, port)."""
    process = subprocess.Popen(
        [sys.executable, "-c", ECHO, kind], stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def over_grpc(port: int, path: str, body: bytes, key: str = "") -> Asks:
    @contextlib.contextmanager
    def asks() -> Iterator[Callable[[], None]]:
        import grpc

        own = [("grpc.use_local_subchannel_pool", 1)]  # a connection for each
        metadata = (("authorization", f"Bearer {key}"),) if key else None
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=own) as channel:
            call = channel.unary_unary(path)
            yield lambda: call(body, metadata=metadata)

    return asks


def over_rest(port: int, body: bytes, key: str, extra: str = "") -> Asks:
    head = f"POST /v2/models/late/infer HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n{extra}"
    sent = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    @contextlib.contextmanager
    def asks() -> Iterator[Callable[[], None]]:
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def ask() -> None:
                wire.sendall(sent)
                got = wire.recv(65536)
                if not got.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(got[:300])

            yield ask

    return asks


def bodies(row: dict) -> tuple[bytes, bytes, bytes, bytes, int]:
    """The row as (REST JSON, REST binary, gRPC typed, gRPC raw, bytes of JSON in the binary body)."""
    import numpy as np

    from assay.serve.grpc.messages import INFERENCE, messages

    kind_of = messages(INFERENCE).of["ModelInferRequest"]
    typed, raw, listed, heads, binary = kind_of(model_name="late"), kind_of(model_name="late"), [], [], b""
    for name, value in row.items():
        kind, field = FIELDS.get(type(value), ("FP64", "fp64_contents"))
        if kind == "BYTES":
            data = len(value.encode()).to_bytes(4, "little") + value.encode()
        else:
            data = np.array([value], "?" if kind == "BOOL" else "<f8").tobytes()
        one = {"name": name, "datatype": kind, "shape": [1]}
        getattr(typed.inputs.add(**one).contents, field).append(value.encode() if kind == "BYTES" else value)
        raw.inputs.add(**one)
        raw.raw_input_contents.append(data)
        listed.append(one | {"data": [value]})
        heads.append(one | {"parameters": {"binary_data_size": len(data)}})
        binary += data
    said = json.dumps({"inputs": heads, "parameters": {"binary_data_output": True}}).encode()
    plain = json.dumps({"inputs": listed}).encode()
    return plain, said + binary, typed.SerializeToString(), raw.SerializeToString(), len(said)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def burst(pid: int, asks: Asks, connections: int, seconds: float) -> dict[str, float]:
    """One measured burst: microseconds of the server's processor a request, and times in milliseconds."""
    took: list[float] = []
    barrier, end = threading.Barrier(connections + 1), [0.0]

    def run() -> None:
        with asks() as ask:
            for _ in range(20):
                ask()
            barrier.wait()
            while (start := time.perf_counter()) < end[0] or not end[0]:
                ask()
                took.append(time.perf_counter() - start)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    before = cpu(pid)
    end[0] = time.perf_counter() + seconds
    barrier.wait()
    for thread in threads:
        thread.join()
    used = cpu(pid) - before
    took.sort()
    return {"cpu": used / len(took) * 1e6, "p50": took[len(took) // 2] * 1e3, "p99": took[int(len(took) * 0.99)] * 1e3,
            "rps": len(took) / seconds}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(running("--grpc-port", "0", "--log", f"{folder}/log", model=asked.model))
        asyncio_echo, threads_echo = (stack.enter_context(echo(kind)) for kind in ("asyncio", "threads"))
        plain, binary, typed, raw, size = bodies(server.row)
        key, own = server.key, server.process.pid
        length = f"inference-header-content-length: {size}\r\n"
        ways: dict[str, tuple[int, Asks]] = {
            "grpcio echo, asyncio": (asyncio_echo[0], over_grpc(asyncio_echo[1], "/x.Y/Z", raw)),
            "grpcio echo, threads": (threads_echo[0], over_grpc(threads_echo[1], "/x.Y/Z", raw)),
            "assay, gRPC raw": (own, over_grpc(server.grpc, INFER, raw, key)),
            "assay, gRPC typed": (own, over_grpc(server.grpc, INFER, typed, key)),
            "assay, REST v2 JSON": (own, over_rest(server.port, plain, key)),
            "assay, REST v2 binary": (own, over_rest(server.port, binary, key, length)),
        }
        for pid in (own, asyncio_echo[0], threads_echo[0]):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {0})
        os.sched_setaffinity(0, {1})
        got: dict[tuple[str, int], list[dict[str, float]]] = {}
        for _ in range(asked.rounds):
            for connections in (1, 8):
                for name, (pid, asks) in ways.items():
                    got.setdefault((name, connections), []).append(burst(pid, asks, connections, asked.seconds))
    print(f"{len(server.row)} columns, one row; {asked.rounds} rounds of {asked.seconds:g} s, medians\n")
    print("| way | CPU us, 1 conn. | x echo | p50 ms | CPU us, 8 conn. | x echo | p50 ms | p99 ms | requests/s |")
    print("|-|-|-|-|-|-|-|-|-|")
    yard = {c: got["grpcio echo, asyncio", c] for c in (1, 8)}
    for name in ways:
        one, many = got[name, 1], got[name, 8]
        times = [median(a["cpu"] / b["cpu"] for a, b in zip(got[name, c], yard[c], strict=True)) for c in (1, 8)]
        middle = {k: median(b[k] for b in many) for k in ("cpu", "p50", "p99", "rps")}
        print(
            f"| {name} | {median(b['cpu'] for b in one):.0f} | {times[0]:.2f} | {median(b['p50'] for b in one):.2f} "
            f"| {middle['cpu']:.0f} | {times[1]:.2f} | {middle['p50']:.2f} | {middle['p99']:.2f} "
            f"| {middle['rps']:.0f} |"
        )


if __name__ == "__main__":
    main()
