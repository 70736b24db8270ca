"""What must hold before a signed decision, or one that needs signatures, is written down."""

from __future__ import annotations

from typing import Any

from assay.core.errors import InputError

from .approvals import ADDED, REMOVED, Approvals
from .events import Event
from .signed import KEY, SHORT, Signer
from .state import State, Version


def allowed(state: State, signer: Signer) -> None:
    """
    Raises:
        InputError: the key that signs is no approver's.
    """
    known = state.approvals.approvers
    if signer.key not in known:
        has = ", ".join(map(str, known.values())) if known else "it has none: assay registry approvers add ann.pub.pem"
        raise InputError(f"the key {signer.key[:SHORT]} is of no approver of this registry; {has}")


def enough(state: State, alias: str, version: Version) -> None:
    """
    Raises:
        InputError: a version lacks approvals that an alias asks for.
    """
    if state.approvals.lacks(alias, version.name, version.version):
        given = state.approvals.of(version.name, version.version)
        by = f" ({', '.join(str(a.by) for a in given)})" if given else ""
        said = ", which somebody said without a signature," if version.stage == "approved" and not given else ""
        asked = state.approvals.asked[alias]
        raise InputError(
            f"{alias} asks for {asked} signed approvals and {version}{said} has {len(given)}{by}: "
            f"assay registry approve {version.name}@{version.version} --key approver.pem"
        )


def permitted(state: State, kind: str, alias: str, more: dict[str, Any], signer: Signer | None) -> None:
    """
    Raises:
        InputError: a change needs an approver's signature, was signed by this one already, or can never be met.
    """
    known, n = state.approvals, int(more.get("approvals", 0))
    if n > len(known.approvers):
        raise InputError(
            f"{alias} cannot ask for {n} signed approvals: there are {len(known.approvers)} approvers "
            "(assay registry approvers add)"
        )
    event = Event(state.seq + 1, "", kind, alias=alias, more=more | ({KEY: signer.key} if signer else {}))
    if not known.guarded(event):
        return
    if signer is None:
        raise InputError(
            f"this change needs the signatures of {known.quorum} of {len(known.approvers)} approvers: sign it (--key)"
        )
    allowed(state, signer)
    if signer.key in known.signers(event):
        raise InputError(f"{known.approvers[signer.key]} signed this change already; another approver must")


def change(state: State, key: str, pem: bytes | None, called: str) -> tuple[str, dict[str, Any]]:
    """The event that makes a key an approver's, or ends it.

    Raises:
        InputError: it is so already, or an alias would ask for more approvals than there are approvers.
    """
    known = state.approvals
    if pem is not None:
        from assay.bundle.signing import key_name

        if key_name(pem) != key:
            raise InputError(f"the name {key[:SHORT]} is not that of the key that was given")
        if key in known.approvers:
            raise InputError(f"{known.approvers[key]} is an approver already")
        return ADDED, {"approver": key, "pem": pem.decode("ascii", "replace"), "called": called}
    if key not in known.approvers:
        raise InputError(f"the key {key[:SHORT]} is of no approver of this registry")
    most = max(known.asked.items(), key=lambda item: item[1], default=("", 0))
    if len(known.approvers) - 1 < most[1]:
        raise InputError(
            f"{most[0]} asks for {most[1]} signed approvals, and {len(known.approvers) - 1} approvers would be left: "
            "add another first, or let it ask for fewer"
        )
    return REMOVED, {"approver": key}


def waiting(known: Approvals, kind: str, more: dict[str, Any], alias: str = "") -> int:
    """How many further approvers must sign a change before it is so."""
    event = Event(0, "", kind, alias=alias, more=more)
    return max(0, known.quorum - len(known.signers(event)))
