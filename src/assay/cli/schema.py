"""``assay schema infer``: write down what a table keeps, as a contract that a team corrects and then holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import SettingsError
from assay.core.writing import replacing

from .options import (
    FIT,
    OUT,
    Bundle,
    Group,
    NoCache,
    Quiet,
    RoleWords,
    Seed,
    Sources,
    Target,
    Time,
    flag,
    listed,
    roles_from,
    settings_from_flags,
    source_of,
)

schema = typer.Typer(
    name="schema", help="Contracts: what a team promises about its columns.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@schema.callback()
def start() -> None:
    """Contracts: what a team promises about its columns."""


@schema.command()
def infer(
    tables: Sources = None,
    target: Target = None,
    time: Time = None,
    group: Group = None,
    role: RoleWords = None,
    output_file: Annotated[
        Path | None, flag("Write the contract; .json.", OUT, "--output-file", "-o", metavar="FILE")
    ] = None,
    seed: Seed = None,
    no_cache: NoCache = False,
    quiet: Quiet = False,
) -> int:
    """Write down what a table keeps: kinds, ranges, values, keys and rules, for check --contract."""
    from .output import note, ready
    from .progress import Progress

    ready(output_file, (".json",))
    settings = settings_from_flags(seed=seed)
    source = source_of(tables)
    words = roles_from(role)
    from assay import audit
    from assay.api import word
    from assay.audit.contract import infer as read

    with Progress(quiet) as progress:
        progress("reading the table", 0.1)
        said = word(time, group, None, words, None, (), ())
        subject = audit.open_subject(source, target=target, roles=said, settings=settings, cache=not no_cache)
        progress("looking for rules", 0.5)
        contract = read(subject, settings)
    text = written(contract.to_json())
    if output_file is None:
        typer.echo(text, nl=False)
        return 0
    replacing(output_file, lambda path: path.write_text(text, encoding="utf-8"))
    note(f"{len(contract.columns)} columns and {len(contract.rules)} rules; {output_file} is written", quiet)
    return 0


@schema.command()
def personal(
    model: Bundle,
    columns: Annotated[str, typer.Argument(metavar="COLUMN,...", help="Columns with data on persons.")],
    off: Annotated[bool, flag("They hold none.", FIT, "--off")] = False,
    output_file: Annotated[
        Path | None, flag("Where the model goes; .assay.", OUT, "--output-file", "-o", metavar="FILE")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Flag columns of a model that is there as personal: logs of the service leave them out. Sign it again after."""
    from assay.api import load
    from assay.bundle.personal import flagged

    from .output import note, ready

    if output_file is None:
        raise SettingsError("schema personal must know where the model goes: -o model.assay")
    ready(output_file, (".assay",))
    made = flagged(load(model), listed([columns]), not off)
    made.save(output_file)
    now = [i.column for i in made._schema.inputs if i.personal]
    note(f"{output_file} is written, unsigned; personal: {', '.join(now) or 'no column'}", quiet)
    return 0


def written(doc: Any) -> str:
    """JSON to be edited by hand: a list of plain values stands on one line."""
    text = json.dumps(doc, indent=2, ensure_ascii=False, allow_nan=False)
    plain = re.compile(r"\[\n\s+([^\[\]{}]*?)\n\s+\]")
    return plain.sub(lambda m: "[" + re.sub(r"\n\s+", " ", m[1]) + "]", text) + "\n"
