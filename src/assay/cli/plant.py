"""``assay plant``: put a known fault into a copy of a table, to see whether it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import InputError, SettingsError

from .options import (
    FIT,
    OUT,
    Group,
    NoCache,
    Quiet,
    RoleWords,
    Seed,
    Target,
    Time,
    flag,
    roles_from,
    settings_from_flags,
)


def plant(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Which fault: a code or name.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table; it is not changed.")],
    target: Target = None,
    time: Time = None,
    group: Group = None,
    role: RoleWords = None,
    dose: Annotated[
        float | None, flag("How much.  (default: what the page promises to find)", FIT, metavar="DOSE")
    ] = None,
    output_file: Annotated[
        Path | None,
        flag(
            "Where the broken copy goes; .csv, .parquet, .tsv, .json or .jsonl.",
            OUT,
            "--output-file",
            "-o",
            metavar="FILE",
        ),
    ] = None,
    seed: Seed = None,
    no_cache: NoCache = False,
    quiet: Quiet = False,
) -> int:
    """Put a fault into a copy of a table, and say exactly where."""
    from .fix import kept_apart
    from .output import TABLES, note, ready, write_table

    if output_file is None:
        raise SettingsError("plant must know where the broken copy goes: -o broken.csv")
    ready(output_file, tuple(TABLES))
    kept_apart(table, output_file, True)
    if dose is not None and dose <= 0:
        raise SettingsError(f"--dose must be above 0; got {dose:g}")
    settings = settings_from_flags(seed=seed)
    from assay.audit.catalogue import catalogue, resolve
    from assay.audit.opening import open_subject

    module = catalogue()[resolve(code)]
    challenge = module.CHALLENGE
    if {"predictions", "sets", "comparison", "pipeline"} & set(challenge.needs):
        what = next(
            (w for n, w in (("comparison", "a comparison"), ("pipeline", "a pipeline")) if n in challenge.needs),
            "predictions",
        )
        raise InputError(f"{challenge.code} {challenge.name} is planted in {what}, which a table alone does not hold")
    if not hasattr(module, "plant"):
        raise InputError(f"{challenge.code} {challenge.name} cannot be planted")
    words = roles_from(role) | {k: (v,) for k, v in (("order", time), ("group", group)) if v}
    subject = open_subject(table, target=target, roles=words, settings=settings, cache=not no_cache)
    amount = challenge.promise.dose if dose is None else dose
    planted = module.plant(subject, amount, subject.rng(challenge.code, "plant"))
    write_table(planted.subject.table.arrow(), output_file)
    where = f" in {', '.join(planted.columns)}" if planted.columns else ""
    touched = ""
    if planted.rows is not None:
        first = ", ".join(str(p) for p in planted.rows.positions[:10])
        touched = f"; {planted.rows.total:,} rows ({first}{' ...' if planted.rows.total > 10 else ''})"
    what = f"{challenge.code} {challenge.name} planted{where} at dose {amount:g}"
    typer.echo(f"{what}{touched}; effect {planted.true_effect:.4g}")
    note(f"{output_file} is written", quiet)
    return 0
