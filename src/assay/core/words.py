"""Small pieces of the sentences that claims say: lists of columns and shares."""

from __future__ import annotations

from collections.abc import Sequence


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
