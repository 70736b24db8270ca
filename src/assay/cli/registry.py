"""``assay registry``: which file is which version of a model, what each alias names, and what was live when."""

from __future__ import annotations

import json
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import AssayError, SettingsError

from .approvers import approvers, key_of
from .options import OUT, Quiet, flag
from .output import WIDTH, note
from .registry_words import (
    CHANGE,
    Alias,
    By,
    Form,
    Key,
    Named,
    One,
    Place,
    Reason,
    called,
    checked,
    event_line,
    live_doc,
    name_and_alias,
    named_by,
    opened,
    show_rows,
    signed_doc,
    signer_of,
    tell,
    version_doc,
)

registry = typer.Typer(
    name="registry", help="Versions of models, what each alias names, and what was live when.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


registry.add_typer(approvers)


@registry.callback()
def start() -> None:
    """Versions of models, what each alias names, and what was live when."""


@registry.command()
def add(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="An .assay file.")],
    name: Annotated[
        str | None, flag("What the model is called.  (default: its own, else the file's)", CHANGE, "--name")
    ] = None,
    version: Annotated[
        str | None, flag("Such as 1.2.0.  (default: the file's own, or the next)", CHANGE, "--version")
    ] = None,
    parent: Annotated[
        list[str] | None, flag("What it was made from; may be repeated.", CHANGE, "--parent", metavar="NAME@VERSION")
    ] = None,
    note_: Annotated[str, flag("What is new, in words.", CHANGE, "--note", metavar="TEXT")] = "",
    by: By = None,
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Check an .assay file and keep it as a version; makes the registry where there is none."""
    checked(form)
    from assay.bundle.archive import unpack
    from assay.registry import read_bundle

    data = read_bundle(model, place)
    own = unpack(data)[0].get("name", "model")
    name = name or (own if own != "model" else Path(model).stem.partition("@")[0])
    with opened(place, create=True) as book:
        added = book.add(data, name, version, tuple(parent or ()), by, note_)
        tell(form, version_doc(added), f"{added} is sha256:{added.digest[:12]} ({added.stage})", quiet)
    return 0


@registry.command("list")
def list_(name: One = None, place: Place = None, form: Form = "text") -> int:
    """List versions, their stage and the aliases that name them."""
    checked(form)
    with opened(place) as book:
        found = book.versions(name)
        live = book.live(name)
    rows = [
        (v.name, v.version, v.stage, ", ".join(a.alias for a in named_by(v, live)), v.at[:16].replace("T", " "), v.by,
         v.digest[:12]) for v in found
    ]  # fmt: skip
    head = ("name", "version", "stage", "alias", "added (UTC)", "by", "sha256")
    docs = [version_doc(v, [a.alias for a in named_by(v, live)]) for v in found]
    show_rows(form, head, rows, docs, "no version yet")
    return 0


@registry.command()
def show(model: Named, place: Place = None, form: Form = "text") -> int:
    """Show one version: its file, who added and approved it, and what names it."""
    checked(form)
    with opened(place) as book:
        found = book.find(model)
        aliases = [a.alias for a in named_by(found, book.live(found.name))]
        own = [e for e in book.history(found.name) if e.version == found.version]
        signed, names = signed_doc(book, found), called(book)
    doc = version_doc(found, aliases) | {"signed": signed, "history": [e.to_json() for e in own]}
    lines = [
        str(found),
        f"  sha256    {found.digest}",
        f"  bytes     {found.size:,}",
        f"  stage     {found.stage}{f' by {found.staged_by}' if found.staged_by else ''}",
        *[f"  signed    {a['called']} ({a['key'][:8]}) {a['at'][:19].replace('T', ' ')} UTC" for a in signed],
        f"  aliases   {', '.join(aliases) or 'none'}",
        f"  added     {found.at[:19].replace('T', ' ')} UTC by {found.by}",
        *[f"  parent    {p[:12]}" for p in found.parents],
        *([textwrap.fill(f"  note      {found.note}", WIDTH, subsequent_indent=" " * 12)] if found.note else []),
        *[event_line(e, names) for e in own],
    ]
    typer.echo(json.dumps(doc, indent=1, ensure_ascii=False) if form == "json" else "\n".join(lines))
    return 0


@registry.command()
def promote(
    model: Named,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as champion or challenger.")] = "champion",
    reason: Reason = "",
    by: By = None,
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Let an alias name a version; whoever serves NAME@ALIAS changes over."""
    checked(form)
    with opened(place) as book:
        found = book.find(model)
        before = {a.alias: a.version for a in book.live(found.name)}.get(alias)
        live = book.promote(found.name, alias, found.version, by, reason)
        was = "" if before in (None, live.version) else f" (was {before})"
        tell(form, live_doc(live), f"{live.name}@{live.alias} is {live.version}{was}", quiet)
        if was and not quiet:
            from assay.registry.callers import for_callers

            with suppress(AssayError):  # a file of the two is gone: the promotion stands, check tells of the file
                for said in for_callers(*(book.read(book.resolve(f"{live.name}@{v}")) for v in (before, live.version))):
                    typer.echo(f"caution: {said}", err=True)
    return 0


