"""Where results go: places are checked before the work, files written beside and renamed, colour only to a terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from assay.core.errors import OutputError, SettingsError, did_you_mean
from assay.core.writing import replacing

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = {
    "text": "text", "html": "html", "json": "json", "md": "markdown", "markdown": "markdown", "sarif": "sarif",
    "junit": "junit", "github": "github",
}  # fmt: skip
TABLES = {
    ".parquet": "PARQUET", ".csv": "CSV, HEADER", ".tsv": "CSV, HEADER, DELIMITER '\t'",
    ".json": "JSON, ARRAY true", ".jsonl": "JSON", ".ndjson": "JSON",
}  # fmt: skip
WIDTH = 80


def form_of(name: str | None, path: Path | None) -> str:
    """The format of a report: the flag, else the suffix of the output file, else text.

    Raises:
        SettingsError: a name or suffix of no known format.
    """
    if name is not None:
        if name not in FORMATS:
            raise SettingsError(
                f"--output-format must be text, html, json, md, sarif, junit or github; got {name!r}"
                f"{did_you_mean(name, FORMATS)}"
            )
        return FORMATS[name]
    if path is None:
        return "text"
    from assay.report.formats import format_of

    return format_of(path)


def ready(path: Path | None, suffixes: tuple[str, ...] = ()) -> None:
    """Prove that ``path`` can be written before any work is done: its folder takes a file, and it is not a folder.

    Raises:
        OutputError: one sentence that says what is in the way.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise OutputError(f"the output's name must end in {', '.join(suffixes)}; got {path.name!r}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it with -o")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {folder}; make it, or choose another with -o")
    try:
        handle, trial = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
        os.close(handle)
        Path(trial).unlink()
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); choose another place with -o") from None


def write_table(table: pa.Table, path: Path) -> Path:
    """Write rows as Parquet, CSV, TSV or JSON, by the suffix.

    Raises:
        OutputError: another suffix, or the file cannot be written.
    """
    ready(path, tuple(TABLES))
    return replacing(path, lambda beside: copy(table, beside, TABLES[path.suffix.lower()]))


def copy(table: pa.Table, path: Path, form: str) -> None:
    import duckdb

    with duckdb.connect() as engine:
        engine.register("rows_out", table)
        try:
            engine.execute(f"COPY rows_out TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT {form})")
        except duckdb.IOException as error:
            raise OSError(str(error).splitlines()[0]) from None


def print_table(table: pa.Table) -> None:
    """Rows as CSV on standard output."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        copy(table, path, TABLES[".csv"])
        with path.open(encoding="utf-8") as lines:
            sys.stdout.writelines(lines)


def coloured() -> bool:
    """Whether standard output is a terminal whose user did not ask for no colours (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(doc: Any, form: str) -> None:
    """Print a report in a format."""
    from assay.report.formats import render

    typer.echo(render(doc, form, colour=form == "text" and coloured(), width=WIDTH), nl=False)


def save(doc: Any, path: Path, form: str) -> None:
    """Write a report to a file in a format."""
    from assay.report.formats import write

    write(doc, path, form)


def tell(said: str, path: Path | None, quiet: bool = False) -> None:
    """Text to standard output, or whole to a file."""
    if path is None:
        typer.echo(said, nl=False)
        return
    replacing(path, lambda beside: beside.write_text(said, "utf-8"))
    note(f"{path} is written", quiet)


def note(sentence: str, quiet: bool = False) -> None:
    """Say something on standard error, where it is in nobody's way."""
    if not quiet:
        print(sentence, file=sys.stderr)
