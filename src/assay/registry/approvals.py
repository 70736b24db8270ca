"""Who may approve, how many of them an alias asks for, and which approvals count: a fold over signed events.

Approvers are public keys. The first is taken on the word of whoever adds it; from then on whoever comes, whoever goes
and what a protected alias asks for needs the signatures of as many approvers as the strictest alias asks for (at least
one): each signs the same change, and the last one that is needed makes it so. An approval counts where the key that
signed it was an approver's at that moment; what a key signs after it was removed does not, what it signed before does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .events import Event
from .signed import KEY, SHORT, SIGNATURE, holds

ADDED, REMOVED = "approver-added", "approver-removed"
POLICY = frozenset({ADDED, REMOVED, "protected", "unprotected"})


@dataclass(frozen=True, slots=True)
class Approver:
    """A public key whose approvals count, and what its owner is called."""

    key: str  # SHA-256 of the public PEM
    pem: str
    called: str
    since: str

    def __str__(self) -> str:
        return f"{self.called} ({self.key[:SHORT]})"


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval that counts: the event's number and time, and who signed it."""

    seq: int
    at: str
    by: Approver


@dataclass
class Approvals:
    """The state of approval after the events so far. ``flaws`` are what somebody wrote past the rules."""

    approvers: dict[str, Approver] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)  # alias -> approvals that it asks for, where above 0
    given: dict[tuple[str, str], dict[str, Approval]] = field(default_factory=dict)  # (name, version) -> by key
    votes: dict[tuple[str, ...], set[str]] = field(default_factory=dict)  # changes that wait for further signatures
    unproven: dict[tuple[str, str], int] = field(default_factory=dict)  # (name, alias) named without enough of them
    flaws: list[str] = field(default_factory=list)

    def of(self, name: str, version: str) -> tuple[Approval, ...]:
        """The approvals of a version that count, in their order."""
        return tuple(self.given.get((name, version), {}).values())

    def lacks(self, alias: str, name: str, version: str) -> int:
        """How many approvals a version still needs for this alias."""
        return max(0, self.asked.get(alias, 0) - len(self.given.get((name, version), {})))

    @property
    def quorum(self) -> int:
        """Signatures that a change of approvers or of what is asked needs; 0 while there is no approver."""
        return min(len(self.approvers), max(1, *self.asked.values())) if self.asked else min(len(self.approvers), 1)

    def guarded(self, event: Event) -> bool:
        """Whether a change needs signatures: any of approvers, and of an alias where approvals are asked for."""
        if event.kind in (ADDED, REMOVED):
            return bool(self.approvers)
        return bool(self.approvers) and (bool(event.more.get("approvals")) or event.alias in self.asked)

    def waits(self, event: Event) -> int:
        """How many signatures a change would still wait for after this event signed it."""
        return max(0, self.quorum - len(self.signers(event) | ({str(event.more.get(KEY))} & set(self.approvers))))

    def signers(self, event: Event) -> set[str]:
        """The keys of present approvers that signed this same change and wait for others."""
        return self.votes.get(_change(event), set()) & set(self.approvers)

    def waiting(self) -> list[tuple[tuple[str, ...], list[str], int]]:
        """Changes that some approvers signed: (kind, alias, key, number, name), who, how many more must."""
        found = [(what, sorted(by & set(self.approvers))) for what, by in sorted(self.votes.items())]
        return [(what, by, max(1, self.quorum - len(by))) for what, by in found if by]

    def approved(self, event: Event, digest: str) -> None:
        """An approval, signed or only said."""
        if SIGNATURE not in event.more:
            return
        approver = self.approvers.get(str(event.more.get(KEY)))
        if approver is None:
            self._flaw(event, "signed by a key that was no approver's")
        elif event.digest != digest or not holds(event, approver.pem):
            self._flaw(event, f"does not bear the signature of {approver}")
        else:
            approval = Approval(event.seq, event.at, approver)
            self.given.setdefault((event.name, event.version), {}).setdefault(approver.key, approval)

    def retired(self, event: Event) -> None:
        self.given.pop((event.name, event.version), None)

    def pointed(self, event: Event) -> None:
        """An alias was given a version: by the rules, or past them."""
        place = (event.name, event.alias)
        self.unproven.pop(place, None)
        if event.version and (missing := self.lacks(event.alias, event.name, event.version)):
            self.unproven[place] = missing
            self._flaw(event, f"gave {event.name}@{event.alias} a version that lacks {missing} of its approvals")

    def policy(self, event: Event) -> bool:
        """A change of approvers, or of what an alias asks for; whether it is in force now."""
        if self.guarded(event):
            signer = self.approvers.get(str(event.more.get(KEY)))
            if signer is None or not holds(event, signer.pem):
                self._flaw(event, "is not signed by an approver, so it changes nothing")
                return False
            self.votes.setdefault(_change(event), set()).add(signer.key)
            if self.waits(event):
                return False
        self.votes.pop(_change(event), None)
        approver = str(event.more.get("approver", ""))
        if event.kind == ADDED:
            self.approvers[approver] = Approver(
                approver, str(event.more["pem"]), str(event.more.get("called") or "?"), event.at
            )
        elif event.kind == REMOVED:
            self.approvers.pop(approver, None)
        elif event.kind == "protected" and (n := _number(event.more)):
            self.asked[event.alias] = n
        else:
            self.asked.pop(event.alias, None)
        return True

    def _flaw(self, event: Event, says: str) -> None:
        self.flaws.append(f"event {event.seq} ({event.kind}, told {event.at}) {says}")


def _change(event: Event) -> tuple[str, ...]:
    """What several approvers sign, so that their signatures are for the same."""
    said = (str(event.more.get("approver", "")), str(_number(event.more)), str(event.more.get("called", "")))
    return (event.kind, event.alias, *said)


def _number(more: Mapping[str, object]) -> int:
    said = more.get("approvals", 0)
    return said if isinstance(said, int) and said > 0 else 0
