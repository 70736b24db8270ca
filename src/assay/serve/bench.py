"""An open-loop load on a service: requests leave at the times that the rate says, whether or not answers came.

Latency counts from the moment at which a request was due, so that a service that stalls cannot hide it (what is called
coordinated omission). Raw sockets and asyncio, so that the loader costs little; it and the service should have a core
each.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from assay.core.errors import InputError, SettingsError

FIRST, MOST_STEPS, GROWTH = 200.0, 14, 1.6
LATE = 0.25  # seconds of p99 at which a service counts as saturated
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


MOST_RPS = 1_000_000  # more than one process could send


@dataclass(frozen=True, slots=True)
class Load:
    """What is offered."""

    seconds: float = 3.0
    connections: int = 8
    rows: int = 1

    def __post_init__(self) -> None:
        for flag, given, most in (
            ("--seconds", self.seconds, 86_400.0), ("--connections", self.connections, 10_000),
            ("--rows", self.rows, 100_000),
        ):  # fmt: skip
            if not 0 < given <= most:
                raise SettingsError(f"{flag} must be above 0 and at most {most:,g}; got {given:g}")


@dataclass(frozen=True, slots=True)
class Step:
    """One rate. ``cpu_us`` is processor time of the service a request, where the service runs here."""

    offered: float
    answered: float
    failed: int
    p50_ms: float
    p99_ms: float
    cpu_us: float | None
    saturated: bool

    def doc(self) -> dict[str, Any]:
        return asdict(self)

    def line(self) -> str:
        cpu = f"{self.cpu_us:8.0f}" if self.cpu_us is not None else f"{'-':>8}"
        mark = "  saturated" if self.saturated else ""
        return (
            f"{self.offered:10,.0f} {self.answered:10,.0f} {self.failed:7,} {self.p50_ms:8.2f} {self.p99_ms:8.2f} "
            f"{cpu}{mark}"
        )


class Target:
    """A service to load: where it is, what is asked, and its processes where they are ours."""

    def __init__(self, host: str, port: int, request: bytes, load: Load, process: int | None = None) -> None:
        self.host, self.port, self.request, self.load, self.process = host, port, request, load, process

    def offer(self, rate: float) -> Step:
        """Offer ``rate`` requests a second.

        Raises:
            InputError: nothing answers there, or the first answer is an error.
        """
        if not 0 < rate <= MOST_RPS:
            raise SettingsError(f"--rps must be above 0 and at most {MOST_RPS:,}; got {rate:g}")
        before = cpu_seconds(self.process)
        took, failed, seconds = asyncio.run(self._all_closed(rate))
        used = None if before is None else (cpu_seconds(self.process) or before) - before
        done = len(took)
        p50, p99 = (float(v) * 1000 for v in np.percentile(took, (50, 99))) if done else (float("inf"),) * 2
        answered = done / seconds
        return Step(
            rate, answered, failed, p50, p99, used / done * 1e6 if used is not None and done else None,
            answered < 0.97 * rate or p99 > LATE * 1000 or failed > 0.001 * (done + failed),
        )  # fmt: skip

    async def _all_closed(self, rate: float) -> tuple[list[float], int, float]:
        self._opened: list[asyncio.StreamWriter] = []
        try:
            return await self._offered(rate)
        finally:
            for writer in self._opened:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    async def _offered(self, rate: float) -> tuple[list[float], int, float]:
        n = max(self.load.connections, round(rate * self.load.seconds))
        connections = [await self._connect() for _ in range(self.load.connections)]
        await self._first(*connections[0])
        took: list[float] = []
        failed = 0
        due_at: asyncio.Queue[float | None] = asyncio.Queue()
        start = time.perf_counter()

        async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal failed
            while (due := await due_at.get()) is not None:
                try:
                    writer.write(self.request)
                    ok = await read_answer(reader)
                except (OSError, EOFError):
                    failed += 1
                    reader, writer = await self._connect()
                    continue
                if ok:
                    took.append(time.perf_counter() - due)
                else:
                    failed += 1

        workers = [asyncio.create_task(work(*pair)) for pair in connections]
        for k in range(n):
            due = start + k / rate
            if (ahead := due - time.perf_counter()) > 0.0005:
                await asyncio.sleep(ahead)
            elif k % 32 == 0:
                await asyncio.sleep(0)
            due_at.put_nowait(due)
            if time.perf_counter() - start > 2 * self.load.seconds + 1:
                break
        for _ in workers:
            due_at.put_nowait(None)
        _, late = await asyncio.wait(workers, timeout=self.load.seconds)
        seconds = time.perf_counter() - start
        for task in late:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        failed += sum(1 for _ in range(due_at.qsize()) if due_at.get_nowait() is not None)
        return took, failed, max(seconds, n / rate)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            raise InputError(f"nothing answers at {self.host}:{self.port} ({error.strerror or error})") from None
        self._opened.append(writer)
        return reader, writer

    async def _first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.request)
        said: list[bytes] = []
        if not await read_answer(reader, said):
            what = b" ".join(said)[:300].decode("latin-1")
            raise InputError(f"the service refuses what is offered: {what}")


async def read_answer(reader: asyncio.StreamReader, said: list[bytes] | None = None) -> bool:
    """Read one answer; whether its status is 2xx."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = LENGTH.search(head)
    body = await reader.readexactly(int(found[1])) if found else b""
    if said is not None:
        said += [head.split(b"\r\n", 1)[0], body]
    return head[9:10] == b"2"


