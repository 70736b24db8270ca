"""One process of an auditor: jobs in, a line of JSON a job out; stopped at too long a time or too much memory."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE, OUT = Path(__file__).parent, Path("out/peers")
LIMIT_S, LIMIT_MB = 900, 14_000
Doc = dict[str, Any]


def python_of(peer: str) -> str:
    return sys.executable if peer.startswith("assay") else str(OUT / peer / "bin" / "python")


def stopped(why: str, wall: float, pid: int | None = None) -> Doc:
    if pid is not None:
        why = f"{why}, {spent(pid):.0f} CPU s, {resident(pid, 'VmHWM'):,.0f} MB"
    return {"findings": [], "error": why, "wall": wall, "cpu": None, "peak_mb": None}


def answers(peer: str, jobs: list[Doc], threads: int, limit: float = LIMIT_S) -> Iterator[Doc]:
    """What the tool says to each job, in order; a process that ends early is started again at the next job.

    ``wall`` of the first job of a process holds its start. ``cpu`` and ``peak_mb`` are the process's so far, so they
    are a tool's cost where a process has one job.
    """
    while jobs:
        done = 0
        for doc in process(peer, jobs, threads, limit):
            done += 1
            yield doc
        jobs = jobs[max(done, 1) :]


def process(peer: str, jobs: list[Doc], threads: int, limit: float) -> Iterator[Doc]:
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore", "DO_NOT_TRACK": "1"}
    with tempfile.TemporaryDirectory() as folder:
        asked, heard = Path(folder) / "jobs.json", Path(folder) / "errors.txt"
        asked.write_text(json.dumps(jobs), "utf-8")
        words = [python_of(peer), str(HERE / "adapters" / f"run_{peer.replace('-', '_')}.py"), str(asked)]
        with heard.open("w", encoding="utf-8") as errors:
            child = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=errors, text=True, env=env, start_new_session=True
            )
        lines: queue.Queue[str | None] = queue.Queue()
        listener = threading.Thread(target=listen, args=(child, lines), daemon=True)
        listener.start()
        try:
            for _ in jobs:
                start = time.perf_counter()
                doc = answer(child, lines, start, limit)
                if doc is None:
                    last = heard.read_text("utf-8", "replace").strip().splitlines() or ["no output"]
                    doc = stopped(last[-1][-300:], time.perf_counter() - start)
                broke = doc["cpu"] is None
                yield doc
                if broke:
                    return
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            listener.join(5)
            if child.stdout is not None and not listener.is_alive():
                child.stdout.close()


def listen(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def answer(child: subprocess.Popen[str], lines: queue.Queue[str | None], start: float, limit: float) -> Doc | None:
    """The next line that is an answer; None where the process ended without one."""
    while (gone := time.perf_counter() - start) < limit:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            if resident(child.pid) > LIMIT_MB:
                return stopped(f"stopped above {LIMIT_MB:,} MB after {gone:.0f} s", gone, child.pid)
            continue
        if line is None:
            return None
        if line.startswith("@@"):
            return {**json.loads(line[2:]), "wall": time.perf_counter() - start}
    return stopped(f"stopped after {limit:.0f} s", limit, child.pid)


def resident(pid: int, which: str = "VmRSS") -> float:
    """MB that the process holds now, or held at most (VmHWM); 0 where it cannot be read."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(which)), 0.0)


def spent(pid: int) -> float:
    """CPU seconds of the process so far; 0 where they cannot be read."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
