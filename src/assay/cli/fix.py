"""``assay fix``: repair a table, prove each repair, write the new table beside the old one with its recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import SettingsError
from assay.core.writing import replacing

from .options import (
    FIT,
    OUT,
    SHOWN,
    AskedAt,
    Group,
    Known,
    NoCache,
    Protected,
    Quiet,
    RoleWords,
    Seed,
    Sources,
    Target,
    Time,
    Unknown,
    flag,
    listed,
    roles_from,
    settings_from_flags,
    source_of,
)

SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".csv.zst")
Codes = list[str] | None


def fix(
    tables: Sources = None,
    target: Target = None,
    time: Time = None,
    group: Group = None,
    protected: Protected = None,
    role: RoleWords = None,
    asked_at: AskedAt = None,
    known: Known = None,
    unknown: Unknown = None,
    diff: Annotated[bool, flag("Show what would change; write nothing.", FIT, "--diff")] = False,
    unsafe: Annotated[
        bool, flag("Also repairs that drop or rewrite what is recorded.", FIT, "--unsafe", "--unsafe-fixes")
    ] = False,
    proven: Annotated[bool, flag("Only repairs whose proof is kept.", FIT, "--proven")] = False,
    recipe: Annotated[
        Path | None, flag("Replay this recipe instead of looking for faults.", FIT, metavar="RECIPE")
    ] = None,
    undo: Annotated[Path | None, flag("Put back what this recipe changed.", FIT, metavar="RECIPE")] = None,
    select: Annotated[Codes, flag("Only repairs of these: D02, D for all of D.", SHOWN, metavar="CODES")] = None,
    ignore: Annotated[Codes, flag("None of these.", SHOWN, metavar="CODES")] = None,
    output_file: Annotated[
        Path | None,
        flag("The new table.  (default: NAME.fixed.SUFFIX beside the old)", OUT, "--output-file", "-o", metavar="FILE"),
    ] = None,
    output_format: Annotated[str | None, flag("text or json.", OUT, metavar="FORMAT")] = None,
    seed: Seed = None,
    no_cache: NoCache = False,
    quiet: Quiet = False,
) -> int:
    """Repair a table: safe repairs are applied, every one brings its proof, the old file stays as it is."""
    from .output import ready
    from .progress import Progress

    if output_format not in (None, "text", "json"):
        raise SettingsError(f"--output-format of fix must be text or json; got {output_format!r}")
    if recipe is not None and undo is not None:
        raise SettingsError("name --recipe or --undo, not both")
    source = source_of(tables)
    out = None if diff else output_file or beside(source, "restored" if undo else "fixed")
    if out is not None:
        ready(out, SUFFIXES)
        kept_apart(source, out, output_file is not None or undo is not None)
    from assay import audit
    from assay.api import word

    if undo is not None:
        return put_back(undo, source, out, quiet)
    settings = settings_from_flags(seed=seed, select=listed(select), ignore=listed(ignore))
    with Progress(quiet) as progress:
        if recipe is not None:
            doc = replayed(recipe, source, out, not no_cache)
            return shown(doc, output_format, quiet, [])
        said = word(time, group, listed(protected), roles_from(role), asked_at, listed(known), listed(unknown))
        subject = audit.open_subject(source, target=target, roles=said, settings=settings, cache=not no_cache)
        made = audit.plan(subject, settings, unsafe=unsafe, proven=proven, progress=progress)
        progress("counting changes" if out is None else "writing", 0.97)
        paths = files_of(source)
        if out is None or not made.applied:
            done, _ = audit.carry_out(made, paths, None)
            doc = audit.fix_doc(made, done)
        else:
            held: dict[str, Any] = {}
            replacing(
                out, lambda part: held.update(zip(("done", "recipe"), audit.carry_out(made, paths, part), strict=True))
            )
            doc = audit.fix_doc(made, held["done"])
            rule = recipe_path(out)
            replacing(rule, lambda part: part.write_text(json.dumps(held["recipe"], ensure_ascii=False), "utf-8"))
            doc["again"] = audit.gone_after(made, out, said, target)
            doc["written"] = {str(out): "table ", str(rule): "recipe"}
    return shown(doc, output_format, quiet, steps(tables, doc, diff, unsafe))


def shown(doc: Any, form: str | None, quiet: bool, following: list[tuple[str, str]]) -> int:
    from assay.report.fixed import fixed_text

    if form == "json":
        typer.echo(json.dumps(doc, ensure_ascii=False, indent=1))
    elif not quiet:
        typer.echo(fixed_text(doc, next_steps=following), nl=False)
    return 0


def steps(tables: list[str] | None, doc: Any, diff: bool, unsafe: bool) -> list[tuple[str, str]]:
    import shlex

    typed = " ".join(shlex.quote(t) for t in tables or ())
    out = []
    if diff and any(r["applied"] for r in doc["repairs"]):
        out.append((f"assay fix {typed}", "writes the table beside the old one, and the recipe"))
    if not unsafe and any(r["safety"] == "unsafe" and not r["applied"] for r in doc["repairs"]):
        out.append((f"assay fix {typed} --unsafe --diff", "shows the repairs that rewrite what is recorded"))
    if doc.get("written"):
        table, rule = doc["written"]
        out.append((f"assay fix --recipe {shlex.quote(rule)} OTHER.csv", "the same repairs on other rows"))
        out.append((f"assay fix --undo {shlex.quote(rule)} {shlex.quote(table)}", "puts every changed cell back"))
    return out


def replayed(recipe: Path, source: Any, out: Path | None, cache: bool) -> dict[str, Any]:
    """Replay a saved recipe and describe what it did in the form of a fix."""
    from assay import audit
    from assay.tables import open_table

    doc = audit.read_recipe(recipe)
    table = open_table(source, cache=cache)
    held: list[Any] = []
    if out is None:
        held.append(audit.replay(doc, table, files_of(source), None))
    else:
        replacing(out, lambda part: held.append(audit.replay(doc, table, files_of(source), part)))
    return audit.replay_doc(doc, table, held[0]) | {"written": {str(out): "table "} if out else {}}


def put_back(undo: Path, source: Any, out: Path | None, quiet: bool) -> int:
    from assay import audit

    from .output import note

    if out is None:
        raise SettingsError("--undo writes a file; leave --diff out")
    doc = audit.read_recipe(undo)
    paths = files_of(source)
    if paths is None or len(paths) != 1:
        raise SettingsError("--undo needs the one file that the recipe made")
    told: list[str] = []
    replacing(out, lambda part: told.extend(audit.undo(doc, paths[0], part)))
    note("\n".join([f"{out} is written: every changed cell is back", *told]), quiet)
    return 0


def files_of(source: str | list[str]) -> list[Path] | None:
    """The files behind a source, or None for standard input."""
    from assay.tables.opening import expand

    if source == "-":
        return None
    return expand(source) if isinstance(source, str) else [Path(s) for s in source]


def split_name(path: Path) -> tuple[str, str]:
    """(name, suffix), where ``.csv.gz`` is one suffix."""
    suffixes = path.suffixes
    last = "".join(suffixes[-2:]) if suffixes and suffixes[-1] in (".gz", ".zst") else path.suffix
    return path.name[: len(path.name) - len(last)] if last else path.name, last


def beside(source: str | list[str], word: str) -> Path:
    paths = files_of(source)
    if paths is None or len(paths) != 1:
        raise SettingsError("fix must know where the new table goes when it is not one file: -o FILE")
    stem, suffix = split_name(paths[0])
    stem = stem.removesuffix(".fixed") if word == "restored" else stem
    return paths[0].with_name(f"{stem}.{word}{suffix if suffix in SUFFIXES else '.csv'}")


def kept_apart(source: str | list[str], out: Path, chosen: bool) -> None:
    if any(path.resolve() == out.resolve() for path in files_of(source) or []):
        raise SettingsError(f"{out} is the table itself; the old file stays as it is: choose another name with -o")
    if not chosen and out.exists() and not recipe_path(out).exists():
        raise SettingsError(f"{out} exists and was not made by assay fix: choose another name with -o")


def recipe_path(out: Path) -> Path:
    return out.with_name(f"{split_name(out)[0]}.recipe.json")
