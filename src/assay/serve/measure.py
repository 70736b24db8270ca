"""What a served model takes on this machine: CPU microseconds a request and memory, with error bars.

The service is started as a process of its own, as ``assay serve`` does, with a key and the prediction log on, and asked
over the loopback; its CPU time is read from the system (nanoseconds of every thread), so that a busy machine does not
count. Blocks are repeated; a figure is their median with the order-statistic interval of at least 95 % (Conover,
Practical Nonparametric Statistics, 3.2), which one disturbed block cannot move far.
"""

from __future__ import annotations

import json
import math
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import InputError

BLOCKS, REQUESTS, CONNECTIONS = 20, 300, 4
COPIES = 10
START = "from assay.cli import main; main()"
LOADS = """
import sys
from assay.bundle.model import Model
data, kept, seen = open(sys.argv[1], "rb").read(), [], []
def resident():
    text = open("/proc/self/statm").read().split()
    import os
    return int(text[1]) * os.sysconf("SC_PAGE_SIZE")
kept.append(Model(data))
seen.append(resident())
for _ in range(int(sys.argv[2])):
    kept.append(Model(data))
    seen.append(resident())
print(*seen)
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number: the median over blocks and its interval of at least 95 %."""

    value: float
    low: float
    high: float
    blocks: int

    def times(self, factor: float) -> Figure:
        return Figure(self.value * factor, self.low * factor, self.high * factor, self.blocks)


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on one machine. Microseconds of CPU; megabytes (1e6 bytes).

    ``request`` is the whole process for one row: HTTP, key, checks, model, answer, metrics, log. ``handler`` is the
    part from the bytes of the body to the bytes of the answer. ``own`` is memory that one process does not share with
    others of its kind, ``shared`` what all of them hold once, ``further`` what one more model adds within a process.
    """

    request: Figure
    handler: Figure
    own: float
    shared: float
    further: float
    machine: str


def figure(values: Sequence[float]) -> Figure:
    """Median and order-statistic interval: the ranks k and n + 1 - k with the largest k that holds 95 %.

    >>> figure([float(v) for v in range(1, 21)])
    Figure(value=10.5, low=6.0, high=15.0, blocks=20)
    """
    ranked, n = sorted(values), len(values)
    below, k = 0.0, 0
    while k < n // 2:
        below += math.comb(n, k) / 2**n
        if below > 0.025:
            break
        k += 1
    middle = (ranked[(n - 1) // 2] + ranked[n // 2]) / 2
    return Figure(middle, ranked[max(k - 1, 0)], ranked[min(n - k, n - 1)], n)


def measure(data: bytes, progress: Callable[[str, float], None] | None = None) -> Measured:
    """Serve a bundle on the loopback, ask it, and say what it took.

    Raises:
        InputError: this system does not tell CPU time and memory of processes (it has no /proc), or the service did
            not start or refused its own example.
    """
    if not Path("/proc/self/schedstat").exists():
        raise InputError(
            "assay cost reads CPU time and memory from /proc, which this system does not have: run it on Linux"
        )
    tell = progress or (lambda *_: None)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "model.assay").write_bytes(data)
        tell("starting the service", 0.05)
        body = example(data)
        with service(place) as (child, port, token):
            sockets = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(CONNECTIONS)]
            try:
                ask = asker(sockets, body, token)
                ask(REQUESTS)
                blocks = []
                for block in range(BLOCKS):
                    tell("asking it", 0.1 + 0.6 * block / BLOCKS)
                    before = cpu_ns(child.pid)
                    ask(REQUESTS)
                    blocks.append((cpu_ns(child.pid) - before) / REQUESTS / 1e3)
            finally:
                for each in sockets:
                    each.close()
            own, shared = memory(child.pid)
        tell("loading more of it", 0.75)
        further = one_more(place / "model.assay")
        tell("the handler alone", 0.85)
        return Measured(figure(blocks), figure(handled(data, body)), own, shared, further, machine())


def example(data: bytes) -> bytes:
    """The body of a request for one row: the typical one of the bundle, as its schema wants it."""
    from assay.bundle.model import Model

    from .scoring import Served

    return json.dumps({"rows": [Served(Model(data), "model").typical]}).encode()


@contextmanager
def service(place: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """The process, its port, and a key that it takes."""
    from .key_file import write
    from .keys import temporary

    token, key = temporary()
    write(place / "keys.json", [key])
    words = ["serve", str(place / "model.assay"), "--port", "0", "--keys", str(place / "keys.json")]
    words += ["--usage", str(place / "usage.db"), "--log", str(place / "log")]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(  # noqa: S603  this very interpreter, on files made here
        [sys.executable, "-c", START, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    try:
        assert child.stdout is not None and child.stderr is not None
        found = None
        while found is None:
            line = child.stdout.readline()
            if not line:
                raise InputError(f"the service did not start: {child.stderr.read().strip()[-300:]}")
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        yield child, int(found[1]), token
    finally:
        child.terminate()
        try:
            child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def asker(sockets: Sequence[socket.socket], body: bytes, token: str) -> Callable[[int], None]:
    """A function that asks n times over kept connections, one request a connection at a time."""
    head = (
        f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()

    def answer(sock: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got:
            more = sock.recv(65536)
            if not more:
                raise InputError("the service closed the connection while it was measured")
            got += more
        top, _, rest = got.partition(b"\r\n\r\n")
        if not top.startswith(b"HTTP/1.1 200"):
            raise InputError(f"the service refused its own example: {rest[:200].decode('utf-8', 'replace')}")
        size = re.search(rb"content-length: (\d+)", top, re.IGNORECASE)
        left = int(size[1]) - len(rest) if size else 0
        while left > 0:
            left -= len(sock.recv(left))

    def ask(n: int) -> None:
        for _ in range(n // len(sockets)):
            for sock in sockets:
                sock.sendall(head + body)
            for sock in sockets:
                answer(sock)

    return ask


def handled(data: bytes, body: bytes) -> list[float]:
    """CPU microseconds of this thread from body to answer, by blocks."""
    from assay.bundle.model import Model

    from .guard import Caller
    from .http import Request
    from .live import Live
    from .scoring import Served
    from .service import Service

    served = Service(Live(Served(Model(data), "model")))
    caller = Caller("cost", frozenset(("predict",)), "key", "cost")
    request = Request("POST", "/predict", "", {b"content-type": b"application/json"}, body, "127.0.0.1")
    out = []
    for block in range(BLOCKS + 1):
        start = time.thread_time_ns()
        for _ in range(REQUESTS):
            served.answer(request, caller, "cost")
        if block:
            out.append((time.thread_time_ns() - start) / REQUESTS / 1e3)
    return out


def cpu_ns(pid: int) -> int:
    """Nanoseconds that every thread of a process has run."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text("ascii").split()[0])
        except FileNotFoundError:  # the thread ended meanwhile
            continue
    return total


def memory(pid: int) -> tuple[float, float]:
    """(own, shared) megabytes of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    kb = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    own = kb["Private_Clean"] + kb["Private_Dirty"]
    return own * 1024 / 1e6, (kb["Rss"] - own) * 1024 / 1e6


def one_more(path: Path) -> float:
    """Megabytes that one more model of the same file adds within a process."""
    words = [sys.executable, "-c", LOADS, str(path), str(COPIES)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603  as above
    seen = [int(v) for v in done.stdout.split()]
    return max(0.0, (seen[-1] - seen[0]) / COPIES / 1e6)


def machine() -> str:
    """The processor, as the system names it, and how many of them."""
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        names = []
    return f"{names[0] if names else os.uname().machine}, {os.cpu_count()} processors"
