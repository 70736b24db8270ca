"""Runs units in one or two processes, keeps each as it is done, and stops cleanly."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Any

from .plan import Setup, Unit
from .state import State
from .unit import measure

Progress = Callable[[str, float], None]
AHEAD = 4  # units given to the pool before their turn: enough that no process waits


def free_cores() -> int:
    """Two where two cores stand idle, else one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return 2 if cores >= 2 and cores - load >= 1.5 else 1


def work(units: Sequence[Unit], setup: Setup, state: State, jobs: int = 0, progress: Progress | None = None) -> None:
    """Make every unit that the state lacks. ``jobs`` 0: two processes where two cores are free.

    Raises:
        KeyboardInterrupt: stopped by the user; the units under way are still kept.
    """
    todo = [unit for unit in units if not state.has(unit)]
    if not todo:
        return
    line = sorted(todo, key=together)
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the children when they start
    try:
        if len(line) < 8:
            alone(line, setup, state, progress, len(units))
        else:
            pooled(line, setup, state, jobs or free_cores(), progress, len(units))
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def together(unit: Unit) -> tuple[Any, ...]:
    """Units that share a table, its permutation and its probes stand side by side."""
    return unit.place.name, unit.kind, unit.seed if unit.kind in ("mixed", "clean") else 0, unit.code, unit.multiple


def alone(line: Sequence[Unit], setup: Setup, state: State, progress: Progress | None, total: int) -> None:
    for unit in line:
        say(progress, unit, len(state.known), total)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state.add(unit, measure(unit, setup))


def pooled(
    line: Sequence[Unit], setup: Setup, state: State, jobs: int, progress: Progress | None, total: int
) -> None:  # fmt: skip
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=quietly)
    waiting = list(reversed(line))
    running: set[Future[dict[str, Any]]] = set()
    unit_of: dict[Future[dict[str, Any]], Unit] = {}
    done = total - len(line)
    try:
        while waiting or running:
            while waiting and len(running) < jobs + AHEAD:
                unit = waiting.pop()
                future = pool.submit(measure, unit, setup)
                running.add(future)
                unit_of[future] = unit
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                record = future.result()
                state.add(unit_of.pop(future), record)
                done += 1
                if progress:
                    progress(f"{record['code']} in {record['table']}, {done:,} of {total:,}", done / max(1, total))
    except KeyboardInterrupt:
        for future in running:
            future.cancel()
        for future in [f for f in running if not f.cancelled()]:
            state.add(unit_of[future], future.result())
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def say(progress: Progress | None, unit: Unit, done: int, total: int) -> None:
    if progress:
        progress(f"{unit.code} in {unit.place.name}", min(1.0, done / max(1, total)))


def quietly() -> None:
    """A child leaves Ctrl-C to its parent, drops warnings, and ends when its parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    threading.Thread(target=outlive_nobody, args=(os.getppid(),)).start()


def outlive_nobody(parent: int) -> None:
    while threading.main_thread().is_alive():
        time.sleep(0.5)
        if os.getppid() != parent:
            os._exit(1)
