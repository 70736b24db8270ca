"""``assay rule``: the page of one challenge, or the list of all."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from assay.core.errors import SettingsError
from assay.core.settings import read_settings

from .options import FIT, OUT, flag

Code = Annotated[str | None, typer.Argument(metavar="CODE", help="A code or name.", show_default=False)]


def rule(
    code: Code = None,
    all_: Annotated[bool, flag("List every challenge.", FIT, "--all")] = False,
    output_format: Annotated[str, flag("text or json.", OUT, metavar="FORMAT")] = "text",
) -> int:
    """Print the page of a challenge: what it is, how it is measured, known false alarms, sources."""
    if output_format not in ("text", "json"):
        raise SettingsError(f"--output-format must be text or json; got {output_format!r}")
    if bool(code) == all_:
        raise SettingsError("rule takes one code or name, or --all")
    from assay.audit.catalogue import catalogue, resolve

    known = catalogue(read_settings(Path.cwd()).checks)
    modules = list(known.values()) if all_ else [known[resolve(str(code), known)]]
    if output_format == "json":
        found = [as_json(m) for m in modules]
        typer.echo(json.dumps(found if all_ else found[0], indent=2, ensure_ascii=False))
    elif all_:
        typer.echo("\n".join(as_line(m) for m in modules))
    else:
        typer.echo(as_page(modules[0]))
    return 0


def as_line(module: ModuleType) -> str:
    c = module.CHALLENGE
    head = f"{c.code}  {c.name:<22}"
    return f"{head} {textwrap.shorten(c.title, 79 - len(head), placeholder=' ...')}"


def as_page(module: ModuleType) -> str:
    """The docstring, under a head that the declaration gives."""
    from assay.audit.pages import page
    from assay.audit.precision import precision_of

    from .output import coloured

    c = module.CHALLENGE
    bold = (lambda text: typer.style(text, bold=True)) if coloured() else str
    parts = page(module)
    repair = {None: "advice only", "safe": "a safe repair", "unsafe": "an unsafe repair"}[c.safety]
    out = [bold(f"{c.code} {c.name}"), textwrap.fill(parts[""], 80), "", f"stage {c.stage}; {repair}"]
    out += [
        textwrap.fill(f"matters above {t.name} = {t.default:g} {t.unit}: {t.reason}", 80, subsequent_indent="  ")
        for t in c.materiality
    ]
    out.append(f"promise: a plant of dose {c.promise.dose:g} in {c.promise.n:,} rows is found in 9 of 10 tables")
    if read := precision_of(c.code):
        out.append(textwrap.fill(f"precision of its readings of meaning: {read.says()}", 80, subsequent_indent="  "))
    for heading, text in parts.items():
        if heading:
            out += [
                "",
                bold(heading),
                textwrap.indent(flush(text), "  ") if heading == "Example" else fold(flush(text)),
            ]
    return "\n".join(out)


def flush(text: str) -> str:
    """A section without its indentation (its first line has lost its own already)."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{textwrap.dedent(rest)}" if rest else first


def fold(text: str) -> str:
    """Paragraphs at 80 columns; tables and lists, whose lines are short or indented, as they are."""
    lines = text.splitlines()
    if all(len(line) <= 80 for line in lines):
        return text
    paragraphs = "\n".join(lines).split("\n\n")
    return "\n\n".join(
        p if any(line[:1] in " |-" for line in p.splitlines()) else textwrap.fill(p, 80) for p in paragraphs
    )


def as_json(module: ModuleType) -> dict[str, Any]:
    from assay.audit.pages import page
    from assay.audit.precision import precision_of

    c = module.CHALLENGE
    parts, read = page(module), precision_of(c.code)
    return {
        "code": c.code, "name": c.name, "title": c.title, "stage": c.stage, "category": c.category,
        "needs": list(c.needs), "remedy": c.safety, "proof": c.proof,
        "materiality": [dataclasses.asdict(t) for t in c.materiality],
        "promise": {"dose": c.promise.dose, "n": c.promise.n, "reason": c.promise.reason},
        "precision": read.to_json() if read else None,
        "page": {heading or "summary": flush(text) for heading, text in parts.items()},
    }  # fmt: skip
