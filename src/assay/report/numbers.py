"""Numbers and foreign text as people read them; the same rules in every format."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

BOUNDED = ("AUC", "accuracy", "coverage", "R2", "F1", "precision", "recall")


def plain(text: object) -> str:
    """Text that cannot steer a terminal or reorder a page: control and direction characters are spelled out."""
    raw = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(c if c == " " or unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in raw)


def count(n: float) -> str:
    """Whole number with thousands separated: ``336,776``."""
    return f"{round(n):,}"


def short(value: float | None, digits: int = 3) -> str:
    """About three significant digits, never an exponent between 1e-4 and 1e15: ``0.0123``, ``1,234``, ``12.5``."""
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if size and not 1e-4 <= size < 1e15:
        return f"{value:.{digits - 1}e}"
    decimals = digits if size < 1 else max(0, digits - 1 - int(math.log10(size)))
    if size and size < 0.1:
        decimals = digits - 1 - math.floor(math.log10(size))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None) -> str:
    """A share as percent: ``2.8 %``; never rounds something to 0 % or all but something to 100 %."""
    if share is None or not math.isfinite(share):
        return "-"
    value = 100 * share
    for places in (1, 2, 3):
        text = f"{value:.{places}f}"
        if float(text) == value or float(text) not in (0, 100, -100):
            return (text.rstrip("0").rstrip(".") if "." in text else text) + " %"
    return "> 99.999 %" if value > 1 else "< 0.001 %" if value > 0 else "about 0 %" if value > -1 else "about -100 %"


def decimals(value: float | None, unit: str) -> str:
    """A bare number in the habit of its unit: three places for AUC and the like, percent for shares, whole counts."""
    if value is None or not math.isfinite(value):
        return "-"
    if unit.startswith("share"):
        return percent(value)
    if any(word in unit for word in BOUNDED) and abs(value) <= 1:
        return f"{value:.3f}"
    if float(value).is_integer() and abs(value) < 1e15:
        return count(value)
    return short(value)


def amount(value: float | None, unit: str) -> str:
    """A size with its unit: ``97.8 % of rows``, ``0.998 AUC alone``, ``9,430 rows``; empty where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    tail = unit[5:].strip() if unit.startswith("share") else plain(unit)
    return f"{decimals(value, unit)} {tail}".strip()


def span(interval: Sequence[float | None] | None, unit: str) -> str:
    """An interval: ``0.21 to 0.22``; empty where there is none or where it is one point."""
    if not interval or interval[0] is None or interval[1] is None or interval[0] == interval[1]:
        return ""
    return f"{decimals(interval[0], unit)} to {decimals(interval[1], unit)}"


def plural(n: int, one: str, many: str = "") -> str:
    """``1 column``, ``5 columns``."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listed(items: Iterable[object], most: int = 6) -> str:
    """``a, b, c and 4 more``."""
    names = [plain(i) for i in items]
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {count(len(names) - most)} more"


def nine(value: Any) -> Any:
    """JSON with floats of nine significant digits, numpy and tuples made plain, and nothing that is not a number.

    Mappings get text keys; NaN and infinities become null, because JSON has no word for them.
    """
    if isinstance(value, float) or (hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0):
        number = value if isinstance(value, float) else value.item()
        if not isinstance(number, float):
            return nine(number)
        return float(f"{number:.9g}") if math.isfinite(number) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(k): nine(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return [nine(v) for v in sorted(value, key=str)]
    if isinstance(value, Iterable):
        return [nine(v) for v in value]
    return str(value)
