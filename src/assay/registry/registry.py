"""``Registry``: which file is which version, what each alias names, and who decided that when."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from assay.core.errors import BundleError, InputError, did_you_mean

from . import events
from .events import Event, told
from .guarding import allowed, change, enough, permitted, waiting
from .names import checked_alias, checked_digest, checked_name, checked_version, read_reference
from .signed import Signer, signed
from .state import APPROVED, RETIRED, Live, State, Version, folded, free, known_model
from .store import Store
from .upkeep import KEPT_DAYS, Checked, Removed, check, collect, copy, doubts, held
from .who import user, words


class Registry:
    """Open one with ``open_registry``. Safe with several threads and several processes.

    Every change is one event of an append-only chain; the state is what the events add up to. A change that returned is
    on the disk. Sentences for people come as ``AssayError``.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._state, self._lock = State(), threading.RLock()

    @property
    def place(self) -> str:
        """Where it is, without any password."""
        return self.store.place

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what it says

    def changed(self, since: int = 0) -> int:
        """The number of the last event: not ``since`` where anything happened. One look-up: made to be polled."""
        return self.store.head()

    def state(self) -> State:
        """Everything, as of now; not to be changed."""
        with self._lock:
            for event in self.store.events(self._state.seq):
                try:
                    self._state.apply(event)
                except (KeyError, TypeError, ValueError, IndexError):
                    raise InputError(
                        f"event {event.seq} of the registry contradicts those before it: see assay registry check"
                    ) from None
            return self._state

    def versions(self, name: str | None = None) -> tuple[Version, ...]:
        """Versions of one model, or of all, lowest first.

        Raises:
            InputError: no model of that name.
        """
        state = self.state()
        if name is not None:
            known_model(state, name)
        return state.of(name)

    def live(self, name: str | None = None, at: str | None = None) -> tuple[Live, ...]:
        """What every alias names, now or ``at`` a moment (see ``history``)."""
        return (self.state() if at is None else folded(self.history(at=at))).live(name)

    def alias(self, name: str, alias: str) -> str:
        """The digest that an alias names.

        Raises:
            InputError: there is no such model or alias.
        """
        return self.resolve(f"{name}@{alias}")

    def resolve(self, reference: str) -> str:
        """``name@alias``, ``name@1.2.0`` or ``name@sha256:ab12cd`` to a digest. See ``find``."""
        return self.find(reference).digest

    def find(self, reference: str) -> Version:
        """The version that a reference means.

        Raises:
            InputError: there is none, or a digest begins as several do; the nearest name is told.
        """
        state, asked = self.state(), read_reference(reference)
        known_model(state, asked.name)
        own = state.of(asked.name)
        if asked.alias:
            live = state.alias(asked.name, asked.alias)
            if live is None:
                known = sorted(a for n, a in state.stacks if n == asked.name and state.alias(n, a))
                told_of = f"it has {', '.join(known)}" if known else "it has none yet: assay registry promote"
                raise InputError(
                    f"{asked.name} has no alias {asked.alias}; {told_of}{did_you_mean(asked.alias, known)}"
                )
            if missing := state.approvals.unproven.get((asked.name, asked.alias)):
                raise InputError(
                    f"{reference} was given {live.version} past the rules, without {missing} of the approvals that it "
                    "asks for: assay registry check tells more"
                )
            return state.versions[asked.name, live.version]
        if asked.version:
            if (asked.name, asked.version) not in state.versions:
                raise InputError(f"{asked.name} has no version {asked.version}; the last is {own[-1].version}")
            return state.versions[asked.name, asked.version]
        fits = [v for v in own if v.digest.startswith(asked.digest)]
        if len({v.digest for v in fits}) != 1:
            what = "no version" if not fits else f"{len(fits)} versions"
            raise InputError(f"{asked.name} has {what} whose digest begins with {asked.digest}")
        return fits[-1]

    def read(self, digest: str) -> bytes:
        """The file of a digest, verified.

        Raises:
            InputError: it is not there, or was removed. BundleError: it is not what it was when it was added.
        """
        data = self.store.get(digest)
        if data is None:
            gone = self.state().removed.get(digest)
            why = f"it was removed on {gone.at[:10]} by {gone.by}" if gone else "assay registry check tells more"
            raise InputError(f"the registry holds no file sha256:{digest[:12]}; {why}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise BundleError(f"the registry's file sha256:{digest[:12]} was changed or damaged after it was added")
        return data

    def history(self, name: str | None = None, at: str | None = None) -> tuple[Event, ...]:
        """Events in the order in which they happened, of one model or of all.

        With ``at`` (a date, or a date with a time) those up to the last event that was told as not after it. Sequence
        numbers order events, not clocks: one that a slow clock told too early still counts as after those before it.
        """
        found = self.store.events(0)
        if at is not None:
            until = told(events.moment_of(at))
            last = max((e.seq for e in found if e.at <= until), default=0)
            found = [e for e in found if e.seq <= last]
        if name is not None:
            known_model(self.state(), name)
            found = [e for e in found if e.name == name]
        return tuple(found)

    def doubts(self, at: str) -> tuple[str, ...]:
        """What makes an answer ``at`` a moment doubtful: clocks that went back across it."""
        return doubts(self.history(at=at), at)

    # --- what changes it

    def add(
        self, data: bytes, name: str, version: str | None = None, parents: Sequence[str] = (), by: str | None = None,
        note: str = "",
    ) -> Version:  # fmt: skip
        """Add an .assay file as a version; the same file under the same name and version again changes nothing.

        Args:
            version: by default the file's own, or, where another file has that, the next patch number.
            parents: digests, or references, of what it was made from.

        Raises:
            BundleError: the file does not pass the checks of ``Model.load``. InputError: the version is another file's.
        """
        from assay.bundle.model import Model

        checked_name(name)
        manifest = Model(data).manifest
        own = [str(d) for d in manifest.get("parents", ()) if isinstance(d, str)]
        digest = hashlib.sha256(data).hexdigest()
        from_ = [self.resolve(p) if "@" in p else checked_digest(p) for p in parents]
        self.store.put(digest, data)
        with self._writing() as (state, append):
            if version is None:
                there = [v for v in state.of(name) if v.digest == digest and digest not in state.removed]
                number = there[-1].version if there else free(state, name, str(manifest.get("version", "0.1.0")))
            else:
                number = checked_version(version)
            known = state.versions.get((name, number))
            if known is not None and known.digest != digest:
                raise InputError(
                    f"{name} {number} is another file (sha256:{known.digest[:12]}): a version never changes; give the "
                    f"next, such as --version {free(state, name, number)}"
                )
            if not self.store.has(digest):
                self.store.put(digest, data)  # removed between: no one can while this writes
            if known is not None and digest in state.removed:
                raise InputError(f"the file of {known} was removed: add it as a new version")
            if known is None:
                more = {"size": len(data), "parents": list(dict.fromkeys([*from_, *own]))}
                append("added", name, number, digest, by=by, reason=note, more=more)
        return self.state().versions[name, number]

    def stage(
        self, name: str, version: str, stage: str, by: str | None = None, reason: str = "",
        signer: Signer | None = None,
    ) -> Version:  # fmt: skip
        """Approve or retire a version (``proposed`` is what it begins as). ``signer`` signs an approval, once.

        Raises:
            InputError: there is no such version, an alias names what would be retired, another stage was asked for, or
                the key that signs is no approver's.
        """
        if stage not in (APPROVED, RETIRED):
            raise InputError(f"a version can be {APPROVED} or {RETIRED}; got {stage!r}")
        with self._writing() as (state, append):
            found = self._version(state, name, version)
            named = [live.alias for live in state.live(name) if live.version == found.version]
            if stage == RETIRED and named:
                raise InputError(f"{found} is {' and '.join(named)}: promote another version first, or clear the alias")
            if signer is not None and stage == APPROVED:
                allowed(state, signer)
            given = {approval.by.key for approval in state.approvals.of(name, found.version)}
            if found.stage != stage or (signer is not None and signer.key not in given):
                append(stage, name, found.version, found.digest, by=by, reason=reason, signer=signer)
        return self.state().versions[name, found.version]

    def promote(self, name: str, alias: str, version: str, by: str | None = None, reason: str = "") -> Live:
        """Let an alias name a version (its number, its digest, or another alias). Nothing where it does already.

        Raises:
            InputError: there is no such version, it is retired, or the alias is protected and it is not approved, or
                not by as many signatures of approvers as the alias asks for.
        """
        checked_alias(alias)
        with self._writing() as (state, append):
            found = self._version(state, name, version)
            if found.stage == RETIRED:
                raise InputError(f"{found} was retired by {found.staged_by}: approve it again first")
            if alias in state.protected and found.stage != APPROVED:
                raise InputError(
                    f"{alias} is protected and {found} is not approved: assay registry approve {name}@{found.version}"
                )
            enough(state, alias, found)
            if found.digest in state.removed:
                raise InputError(f"the file of {found} was removed: add it again as a new version")
            held(self.store, found.digest, str(found))
            before = state.alias(name, alias)
            if before is None or before.version != found.version:
                append("promoted", name, found.version, found.digest, alias, by, reason, _from(before))
        return self._live(name, alias)

    def rollback(self, name: str, alias: str, by: str | None = None, reason: str = "") -> Live:
        """Let an alias name what it named before; a second rollback goes one further back.

        Versions that are retired, or lack approvals that the alias asks for by now, are passed over.

        Raises:
            InputError: there is no such alias, or nothing before.
        """
        with self._writing() as (state, append):
            known_model(state, name)
            stack = state.stacks.get((name, alias))
            if not stack:
                raise InputError(f"{name} has no alias {alias} yet: assay registry promote")
            for place in reversed(range(len(stack) - 1)):
                before = stack[place]
                fit = before is not None and state.versions[name, before.version].stage != RETIRED
                fit = fit and before is not None and not state.approvals.lacks(alias, name, before.version)
                if before is not None and fit and before.digest not in state.removed:
                    held(self.store, before.digest, f"{name} {before.version}")
                    more = {**_from(stack[-1]), "to": place}
                    append("rolled-back", name, before.version, before.digest, alias, by, reason, more)
                    break
            else:
                now = f", and is {stack[-1].version} now" if stack[-1] else ""
                raise InputError(f"{name}@{alias} has no earlier version that could be served{now}: promote another")
        return self._live(name, alias)

    def clear(self, name: str, alias: str, by: str | None = None, reason: str = "") -> None:
        """Let an alias name nothing; a rollback brings back what it named. Raises InputError where it does already."""
        with self._writing() as (state, append):
            known_model(state, name)
            before = state.alias(name, alias)
            if before is None:
                raise InputError(f"{name} has no alias {alias}")
            append("cleared", name, alias=alias, by=by, reason=reason, more=_from(before))

    def protect(
        self, alias: str, on: bool = True, by: str | None = None, reason: str = "", approvals: int = 0,
        signer: Signer | None = None,
    ) -> tuple[str, ...]:  # fmt: skip
        """Only approved versions get this alias, of any model, until ``on`` is False. Gives all protected ones.

        Args:
            approvals: how many approvers must have signed for a version; 0: it is enough that somebody said so.
            signer: an approver; needed where approvals are or were asked for, once there are approvers.
        """
        checked_alias(alias)
        with self._writing() as (state, append):
            now = alias in state.protected, state.approvals.asked.get(alias, 0)
            if now != (on, approvals * on):
                more = {"approvals": approvals} if on and approvals else {}
                kind = "protected" if on else "unprotected"
                permitted(state, kind, alias, more, signer)
                append(kind, alias=alias, by=by, reason=reason, more=more, signer=signer)
        return tuple(sorted(self.state().protected))

    def approver(
        self, key: str, pem: bytes | None = None, called: str = "", by: str | None = None, reason: str = "",
        signer: Signer | None = None,
    ) -> int:  # fmt: skip
        """Let approvals by a public key count from now on (``pem``), or no longer (without). Gives the number of
        approvers who must still sign the same change before it is so; 0: it is.

        Args:
            key: SHA-256 of the public PEM (``bundle.signing.key_name``); ``called``: whose it is, in a word.
            signer: an approver, once there is one.

        Raises:
            InputError: nobody allowed signed it, it is so already, or an alias would ask for more than there are.
        """
        with self._writing() as (state, append):
            kind, more = change(state, key, pem, called)
            permitted(state, kind, "", more, signer)
            append(kind, by=by, reason=reason, more=more, signer=signer)
        known = self.state().approvals
        return waiting(known, kind, more) if (key in known.approvers) != (pem is not None) else 0

    def gc(
        self, days: float = KEPT_DAYS, everything: bool = False, dry_run: bool = False, by: str | None = None
    ) -> Removed:
        """Remove files that no version, or only retired ones, stand for and that no alias names.

        Args:
            days: a file that an alias named in the last so many days stays, so that a rollback finds it.
            everything: that guard is off. dry_run: only tell.
        """
        return collect(self, days, everything, dry_run, by)

    def copy_to(self, other: Registry) -> tuple[int, int]:
        """Copy everything into an empty registry, each event as it is, so that hashes stay; (events, files) copied.

        Raises:
            InputError: the other holds something already.
        """
        return copy(self, other)

    def check(self, expect: str = "", approvers: Sequence[str] = ()) -> Checked:
        """Read everything again: the chain of events, what they add up to, every signature, and every file.

        Args:
            expect: the hash of an event that was there once; the chain must still hold it, so that a cut end shows.
            approvers: keys; where any are named, no other may be an approver's.
        """
        return check(self.store, expect, approvers)

    # --- how

    @contextmanager
    def _writing(self) -> Iterator[tuple[State, Any]]:
        """The state under the writers' lock, and ``append``, whose event counts when the block ends well."""
        pending: list[Event] = []
        with self._lock, self.store.writing():
            state = self.state()

            def append(
                kind: str, name: str = "", version: str = "", digest: str = "", alias: str = "", by: str | None = None,
                reason: str = "", more: dict[str, Any] | None = None, signer: Signer | None = None,
            ) -> None:  # fmt: skip
                at = told(events.now())
                clock = {"clock_before": state.at} if at < state.at else {}
                known = {"writer": w} if (w := self.store.writer()) else {}
                event = Event(state.seq + 1, at, kind, name, version, digest, alias, words(by or user()), words(reason),
                              {**(more or {}), **clock, **known}, state.hash)  # fmt: skip
                if signer is not None:
                    event = signed(event, signer)
                pending.append(replace(event, hash=event.chained()))

            yield state, append
            self.store.append(pending)

    def _version(self, state: State, name: str, version: str) -> Version:
        known_model(state, name)
        if (name, version) in state.versions:
            return state.versions[name, version]
        bare = len(version) == 64 and not version.strip("0123456789abcdef")
        return self.find(f"{name}@{'sha256:' * bare}{version}")

    def _live(self, name: str, alias: str) -> Live:
        if (live := self.state().alias(name, alias)) is None:  # another writer was quicker
            raise InputError(f"{name}@{alias} was cleared by somebody else just now")
        return live


def _from(before: Live | None) -> dict[str, Any]:
    return {} if before is None else {"from": before.version}
