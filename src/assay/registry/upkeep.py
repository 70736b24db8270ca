"""Keeping a registry in order: which files are of no use, and whether all is as it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from assay.core.errors import InputError

from . import events
from .events import FIRST, Event, told
from .state import RETIRED, State
from .store import Store

if TYPE_CHECKING:
    from .registry import Registry

KEPT_DAYS = 30  # a file that was live in the last so many days is never removed by itself


@dataclass(frozen=True, slots=True)
class Checked:
    """What ``check`` looked at and what it found."""

    events: int
    files: int
    head: str  # hash of the last event: kept elsewhere, it shows later that no event was cut off since
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """What ``gc`` took out, or would."""

    files: tuple[tuple[str, int, str], ...]  # digest, bytes, why
    left_over: int = 0  # half-written files of killed writers


def unused(state: State, days: float, everything: bool) -> Callable[[str], str]:
    """Tells of a digest why its file is of no use; empty where it is."""
    since = told(events.now() - timedelta(days=days))
    used = {live.digest for live in state.live()}
    used |= {v.digest for v in state.versions.values() if v.stage != RETIRED and v.digest not in state.removed}
    if not everything:
        used |= {digest for digest, left in state.ended.items() if left >= since}
    known = state.digests()
    return lambda digest: "" if digest in used else "retired" if digest in known else "no version"


def collect(registry: Registry, days: float, everything: bool, dry_run: bool, by: str | None) -> Removed:
    """See ``Registry.gc``."""
    useless = unused(registry.state(), days, everything)
    found = [(digest, size, why) for digest, size in registry.store.stored() if (why := useless(digest))]
    if dry_run:
        return Removed(tuple(found))
    out = []
    for digest, size, _ in found:
        # Told first, removed after, each under the writers' lock: killed between, the next run ends it.
        with registry._writing() as (state, append):
            why = unused(state, days, everything)(digest)
            if why and digest not in state.removed:
                append("removed", digest=digest, by=by, reason=why, more={"size": size})
        with registry._writing() as (state, _):
            if why and digest in state.removed:
                registry.store.drop(digest)
                out.append((digest, size, why))
    return Removed(tuple(out), registry.store.tidy())


def held(store: Store, digest: str, what: str) -> None:
    """
    Raises:
        InputError: the file was lost, so that nothing could serve it.
    """
    if not store.has(digest):
        raise InputError(f"the file of {what} is not in the registry any more: assay registry add puts it back")


def doubts(found: Sequence[Event], at: str) -> tuple[str, ...]:
    """See ``Registry.doubts``."""
    until = told(events.moment_of(at))
    within = [e for e in found if e.at > until]
    if not within:
        return ()
    return (
        f"a clock went back: event {within[0].seq}, told at {within[0].at[:19]}Z, came before others, told as "
        f"not after {at}; the answer goes by the order of events",
    )


def copy(registry: Registry, other: Registry) -> tuple[int, int]:
    """See ``Registry.copy_to``."""
    found, files = registry.store.events(0), 0
    for digest, _ in registry.store.stored():
        other.store.put(digest, registry.read(digest))
        files += 1
    with other._lock, other.store.writing():
        if other.store.head():
            raise InputError(f"the registry in {other.place} is not empty: copy into a new one")
        other.store.append(found)
    return len(found), files


def check(store: Store, expect: str = "", approvers: Sequence[str] = ()) -> Checked:
    """See ``Registry.check``."""
    problems = list(store.damage())
    found, state, previous, seen = store.events(0), State(), FIRST, set()
    for number, event in enumerate(found, 1):
        if event.seq != number or event.previous != previous or event.chained() != event.hash:
            problems.append(f"the history was changed at event {number} ({event.kind}, told {event.at})")
            break
        try:
            state.apply(event)
        except (KeyError, TypeError, ValueError, IndexError):
            problems.append(f"event {number} ({event.kind}) contradicts those before it")
            break
        previous = event.hash
        seen.add(event.hash)
    if expect and not any(h.startswith(expect) for h in seen):
        problems.append(f"no event has the hash {expect[:16]}: the history was changed, or its end was cut off")
    problems += state.approvals.flaws
    for approver in state.approvals.approvers.values():
        if approvers and approver.key not in approvers:
            problems.append(f"{approver} is an approver since {approver.since[:10]}, and was not named")
    files = 0
    for digest in sorted(state.digests() - set(state.removed)):
        data, files = store.get(digest), files + 1
        told_of = ", ".join(str(v) for v in state.of() if v.digest == digest)
        if data is None:
            gone = {e.digest for e in store.events(state.seq) if e.kind == "removed"}  # while this read
            problems += [] if digest in gone else [f"the file of {told_of} (sha256:{digest[:12]}) is missing"]
        elif hashlib.sha256(data).hexdigest() != digest:
            problems.append(f"the file of {told_of} (sha256:{digest[:12]}) was changed or damaged")
    return Checked(len(found), files, previous, tuple(problems))
