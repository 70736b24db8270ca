"""``assay keys``: who may ask a service what, how often and for how long; and whether its audit log is whole."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import InputError, SettingsError

from .options import OUT, Quiet, flag, listed
from .output import note

if TYPE_CHECKING:
    from assay.serve.keys import Key

ALLOWED = "What the key allows"
FOLDER = Path(".assay") / "keys.json"
File = Annotated[
    Path, typer.Option("--keys", metavar="FILE", help="The keys file.", rich_help_panel=OUT, show_default=True)
]
Form = Annotated[str, flag("text or json.  (default: text)", OUT, "--output-format", metavar="FORMAT")]

keys = typer.Typer(
    name="keys", help="API keys of assay serve, and its audit log.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@keys.callback()
def start() -> None:
    """API keys of assay serve, and its audit log."""


@keys.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it, such as the calling service.")],
    scope: Annotated[
        list[str] | None,
        flag(
            "predict, explain, metrics, label, log, admin.  (default: predict)", ALLOWED, "--scope", metavar="SCOPE,…"
        ),
    ] = None,
    expires: Annotated[
        str | None, flag("When it ends: 90d, or a date such as 2027-01-31.  (default: never)", ALLOWED, metavar="WHEN")
    ] = None,
    budget: Annotated[int | None, flag("Rows in all.  (default: no limit)", ALLOWED, metavar="ROWS")] = None,
    rate: Annotated[float | None, flag("Rows a second.  (default: no limit)", ALLOWED, metavar="ROWS")] = None,
    burst: Annotated[float | None, flag("Rows at once.  (default: those of a second)", ALLOWED, metavar="ROWS")] = None,
    certificate: Annotated[
        Path | None, flag("A client's TLS certificate in place of a key.", ALLOWED, metavar="FILE")
    ] = None,
    keys_file: File = FOLDER,
    quiet: Quiet = False,
) -> int:
    """Make a key and print it once; the file keeps its digest only."""
    from assay.serve.key_file import held, read, write
    from assay.serve.keys import make

    now = time.time()
    shown = None if certificate is None else read_bytes(certificate)
    token, key = make(
        name, listed(scope) or ("predict",), expires=ending(expires, now), budget=budget, rate=rate, burst=burst,
        certificate=shown, now=now,
    )  # fmt: skip
    keys_file.parent.mkdir(parents=True, exist_ok=True)
    with held(keys_file):
        there = read(keys_file) if keys_file.exists() else ()
        write(keys_file, (*there, key))
    if token:
        typer.echo(token)
        note(f"this is shown once; {keys_file} keeps its digest as {key.id} ({described(key)})", quiet)
        note("send it as the header  authorization: Bearer KEY", quiet)
    else:
        note(f"{keys_file} takes this certificate as {key.id} ({described(key)})", quiet)
    return 0


@keys.command(name="list")
def list_(keys_file: File = FOLDER, output_format: Form = "text") -> int:
    """Who has a key: scopes, limits, ends. Never the keys, which nobody has but their owners."""
    from dataclasses import asdict

    from assay.serve.key_file import read

    checked(output_format)
    there = read(keys_file)
    if output_format == "json":
        shown = [{k: v for k, v in asdict(key).items() if k != "sha256"} for key in there]
        typer.echo(json.dumps(shown, indent=1))
        return 0
    if not there:
        typer.echo(f"{keys_file} holds no key")
    now = time.time()
    for key in there:
        state = key.ended(now) or "valid"
        typer.echo(f"{key.id}  {state:8} {key.name}: {described(key)}; made {key.created[:10]}")
    return 0


@keys.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="KEY", help="Its id, or its name where only one has it.")],
    keys_file: File = FOLDER,
    quiet: Quiet = False,
) -> int:
    """Let a key count no more: running services see it within a second."""
    from assay.serve.key_file import held, read, revoke, write

    read(keys_file)
    with held(keys_file):
        left, ended = revoke(read(keys_file), which, time.time())
        write(keys_file, left)
    note(f"{ended.id} ({ended.name}) is revoked; running services refuse it within a second", quiet)
    return 0


@keys.command()
def audit(
    place: Annotated[Path, typer.Argument(metavar="PLACE", help="The folder of assay serve --audit, or one file.")],
    head: Annotated[
        str | None, flag("A hash that was printed before: it must still be there.", OUT, "--head", metavar="HASH")
    ] = None,
    output_format: Form = "text",
) -> int:
    """Check that no line of an audit log was changed, taken out or put in. Exit 1 where one was."""
    from dataclasses import asdict

    from assay.serve.audit_log import Broken, in_order, verify

    checked(output_format)
    shown, broken = [], False
    for files in in_order(place):
        try:
            found = verify(files)
        except Broken as error:
            typer.echo(f"broken: {error}", err=True)
            broken = True
            continue
        shown.append({"files": [str(f) for f in files], **asdict(found)})
    if head is not None and not broken:
        from assay.serve.audit_log import holds

        if not any(holds(files, head) for files in in_order(place)):
            typer.echo(f"broken: {head} is no longer in {place}: lines at the end were taken out or changed", err=True)
            broken = True
    if output_format == "json":
        typer.echo(json.dumps({"whole": not broken, "logs": shown}, indent=1))
    else:
        for log in shown:
            missing = f"; {log['missing']:,} requests were not written, as it says itself" if log["missing"] else ""
            typer.echo(
                f"{log['files'][-1]}: {log['lines']:,} lines are whole, {log['since']} to {log['until']}{missing}"
            )
            typer.echo(f"  head {log['head']}")
    return 1 if broken else 0


def ending(text: str | None, now: float) -> str | None:
    """When a key ends: a number of days (``90d``), or a date as it stands.

    Raises:
        SettingsError: neither, or in the past.
    """
    from assay.serve.keys import moment, written

    if text is None:
        return None
    days = text.removesuffix("d")
    at = now + int(days) * 86400 if text.endswith("d") and days.isdigit() and len(days) < 6 else moment(text)
    if at <= now:
        raise SettingsError(f"--expires must lie in the future; got {text}")
    return written(at)


def described(key: Key) -> str:
    parts = [", ".join(key.scopes)]
    if key.certificate:
        parts.append("by certificate")
    if key.budget is not None:
        parts.append(f"{key.budget:,} rows in all")
    if key.rate is not None:
        parts.append(f"{key.rate:g} rows a second")
    if key.expires is not None:
        parts.append(f"until {key.expires}")
    return "; ".join(parts)


def checked(form: str) -> None:
    if form not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json here; got {form!r}")


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): a certificate was expected") from None
