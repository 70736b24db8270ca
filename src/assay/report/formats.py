"""One way in for every format: render a JSON form, or write it to a file whose suffix says the format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from assay.core.errors import SettingsError, did_you_mean
from assay.core.writing import replacing

Format = Literal["text", "html", "json", "markdown", "sarif", "junit", "github"]
FORMATS: tuple[str, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {
    ".html": "html", ".htm": "html", ".json": "json", ".txt": "text", ".md": "markdown", ".sarif": "sarif",
    ".xml": "junit",
}  # fmt: skip


def render(doc: Mapping[str, Any], form: str = "text", *, colour: bool = False, width: int = 80) -> str:
    """Render a report or a dossier from its JSON form. ``colour`` and ``width`` are for text only.

    Raises:
        SettingsError: an unknown format.
    """
    if form not in FORMATS:
        raise SettingsError(f"a format must be one of {', '.join(FORMATS)}; got {form!r}{did_you_mean(form, FORMATS)}")
    if form == "json":
        from .json_form import dumps

        return dumps(doc)
    if form == "html":
        from .html import page

        return page(doc)
    if form == "markdown":
        from .markdown import markdown

        return markdown(doc)
    if form == "sarif":
        from .sarif import sarif

        return sarif(doc)
    if form == "junit":
        from .junit import junit

        return junit(doc)
    if form == "github":
        from .github import github

        return github(doc)
    from .text import text

    return text(doc, colour=colour, width=width)


def format_of(path: Path) -> Format:
    """The format that a file's suffix names.

    Raises:
        SettingsError: a suffix of no known format.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"a report's file name must end in .html, .json, .txt, .md, .sarif or .xml; got {path.name!r}"
        )
    return SUFFIXES[path.suffix.lower()]


def write(doc: Mapping[str, Any], path: Path, form: str | None = None) -> Path:
    """Render and write beside, then rename: readers see the old file or the whole new one.

    Raises:
        OutputError: the folder is missing, not writable or full.
    """
    body = render(doc, form or format_of(path)).encode("utf-8")
    return replacing(path, lambda beside: beside.write_bytes(body))
