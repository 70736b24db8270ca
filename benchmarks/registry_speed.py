"""What a registry in a folder costs: a change, a look-up, opening and checking a long history.

python benchmarks/registry_speed.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from assay.bundle.signing import new_key
from assay.registry import Registry, open_registry
from assay.registry.signed import Signer
from registry_kills import bundle

EVENTS, SIGNED = 10_000, 500


def timed(what: str, times: int, do: Callable[[int], Any]) -> None:
    start = time.perf_counter()
    for k in range(times):
        do(k)
    print(f"{what:<44} {(time.perf_counter() - start) / times * 1e6:>10,.0f} us")


def lengthen(registry: Registry) -> None:
    """Promotions back and forth, written at once: a history as of years."""
    last, out = registry.history()[-2:], []
    before = last[-1]
    for k in range(EVENTS):
        event = replace(last[k % 2], seq=before.seq + 1, previous=before.hash, hash="")
        before = replace(event, hash=event.chained())
        out.append(before)
    with registry.store.writing():
        registry.store.append(out)


def main() -> None:
    files = [bundle(k) for k in range(2)]
    with tempfile.TemporaryDirectory() as folder, open_registry(folder) as registry:
        timed("add, with every check of a load", 2, lambda k: registry.add(files[k], "late"))
        timed("promote", 200, lambda k: registry.promote("late", "champion", ("0.1.0", "0.1.1")[k % 2]))
        timed("changed", 2_000, lambda k: registry.changed())
        timed("resolve", 1_000, lambda k: registry.resolve("late@champion"))
        lengthen(registry)

        def opened(k: int) -> None:
            with open_registry(folder) as other:
                other.resolve("late@champion")

        timed(f"open and resolve, {EVENTS:,} events", 3, opened)
        timed(f"check, {EVENTS:,} events", 3, lambda k: registry.check())
    with tempfile.TemporaryDirectory() as folder, open_registry(folder) as registry:
        private, public = new_key()
        signer = Signer(private)
        registry.add(files[0], "late")
        registry.approver(signer.key, public, "ann")

        def approved(k: int) -> None:
            registry.stage("late", "0.1.0", "retired")
            registry.stage("late", "0.1.0", "approved", signer=signer)

        timed("retire, and approve with a signature", SIGNED, approved)

        def again(k: int) -> None:
            with open_registry(folder) as other:
                other.resolve("late@0.1.0")

        timed(f"open and resolve, {SIGNED:,} signed events", 3, again)


if __name__ == "__main__":
    main()
