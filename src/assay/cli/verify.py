"""``assay verify``: whether a model is whole, and who signed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import SettingsError

from .options import FIT, OUT, Bundle, flag

MARKS = {"ok": "ok", "none": "-", "failed": "FAILED", "not reached": "?"}
UNTRUSTED, DAMAGED = 1, 2


def verify(
    model: Bundle,
    key: Annotated[
        list[Path] | None, flag("Public key that must have signed it; may be repeated.", FIT, "--key", metavar="PEM")
    ] = None,
    output_format: Annotated[str, flag("text or json.", OUT, metavar="FORMAT")] = "text",
) -> int:
    """Check digests, signature, graph policy, golden rows, parity and variants; each with its result."""
    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    from assay.bundle.verify import verify as check
    from assay.registry import read_bundle

    from .sign import read_key

    found = check(read_bundle(model), [read_key(path) for path in key or ()])
    if output_format == "json":
        typer.echo(json.dumps(found.to_doc(), indent=1))
    else:
        named = f"{found.name} {found.version}, " if found.name else ""
        typer.echo(f"{named}sha256 {found.digest}")
        for one in found.checks:
            typer.echo(f"{MARKS[one.result]:<7} {one.name:<13} {one.says}")
    if not found.whole:
        return DAMAGED
    return UNTRUSTED if found.trusted is False else 0
