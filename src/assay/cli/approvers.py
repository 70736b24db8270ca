"""``assay registry approvers``: whose signed approvals count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import InputError

from .options import Quiet, flag
from .output import note
from .registry_words import CHANGE, By, Form, Key, Place, Reason, checked, opened, show_rows, signer_of, tell
from .registry_words import called as called_of

if TYPE_CHECKING:
    from assay.registry.approvals import Approvals

approvers = typer.Typer(
    name="approvers", help="Whose signed approvals count: public keys.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@approvers.callback()
def start() -> None:
    """Whose signed approvals count: public keys."""


@approvers.command()
def add(
    public: Annotated[Path, typer.Argument(metavar="PEM", help="A public P-256 key (assay sign --new-key).")],
    called: Annotated[
        str, flag("Whose key it is.  (default: the file's name, or its folder's)", CHANGE, "--called", metavar="NAME")
    ] = "",
    key: Key = None,
    reason: Reason = "",
    by: By = None,
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Let approvals by a key count. The first is taken on your word; further ones are signed by approvers (--key)."""
    checked(form)
    named, pem = key_of(public)
    signer = signer_of(key)
    with opened(place, create=True) as book:
        stem = public.name.split(".")[0]
        own = public.resolve().parent.name if stem == "assay" else stem  # ann/assay.pub.pem
        waits = book.approver(named, pem, called or own or stem, by, reason, signer)
        return told(book.state().approvals, waits, form, quiet)


@approvers.command()
def remove(
    who: Annotated[str, typer.Argument(metavar="NAME|KEY", help="An approver, as the list has it.")],
    key: Key = None,
    reason: Reason = "",
    by: By = None,
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Let what a key signs from now on count no longer; signed by approvers. What it signed before stays."""
    checked(form)
    signer = signer_of(key)
    with opened(place) as book:
        known = book.state().approvals.approvers.values()
        found = [a for a in known if a.called == who or (len(who) >= 6 and a.key.startswith(who.lower()))]
        if len(found) != 1:
            has = ", ".join(map(str, known)) or "none"
            raise InputError(
                f"{'no approver' if not found else 'several approvers'} of this registry: {who}; it has {has}"
            )
        waits = book.approver(found[0].key, None, by=by, reason=reason, signer=signer)
        return told(book.state().approvals, waits, form, quiet)


@approvers.command("list")
def list_(place: Place = None, form: Form = "text") -> int:
    """List the approvers, and the changes that wait for further signatures."""
    checked(form)
    with opened(place) as book:
        now, names = book.state().approvals, called_of(book)
        known = list(now.approvers.values())
        waits = now.waiting()
    rows = [(a.called, a.key[:16], a.since[:16].replace("T", " ")) for a in known]
    docs = [{"called": a.called, "key": a.key, "since": a.since, "pem": a.pem} for a in known]
    show_rows(form, ("name", "key", "since (UTC)"), rows, docs, "no approver yet")
    for what, signers, missing in waits:
        kind, alias, key, number, own = what
        about = f"{alias} {number}" if alias else own or names.get(key, key[:8])
        by = " and ".join(str(now.approvers[s]) for s in signers)
        note(f"waits for {missing} more: {kind} {about}, signed by {by}")
    return 0


def told(now: Approvals, waits: int, form: str, quiet: bool) -> int:
    names = [str(a) for a in now.approvers.values()]
    more = f"not yet: {waits} more {'approver' if waits == 1 else 'approvers'} must sign the same. " if waits else ""
    tell(form, {"approvers": names, "waits_for": waits}, f"{more}approvers: {', '.join(names) or 'none'}", quiet)
    return 0


def key_of(path: Path) -> tuple[str, bytes]:
    """(name, PEM) of a public key."""
    from assay.bundle.signing import key_name, public_key, public_pem

    from .sign import read_key

    pem = read_key(path)
    return key_name(pem), public_pem(public_key(pem))
