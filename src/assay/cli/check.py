"""``assay check``: audit a table, say what is wrong, and exit with 1 where it is bad."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import SettingsError

from .options import (
    FIT,
    OUT,
    SHOWN,
    AskedAt,
    Group,
    Known,
    Look,
    NoCache,
    Protected,
    Quiet,
    RoleWords,
    Seed,
    Sources,
    Split,
    Target,
    Time,
    Unknown,
    flag,
    listed,
    roles_from,
    settings_from_flags,
    source_of,
)

Path_ = Annotated[
    Path | None,
    flag(
        "Write the report; .html, .json, .md, .txt, .sarif or .xml (JUnit).", OUT, "--output-file", "-o", metavar="FILE"
    ),
]
Format = Annotated[
    str | None, flag("text, html, json, md, sarif, junit or github.", OUT, "--output-format", metavar="FORMAT")
]
Codes = list[str] | None


def check(
    tables: Sources = None,
    target: Target = None,
    time: Time = None,
    group: Group = None,
    protected: Protected = None,
    role: RoleWords = None,
    split: Split = None,
    look: Look = None,
    asked_at: AskedAt = None,
    known: Known = None,
    unknown: Unknown = None,
    reference: Annotated[str | None, flag("An earlier table to compare with.", FIT, metavar="TABLE")] = None,
    test: Annotated[str | None, flag("The test table.", FIT, metavar="TABLE")] = None,
    model: Annotated[str | None, flag("A model to audit: .assay, .onnx or MODULE:ATTR.", FIT, metavar="MODEL")] = None,
    predictions: Annotated[str | None, flag("Predictions to audit: a scored file.", FIT, metavar="TABLE")] = None,
    trusted: Annotated[str | None, flag("The same things as they should be, by id.", FIT, metavar="TABLE")] = None,
    population: Annotated[
        str | None, flag("Where the rows come from: a table, or column,value,share.", FIT, metavar="TABLE")
    ] = None,
    contract: Annotated[str | None, flag("What was promised, by schema infer.", FIT, metavar="FILE")] = None,
    pipeline: Annotated[str | None, flag("Your own pipeline, for K07.", FIT, metavar="MODULE:ATTR")] = None,
    select: Annotated[
        Codes, flag("Only these challenges: K02, future-columns, or K for all of K.", SHOWN, metavar="CODES")
    ] = None,
    extend_select: Annotated[Codes, flag("These too.", SHOWN, metavar="CODES")] = None,
    ignore: Annotated[Codes, flag("Accept these.", SHOWN, metavar="CODES")] = None,
    fail_on: Annotated[
        str | None, flag("Exit 1 at critical, warning, advice, or never.  (default: critical)", SHOWN, metavar="LEVEL")
    ] = None,
    exit_zero: Annotated[bool, flag("Exit 0 whatever is found.", SHOWN, "--exit-zero")] = False,
    each: Annotated[bool, flag("Every file is a table of its own, not a part of one.", FIT, "--each")] = False,
    baseline: Annotated[str | None, flag("Only what is new since this report.", SHOWN, metavar="REPORT.json")] = None,
    compare: Annotated[
        str | None, flag("What is new, gone and changed since this report.", SHOWN, metavar="REPORT.json")
    ] = None,
    statistics: Annotated[bool, flag("Count findings by challenge.", SHOWN, "--statistics")] = False,
    show_settings: Annotated[bool, flag("Print the settings in force and stop.", SHOWN, "--show-settings")] = False,
    all_rows: Annotated[bool, flag("Name every row in JSON.", OUT, "--all-rows")] = False,
    output_format: Format = None,
    output_file: Path_ = None,
    seed: Seed = None,
    no_cache: NoCache = False,
    quiet: Quiet = False,
) -> int:
    """Audit a table: every challenge gets a verdict, every finding its number and its fix."""
    from .output import form_of, note, ready, save, show
    from .progress import Progress

    if each and len(tables or ()) > 1:
        return apart(tables or [], output_file, dict(locals()))
    form = form_of(output_format, output_file)
    ready(output_file)
    settings = settings_from_flags(
        seed=seed,
        select=listed(select),
        extend_select=listed(extend_select),
        ignore=listed(ignore),
        fail_on=fail_on,
        split=split,
    )
    if show_settings:
        typer.echo(json.dumps(settings.to_json(), indent=2, ensure_ascii=False, default=str))
        return 0
    source = source_of(tables)
    words = roles_from(role)
    from assay.report.compare import exit_code, only_new, read_report, with_comparison

    before = read_report(baseline) if baseline else None
    earlier = read_report(compare) if compare else None
    from assay import audit
    from assay.api import attach, word
    from assay.tables.looks import looking

    said = word(time, group, listed(protected), words, asked_at, listed(known), listed(unknown))
    with looking(look, "check"), Progress(quiet) as progress:
        subject = audit.open_subject(
            source, target=target, roles=said, settings=settings, reference=reference, test=test,
            trusted=trusted, population=population, contract=contract, pipeline=pipeline, cache=not no_cache,
            progress=progress,
        )  # fmt: skip
        subject = attach(subject, model, predictions, settings, not no_cache)
        report = audit.check(subject, settings, progress)
    doc = report.to_json(all_rows=all_rows)
    if earlier is not None:
        doc = with_comparison(doc, earlier, Path(compare or "").name)
    if before is not None:
        doc = only_new(doc, before, Path(baseline or "").name)
    if statistics:
        typer.echo(counts(doc), nl=False)
    elif output_file is not None:
        save(doc, output_file, form)
        note(f"{doc['summary']['sentence']}\n{output_file} is written", quiet)
    else:
        if form == "text":
            from assay.report.next_steps import next_steps

            doc["next"] = next_steps(doc, typed=tables or ())
        show(doc, form)
    if exit_zero:
        return 0
    return report.exit_code() if before is None else exit_code(doc, settings.fail_on)


def apart(tables: list[str], output_file: Path | None, said: dict[str, Any]) -> int:
    """Check file after file with the same flags; the worst exit code. For hooks, which hand over many files."""
    if output_file is not None:
        raise SettingsError("--each prints one report a file; leave -o out, or name one table")
    flags = {name: said[name] for name in inspect.signature(check).parameters if name in said}
    return max(check(**{**flags, "tables": [table], "each": False}) for table in tables)


def counts(doc: Any) -> str:
    """One line a challenge: how many findings, code, name; most first."""
    count = Counter((f["code"], f["name"]) for f in doc["findings"])
    rows = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{n:6,}  {code}  {name}\n" for (code, name), n in rows)
