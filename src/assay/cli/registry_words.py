"""Options that the verbs of ``assay registry`` share, and how versions, aliases and events are told."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import SettingsError

from .options import OUT, flag
from .output import WIDTH, note

if TYPE_CHECKING:
    from assay.registry import Event, Live, Registry, Version
    from assay.registry.signed import Signer

CHANGE = "What is recorded"
Place = Annotated[
    str | None, flag("Folder or postgresql:// address.  (default: settings, $ASSAY_REGISTRY, .assay/registry)", OUT,
                     "--registry", metavar="PLACE")
]  # fmt: skip
Form = Annotated[str, flag("text or json.  (default: text)", OUT, "--output-format", metavar="FORMAT")]
By = Annotated[str | None, flag("Who does it.  (default: the system's user)", CHANGE, "--by", metavar="NAME")]
Reason = Annotated[str, flag("Why, in words.", CHANGE, "--reason", metavar="TEXT")]
Key = Annotated[
    Path | None, flag("An approver's private P-256 key: what is decided is signed.", CHANGE, "--key", metavar="PEM")
]
Named = Annotated[
    str, typer.Argument(metavar="NAME@VERSION", help="Such as late@1.2.0, late@challenger, late@sha256:ab12cd.")
]
Alias = Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="Such as late@champion.")]
One = Annotated[str | None, typer.Argument(metavar="NAME", help="One model.  (default: all)", show_default=False)]


@contextmanager
def opened(place: str | None, create: bool = False) -> Iterator[Registry]:
    from assay.registry import open_registry

    with open_registry(place, create) as book:
        yield book


def signer_of(key: Path | None) -> Signer | None:
    """The private key of somebody who signs what is decided; its password as ``assay sign`` takes it."""
    if key is None:
        return None
    from assay.registry.signed import Signer

    from .sign import password, read_key

    pem = read_key(key)
    return Signer(pem, password(pem))


def called(book: Registry) -> dict[str, str]:
    """What the owners of keys are called, those of former approvers too."""
    return {str(e.more["approver"]): str(e.more.get("called")) for e in book.history() if e.kind == "approver-added"}


def signed_doc(book: Registry, version: Version) -> list[dict[str, str]]:
    """The approvals of a version that count."""
    given = book.state().approvals.of(version.name, version.version)
    return [{"called": a.by.called, "key": a.by.key, "at": a.at} for a in given]


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


def event_line(event: Event, called: Mapping[str, str] | None = None) -> str:
    """One event in a line: number, moment, what, by whom, why, and who signed it (``called``: names of keys)."""
    what, more = f"{event.name} {event.version}".strip(), event.more
    asked = f" {more['approvals']} signed approvals" if more.get("approvals") else " approval"
    target = f"{event.name}@{event.alias}" if event.name else event.alias
    before = f" (was {event.more['from']})" if "from" in event.more else ""
    says = {
        "added": f"{what} added", "approved": f"{what} approved", "retired": f"{what} retired",
        "promoted": f"{target} is {event.version}{before}",
        "rolled-back": f"{target} is {event.version} again{before}",
        "cleared": f"{target} names nothing{before}",
        "protected": f"{target} needs{asked}", "unprotected": f"{target} needs no approval",
        "removed": f"file {event.digest[:12]} removed",
        "approver-added": f"approver {more.get('called')} ({str(more.get('approver'))[:8]})",
        "approver-removed": f"approver {str(more.get('approver'))[:8]} no longer",
    }.get(event.kind, event.kind)  # fmt: skip
    clock = "  [clock went back]" if "clock_before" in event.more else ""
    why = f": {event.reason}" if event.reason else ""
    if "signature" in more:
        key = str(more.get("key"))
        clock += f"  [signed by {(called or {}).get(key, 'the key')} ({key[:8]})]"
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
