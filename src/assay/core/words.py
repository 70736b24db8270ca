"""Small pieces of the sentences that claims say: lists of columns and shares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np


def listed(names: Sequence[str], most: int = 4) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b, c, d and 7 more``."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


def percent(share: float) -> str:
    """``5.7 %``; two significant digits below a tenth of a percent, and never 100 % for less than all."""
    if 0 < share < 0.001:
        return f"{100 * share:.2g} %"
    text = f"{100 * share:.1f}"
    return f"{text if share >= 1 or text != '100.0' else '> 99.9'} %"


def text_of(value: Any) -> str | None:
    """A value as text: whole floats without a point, booleans true/false, dates as ISO; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e16 else repr(number)
    if isinstance(value, dt.datetime):
        return str(value.date()) if value.time() == dt.time(0) else value.isoformat(" ")
    return str(value)
