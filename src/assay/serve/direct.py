"""The short way: a small request that is there as a whole is answered where it is parsed, in one write.

ASGI needs a task, a coroutine that waits, two sends and a look at every header for each request, which costs more than
a prediction. Whatever would have to wait - for a body, the disk, a thread, a client that does not read - goes the
usual way through ASGI; both ways share everything but the sending (``app.App``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from .app import App, Sent
from .batching import Held
from .limits import Limits

STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


def protocol(limits: Limits, app: App) -> Any:
    """The bounded protocol of ``wire`` with the short way in it; its name alone where there is no httptools."""
    from .wire import protocol as bounded

    base: Any = bounded(limits)
    if isinstance(base, str):
        return base

    class Direct(base):  # type: ignore[misc]
        """One connection."""

        held: Any = None  # a request whose headers are whole and whose body may be in the same bytes

        def _start_asgi_task(self, cycle: Any, asgi: Any) -> None:
            plain = cycle is self.cycle and not cycle.waiting_for_100_continue and not self.flow.write_paused
            if plain and cycle.more_body and not self.pipeline:
                self.held = cycle
            else:
                super()._start_asgi_task(cycle, asgi)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            held, self.held = self.held, None
            if held is not None and not self._answered(held):
                super()._start_asgi_task(held, self.app)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            held, self.held = self.held, None
            if held is not None and not self.transport.is_closing():
                super()._start_asgi_task(held, self.app)

        def _answered(self, cycle: Any) -> bool:
            if self.transport.is_closing():
                return True
            made = app.direct(cycle.scope, bytes(cycle.body))
            if made is None:
                return False
            if isinstance(made, Held):
                made.then = lambda held: self._write(cycle, app.finished(held))
            else:
                self._write(cycle, made)
            return True

        def _write(self, cycle: Any, made: Sent) -> None:
            status, headers, body, then = made
            if self.transport.is_closing():  # whoever asked has left
                then()
                return
            parts = [STATUS[status]]
            for name, value in self.server_state.default_headers:
                parts += (name, b": ", value, b"\r\n")
            for name, value in headers:
                parts += (name, b": ", value, b"\r\n")
            parts += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
            self.transport.write(b"".join(parts))
            cycle.response_started = cycle.response_complete = True
            if not cycle.keep_alive:
                self.transport.close()
            self.on_response_complete()
            then()

    return Direct
