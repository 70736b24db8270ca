"""``assay runs``: what was tried, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import SettingsError

from .check import Format, Path_
from .options import Quiet

FORMS = ("text", "markdown", "json")


def runs(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE", help="Ledgers (--runs), .assay files, name@alias, folders of both.", show_default=False
        ),
    ] = None,
    output_format: Format = None,
    output_file: Path_ = None,
    quiet: Quiet = False,
) -> int:
    """Compare tries: score, recipe, commit, seed, looks; best first, ties marked."""
    from assay.core.settings import read_settings

    from .output import WIDTH, form_of, ready, tell

    form = form_of(output_format, output_file)
    if form not in FORMS:
        raise SettingsError(f"runs are shown as text, md or json; got {form}")
    ready(output_file)
    if not files:
        ledger = read_settings(Path.cwd()).runs
        files = [ledger or "."]
    from assay.bundle.runs import read_runs
    from assay.registry.places import named_bundle
    from assay.report.runs import as_json, markdown, ranked, text

    found = [(f, named_bundle(f)) for f in files]
    groups = ranked(read_runs([Path(f) if data is f else (f, data) for f, data in found]))
    shown = {"text": lambda: text(groups, WIDTH), "markdown": lambda: markdown(groups), "json": lambda: as_json(groups)}
    said = shown[form]()
    tell(said, output_file, quiet)
    return 0
