"""Hot swap: a thread that polls the registry, loads what an alias newly names beside the live model, then swaps.

A request that has begun ends with the models with which it began. A model that does not load changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from assay.core.errors import AssayError

from .events import Events
from .live import Live
from .metrics import Metrics
from .scoring import Served
from .sources import Found, find, is_reference

RETRY = 5.0  # seconds until a model that did not load is tried again


class Watcher:
    """Keeps ``live`` at what the registry says of ``model`` and ``shadow``."""

    def __init__(
        self,
        registry: Any,
        live: Live,
        load: Callable[[Found], Served],
        *,
        model: str,
        shadow: str = "",
        metrics: Metrics | None = None,
        events: Events | None = None,
        poll: float = 0.2,
        variant: str = "",
    ) -> None:
        self.registry, self.live, self.load, self.poll = registry, live, load, poll
        self.model, self.shadow, self.variant = model, shadow, variant
        self.metrics, self.events = metrics or Metrics(), events or Events()
        self._seen = -1
        self._refused: dict[str, tuple[str, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def look(self) -> bool:
        """Look once; True where something was swapped.

        Raises:
            AssayError: the registry cannot be read now.
        """
        head = self.registry.changed(self._seen)
        waiting = any(time.monotonic() >= until for _, until in self._refused.values())
        if head == self._seen and not waiting:
            return False
        swapped = False
        if is_reference(self.model):
            served = self._newer(self.model, self.live.lineup.live, self.variant)
            if served is not None:
                self.live.promote(served)
                swapped = True
        if self.shadow and is_reference(self.shadow):
            served = self._newer(self.shadow, self.live.lineup.challenger)
            if served is not None:
                self.live.try_out(served)
                swapped = True
        self._seen = head
        return swapped

    def _newer(self, source: str, now: Served | None, variant: str = "") -> Served | None:
        digest = self.registry.resolve(source)
        if now is not None and digest == now.digest:
            self._refused.pop(source, None)
            return None
        tried, until = self._refused.get(source, ("", 0.0))
        if tried == digest and time.monotonic() < until:
            return None
        begun = time.perf_counter()
        try:
            served = self._kept(digest, variant) or self.load(replace(find(source, self.registry), variant=variant))
        except AssayError as error:
            self._refused[source] = (digest, time.monotonic() + RETRY)
            self.metrics.add("swap_failures")
            self.events("swap-failed", source=source, digest=digest, error=str(error))
            return None
        self._refused.pop(source, None)
        self.metrics.add("swaps")
        took = round(time.perf_counter() - begun, 4)
        self.events("swapped", source=source, digest=served.digest, version=served.version, seconds=took)
        return served

    def _kept(self, digest: str, variant: str) -> Served | None:
        """The previous model, still loaded, where a rollback asks for it again."""
        before = self.live.lineup.previous
        same = before is not None and (before.digest, before.model.variant) == (digest, variant)
        return before if same else None

    def _run(self) -> None:
        failing = False
        while not self._stop.wait(self.poll):
            try:
                self.look()
                failing = False
            except Exception as error:
                if not failing:  # say it once, not five times a second; the models that are loaded go on
                    self.events("registry-unreadable", error=f"{type(error).__name__}: {error}"[:300])
                failing = True


def before_it(registry: Any, source: str) -> str:
    """The digest that an alias named before what it names now; empty where there was none."""
    name, _, alias = source.partition("@")
    stack = [entry for entry in registry.state().stacks.get((name, alias), ()) if entry is not None]
    return stack[-2].digest if len(stack) > 1 else ""