@registry.command()
def rollback(
    model: Alias, reason: Reason = "", by: By = None, place: Place = None, form: Form = "text", quiet: Quiet = False
) -> int:
    """Let an alias name what it named before."""
    checked(form)
    name, alias = name_and_alias(model)
    with opened(place) as book:
        live = book.rollback(name, alias, by, reason)
        was = book.history(name)[-1].more.get("from")
        tell(form, live_doc(live), f"{name}@{alias} is {live.version} again{f' (was {was})' if was else ''}", quiet)
    return 0


@registry.command()
def clear(
    model: Alias, reason: Reason = "", by: By = None, place: Place = None, form: Form = "text", quiet: Quiet = False
) -> int:
    """Let an alias name nothing; rollback brings it back."""
    checked(form)
    name, alias = name_and_alias(model)
    with opened(place) as book:
        book.clear(name, alias, by, reason)
    tell(form, {"name": name, "alias": alias, "version": None}, f"{name}@{alias} names nothing", quiet)
    return 0


@registry.command()
def approve(
    model: Named, key: Key = None, reason: Reason = "", by: By = None, place: Place = None, form: Form = "text",
    quiet: Quiet = False,
) -> int:  # fmt: skip
    """Approve a version, so that protected aliases may name it; with --key so that anybody can prove who did."""
    return staged(model, "approved", reason, by, place, form, quiet, key)


@registry.command()
def retire(
    model: Named, reason: Reason = "", by: By = None, place: Place = None, form: Form = "text", quiet: Quiet = False
) -> int:
    """Retire a version: no alias gets it, and gc may remove its file."""
    return staged(model, "retired", reason, by, place, form, quiet)


def staged(
    model: str, stage: str, reason: str, by: str | None, place: str | None, form: str, quiet: bool,
    key: Path | None = None,
) -> int:  # fmt: skip
    checked(form)
    signer = signer_of(key)
    with opened(place) as book:
        found = book.find(model)
        done = book.stage(found.name, found.version, stage, by, reason, signer)
        signed = signed_doc(book, done)
        asked = max(book.state().approvals.asked.values(), default=0)
        by_whom = f", signed by {len(signed)}" + (f" of {asked}" if asked else "") if signed else ""
        tell(form, version_doc(done) | {"signed": signed}, f"{done} is {done.stage}{by_whom}", quiet)
    return 0


