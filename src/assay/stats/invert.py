"""A p-value out of any interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SMALLEST = 1e-15


def p_from_interval(bound: Callable[[float], tuple[float, float]], m: float) -> float:
    """One-sided p-value against H0: effect <= m, by inverting a two-sided interval.

    Args:
        bound: alpha -> (lower, upper), nested in alpha (the lower end rises with alpha).

    Returns:
        The smallest alpha / 2 whose lower end lies above m: between 1e-15 and 1/2, and 1 where none does.

    Source: duality of tests and intervals; Lehmann & Romano, Testing Statistical Hypotheses, section 3.5.
    """
    lo, hi = np.log(2 * SMALLEST), 0.0
    if not bound(1.0)[0] > m:
        return 1.0
    if bound(2 * SMALLEST)[0] > m:
        return SMALLEST
    for _ in range(60):
        middle = (lo + hi) / 2
        lo, hi = (lo, middle) if bound(float(np.exp(middle)))[0] > m else (middle, hi)
        if hi - lo < 1e-9:
            break
    return float(np.exp(hi) / 2)
