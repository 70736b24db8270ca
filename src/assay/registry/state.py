"""What a registry says now, or said at any event: a fold over its events, the same for every kind of storage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from assay.core.errors import InputError, did_you_mean

from .approvals import POLICY, Approvals
from .events import FIRST, Event
from .names import checked_version, following, order

PROPOSED, APPROVED, RETIRED = "proposed", "approved", "retired"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model: a name, a semantic version, and the file that it stands for."""

    name: str
    version: str
    digest: str  # SHA-256 of the .assay file
    parents: tuple[str, ...]  # digests of what it was made from
    size: int  # bytes
    stage: str  # proposed, approved or retired
    at: str
    by: str
    note: str
    seq: int
    staged_by: str = ""  # who approved or retired it

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Live:
    """What an alias names, since when."""

    name: str
    alias: str
    version: str
    digest: str
    since: str
    by: str
    reason: str
    seq: int


@dataclass
class State:
    """Everything that follows from the events up to ``seq``."""

    seq: int = 0
    hash: str = FIRST
    at: str = ""
    versions: dict[tuple[str, str], Version] = field(default_factory=dict)
    stacks: dict[tuple[str, str], list[Live | None]] = field(default_factory=dict)  # what an alias named, latest last
    protected: set[str] = field(default_factory=set)  # aliases that only approved versions get
    removed: dict[str, Event] = field(default_factory=dict)  # digests whose files were taken out
    approvals: Approvals = field(default_factory=Approvals)  # who may approve, and what counts
    ended: dict[str, str] = field(default_factory=dict)  # digest -> latest time at which an alias left it

    def apply(self, event: Event) -> None:
        key, latest = (event.name, event.version), max(self.at, event.at)
        if event.kind == "added":
            parents, size = tuple(event.more.get("parents", ())), int(event.more.get("size", 0))
            self.versions[key] = Version(
                event.name, event.version, event.digest, parents, size, PROPOSED, event.at, event.by, event.reason,
                event.seq,
            )  # fmt: skip
            self.removed.pop(event.digest, None)
        elif event.kind in (APPROVED, RETIRED):
            self.versions[key] = replace(self.versions[key], stage=event.kind, staged_by=event.by)
            if event.kind == APPROVED:
                self.approvals.approved(event, self.versions[key].digest)
            else:
                self.approvals.retired(event)
        elif event.kind in ("promoted", "rolled-back", "cleared"):
            self._point(event, latest)
            self.approvals.pointed(event)
        elif event.kind in POLICY and self.approvals.policy(event):
            if event.kind == "protected":
                self.protected.add(event.alias)
            elif event.kind == "unprotected":
                self.protected.discard(event.alias)
        elif event.kind == "removed":
            self.removed[event.digest] = event
        self.seq, self.hash, self.at = event.seq, event.hash, latest

    def _point(self, event: Event, latest: str) -> None:
        stack = self.stacks.setdefault((event.name, event.alias), [])
        before = stack[-1] if stack else None
        if before is not None:
            self.ended[before.digest] = latest
        live = None
        if event.version:
            live = Live(
                event.name, event.alias, event.version, event.digest, event.at, event.by, event.reason, event.seq
            )
        if event.kind == "rolled-back":
            del stack[int(event.more["to"]) :]
            stack.append(live)
        else:
            stack.append(live)

    def live(self, name: str | None = None) -> tuple[Live, ...]:
        """What the aliases name, sorted by name and alias."""
        found = [stack[-1] for key, stack in sorted(self.stacks.items()) if name in (None, key[0])]
        return tuple(live for live in found if live is not None)

    def alias(self, name: str, alias: str) -> Live | None:
        stack = self.stacks.get((name, alias))
        return stack[-1] if stack else None

    def of(self, name: str | None = None) -> tuple[Version, ...]:
        """Versions in the order of their numbers."""
        found = [v for v in self.versions.values() if name in (None, v.name)]
        return tuple(sorted(found, key=lambda v: (v.name, order(v.version))))

    def names(self) -> list[str]:
        return sorted({name for name, _ in self.versions})

    def digests(self) -> set[str]:
        return {v.digest for v in self.versions.values()}


def folded(events: Iterable[Event]) -> State:
    """The state after ``events``, which must be the first ones of a registry, in order."""
    state = State()
    for event in events:
        state.apply(event)
    return state


def known_model(state: State, name: str) -> None:
    """
    Raises:
        InputError: there is no model of that name; the nearest is told.
    """
    names = state.names()
    if name not in names:
        held = f"it has {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}" if names else "it is empty"
        raise InputError(f"the registry has no model {name!r}; {held}{did_you_mean(name, names)}")


def free(state: State, name: str, wanted: str) -> str:
    """``wanted`` where no version has it, else the patch after the highest."""
    checked_version(wanted)
    if (name, wanted) not in state.versions:
        return wanted
    return following(max((v.version for v in state.of(name)), key=order))
