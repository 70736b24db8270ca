"""``assay new project``: a folder with settings, tests, CI and container files, ready for a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import OUT, ROLES, Quiet, flag

new = typer.Typer(
    name="new", help="Write what a team starts from.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@new.callback()
def start() -> None:
    """Write what a team starts from."""


@new.command()
def project(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the model: letters, digits, '.', '_' and '-'.")],
    data: Annotated[
        str | None, flag("The table, as seen from the new folder.  (default: data/NAME.csv)", ROLES, metavar="FILE")
    ] = None,
    target: Annotated[str | None, flag("What is predicted.", ROLES, "--target", metavar="COLUMN")] = None,
    output_file: Annotated[
        Path | None, flag("The folder, new or empty.  (default: NAME)", OUT, "--output-file", "-o", metavar="FOLDER")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Write settings to fill in, tests of what is promised, CI, container files and a README."""
    from assay.bundle.layout import named

    from .export import vacant, write_folder
    from .new_files import project_files
    from .output import note

    folder = output_file or Path(named(name))
    vacant(folder, force=False)
    write_folder(folder, project_files(named(name), data or f"data/{name}.csv", target or ""))
    note(f"{folder} is written: put the table at {folder / (data or f'data/{name}.csv')}, fill in assay.toml, then run "
         f"assay run in {folder}", quiet)  # fmt: skip
    return 0
