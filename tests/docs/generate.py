"""Writes what the documentation takes from the code: ``python -m tests.docs.generate`` (``make docs``).

The freshness test calls the same functions, so a page that lags behind the code fails the build.
"""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import MISSING, Field, fields
from pathlib import Path

import assay
from assay.audit.catalogue import catalogue
from assay.audit.pages import page
from assay.audit.precision import precision_of
from assay.core.constraints import Constraints
from assay.core.path import Run, Watch
from assay.core.settings import Ignore, Question, Rule, Settings

ROOT = Path(__file__).parents[2]
START, END = "<!-- generated: challenges -->", "<!-- end -->"


def challenge_table() -> str:
    rows = ["| code | allow ... | in plain words | repair |", "|---|---|---|---|"]
    for code, module in catalogue().items():
        c = module.CHALLENGE
        rows.append(
            f"| [{code}](docs/challenges.md#{code.lower()}-{c.name}) | {c.name} | {c.title} | {c.safety or '-'} |"
        )
    return "\n".join(rows)


def readme() -> str:
    text = (ROOT / "README.md").read_text("utf-8")
    return re.sub(f"{START}.*?{END}", lambda _: f"{START}\n{challenge_table()}\n{END}", text, flags=re.S)


def challenges() -> str:
    out = [
        "# The challenges",
        "",
        "Generated from the challenge files (`make docs`); `assay rule CODE` prints the same.",
        "",
    ]
    for code, module in catalogue().items():
        c = module.CHALLENGE
        parts = page(module)
        out += [f"## {code} {c.name}", "", parts.pop(""), ""]
        for threshold in c.materiality:
            out.append(f"- threshold `{threshold.name}` = {threshold.default:g} {threshold.unit}: {threshold.reason}")
        out += [
            "",
            f"Promise: found at dose {c.promise.dose:g} in {c.promise.n:,} rows. {c.promise.reason}".rstrip(),
            "",
        ]
        if read := precision_of(code):
            out += [f"Precision of its readings of meaning: {read.says()}.", ""]
        for heading, text in parts.items():
            body = f"```python\n{text}\n```" if heading == "Example" else text
            out += [f"### {heading}", "", body, ""]
    return "\n".join(out)


def settings() -> str:
    out = ["# Settings", "", "`[tool.assay]` in `pyproject.toml`, or `assay.toml`. Unknown keys are errors.", ""]
    for cls, title in (
        (Settings, "[tool.assay]"),
        (Question, "question"),
        (Constraints, "constraints"),
        (Run, "run"),
        (Watch, "watch"),
        (Ignore, "ignore (a list)"),
        (Rule, "rules (a list)"),
    ):
        out += [f"## {title}", "", inspect.getdoc(cls) or "", "", "| key | default | meaning |", "|---|---|---|"]
        comments = dict(re.findall(r"^    (\w+): .*?(?:#\s*(.*))?$", inspect.getsource(cls), flags=re.M))
        for f in fields(cls):
            default = (
                "required"
                if not has_default(f)
                else repr(getattr(cls("", "") if cls in (Ignore, Rule) else cls(), f.name))
            )
            out.append(f"| `{f.name}` | `{default[:60]}` | {comments.get(f.name, '').replace('|', 'or')} |")
        out.append("")
    out += ["Thresholds are set by code: `thresholds.D01.share = 0.1`; each page names its own.", ""]
    return "\n".join(out)


def has_default(field: Field[object]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def api() -> str:
    out = ["# From Python", ""]
    for name in assay.__all__:
        thing = getattr(assay, name)
        doc = inspect.getdoc(thing) or ""
        if inspect.isclass(thing):
            out += [f"## {name}", "", doc, ""]
            for method, member in vars(thing).items():
                if not method.startswith("_") and callable(member) and inspect.getdoc(member):
                    out.append(
                        f"- `{method}{inspect.signature(member)}`: {(inspect.getdoc(member) or '').splitlines()[0]}"
                    )
            out.append("")
        else:
            out += [f"## {name}", "", f"`{name}{inspect.signature(thing)}`", "", doc, ""]
    return "\n".join(out)


def cli() -> str:
    from typer.main import get_command
    from typer.testing import CliRunner

    os.environ.update({"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"})
    from assay.cli.app import app

    runner = CliRunner()
    out = ["# Command line", ""]
    names: list[list[str]] = [[]]
    for name, command in sorted(get_command(app).commands.items()):
        names += [[name], *([name, verb] for verb in sorted(getattr(command, "commands", ())))]
    for name in names:
        text = runner.invoke(app, [*name, "--help"]).output
        clean = "\n".join(line.rstrip() for line in text.strip().splitlines())
        out += [f"## assay {' '.join(name)}".rstrip(), "", "```text", clean, "```", ""]
    return "\n".join(out)


def pages() -> dict[Path, str]:
    docs = ROOT / "docs"
    return {
        ROOT / "README.md": readme(),
        docs / "challenges.md": challenges(),
        docs / "settings.md": settings(),
        docs / "api.md": api(),
        docs / "cli.md": cli(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text.rstrip() + "\n", "utf-8")
        print(path.relative_to(ROOT))
