"""Text patterns (RE2 syntax) that both lowerings of a recipe share, so that Arrow and ONNX accept the same texts.

Arrow: ``pc.match_substring_regex(column, whole(pattern))``; ONNX: ``RegexFullMatch``. Both are RE2, both on UTF-8.
What does not match becomes null, so whatever reads the text afterwards never meets one that it cannot read.

Number as text (``cast`` to text): whole numbers within +-2^53 as plain digits, other finite numbers as ``%.8g``, null and
infinite become null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

BLANK = r"[ \t\r\n\f]*"
_MANTISSA = r"(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})"
# Three-digit exponents from 200 up could leave the range of a double, which some readers raise on.
_EXPONENT = r"(?:[eE][+-]?0{0,3}(?:[0-9]{1,2}|1[0-9]{2}))?"
NUMBER = f"{BLANK}[+-]?{_MANTISSA}{_EXPONENT}{BLANK}"

CLOCK_TAIL = r"(?:[T ](?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"  # after a date; optional
_MONTH, _DAY, _YEAR = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12][0-9]|3[01])", r"[0-9]{4}"
DATE_SEPARATORS = {"iso": ("-",), "dmy": ("/", ".", "-"), "mdy": ("/", ".", "-")}


def date_pattern(form: str, separator: str) -> str:
    """A date of ``form`` (iso, dmy, mdy) with this separator, and perhaps a time of day. Feb 30 still matches."""
    parts = {"iso": (_YEAR, _MONTH, _DAY), "dmy": (_DAY, _MONTH, _YEAR), "mdy": (_MONTH, _DAY, _YEAR)}[form]
    return escaped(separator).join(parts) + CLOCK_TAIL


def same_text(values: Iterable[str]) -> str:
    """Any of ``values``, trimmed and without regard to case (simple case folding)."""
    return f"(?i){BLANK}(?:{'|'.join(escaped(v.strip()) for v in values)}){BLANK}"


def escaped(text: str) -> str:
    """The text as a pattern that matches only itself, the same in RE2 and in Python."""
    return "".join(c if c.isalnum() and c.isascii() else f"\\x{{{ord(c):x}}}" for c in text)


def whole(pattern: str) -> str:
    """For engines that search: only a match of the whole text counts."""
    return rf"\A(?:{pattern})\z"


def as_python(pattern: str) -> re.Pattern[str]:
    """The same pattern for Python's ``re`` (use ``fullmatch``)."""
    return re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: re.escape(chr(int(m[1], 16))), pattern))