def cpu_seconds(process: int | None) -> float | None:
    """Processor time of a process and its children so far; None where this system does not say."""
    if process is None or not Path(f"/proc/{process}/stat").exists():
        return None
    ticks, total, waiting = os.sysconf("SC_CLK_TCK"), 0.0, [process]
    while waiting:
        pid = waiting.pop()
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / ticks
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except (OSError, ValueError):
            continue
    return total


def saturated(target: Target, say: Callable[[str], None]) -> list[Step]:
    """Offer ever more until the service no longer keeps up, then halve the gap twice."""
    steps: list[Step] = []
    rate = FIRST
    for _ in range(MOST_STEPS):
        say(f"offering {rate:,.0f} requests a second")
        steps.append(target.offer(rate))
        if steps[-1].saturated:
            break
        rate *= GROWTH
    low = max((s.offered for s in steps if not s.saturated), default=0.0)
    high = steps[-1].offered
    for _ in range(2):
        if not steps[-1].saturated and high == steps[-1].offered:
            break
        middle = (low + high) / 2
        steps.append(target.offer(middle))
        low, high = (low, middle) if steps[-1].saturated else (middle, high)
    return sorted(steps, key=lambda s: s.offered)


@contextmanager
def measured(target: str, load: Load, *, workers: int = 1, key: str = "", body: Path | None = None) -> Iterator[Target]:
    """The service at an address, or one that is started for a model and stopped afterwards.

    Raises:
        InputError: the model cannot be served, or the address is none.
    """
    if "://" in target:
        yield _there(target, load, key, body)
        return
    from .setup import Setup
    from .sources import find, loader

    served = loader(Setup(target))(find(target))
    command = [sys.executable, "-c", "from assay.cli import main; main()", "serve", "--port", "0"]
    process = subprocess.Popen(  # noqa: S603 - this very interpreter, and a path behind "--"
        [*command, "--workers", str(workers), "--", target],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if line.startswith("page"):
                break
        where = re.search(r"http://([0-9.]+):(\d+)", said)
        token = re.search(r"Bearer (\S+)'", said)
        if where is None or token is None:
            raise InputError(f"{target} could not be served: assay serve {target} says why")
        payload = json.dumps({"rows": [served.typical] * load.rows}).encode()
        request = request_of("/predict", where[1], token[1], payload)
        yield Target(where[1], int(where[2]), request, load, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _there(address: str, load: Load, key: str, body: Path | None) -> Target:
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname is None:
        raise InputError(f"the address of a service looks like http://127.0.0.1:8080; got {address!r}")
    path = parts.path if len(parts.path) > 1 else "/predict"
    if body is None:
        raise SettingsError("a running service needs --body FILE: what is asked, as JSON")
    try:
        payload = body.read_bytes()
    except OSError as error:
        raise InputError(f"{body} cannot be read ({error.strerror})") from None
    return Target(parts.hostname, parts.port or 80, request_of(path, parts.hostname, key, payload), load)


def request_of(path: str, host: str, key: str, body: bytes) -> bytes:
    """One request as bytes."""
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", "content-type: application/json", f"content-length: {len(body)}"]
    lines += [f"authorization: Bearer {key}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode() + body
