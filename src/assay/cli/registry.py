"""``assay registry``: which file is which version of a model, what each alias names, and what was live when."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import SettingsError

from .options import OUT, Quiet, flag
from .output import WIDTH, note

if TYPE_CHECKING:
    from assay.registry import Event, Live, Registry, Version

CHANGE = "What is recorded"
Place = Annotated[
    str | None, flag("Folder or postgresql:// address.  (default: settings, $ASSAY_REGISTRY, .assay/registry)", OUT,
                     "--registry", metavar="PLACE")
]  # fmt: skip
Form = Annotated[str, flag("text or json.  (default: text)", OUT, "--output-format", metavar="FORMAT")]
By = Annotated[str | None, flag("Who does it.  (default: the system's user)", CHANGE, "--by", metavar="NAME")]
Reason = Annotated[str, flag("Why, in words.", CHANGE, "--reason", metavar="TEXT")]
Named = Annotated[
    str, typer.Argument(metavar="NAME@VERSION", help="Such as late@1.2.0, late@challenger, late@sha256:ab12cd.")
]
Alias = Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="Such as late@champion.")]
One = Annotated[str | None, typer.Argument(metavar="NAME", help="One model.  (default: all)", show_default=False)]

registry = typer.Typer(
    name="registry", help="Versions of models, what each alias names, and what was live when.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


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
    doc = version_doc(found, aliases) | {"history": [e.to_json() for e in own]}
    lines = [
        str(found),
        f"  sha256    {found.digest}",
        f"  bytes     {found.size:,}",
        f"  stage     {found.stage}{f' by {found.staged_by}' if found.staged_by else ''}",
        f"  aliases   {', '.join(aliases) or 'none'}",
        f"  added     {found.at[:19].replace('T', ' ')} UTC by {found.by}",
        *[f"  parent    {p[:12]}" for p in found.parents],
        *([textwrap.fill(f"  note      {found.note}", WIDTH, subsequent_indent=" " * 12)] if found.note else []),
        *[event_line(e) for e in own],
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
    model: Named, reason: Reason = "", by: By = None, place: Place = None, form: Form = "text", quiet: Quiet = False
) -> int:
    """Approve a version, so that protected aliases may name it."""
    return staged(model, "approved", reason, by, place, form, quiet)


@registry.command()
def retire(
    model: Named, reason: Reason = "", by: By = None, place: Place = None, form: Form = "text", quiet: Quiet = False
) -> int:
    """Retire a version: no alias gets it, and gc may remove its file."""
    return staged(model, "retired", reason, by, place, form, quiet)


def staged(model: str, stage: str, reason: str, by: str | None, place: str | None, form: str, quiet: bool) -> int:
    checked(form)
    with opened(place) as book:
        found = book.find(model)
        done = book.stage(found.name, found.version, stage, by, reason)
        tell(form, version_doc(done), f"{done} is {done.stage}", quiet)
    return 0


@registry.command()
def protect(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as champion.")],
    off: Annotated[bool, flag("End the protection.", CHANGE, "--off")] = False,
    reason: Reason = "",
    by: By = None,
    place: Place = None,
    form: Form = "text",
    quiet: Quiet = False,
) -> int:
    """Let only approved versions be promoted to an alias."""
    checked(form)
    with opened(place, create=True) as book:
        held = book.protect(alias, not off, by, reason)
    tell(form, {"protected": list(held)}, f"needs approval: {', '.join(held) or 'nothing'}", quiet)
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
            shown = [event_line(e) for e in found]
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
    if days < 0:
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
    place: Place = None,
    form: Form = "text",
) -> int:
    """Read everything again: the chain of events and every file. Exit code 1 where something is wrong."""
    checked(form)
    with opened(place) as book:
        found = book.check(expect)
    doc = {"events": found.events, "files": found.files, "head": found.head, "problems": list(found.problems)}
    if form == "json":
        typer.echo(json.dumps(doc, indent=1))
    else:
        for problem in found.problems:
            typer.echo(textwrap.fill(f"wrong: {problem}", WIDTH, subsequent_indent=" " * 7))
        well = "everything is as it was written" if not found.problems else f"{len(found.problems)} wrong"
        typer.echo(f"{found.events:,} events and {found.files:,} files read: {well}\nhead {found.head}")
    return 1 if found.problems else 0


@contextmanager
def opened(place: str | None, create: bool = False) -> Iterator[Registry]:
    from assay.registry import open_registry

    with open_registry(place, create) as book:
        yield book


def checked(form: str) -> None:
    if form not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json here; got {form!r}")


def name_and_alias(model: str) -> tuple[str, str]:
    from assay.registry.names import read_reference

    asked = read_reference(model)
    if not asked.alias:
        raise SettingsError(f"NAME@ALIAS was expected, such as late@champion; got {model!r}")
    return asked.name, asked.alias


def tell(form: str, doc: Any, sentence: str, quiet: bool) -> None:
    """JSON on standard output, or a sentence on standard error."""
    if form == "json":
        typer.echo(json.dumps(doc, indent=1, ensure_ascii=False))
    else:
        note(sentence, quiet)


def show_rows(form: str, head: Sequence[str], rows: Sequence[Sequence[str]], docs: Any, none: str) -> None:
    if form == "json":
        typer.echo(json.dumps(docs, indent=1, ensure_ascii=False))
    elif not rows:
        typer.echo(none)
    else:
        typer.echo("\n".join(aligned([head, *rows])))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need; the widest gives way until a line has 80 characters."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    cut = [[cell if len(cell) <= w else cell[: w - 1] + "…" for cell, w in zip(r, widths, strict=True)] for r in rows]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cut]


def event_line(event: Event) -> str:
    """One event in a line: number, moment, what, by whom, why."""
    what = f"{event.name} {event.version}".strip()
    target = f"{event.name}@{event.alias}" if event.name else event.alias
    before = f" (was {event.more['from']})" if "from" in event.more else ""
    says = {
        "added": f"{what} added", "approved": f"{what} approved", "retired": f"{what} retired",
        "promoted": f"{target} is {event.version}{before}",
        "rolled-back": f"{target} is {event.version} again{before}",
        "cleared": f"{target} names nothing{before}",
        "protected": f"{target} needs approval", "unprotected": f"{target} needs no approval",
        "removed": f"file {event.digest[:12]} removed",
    }.get(event.kind, event.kind)  # fmt: skip
    clock = "  [clock went back]" if "clock_before" in event.more else ""
    why = f": {event.reason}" if event.reason else ""
    line = f"{event.seq:>4}  {event.at[:19].replace('T', ' ')}  {says}, {event.by}{why}{clock}"
    return textwrap.fill(line, WIDTH, subsequent_indent=" " * 27, break_on_hyphens=False)


def named_by(version: Version, live: Sequence[Live]) -> list[Live]:
    return [a for a in live if a.name == version.name and a.version == version.version]


def version_doc(version: Version, aliases: Sequence[str] | None = None) -> dict[str, Any]:
    doc = {
        "name": version.name, "version": version.version, "digest": version.digest, "size": version.size,
        "stage": version.stage, "staged_by": version.staged_by or None, "parents": list(version.parents),
        "at": version.at, "by": version.by, "note": version.note or None, "seq": version.seq,
    }  # fmt: skip
    return doc if aliases is None else doc | {"aliases": list(aliases)}


def live_doc(live: Live) -> dict[str, Any]:
    return {
        "name": live.name, "alias": live.alias, "version": live.version, "digest": live.digest, "since": live.since,
        "by": live.by, "reason": live.reason or None, "seq": live.seq,
    }  # fmt: skip
