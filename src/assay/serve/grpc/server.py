"""The port of gRPC: grpc.aio in the event loop of the worker, with every limit that its core has.

On the event loop a call is answered on the thread that answers REST, so that nothing of the service is entered from two
threads, and it costs no more processor time than the server with threads (docs/decisions/0021-grpc.md). Workers each
open the port with SO_REUSEPORT, since grpc takes no socket that is open already; the parent holds the port for them.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

from assay.core.errors import MissingExtra, OutputError
from assay.serve.app import App
from assay.serve.limits import Limits
from assay.serve.setup import Setup

from .calls import Calls

FLAG = "--grpc-port"


def needed() -> None:
    """
    Raises:
        MissingExtra: grpcio or protobuf is not installed.
    """
    try:
        import google.protobuf.descriptor_pool  # noqa: F401
    except ImportError:
        raise MissingExtra("protobuf", "grpc", f"{FLAG}") from None
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes to standard error what any caller sends
    try:
        import grpc.aio  # noqa: F401
    except ImportError:
        raise MissingExtra("grpcio", "grpc", f"{FLAG}") from None


def reserved(host: str, port: int) -> socket.socket:
    """A socket that holds a free port without listening on it: what the workers open beside it with SO_REUSEPORT.

    Raises:
        OutputError: the port is taken, not allowed, or there is no such address here.
    """
    with _bound(host, port, shared=False) as alone:  # refused where anybody at all has the port
        name = alone.getsockname()
    return _bound(name[0], name[1], shared=True)


def _bound(host: str, port: int, shared: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        made.bind((host.strip("[]"), port))
    except OSError as error:
        made.close()
        raise refusal(host, port, error) from None
    return made


def refusal(host: str, port: int, error: OSError) -> OutputError:
    if error.errno == errno.EADDRINUSE:
        return OutputError(f"port {port} of {host} is in use; choose another with {FLAG}, or 0 for any")
    if error.errno == errno.EACCES:
        return OutputError(f"port {port} is not allowed to this user; choose one from 1024 up with {FLAG}")
    return OutputError(f"{host} port {port} cannot be listened on ({error.strerror or error})")


def options(limits: Limits, shared: bool) -> list[tuple[str, int]]:
    """What the core of grpc is told."""
    return [
        ("grpc.so_reuseport", int(shared)),
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.absolute_max_metadata_size", limits.header_bytes),
        (
            "grpc.max_concurrent_streams",
            limits.connections,
        ),  # what is beyond it is reset, and not all clients try again
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.server_handshake_timeout_ms", int(limits.header_seconds * 1000)),
        ("grpc.max_connection_idle_ms", int(limits.idle_seconds * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
    ]


class Port:
    """The open port of one worker."""

    def __init__(self, app: App, setup: Setup) -> None:
        self.app, self.setup = app, setup
        self.number = 0
        self.server: Any = None

    async def open(self) -> None:
        """Listen.

        Raises:
            OutputError: the port cannot be had.
        """
        import grpc

        setup, calls = self.setup, Calls(self.app, bool(self.setup.client_ca))
        limits, shared = setup.limits, setup.workers > 1
        host, port = setup.host, setup.grpc_port or 0
        with _bound(host, port, shared) as free:  # of a port that it cannot have, the core of grpc says nothing of use
            host, port = free.getsockname()[:2]
        self.server = grpc.aio.server(options=options(limits, shared), maximum_concurrent_rpcs=limits.connections)
        services: dict[str, dict[str, Any]] = {}
        for path in calls.methods:
            service, _, method = path[1:].partition("/")
            handler = grpc.stream_unary_rpc_method_handler(partial(_entered, calls, path))
            services.setdefault(service, {})[method] = handler
        generic = [grpc.method_handlers_generic_handler(name, handlers) for name, handlers in services.items()]
        self.server.add_generic_rpc_handlers(generic)
        where = f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if setup.tls_cert:
                self.number = self.server.add_secure_port(where, _credentials(setup))
            else:
                self.number = self.server.add_insecure_port(where)
        except RuntimeError:
            await self.server.stop(None)  # else its thread and the end of the event loop may wait for each other
            raise refusal(setup.host, port, OSError(errno.EADDRINUSE, "in use")) from None
        await self.server.start()

    async def close(self, seconds: float) -> None:
        """Take no further call, and let those that are open end."""
        await self.server.stop(seconds)


async def _entered(calls: Calls, path: str, requests: Any, context: Any) -> bytes:
    import grpc

    try:
        return await calls.call(path, context)
    except grpc.aio.BaseError:  # it is refused, or the caller has left
        raise
    except Exception as error:  # grpc would send its text to the caller
        calls.app.events("failed", route=path, error=type(error).__name__)
        await context.abort(grpc.StatusCode.INTERNAL, "the service failed on this request")
        raise


def _credentials(setup: Setup) -> Any:
    import grpc

    pair = (Path(setup.tls_key).read_bytes(), Path(setup.tls_cert).read_bytes())
    clients = Path(setup.client_ca).read_bytes() if setup.client_ca else None
    return grpc.ssl_server_credentials([pair], clients, clients is not None)
