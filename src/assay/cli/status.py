"""``assay status``: how far a model is on its way to production, and what stands in the way."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import SettingsError

from .options import FIT, OUT, Bundle, flag

if TYPE_CHECKING:
    from assay.registry import Registry
    from assay.registry.gates import Gate

BLOCKED = 1
Place = Annotated[
    str | None, flag("Folder or postgresql:// address of the registry.", FIT, "--registry", metavar="PLACE")
]


def status(
    model: Bundle,
    key: Annotated[
        list[Path] | None,
        flag("Public key that must have signed it.  (default: public_key of [run])", FIT, "--key", metavar="PEM"),
    ] = None,
    registry: Place = None,
    output_format: Annotated[str, flag("text or json.  (default: text)", OUT, metavar="FORMAT")] = "text",
) -> int:
    """Show the gates between a model and production, with the evidence of each; exit code 1 while one blocks."""
    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    from assay.bundle.model import Model
    from assay.bundle.verify import verify
    from assay.core.settings import read_settings
    from assay.registry import read_bundle
    from assay.registry.gates import blocking, gates

    from .sign import read_key

    named = read_settings(Path.cwd()).run.public_key
    keys = [read_key(path) for path in key or ([Path(named)] if named else [])]
    data = read_bundle(model, registry)
    checked = verify(data, keys)
    book = there(registry)
    try:
        found = gates(Model(data), checked, model, book, bool(keys))
        called = called_there(model, book, f"{checked.name} {checked.version}")
    finally:
        if book is not None:
            book.close()
    first = blocking(found)
    if output_format == "json":
        doc = {
            "name": checked.name, "version": checked.version, "digest": checked.digest,
            "gates": [gate.to_doc() for gate in found], "blocked_by": first.name if first else None,
            "next": first.next if first else None,
        }  # fmt: skip
        typer.echo(json.dumps(doc, indent=1, ensure_ascii=False))
    else:
        typer.echo(text(f"{called}, sha256 {checked.digest[:12]}", found, first))
    return BLOCKED if first else 0


def called_there(model: str, book: Registry | None, own: str) -> str:
    """What a model is called: as in the registry where it was named there; and as its file says, where that differs."""
    from assay.registry.names import looks_like_one

    if book is None or not looks_like_one(model) or Path(model).exists():
        return own
    known = str(book.find(model))
    return known if known == own else f"{known} (its file says {own})"


def there(place: str | None) -> Registry | None:
    """The registry, or None where none was made yet and none was asked for."""
    from assay.core.errors import InputError
    from assay.registry import open_registry

    try:
        return open_registry(place, create=False)
    except InputError:
        if place is not None:
            raise
        return None


def text(head: str, found: tuple[Gate, ...], first: Gate | None) -> str:
    from .output import WIDTH

    lines = [head, ""]
    for gate in found:
        mark = "passed" if gate.state == "passed" else "BLOCKS" if gate is first else "open"
        said = f"{mark:<8}{gate.name:<14}{gate.evidence}"
        lines += textwrap.wrap(said, WIDTH, subsequent_indent=" " * 22, break_on_hyphens=False)
    passed = sum(gate.state == "passed" for gate in found)
    if first is None:
        return "\n".join([*lines, "", f"all {passed} gates are passed"])
    words: Any = textwrap.wrap(f"next  {first.next}", WIDTH, subsequent_indent=" " * 6, break_on_hyphens=False,
                               break_long_words=False)  # fmt: skip
    return "\n".join([*lines, "", f"{passed} of {len(found)} gates are passed; {first.name} blocks", *words])
