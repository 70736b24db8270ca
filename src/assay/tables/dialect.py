"""How a delimited text is written: its delimiter, its quote and whether the first line names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_SAMPLE = 256 * 1024
_DELIMITERS = (",", ";", "\t", "|")
_NO_NAME = ("", "?", "na", "n/a", "nan", "null", "none", "-", ".")  # above numbers: a hole in them


@dataclass(frozen=True, slots=True)
class Dialect:
    delimiter: str
    header: bool
    names: tuple[str, ...]
    newline: str = ""  # where a quoted name holds a line end that the lines do not end in


def sniff(path: Path) -> Dialect | None:
    """The dialect of a UTF-8 text, from its first lines; None where there is no line at all.

    The delimiter is the one that cuts most lines into the same number of fields, of two or more. The first line names
    the columns unless one of its fields is a number or empty and none is a text above a column of numbers; numbers that
    count on (the years of a wide table), as no other line does, are names.
    """
    with path.open("rb") as source:
        raw = source.read(_SAMPLE)
    whole = len(raw) < _SAMPLE
    text = raw.decode("utf-8", "ignore")
    if not whole and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    if not text.strip():
        return None
    best, best_rows, best_score = ",", _cut(text, ","), (0.0, 0)
    for delimiter in _DELIMITERS:
        rows = _cut(text, delimiter)
        width, often = Counter(len(r) for r in rows).most_common(1)[0]
        score = (often / len(rows) if width > 1 else 0.0, width)
        if width > 1 and score > best_score:
            best, best_rows, best_score = delimiter, rows, score
    first, rest = best_rows[0], best_rows[1:200]
    header = _names(first, rest)
    widths = Counter(len(r) for r in rest)
    if header and not first[-1].strip() and widths and widths.most_common(1)[0][0] == len(first) - 1:
        first = first[:-1]  # a comma too many after the names
    names = tuple(first) if header else tuple(f"column_{i + 1}" for i in range(len(first)))
    return Dialect(best, header, names, _newline(text))


def _newline(text: str) -> str:
    """How lines end, where the first line end of the text is inside quotes and another one; empty otherwise."""
    ends = [_first_end(part) for part in (text, *text.split('"')[::2])]
    outside = next((end for end in ends[1:] if end), "")
    return outside if ends[0] != outside else ""


def _first_end(text: str) -> str:
    found = re.search("\r\n|\r|\n", text)
    return found.group() if found else ""


def _cut(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    try:
        rows = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r]
    except csv.Error:
        rows = [line.split(delimiter) for line in text.splitlines() if line]
    return rows or [[""]]


def _names(first: list[str], rest: list[list[str]]) -> bool:
    if not rest:
        return not any(_number(c) for c in first)
    for i, cell in enumerate(first):
        below = [r[i] for r in rest if i < len(r) and r[i].strip()]
        if (
            cell.strip().lower() not in _NO_NAME
            and not _number(cell)
            and below
            and sum(map(_number, below)) > 0.5 * len(below)
        ):
            return True
    numbers = [i for i, cell in enumerate(first) if _number(cell)]
    if _count_on(first, numbers) and not any(_count_on(r, numbers) for r in rest if len(r) == len(first)):
        return True
    return not numbers


def _count_on(row: list[str], at: list[int]) -> bool:
    """Four whole numbers and more that go up by one, or three years and more in their order."""
    cells = [row[i].strip() for i in at]
    if len(cells) < 3 or not all(c.isascii() and c.isdigit() and len(c) < 10 for c in cells):
        return False
    values = [int(c) for c in cells]
    steps = [b - a for a, b in pairwise(values)]
    years = min(values) >= 1500 and max(values) < 2200
    return all(s > 0 for s in steps) if years else len(cells) > 3 and all(s == 1 for s in steps)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
