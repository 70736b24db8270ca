"""Text patterns (RE2 syntax) that every lowering of a recipe shares, so that all accept the same texts.

SQL: ``regexp_full_match(column, pattern)``; Arrow: ``pc.match_substring_regex(column, whole(pattern))``; ONNX:
``RegexFullMatch``. All three are RE2 on UTF-8. What does not match becomes null, so whatever reads the text
afterwards never meets one that it cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

BLANKS = " \t\r\n\f\v"
BLANK = r"[ \t\r\n\f\v]*"
_MANTISSA = r"(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})"
# Three-digit exponents from 200 up could leave the range of a double, which some readers raise on.
_EXPONENT = r"(?:[eE][+-]?0{0,3}(?:[0-9]{1,2}|1[0-9]{2}))?"
NUMBER = f"{BLANK}[+-]?{_MANTISSA}{_EXPONENT}{BLANK}"

_MONTH, _DAY, _YEAR = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12][0-9]|3[01])", r"[0-9]{4}"
_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
ZONE = r"[+-][0-9]{2}:?[0-9]{2}"
DATE_SEPARATORS = {"iso": ("-", "/"), "dmy": ("/", ".", "-"), "mdy": ("/", ".", "-")}


def date_pattern(form: str, separator: str) -> str:
    """A date of ``form`` (iso, dmy, mdy) with this separator, perhaps a time of day, perhaps Z or an offset.

    Feb 30 still matches: the calendar is for the reader to check.
    """
    parts = {"iso": (_YEAR, _MONTH, _DAY), "dmy": (_DAY, _MONTH, _YEAR), "mdy": (_MONTH, _DAY, _YEAR)}[form]
    return f"{BLANK}{escaped(separator).join(parts)}(?:[T ]{_TIME}(?:Z|{ZONE})?)?{BLANK}"


def any_date(form: str) -> str:
    return "|".join(date_pattern(form, separator) for separator in DATE_SEPARATORS[form])


def same_text(values: Iterable[str]) -> str:
    """Any of ``values``, outer blanks trimmed and case folded (as ``str.casefold``)."""
    folded = dict.fromkeys(v.strip(BLANKS).casefold() for v in values)
    return f"{BLANK}(?:{'|'.join(_folds_to(v) for v in folded)}){BLANK}"


def _folds_to(text: str) -> str:
    """Every text whose case folding is ``text``: one character may fold to up to three."""
    if not text:
        return ""
    ways = []
    for size in (1, 2, 3):
        head = text[:size]
        chars = _unfolded().get(head, "") if len(head) == size else ""
        chars += head if size == 1 and head.casefold() == head else ""
        if chars:
            ways.append(f"[{''.join(escaped(c) for c in chars)}]{_folds_to(text[size:])}")
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


@cache
def _unfolded() -> dict[str, str]:
    """Folded text -> the other characters that fold to it. Cased letters end below U+1E944."""
    out: dict[str, str] = {}
    for char in map(chr, (*range(0xD800), *range(0xE000, 0x20000))):
        if (folded := char.casefold()) != char:
            out[folded] = out.get(folded, "") + char
    return out


def number_text(value: float) -> str | None:
    """A number as text: whole below 10^16 as plain digits, else eight significant digits; None for NaN and infinite."""
    if value != value or value in (float("inf"), float("-inf")):
        return None
    return str(int(value)) if value == int(value) and abs(value) < 1e16 else f"{value:.8g}"


def escaped(text: str) -> str:
    """The text as a pattern that matches only itself, the same in RE2 and (by ``as_python``) in Python."""
    return "".join(c if c.isalnum() and c.isascii() else f"\\x{{{ord(c):x}}}" for c in text)


def whole(pattern: str) -> str:
    """For engines that search: only a match of the whole text counts."""
    return rf"\A(?:{pattern})\z"


def as_python(pattern: str) -> re.Pattern[str]:
    """The same pattern for Python's ``re`` (use ``fullmatch``)."""
    return re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: re.escape(chr(int(m[1], 16))), pattern))
