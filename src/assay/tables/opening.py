"""``open_table``: any source as a Table."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

from assay.core.errors import InputError

from .duck_table import DuckTable
from .memory import arrow_from, table_from_arrow


def open_table(
    source: Any, *, name: str | None = None, cache: bool = True, sheet: str | int | None = None
) -> DuckTable:
    """Open a table of any supported source; the source is never modified.

    Args:
        source: a path or glob (CSV, TSV, JSON lines, Parquet, Arrow IPC, Excel; also ``.gz`` and ``.zst``), ``"-"``
            for standard input, or a pandas, polars or pyarrow table, a dict of columns, a structured array,
            ``(array, names)``, or a DuckDB relation.
        name: what reports call it; the file name, or "table".
        cache: keep the landed copy of a text file in the user's cache (mode 0600, deleted after 7 days); without
            it the copy is temporary.
        sheet: the sheet of a workbook, by name or 0-based number.

    Raises:
        InputError: the source cannot be read; one sentence says what was expected and what came.
        MissingExtra: a workbook without openpyxl.
    """
    if isinstance(source, DuckTable):
        return source
    if isinstance(source, (str, os.PathLike)):
        from .files import open_path

        return open_path(os.fspath(source), name=name, cache=cache, sheet=sheet)
    if isinstance(source, (list, tuple)) and source and all(isinstance(s, (str, os.PathLike)) for s in source):
        from .files import open_paths

        return open_paths([Path(s) for s in source], name=name, cache=cache, sheet=sheet)
    arrow, census, notes = arrow_from(source)
    return table_from_arrow(arrow, name=name or "table", notes=notes, census=census)


def expand(pattern: str) -> list[Path]:
    """Files of a path or glob, sorted by name."""
    path = Path(pattern)
    if path.exists() or not glob.has_magic(pattern):
        return [path]
    found = sorted(Path(p) for p in glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns too
    if not found:
        raise InputError(f"no file matches {pattern}")
    return found
