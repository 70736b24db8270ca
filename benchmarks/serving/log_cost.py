"""What the prediction log costs: no log, the log after the answer, and --durable (committed and synced before it).

    python benchmarks/serving/log_cost.py [--seconds 2] [--rounds 5]

Three real processes of the same small model take turns (paired rounds, medians); one-row requests over kept
connections from 1 and from 8 clients. CPU is the server's own (user and system, all its threads) a request.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

from process import Running, running, small_model


def load(server: Running, clients: int, seconds: float) -> tuple[float, float, float, float]:
    """CPU us a request, p50 and p99 in ms, requests a second."""
    body = json.dumps({"rows": [server.row]}).encode()
    request = (
        b"POST /predict HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %s\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (server.key.encode(), len(body), body)
    )
    times: list[float] = []
    end = time.perf_counter() + seconds

    def one() -> None:
        own = []
        with socket.create_connection(("127.0.0.1", server.port)) as wire:
            while (start := time.perf_counter()) < end:
                wire.sendall(request)
                answer = wire.recv(65536)
                while len(answer.partition(b"\r\n\r\n")[2]) < int(answer.lower().partition(b"content-length: ")[2][:4]):
                    answer += wire.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                own.append(time.perf_counter() - start)
        times.extend(own)

    before = server.cpu()
    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1.2)  # the writer's share of these requests
    times.sort()
    n = len(times)
    return (server.cpu() - before) / n * 1e6, times[n // 2] * 1e3, times[int(n * 0.99)] * 1e3, n / seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = folder / "late.assay"
        small_model(model)
        ways = {
            "no log": (),
            "--log": ("--log", str(folder / "a")),
            "--log --durable": ("--log", str(folder / "b"), "--durable"),
            "--audit": ("--audit", str(folder / "c")),
        }
        servers = {way: stack.enter_context(running(*flags, model=model)) for way, flags in ways.items()}
        print("| | clients | CPU us a request | p50 ms | p99 ms | requests/s |\n|---|---|---|---|---|---|")
        for clients in (1, 8):
            found: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
            for _ in range(chosen.rounds):
                for way, server in servers.items():
                    found[way].append(load(server, clients, chosen.seconds))
            for way, rounds in found.items():
                cpu, p50, p99, rate = (statistics.median(r[k] for r in rounds) for k in range(4))
                print(f"| {way} | {clients} | {cpu:.0f} | {p50:.2f} | {p99:.2f} | {rate:,.0f} |")


if __name__ == "__main__":
    main()
