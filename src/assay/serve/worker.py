"""One worker: loads the models, opens the logs, and answers on a socket that it was handed, until it is told to stop.

``python -m assay.serve.worker`` is how ``fleet`` starts further ones: the setup comes as JSON on standard input.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import AssayError, InputError, SettingsError

from .app import App, Takes
from .batching import Batches
from .direct import protocol
from .events import Events, server_tells
from .guard import OPEN, Guard
from .live import Lineup, Live
from .log import PredictionLog
from .log_entries import ids_of, personal_of
from .metrics import Metrics
from .scoring import Scored, Served
from .service import Done, Service
from .setup import Setup, from_doc, wait_from
from .shadow import Shadow
from .sources import find, loader
from .swap import Watcher, before_it
from .usage import Usage

if TYPE_CHECKING:
    from .grpc.server import Port
    from .tracing import Traces

READY = frozenset((("GET", "/v2/health/ready"),))
TICK = 0.5  # seconds between two looks at what is counted elsewhere


class Worker:
    """Everything that one process needs to answer.

    Raises:
        AssayError: something is not as it must be; nothing was opened to the network.
    """

    def __init__(self, setup: Setup, *, worker: int = 0, metrics: Metrics | None = None) -> None:
        self.setup = setup
        self.events = Events(worker=worker, requests=setup.log_requests)
        self.metrics = metrics or Metrics()
        self.served = False
        from .tls import tls_options

        cert, key, clients = (Path(p) if p else None for p in (setup.tls_cert, setup.tls_key, setup.client_ca))
        self.tls = tls_options(cert, key, clients)
        self.registry: Any = None
        self.log: PredictionLog | None = None
        if setup.watches:
            from assay.registry import open_registry

            self.registry = open_registry(setup.registry or None, create=False)
        wait = wait_from(setup.batch_wait)
        self.batches = Batches(wait=wait, add=self.metrics.add, events=self.events) if wait is not None else None
        load = self._learning(loader(setup))
        live = load(replace(find(setup.model, self.registry), variant=setup.variant))
        trial = load(find(setup.shadow, self.registry)) if setup.shadow else None
        self.live = Live(live, trial, setup.canary, naive=setup.fallback == "naive")
        if setup.fallback == "previous":
            self._recall(load)
        self.guard = guard_of(setup, self.events)
        self.log = self._opened_log()
        self.service = Service(
            self.live, limits=setup.limits, metrics=self.metrics, fallback=setup.fallback, spend=self.guard.spend,
            log=self.log, event=self.events,
        )  # fmt: skip
        self.audit = self._opened_audit()
        self.shadow = Shadow(self.metrics, self._noted, self.events) if setup.shadow else None
        self.app = App(
            self.service, self.guard, after=self._after(), before=self._committed if setup.durable else None,
            audit=self.audit.put_request if self.audit is not None else None, events=self.events,
        )  # fmt: skip
        self.traces = self._tracing()
        self.app.traces = self.traces
        if self.batches is not None:
            self.app.batches, self.batches.threads = self.batches, self.app.threads
        self.rpc: Port | None = None
        self.watcher = None
        if self.registry is not None:
            self.watcher = Watcher(
                self.registry, self.live, load, model=setup.model, shadow=setup.shadow, metrics=self.metrics,
                events=self.events, poll=setup.poll, variant=setup.variant,
            )  # fmt: skip

    def _learning(self, load: Callable[[Any], Served]) -> Callable[[Any], Served]:
        """``load``, and log and batches know a model before it answers: its personal columns, what its rows cost."""

        def loaded(found: Any) -> Served:
            served, own = load(found), self.setup.log_id
            if self.setup.log and own in personal_of(served.model.schema):
                raise SettingsError(
                    f"--log-id names {own!r}, which the model flags as personal: name a column with another id"
                )
            if self.log is not None:
                self.log.learn(served.model.schema)
            if self.batches is not None:
                self.batches.measure(served)
            return served

        return loaded

    def _recall(self, load: Callable[[Any], Served]) -> None:
        """Load what was live before, so that it can answer from the start."""
        if self.registry is None or "@" not in self.setup.model:
            return
        from .sources import Found

        with suppress(AssayError):
            digest = before_it(self.registry, self.setup.model)
            if digest:
                version = self.registry.find(f"{self.setup.model.partition('@')[0]}@sha256:{digest}")
                before = load(Found(self.registry.read(digest), version.name, version.version, self.setup.variant))
                now = self.live.lineup
                self.live.lineup = Lineup(now.live, before, now.challenger, now.naive)

    def _opened_log(self) -> PredictionLog | None:
        if not self.setup.log:
            return None
        say = lambda sentence: self.events("log", says=sentence)  # noqa: E731
        setup = self.setup
        now = self.live.lineup
        personal = personal_of(now.live.model.schema, setup.log_without, setup.log_hashed)
        log = PredictionLog(
            Path(setup.log), setup.durable, personal=personal, max_mb=setup.log_mb, days=setup.log_days, warn=say
        )
        for served in filter(None, (now.previous, now.challenger)):
            log.learn(served.model.schema)
        return log

    def _opened_audit(self) -> Any:
        if not self.setup.audit:
            return None
        from .audit_log import AuditLog

        return AuditLog(Path(self.setup.audit), warn=lambda sentence: self.events("audit", says=sentence))

    def _tracing(self) -> Traces | None:
        setup = self.setup
        if not setup.traces:
            return None
        from .tracing import Traces

        name, tls = self.live.lineup.live.name, bool(setup.tls_cert)
        return Traces(setup.traces, name, ratio=setup.trace_ratio, tls=tls, events=self.events)

    def _after(self) -> Takes | None:
        if self.shadow is not None:
            return self.shadow
        return None if self.log is None else lambda done: self._noted(done, None, None)

    def _noted(self, done: Done, scored: Scored | None, challenger: Served | None) -> None:
        if self.log is not None and not self.setup.durable:
            self._put(done, scored, challenger)

    def _put(self, done: Done, scored: Scored | None = None, challenger: Served | None = None) -> int:
        assert self.log is not None
        shadow = None
        if scored is not None and challenger is not None:
            shadow = challenger.documents(scored, done.batch)
        return self.log.put(
            done.asked.id, done.asked.caller.name, done.rows, done.answers(), time.time(),
            model=done.served.digest, shadow=shadow, shadow_model=challenger.digest if challenger else "",
            columns=done.served.decoder.columns, ids=ids_of(done.rows, self.setup.log_id),
        )  # fmt: skip

    def _committed(self, done: Done) -> Any:
        assert self.log is not None
        return self.log.committed(self._put(done))

    def _count(self) -> None:
        if self.log is not None:
            self.metrics.put("log_dropped", self.log.dropped)
            self.metrics.put("log_written", self.log.written)
        if self.traces is not None:
            self.metrics.put("spans", self.traces.made)
            self.metrics.put("spans_sent", self.traces.sent)
        self.events.flush()

    def run(self, sockets: list[socket.socket], ready: Callable[[], None] | None = None) -> int:
        """Answer until SIGTERM or SIGINT, then finish what is open, write out the logs, and give the exit code."""
        from uvicorn.config import Config

        setup = self.setup
        if self.traces is not None:
            self.traces.at(*sockets[0].getsockname()[:2])
        gc.collect()
        gc.freeze()  # what is loaded stays: no later collection looks at it again
        gc.set_threshold(20_000, 20, 50)
        server_tells(self.events)
        wire: Any = protocol(setup.limits, self.app)
        config = Config(
            self.app, http=wire, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, backlog=2048, timeout_graceful_shutdown=int(setup.drain),
            timeout_keep_alive=max(1, int(setup.limits.idle_seconds)),
            **self.tls,
        )  # fmt: skip
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(self._serve(config, sockets, ready))
        return 0

    async def _serve(self, config: Any, sockets: list[socket.socket], ready: Callable[[], None] | None) -> None:
        from uvicorn.server import Server

        worker = self

        class Quiet(Server):
            """uvicorn's server; signals are ours, so that the exit code is 0 after a drain."""

            def capture_signals(self) -> Any:
                from contextlib import nullcontext

                return nullcontext()

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                if worker.setup.grpc_port is not None:  # first: it may be refused, when nothing is open yet
                    from .grpc.server import Port

                    port = Port(worker.app, worker.setup)
                    await port.open()
                    worker.rpc = port
                await super().startup(sockets)
                if worker.watcher is not None:
                    worker.watcher.start()
                worker.metrics.started()
                worker.served = True
                if ready is not None:
                    ready()

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                if worker.rpc is None:
                    await super().shutdown(sockets)
                else:
                    await asyncio.gather(super().shutdown(sockets), worker.rpc.close(worker.setup.drain))

        server = Quiet(config)

        def stop() -> None:
            if self.service.draining:
                server.force_exit = True
            self.service.draining = server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, stop)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
        ticking = loop.create_task(self._tick(stop))
        try:
            await server.serve(sockets)
        finally:
            ticking.cancel()

    async def _tick(self, stop: Callable[[], None]) -> None:
        parent = os.getppid()
        while True:
            await asyncio.sleep(TICK)
            self._count()
            if self.setup.workers > 1 and os.getppid() != parent:  # whoever started the workers was killed
                stop()
                return

    def close(self) -> None:
        """Write out what waits, in the order in which it was made."""
        if self.watcher is not None:
            self.watcher.close()
        self.app.threads.shutdown()
        if self.shadow is not None:
            self.shadow.close()
        if self.log is not None:
            self.log.close()
        if self.audit is not None:
            self.audit.close()
        if self.traces is not None:
            self.traces.close()
        self._count()
        if self.registry is not None:
            self.registry.close()
        if self.served:
            self.events("stopped")