@registry.command()
def protect(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as champion.")],
    off: Annotated[bool, flag("End the protection.", CHANGE, "--off")] = False,
    approvals: Annotated[
        int, flag("How many approvers must have signed.  (default: 0)", CHANGE, "--approvals", metavar="N")
    ] = 0,
    key: Key = None,
    reason: Reason = "",
    by: By = None,
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Let only approved versions be promoted to an alias; with --approvals only those that so many approvers signed."""
    if approvals < 0 or (off and approvals):
        raise SettingsError("--approvals must be 0 or more, and goes without --off")
    checked(form)
    signer = signer_of(key)
    with opened(place, create=True) as book:
        held = book.protect(alias, not off, by, reason, approvals, signer)
        asked = dict(book.state().approvals.asked)
    waits = "" if (alias in held, asked.get(alias, 0)) == (not off, 0 if off else approvals) else (
        f"not yet: another approver must sign the same; {alias} asks for {asked.get(alias, 0)} approvals still. "
    )  # fmt: skip
    shown = [f"{a} ({asked[a]} signed)" if a in asked else a for a in held]
    doc = {"protected": list(held), "approvals": asked}
    tell(form, doc, f"{waits}needs approval: {', '.join(shown) or 'nothing'}", quiet)
    return 0


@registry.command()
def history(
    name: One = None,
    at: Annotated[
        str | None, flag("What was live then: a date (its end), or a date and time; UTC.", OUT, "--at", metavar="DATE")
    ] = None,
    place: Place = None,
    form: Form = "text",
) -> int:
    """Tell what was done, by whom and why; with --at what was live then."""
    checked(form)
    with opened(place) as book:
        found = book.history(name, at)
        if at is None:
            names = called(book)
            shown = [event_line(e, names) for e in found]
            docs = [e.to_json() for e in found]
            text = json.dumps(docs, indent=1, ensure_ascii=False) if form == "json" else "\n".join(shown)
            typer.echo(text or "nothing was done yet")
            return 0
        live, doubts = book.live(name, at), book.doubts(at)
    rows = [(a.name, a.alias, a.version, a.since[:19].replace("T", " "), a.by, a.digest[:12]) for a in live]
    head = ("name", "alias", "version", "since (UTC)", "by", "sha256")
    show_rows(form, head, rows, [live_doc(a) for a in live], f"nothing was live at {at}")
    for doubt in doubts:
        note(doubt)
    return 0


@registry.command()
def gc(
    days: Annotated[
        float, flag("A file that was live in the last so many days stays.  (default: 30)", OUT, "--days", metavar="N")
    ] = 30.0,
    everything: Annotated[bool, flag("Also files that were live lately.", OUT, "--all")] = False,
    dry_run: Annotated[bool, flag("Only tell what would be removed.", OUT, "--dry-run")] = False,
    by: By = None,
    place: Place = None,
    form: Form = "text",
) -> int:
    """Remove files that only retired versions stand for, and left-overs."""
    checked(form)
    if not 0 <= days < 1e6:
        raise SettingsError(f"--days must be 0 or more; got {days:g}")
    with opened(place) as book:
        out = book.gc(days, everything, dry_run, by)
    rows = [(digest[:12], f"{size:,}", why) for digest, size, why in out.files]
    docs = [{"digest": digest, "bytes": size, "why": why} for digest, size, why in out.files]
    show_rows(form, ("sha256", "bytes", "why"), rows, docs, "nothing to remove")
    if rows:
        files = "one file" if len(rows) == 1 else f"{len(rows)} files"
        done = "would be removed" if dry_run else "removed"
        note(f"{files}, {sum(f[1] for f in out.files):,} bytes: {done}")
    return 0


@registry.command()
def copy(
    to: Annotated[str, typer.Argument(metavar="PLACE", help="An empty folder, or a postgresql:// address.")],
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Copy everything into an empty registry: history, hashes and files as they are."""
    checked(form)
    with opened(place) as book, opened(to, create=True) as other:
        events, files = book.copy_to(other)
        tell(form, {"events": events, "files": files}, f"{events:,} events and {files:,} files: {other.place}", quiet)
    return 0


@registry.command()
def check(
    expect: Annotated[
        str, flag("Hash of an earlier head that the history must still hold.", OUT, "--expect", metavar="HASH")
    ] = "",
    approver: Annotated[
        list[Path] | None,
        flag("Public key of an approver; no other may be one. May be repeated.", OUT, "--approver", metavar="PEM"),
    ] = None,
    place: Place = None,
    form: Form = "text",
) -> int:
    """Read everything again: the chain of events, signatures and every file. Exit code 1 where something is wrong."""
    checked(form)
    with opened(place) as book:
        found = book.check(expect, [key_of(path)[0] for path in approver or ()])
    doc = {"events": found.events, "files": found.files, "head": found.head, "problems": list(found.problems)}
    if form == "json":
        typer.echo(json.dumps(doc, indent=1))
    else:
        for problem in found.problems:
            typer.echo(textwrap.fill(f"wrong: {problem}", WIDTH, subsequent_indent=" " * 7))
        well = "everything is as it was written" if not found.problems else f"{len(found.problems)} wrong"
        typer.echo(
            f"{counted(found.events, 'event')} and {counted(found.files, 'file')} read: {well}\nhead {found.head}"
        )
    return 1 if found.problems else 0


def counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
