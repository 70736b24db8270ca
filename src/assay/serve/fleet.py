"""Starting and keeping workers: the checks before the network is touched, the shared socket, restarts, the drain."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.errors import OutputError, SettingsError

from .events import Events
from .guard import is_loopback, safe_to_bind
from .keys import temporary
from .metrics import Metrics
from .setup import Setup
from .worker import Worker

BACKLOG = 2048
PATIENCE = 30.0  # seconds until all workers must have started


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OutputError: the port is taken, not allowed, or there is no such address here.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it lets two servers share a port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host.strip("[]"), port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise OutputError(f"port {port} of {host} is in use; choose another with --port, or 0 for any") from None
        if error.errno == errno.EACCES:
            raise OutputError(f"port {port} is not allowed to this user; choose one from 1024 up with --port") from None
        raise OutputError(f"{host} port {port} cannot be listened on ({error.strerror or error})") from None
    made.set_inheritable(True)
    return made


def with_token(setup: Setup) -> tuple[Setup, str]:
    """The setup and, where nobody else could ask and no keys were given, a token for this one run.

    Raises:
        SettingsError: others could reach the service and no keys were given.
    """
    has_keys = bool(setup.keys or setup.jwks or setup.client_ca)
    safe_to_bind(setup.host, has_keys, bool(setup.tls_cert))
    if has_keys or not is_loopback(setup.host):
        return setup, ""
    token, key = temporary()
    return replace(setup, one_time=key), token


def serve(setup: Setup, say: Callable[[str], None]) -> int:
    """Check, listen, answer until told to stop; the exit code.

    Raises:
        AssayError: it would not be safe, or not possible, to start.
    """
    for package in ("uvicorn", "orjson", "httptools" if sys.platform != "win32" else "uvicorn"):
        _needed(package)
    if setup.grpc_port is not None:
        from .grpc.server import needed

        needed()
    setup, token = with_token(setup)
    if setup.workers > 1 and sys.platform == "win32":
        raise SettingsError("--workers above 1 needs Linux or macOS; start several services on several ports")
    if setup.workers == 1:
        worker = Worker(setup)
        try:
            with listen(setup.host, setup.port) as sock:
                return worker.run([sock], lambda: announce(setup, worker, sock, token, say))
        finally:
            worker.close()
    return _fleet(setup, token, say)


def _needed(package: str) -> None:
    from importlib.util import find_spec

    from assay.core.errors import MissingExtra

    if find_spec(package) is None:
        raise MissingExtra(package, "serve", "serving")


def announce(setup: Setup, worker: Worker, sock: socket.socket, token: str, say: Callable[[str], None]) -> None:
    """Say where the service is and how it is asked."""
    import orjson

    served = worker.live.lineup.live
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    base = f"{'https' if setup.tls_cert else 'http'}://{shown}:{port}"
    workers = f" by {setup.workers} workers" if setup.workers > 1 else ""
    say(f"{served.name} {served.version} ({served.digest[:12]}) answers at {base}{workers}")
    if (caution := safe_to_bind(setup.host, True, bool(setup.tls_cert))) is not None:
        say(f"caution: {caution}")
    if setup.grpc_port is not None:
        number = worker.rpc.number if worker.rpc is not None else setup.grpc_port
        say(f"gRPC: inference.GRPCInferenceService at {shown}:{number}")
    row = orjson.dumps({"rows": [served.typical]}).decode().replace("'", "'\\''")
    key = token or "KEY"
    if token:
        say("only this machine can reach it; this key ends with it:")
    say(f"curl -s {base}/predict -H 'authorization: Bearer {key}' -H 'content-type: application/json' -d '{row}'")
    say(f"page for people: {base}/ (any user name; the key as password)")


def _fleet(setup: Setup, token: str, say: Callable[[str], None]) -> int:
    events = Events(worker=-1)
    with tempfile.TemporaryDirectory(prefix="assay-serve-") as folder:
        if not setup.usage:
            setup = replace(setup, usage=str(Path(folder) / "usage"))
        trial = Worker(
            replace(setup, log="", durable=False, audit="", usage="")
        )  # refuses to start here, before any process does
        writable(setup.log, "--log")
        with tempfile.TemporaryFile() as shared, _grpc_held(setup) as setup:
            shared.truncate(Metrics.size(setup.workers))
            metrics = Metrics(0, setup.workers, shared.fileno())
            sock = listen(setup.host, setup.port)
            fleet = Fleet(setup, sock, shared.fileno(), metrics, events)
            try:
                return fleet.run(lambda: announce(setup, trial, sock, token, say))
            finally:
                sock.close()


@contextmanager
def _grpc_held(setup: Setup) -> Iterator[Setup]:
    """The setup with the port of gRPC that is held for all workers, where there is to be one."""
    if setup.grpc_port is None:
        yield setup
        return
    from .grpc.server import reserved

    with reserved(setup.host, setup.grpc_port) as held:
        yield replace(setup, grpc_port=held.getsockname()[1])


def writable(folder: str, flag: str) -> None:
    """
    Raises:
        OutputError: files cannot be made in the folder.
    """
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"0")
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be written ({error.strerror}); choose another with {flag}"
        ) from None


class Fleet:
    """Worker processes on one listening socket. One that dies is started again, ever more slowly."""

    def __init__(self, setup: Setup, sock: socket.socket, shared: int, metrics: Metrics, events: Events) -> None:
        self.setup, self.sock, self.shared, self.metrics, self.events = setup, sock, shared, metrics, events
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.again: dict[int, float] = {}
        self.deaths = 0
        self.stopping = False

    def run(self, ready: Callable[[], None]) -> int:
        """Until a signal; 0 where every worker ended well."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for k in range(self.setup.workers):
            self._start(k)
        begun, said, codes = time.monotonic(), False, []
        while self.workers or (self.again and not self.stopping):
            for k, process in list(self.workers.items()):
                code = process.poll()
                if code is None:
                    continue
                del self.workers[k]
                self.metrics.gone(k)
                if self.stopping:
                    codes.append(code)
                elif not said:
                    self._stop()
                    codes.append(code or 3)  # it has said why on standard error
                else:
                    self.deaths += 1
                    self.events("worker-died", number=k, code=code)
                    self.again[k] = time.monotonic() + min(5.0, 0.1 * 2 ** min(self.deaths, 6))
            for k, due in list(self.again.items()):
                if time.monotonic() >= due and not self.stopping:
                    del self.again[k]
                    self._start(k)
            if not said and not self.stopping and self.metrics.ready() == self.setup.workers:
                ready()
                said = True
            if not said and not self.stopping and time.monotonic() - begun > PATIENCE:
                self._stop()
                codes.append(3)
            time.sleep(0.02 if not said or self.stopping else 0.1)
        return max(codes, default=0) if min(codes, default=0) >= 0 else 3

    def _start(self, k: int) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "assay.serve.worker"], stdin=subprocess.PIPE,
            pass_fds=(self.sock.fileno(), self.shared), start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        doc: dict[str, Any] = {
            "setup": self.setup.doc(),
            "worker": k,
            "socket": self.sock.fileno(),
            "metrics": self.shared,
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(doc).encode())
        process.stdin.close()
        self.workers[k] = process

    def _stop(self, *_: object) -> None:
        again, self.stopping = self.stopping, True
        for process in self.workers.values():
            process.send_signal(signal.SIGKILL if again else signal.SIGTERM)
