"""``assay diff``: what changed from one model to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import SettingsError

from .options import OUT, Quiet, flag

if TYPE_CHECKING:
    from assay.bundle.diff import Change
    from assay.bundle.model import Model

FORMS = {".json": "json", ".txt": "text"}


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="The earlier model: an .assay file, or name@alias.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The later one.")],
    output_format: Annotated[str | None, flag("text or json.", OUT, metavar="FORMAT")] = None,
    output_file: Annotated[
        Path | None, flag("Where it goes; .txt or .json.", OUT, "--output-file", "-o", metavar="FILE")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Compare two models: data, columns, scores, findings, thresholds, repairs, size, and their answers."""
    from assay.bundle.diff import diff as compare
    from assay.bundle.diff import to_doc
    from assay.bundle.model import Model
    from assay.registry import read_bundle

    from .output import ready, tell

    form = output_format or (FORMS.get(output_file.suffix.lower(), "text") if output_file else "text")
    if form not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {form!r}")
    ready(output_file, tuple(FORMS))
    first, second = (Model.load(read_bundle(m)) for m in (a, b))
    changes = compare(first, second)
    said = json.dumps(to_doc(first, second, changes), indent=1, ensure_ascii=False) + "\n" if form == "json" else \
        "\n".join(lines(first, second, changes)) + "\n"  # fmt: skip
    tell(said, output_file, quiet)
    return 0


def lines(a: Model, b: Model, changes: tuple[Change, ...]) -> list[str]:
    """The comparison for people: a heading a part, a line a change."""
    from assay.report.numbers import plain

    out = [f"a  {a.name} {a.version}  sha256 {a.digest}", f"b  {b.name} {b.version}  sha256 {b.digest}"]
    if a.digest == b.digest:
        return [*out, "the same file"]
    if a.content == b.content:
        out.append("the same contents: only the signature differs")
    part = ""
    for change in changes:
        if change.part != part:
            part = change.part
            out += ["", part]
        sides = "" if change.a == change.b == "-" else f"{plain(change.a)} -> {plain(change.b)}"
        out.append(f"  {plain(change.what)}: {'; '.join(s for s in (sides, plain(change.says)) if s)}")
    return out
