"""The short way: a small request that is there as a whole is answered where it is parsed, in one write.

ASGI needs a task, a coroutine that waits, two sends and a look at every header for each request, which costs more than
a prediction. Whatever would have to wait - for a body, the disk, a thread, a client that does not read - goes the
usual way through ASGI; both ways share everything but the sending (``app.App``).
"""

from __future__ import annotations

from typing import Any

from .app import App, Made
from .batching import Held
from .limits import Limits

END = b"\r\n\r\n"  # of a head


def protocol(limits: Limits, app: App) -> Any:
    """The bounded protocol of ``wire`` with the short way in it; its name alone where there is no httptools."""
    from .wire import protocol as bounded

    base: Any = bounded(limits)
    if isinstance(base, str):
        return base

    class Direct(base):  # type: ignore[misc]
        """One connection."""

        held: Any = None  # a request whose headers are whole and whose body may be in the same bytes
        segment = b""  # what is read now, where a request begins with it
        waits = False  # whether a request of a known head waits for the run that it shares
        came: bytes | None = None  # what came while it waits
        last = False  # whether the connection is to be closed after it

        def data_received(self, data: bytes) -> None:
            if self.waits:
                self._put_by(data)
                return
            if self.whole and self.heading is None:
                end = data.find(END)
                head = app.heads.get(data[:end]) if end > 0 else None
                if head is not None and len(data) == end + 4 + head.length and self._again(head, data[end + 4 :]):
                    return
                self.segment = data
            super().data_received(data)
            self.segment = b""
            held, self.held = self.held, None
            if held is not None and not self.transport.is_closing():
                super()._start_asgi_task(held, self.app)

        def _again(self, head: Any, body: bytes) -> bool:
            """Answer a request whose head is known, unless something else is under way."""
            cycle = self.cycle
            busy = cycle is not None and not cycle.response_complete
            if busy or self.pipeline or self.flow.write_paused or self.transport.is_closing():
                return False
            made = app.again(head, body, self.client[0] if self.client else "", len(self.connections) == 1)
            if made is None:
                return False
            self.quiet = self.loop.time()
            self._unset_keepalive_if_required()
            if isinstance(made, Held):
                self.waits = True
                made.then = self._go_on
            else:
                self._write(None, made)
            return True

        def _go_on(self, held: Held) -> None:
            self.waits = False
            self._write(None, app.finished(held))
            if self.came is not None and not self.transport.is_closing():
                came, self.came = self.came, None
                self.flow.resume_reading()
                self.data_received(came)

        def _put_by(self, data: bytes) -> None:
            self.came = data if self.came is None else self.came + data
            self.flow.pause_reading()

        def shutdown(self) -> None:
            if self.waits:
                self.last = True
            else:
                super().shutdown()

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

        def _answered(self, cycle: Any) -> bool:
            if self.transport.is_closing():
                return True
            made = app.direct(cycle.scope, bytes(cycle.body), len(self.connections) == 1)
            if made is None:
                return False
            if self.segment and cycle.keep_alive:
                app.learn(self.segment, made, cycle.scope)
            if isinstance(made, Held):
                made.then = lambda held: self._write(cycle, app.finished(held))
            else:
                self._write(cycle, made)
            return True

        def _write(self, cycle: Any, made: Made) -> None:
            """Send an answer; ``cycle`` is uvicorn's record of a request that was parsed."""
            stays = cycle.keep_alive if cycle is not None else not self.last
            try:
                if not self.transport.is_closing():  # else whoever asked has left
                    self.transport.write(app.written(made, self.server_state.default_headers, stays))
                    self._sent(cycle, stays)
            except Exception:
                self.transport.close()
                raise
            app.left(*made)

        def _sent(self, cycle: Any, stays: bool) -> None:
            if cycle is None:
                self.server_state.total_requests += 1
            else:
                cycle.response_started = cycle.response_complete = True
            if not stays:
                self.transport.close()
            if cycle is not None:
                self.on_response_complete()

    return Direct
