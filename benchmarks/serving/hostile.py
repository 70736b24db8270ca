"""Hostile requests against a real ``assay serve`` process.

    python benchmarks/serving/hostile.py

Sends every probe of ``probes.py`` and ``wires.py``, asks a good request after each, then floods: 300 half-open
connections, 200 half-sent bodies at once, and all probes again from several threads. Prints what each got, and ends
with exit code 1 where one was accepted (2xx), met a 5xx, was answered twice, or where the server stopped answering or
kept growing.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from process import Running, running
from wires import WIRES, Wire

from probes import REQUESTS, Probe

GROWTH = 150.0  # MB above the start that the process may keep
FLAGS = ("--read-timeout", "2", "--log", "{folder}/log", "--audit", "{folder}/audit")


def send(server: Running, probe: Probe) -> int:
    """The status that a probe got; 0 where the connection was closed."""
    body = probe.body(server.row)
    headers = {"content-type": "application/json"}
    if probe.key:
        headers["authorization"] = f"Bearer {server.key}"
    size = str(body.find(b"]}") + 2 if b"binary_data_size" in body else len(body))
    headers |= {
        k: v.replace("@key", server.key).replace("@json", size_of_json(body, size)) for k, v in probe.headers.items()
    }
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.putrequest(probe.method, probe.path.replace("@key", server.key), skip_accept_encoding=True)
        for name, value in (headers | {"content-length": str(len(body))}).items():
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(ConnectionError):
            connection.send(body)
        return connection.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def size_of_json(body: bytes, otherwise: str) -> str:
    """Where the JSON at the head of a body ends."""
    try:
        return str(json.JSONDecoder().raw_decode(body.decode("latin-1"))[1])
    except ValueError:
        return otherwise


def send_wire(server: Running, wire: Wire) -> list[int]:
    """The statuses of everything that came back."""
    out = b""
    auth = b"authorization: Bearer " + server.key.encode()
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        plain.settimeout(8)
        try:
            for k, part in enumerate(wire.parts):
                if k:
                    time.sleep(wire.wait)
                plain.sendall(part.replace(b"@auth", auth))
        except OSError:
            pass
        with contextlib.suppress(OSError):
            while part := plain.recv(65536):
                out += part
    heads = [
        line for line in out.split(b"\r\n") if line.startswith(b"HTTP/1.1 ") and not line.startswith(b"HTTP/1.1 100")
    ]
    return [int(line.split()[1]) for line in heads] or [0]


def good(server: Running) -> bool:
    """Whether a good request is answered."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        try:
            connection.request(
                "POST", "/predict", json.dumps({"rows": [server.row]}), {"authorization": f"Bearer {server.key}"}
            )
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def half_open(server: Running, n: int, data: bytes) -> tuple[int, float]:
    """Open ``n`` connections that never end what they began: answered meanwhile?, seconds until all are closed."""
    wires = []
    for _ in range(n):
        wire = socket.create_connection(("127.0.0.1", server.port), 5)
        wire.sendall(data.replace(b"@auth", b"authorization: Bearer " + server.key.encode()))
        wires.append(wire)
    start = time.monotonic()
    answered = good(server)
    for wire in wires:
        wire.settimeout(30)
        with contextlib.suppress(OSError):
            while wire.recv(65536):
                pass
        wire.close()
    return answered, time.monotonic() - start


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    wrong: list[str] = []
    with contextlib.ExitStack() as stack:
        import tempfile

        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(running(*(f.format(folder=folder) for f in FLAGS)))
        assert good(server)
        before = server.memory()
        print(f"| probe | answer | expected |\n|---|---|---|\n| a good request | 200 | 200 | ({before:.0f} MB)")
        most = before
        for probe in REQUESTS:
            status = send(server, probe)
            fine = status in probe.expect or (status == 0 and 413 in probe.expect)
            print(
                f"| {probe.name} | {status or 'closed'} | {', '.join(map(str, probe.expect))} |"
                + ("" if fine else " WRONG")
            )
            most = max(most, server.memory())
            if not fine or not good(server):
                wrong.append(f"{probe.name}: {status}")
        for wire in WIRES:
            statuses = send_wire(server, wire)
            fine = len(statuses) == 1 and statuses[0] in wire.expect
            said = ", ".join(str(s or "closed") for s in statuses)
            print(f"| {wire.name} | {said} | {', '.join(map(str, wire.expect))} |" + ("" if fine else " WRONG"))
            if not fine or not good(server):
                wrong.append(f"{wire.name}: {statuses}")
        for name, n, data in (
            ("300 connections that say nothing", 300, b""),
            (
                "200 half-sent bodies",
                200,
                b"POST /predict HTTP/1.1\r\nhost: a\r\n@auth\r\ncontent-length: 9000\r\n\r\n{",
            ),
            ("200 half-sent headers", 200, b"POST /predict HTTP/1.1\r\nhost: a\r\n"),
        ):
            answered, seconds = half_open(server, n, data)
            print(f"| {name} | {'answers meanwhile' if answered else 'stuck'}, all closed after {seconds:.0f} s | |")
            if not answered:
                wrong.append(name)
        small = [p for p in REQUESTS if "MB" not in p.name and "000" not in p.name]
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda p: send(server, p), small * 10))
        flood = sum(not (s == 0 or 400 <= s < 500) for s in statuses)
        print(f"| {len(statuses):,} probes from 16 threads | {flood} accepted or 5xx | |")
        if flood or not good(server):
            wrong.append("the flood")
        time.sleep(1)
        after = server.memory()
        print(f"\n{len(REQUESTS) + len(WIRES)} probes, {len(wrong)} wrong")
        print(f"memory: {before:.0f} MB before, {most:.0f} at most, {after:.0f} after")
        if after - before > GROWTH:
            wrong.append("memory")
    for line in wrong:
        print("WRONG " + line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
