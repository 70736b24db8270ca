"""``assay split``: cut a table once into train, valid and a locked test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from assay.core.errors import SettingsError

from .fix import files_of
from .options import (
    OUT,
    Group,
    NoCache,
    Quiet,
    RoleWords,
    Seed,
    Sources,
    Split,
    Target,
    Time,
    flag,
    roles_from,
    settings_from_flags,
    source_of,
)


def split(
    tables: Sources = None,
    target: Target = None,
    time: Time = None,
    group: Group = None,
    role: RoleWords = None,
    split: Split = None,
    output_file: Annotated[
        Path | None, flag("The folder to write; it must be new.", OUT, "--output-file", "-o", metavar="FOLDER")
    ] = None,
    seed: Seed = None,
    no_cache: NoCache = False,
    quiet: Quiet = False,
) -> int:
    """Cut a table once into train, valid and a locked test whose looks are counted."""
    from .output import note
    from .progress import Progress

    if output_file is None:
        raise SettingsError("split must know where the parts go: -o splits/")
    settings = settings_from_flags(seed=seed, split=split)
    source = source_of(tables)
    from assay.api import word
    from assay.audit.opening import open_subject
    from assay.tables.duck_table import DuckTable
    from assay.tables.splitting import write_split

    said = word(time, group, None, roles_from(role), None, None, None)
    with Progress(quiet) as progress:
        progress("splitting", 0.1)
        subject = open_subject(source, target=target, roles=said, settings=settings, cache=not no_cache)
        table = subject.table
        if not isinstance(table, DuckTable):
            raise SettingsError(f"{table.name} is no table of rows that could be written in parts")
        card = write_split(
            table, subject.roles, subject.partition, output_file, paths=files_of(source), seed=settings.seed
        )
    counts = ", ".join(f"{part} {info['rows']:,}" for part, info in card["files"].items())
    note(f"{output_file} is written: {counts} rows; {card['method']}", quiet)
    note(f"the test is locked: assay fit {output_file} learns without it, --look REASON opens and counts it", quiet)
    return 0
