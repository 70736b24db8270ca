"""Dynamic batching: small requests that are there at the same time go through the graph in one run.

A run of a graph costs much at all and little a row, so what is readable in one turn of the event loop is run together
at the end of that turn; nobody waits for it. A graph so dear that it runs beside the loop takes, when a run ends, what
came meanwhile; and where others seem to be on their way a batch of such a model is held open until they are there, as
long as the next saves more by joining than it delays, and never longer than the cap. A request that comes alone is
answered the usual way at once. Each request keeps its own answer, errors, counters and log: only the run is shared,
and only by requests of one model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from .decode import Batch
from .gain import MOST, Gain, gain_of, joined
from .http import Request, Response
from .scoring import INLINE, Scored, Served
from .service import Answer, Asked, Done, Service

Decode = Callable[[Served], Batch]
Finish = Callable[[Done], Answer]

SMALL = MOST // 4  # rows of a request above which it goes by itself
CAP = 0.002  # seconds that a batch is held open at most, unless the user says otherwise
LULL = 0.05  # seconds after which a crowd is gone
AT_ONCE = 2  # runs beside the loop
WAITING = Response(503)


class Held(Answer):
    """A request whose rows are read and that waits for the run it shares. ``then`` is called when that is over.

    It may be awaited instead.
    """

    __slots__ = ("asked", "batch", "decode", "failed", "finish", "scored", "served", "service", "then", "visit")

    def __init__(
        self, service: Service, asked: Asked, decode: Decode, served: Served, batch: Batch, finish: Finish
    ) -> None:
        super().__init__(WAITING, "")
        self.service, self.asked, self.decode, self.served, self.batch = service, asked, decode, served, batch
        self.finish = finish
        self.scored: Scored | None = None
        self.failed: Exception | None = None
        self.then: Callable[[Held], None] | None = None
        self.visit: Any = None

    def end(self) -> None:
        """Make the prediction: of the shared run, or of one of its own where that gave nothing."""
        try:
            self.done = self.service.ended(self.asked, self.decode, None, self.served, self.batch, self.scored)
        except Exception as error:
            self.failed = error

    def answer(self) -> Answer:
        """The answer, once the run is over.

        Raises:
            Refused: as ``Service.answer``.
        """
        if self.done is None and self.failed is None:
            self.end()
        if self.failed is not None:
            raise self.failed
        assert self.done is not None
        return self.finish(self.done)

    def __await__(self) -> Generator[Any, None, Answer]:
        future = asyncio.get_running_loop().create_future()

        def wake(_: Held) -> None:
            if not future.done():
                future.set_result(None)

        self.then = wake
        yield from future
        return self.answer()


class Batches:
    """Holds requests of one worker and runs them together. Used on the event loop's thread alone.

    ``wait`` is the cap in seconds; 0 never holds a batch open.
    """

    def __init__(
        self,
        threads: Executor | None = None,
        *,
        wait: float = CAP,
        add: Callable[[str, float], None] | None = None,
        events: Callable[..., None] | None = None,
    ) -> None:
        self.threads, self.wait, self.add = threads, wait, add or (lambda name, value: None)
        self.events = events
        self._held: list[Held] = []
        self._rows = 0
        self._expected = 1  # requests of the last batch: how many seem to be there at once
        self._first = self._last = 0.0  # when the oldest and the newest of those held came
        self._ended = 0.0  # when the last batch was answered
        self._met = False  # whether a request was let through in this turn of the loop
        self._running = 0
        self._next: asyncio.Handle | None = None

    def measure(self, served: Served) -> None:
        """Get to know a model before it answers; one that was not measured is never run together."""
        if served.gain is not None:
            return
        served.gain = gain = gain_of(served)
        if self.events is not None and (gain.waits or gain.apart not in (None, 0.0)):
            self.events(
                "batching", model=served.header.decode(), alone_us=round(gain.alone, 1), among_us=round(gain.joined, 1),
                apart=gain.apart, joins=gain.joins, waits=gain.waits and self.wait > 0,
            )  # fmt: skip

    def takes(self, served: Served, size: int, alone: bool = False) -> bool:
        """Whether a request of so many bytes is to be set aside: others are there too, and its model gains by it.

        ``alone`` says that its connection is the only one, so that no other can come in this turn.
        """
        gain = served.gain
        if gain is None or not gain.joins or size > 2 * SMALL * served.row_bytes:
            return False
        if self._expected > 1 or self._held or self._met or gain.alone > INLINE:
            return True
        if alone:
            return False
        self._met = True
        asyncio.get_running_loop().call_soon(self._turned)
        return False

    def _turned(self) -> None:
        self._met = False

    def held(self, service: Service, asked: Asked, decode: Decode, finish: Finish) -> Answer:
        """Set a request aside, or answer it, where its model or its size are not for a batch.

        Raises:
            Refused: as ``Service.scored``.
        """
        served, batch = service.begun(asked, decode)
        gain = served.gain
        breaker = asked.lineup.breaker if served is asked.lineup.live else asked.lineup.trial
        if gain is None or not gain.joins or batch.n > SMALL or breaker.count:
            return finish(service.ended(asked, decode, None, served, batch))
        one = Held(service, asked, decode, served, batch, finish)
        self._last = now = time.perf_counter()
        if not self._held:
            self._first = now
            if not self._running and now - self._ended > LULL:  # those of the last batch have not come again
                self._expected = 1
        self._held.append(one)
        self._rows += batch.n
        if (self._next is None and not self._busy) or self._rows >= MOST:
            self._look_in(0.0)
        return one

    @property
    def _busy(self) -> bool:
        """Whether a further run would only wait for its turn; the end of one looks again."""
        return self._running >= AT_ONCE

    def _look_in(self, seconds: float) -> None:
        if self._next is not None:
            self._next.cancel()
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(seconds, self._look) if seconds else loop.call_soon(self._look)

    def _look(self) -> None:
        """Run what is held, unless it is worth waiting for more."""
        self._next = None
        if not self._held or (self._busy and self._rows < MOST):
            return
        left = self._patience()
        if left > 0:
            self._look_in(left)
        else:
            self._go()

    def _patience(self) -> float:
        """Seconds until to look again; not above 0 where nothing is to be waited for.

        The next request is waited for as long as its joining would save, so that no more is lost than was to be gained.
        While a run is under way, those that it holds may well come again: its end is waited for.
        """
        gain = _known(self._held[0].served)
        if self._rows >= MOST or not gain.waits or (len(self._held) >= self._expected and not self._running):
            return 0.0
        now = time.perf_counter()
        left = self._first + self.wait - now
        return left if self._running else min(left, self._last + gain.saves / 1e6 - now)

    def _go(self) -> None:
        held, self._held, self._rows = self._held, [], 0
        self._expected = len(held)
        for group in groups(held):
            gain = _known(group[0].served)
            if len(group) > 1:
                self.add("batches", 1.0)
                self.add("batched", float(len(group)))
            if self.threads is not None and gain.alone + gain.joined * sum(one.batch.n for one in group) > INLINE:
                self._running += 1
                run = asyncio.get_running_loop().run_in_executor(self.threads, run_together, group)
                run.add_done_callback(partial(self._ran, group))
            else:
                run_together(group)
                self._release(group)

    def _ran(self, group: list[Held], _: object) -> None:
        self._running -= 1
        self._release(group)
        if self._held:
            self._look_in(0.0)

    def _release(self, group: Sequence[Held]) -> None:
        release(group)
        self._ended = time.perf_counter()


def _known(served: Served) -> Gain:
    assert served.gain is not None  # else nothing of it is held
    return served.gain


def small(request: Request) -> bool:
    """Whether a request is of the kind that is run together: a plain prediction."""
    path = request.path
    return (
        request.method == "POST"
        and (path == "/predict" or path.endswith("/infer"))
        and not request.query
        and b"content-encoding" not in request.headers
    )


def groups(held: Sequence[Held]) -> list[list[Held]]:
    """Requests of one model, at most ``MOST`` rows together, in the order in which they came."""
    out: list[list[Held]] = []
    filling: dict[int, tuple[list[Held], int]] = {}
    for one in held:
        group, rows = filling.get(id(one.served), ([], MOST))
        if rows + one.batch.n > MOST:
            group, rows = [], 0
            out.append(group)
        group.append(one)
        filling[id(one.served)] = group, rows + one.batch.n
    return out


def run_together(group: Sequence[Held]) -> None:
    """Run a group's rows at once and give each request its part. Where that fails each is run by itself."""
    try:
        whole = group[0].served.score(joined([one.batch for one in group]))
    except Exception:  # whatever it is, nobody may be left without an answer: each finds out for itself
        for one in group:
            one.end()
        return
    at = 0
    for one in group:
        end = at + one.batch.n
        decisions = None if whole.decisions is None else whole.decisions[at:end]
        one.scored = Scored(whole.output[at:end], whole.labels[at:end], whole.sets[at:end], whole.coverage, decisions)
        at = end


def release(group: Sequence[Held]) -> None:
    """Let each go on, whatever happens to the others."""
    for one in group:
        try:
            if one.then is not None:
                one.then(one)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler({"message": "an answer failed", "exception": error})
