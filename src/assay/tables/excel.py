"""Workbooks, through openpyxl (extra ``excel``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.core.errors import InputError, MissingExtra, did_you_mean

from .duck_table import DuckTable
from .memory import arrow_from, table_from_arrow
from .names import unique_names


def open_excel(path: Path, label: str, sheet: str | int | None) -> DuckTable:
    """One sheet of a workbook, the first unless named; its first row that is not empty names the columns."""
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra("openpyxl", "excel", "reading a workbook") from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise InputError(f"{label} must be a whole .xlsx workbook, but {type(error).__name__}: {error}") from None
    try:
        name = _sheet(book.sheetnames, sheet, label)
        rows = [list(r) for r in book[name].iter_rows(values_only=True) if any(c is not None for c in r)]
    finally:
        book.close()
    if len(rows) < 2:
        raise InputError(f"the sheet {name} of {label} has no rows below its column names")
    width = max(len(r) for r in rows)
    rows = [r + [None] * (width - len(r)) for r in rows]
    while width > 1 and all(r[width - 1] is None for r in rows):
        width -= 1
    names, notes = unique_names(rows[0][:width])
    columns: dict[str, Any] = {n: [r[i] for r in rows[1:]] for i, n in enumerate(names)}
    if len(book.sheetnames) > 1 and sheet is None:
        notes.append(f"{label} has {len(book.sheetnames)} sheets: {name} was read")
    arrow, census, told = arrow_from(columns)
    return table_from_arrow(arrow, name=label, notes=[*notes, *told], census=census)


def _sheet(names: list[str], wanted: str | int | None, label: str) -> str:
    if wanted is None:
        return names[0]
    if isinstance(wanted, int) or (isinstance(wanted, str) and wanted not in names and wanted.isdigit()):
        if int(wanted) < len(names):
            return names[int(wanted)]
        raise InputError(f"{label} has {len(names)} sheets, counted from 0; got {wanted}")
    if wanted not in names:
        raise InputError(f"{label} has no sheet {wanted!r}{did_you_mean(wanted, names)} (it has {', '.join(names)})")
    return wanted