def guard_of(setup: Setup, events: Events) -> Guard:
    """Who may ask, as the setup says."""
    from .key_file import KeyRing

    warn = lambda sentence: events("keys", says=sentence)  # noqa: E731
    keys = tokens = None
    if setup.keys or setup.one_time is not None:
        more = (setup.one_time,) if setup.one_time is not None else ()
        keys = KeyRing(Path(setup.keys) if setup.keys else None, more, warn)
    if setup.jwks:
        from .jwt import Tokens

        tokens = Tokens(Path(setup.jwks), setup.issuer, setup.audience, warn=warn)
    return Guard(keys, tokens, usage_of(setup), open=OPEN | READY)


def usage_of(setup: Setup) -> Usage:
    """Where budgets and rates are counted: the file that was named, else one beside the keys.

    Raises:
        InputError: it cannot be written though a key has a budget or a rate, which would then not hold.
    """
    from .key_file import read

    if setup.usage:
        return Usage(Path(setup.usage))
    if not setup.keys:
        return Usage()
    keys = Path(setup.keys)
    try:
        return Usage(keys.with_suffix(".usage"))
    except InputError:
        if any(k.budget is not None or k.rate is not None for k in read(keys)):
            raise
        return Usage()


def _loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def main() -> int:
    """A further worker: its setup, its number and its file descriptors come on standard input."""
    import json

    doc = json.loads(sys.stdin.read())
    setup = from_doc(doc["setup"])
    try:
        metrics = Metrics(doc["worker"], setup.workers, doc["metrics"])
        worker = Worker(setup, worker=doc["worker"], metrics=metrics)
    except AssayError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    try:
        with socket.socket(fileno=doc["socket"]) as sock:
            return worker.run([sock])
    finally:
        worker.close()


if __name__ == "__main__":
    sys.exit(main())
