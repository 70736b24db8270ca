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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.errors import InputError

from .setup import Setup

BLOCKS, REQUESTS, CONNECTIONS = 20, 300, 4
START = "from assay.cli import main; main()"
TOGETHER = (5, 10, 50)  # models in one process
APART = (5, 10)  # models with a process each; 50 would take gigabytes and minutes to ask about


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
    ``together`` is ``request`` where one process holds so many models and is asked for each in turn, ``apart`` where
    each has a process of its own and those are asked in turn.
    """

    request: Figure
    handler: Figure
    own: float
    shared: float
    further: float
    machine: str
    together: Mapping[int, Figure] = field(default_factory=dict)
    apart: Mapping[int, Figure] = field(default_factory=dict)


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
        body, token = example(data), new_key(place / "keys.json")
        with service(place) as running:
            tell("asking it", 0.1)
            request = asked([running] * CONNECTIONS, body, token)
            own, shared = memory(running.pid)
        together: dict[int, Figure] = {}
        held: dict[int, float] = {}
        for models in TOGETHER:
            tell(f"{models} models in one process", 0.2 + 0.3 * len(held) / len(TOGETHER))
            with service(place, copies=models) as running:
                together[models] = asked([running] * models, body, token)
                held[models] = memory(running.pid)[0]
        further = max(0.0, (held[TOGETHER[-1]] - held[TOGETHER[0]]) / (TOGETHER[-1] - TOGETHER[0]))
        apart = {}
        with ExitStack() as stack:
            tell("a process for each model", 0.5)
            several = [stack.enter_context(service(place, number=k)) for k in range(max(APART))]
            for models in APART:
                apart[models] = asked(several[:models], body, token)
        tell("the handler alone", 0.9)
        alone = figure(handled(data, body))
        return Measured(request, alone, own, shared, further, machine(), together, apart)


def example(data: bytes) -> bytes:
    """The body of a request for one row: the typical one of the bundle, as its schema wants it."""
    from assay.bundle.model import Model

    from .scoring import Served

    return json.dumps({"rows": [Served(Model(data), "model").typical]}).encode()


def new_key(path: Path) -> str:
    """Write a file with one key, and give the token that it takes."""
    from .key_file import write
    from .keys import temporary

    token, key = temporary()
    write(path, [key])
    return token


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    pid: int
    port: int


@contextmanager
def service(place: Path, *, number: int = 0, copies: int = 0) -> Iterator[Running]:
    """``assay serve`` of ``model.assay`` in ``place``; with ``copies``, one process that holds so many of it."""
    files = {"keys": "keys.json", "usage": f"usage-{number}-{copies}.db", "log": f"log-{number}-{copies}"}
    at = {name: str(place / file) for name, file in files.items()}
    model, said = str(place / "model.assay"), ""
    if copies:
        words = ["-m", "assay.serve.copies"]
        said = json.dumps(
            {"copies": copies, "setup": Setup(model, keys=at["keys"], usage=at["usage"], log=at["log"]).doc()}
        )
    else:
        words = ["-c", START, "serve", model, "--port", "0", *(w for name in at for w in (f"--{name}", at[name]))]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(  # noqa: S603  this very interpreter, on files made here
        [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=env,
    )  # fmt: skip
    try:
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        child.stdin.write(said)
        child.stdin.close()
        child.stdin = None  # communicate() would write to it
        found = None
        while found is None:
            line = child.stdout.readline()
            if not line:
                raise InputError(f"the service did not start: {child.stderr.read().strip()[-300:]}")
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        yield Running(child.pid, int(found[1]))
    finally:
        child.terminate()
        try:
            child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def asked(services: Sequence[Running], body: bytes, token: str) -> Figure:
    """CPU microseconds of a request in all these processes together; one connection for each time one is named."""
    pids = {each.pid for each in services}
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", each.port), timeout=10)) for each in services
        ]
        ask, rounds = asker(sockets, body, token), max(1, REQUESTS // len(sockets))
        ask(rounds)
        blocks = []
        for _ in range(BLOCKS):
            before = sum(map(cpu_ns, pids))
            ask(rounds)
            blocks.append((sum(map(cpu_ns, pids)) - before) / (rounds * len(sockets)) / 1e3)
    return figure(blocks)


def asker(sockets: Sequence[socket.socket], body: bytes, token: str) -> Callable[[int], None]:
    """A function that asks on every one of these connections at once and reads the answers, so many times."""
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

    def ask(rounds: int) -> None:
        for _ in range(rounds):
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


def machine() -> str:
    """The processor, as the system names it, and how many of them."""
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        names = []
    return f"{names[0] if names else os.uname().machine}, {os.cpu_count()} processors"
