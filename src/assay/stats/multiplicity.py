"""Many claims, one error rate, under any dependence.

Benjamini & Yekutieli (2001), Annals of Statistics 29:1165; Wang & Ramdas (2022), JRSS-B 84:822 (e-BH);
Benjamini & Bogomolov (2014), JRSS-B 76:297 (selected families); Benjamini & Yekutieli (2005), JASA 100:71 (intervals).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


def harmonic(n: int) -> float:
    """1 + 1/2 + ... + 1/n: the price of dependence in Benjamini-Yekutieli."""
    return float(np.sum(1.0 / np.arange(1, n + 1))) if n else 1.0


def combine(p: ArrayLike) -> float:
    """One p-value for "some claim of the family is true", valid under any dependence: Bonferroni, m * min(p)."""
    values = _p(p)
    return float(min(1.0, len(values) * values.min())) if len(values) else 1.0


def by(p: ArrayLike, q: float) -> Mask:
    """Benjamini-Yekutieli: which of the m p-values are rejected at false discovery rate q. NaN counts as 1.

    Source: Benjamini & Yekutieli (2001), theorem 1.3.
    """
    values = _p(p)
    n = len(values)
    order = np.argsort(values, kind="stable")
    passed = np.flatnonzero(values[order] <= q * np.arange(1, n + 1) / (n * harmonic(n)))
    mask = np.zeros(n, np.bool_)
    if len(passed):
        mask[order[: passed[-1] + 1]] = True
    return mask


def by_adjusted(p: ArrayLike) -> F64:
    """Adjusted p-values: ``by(p, q)`` is ``by_adjusted(p) <= q``."""
    values = _p(p)
    n = len(values)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * n * harmonic(n) / np.arange(1, n + 1)
    out = np.ones(n)
    out[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return out


def ebh(e: ArrayLike, q: float) -> Mask:
    """e-BH: which of the m e-values are rejected at false discovery rate q, under any dependence.

    Source: Wang & Ramdas (2022), JRSS-B 84:822, definition 4.1.
    """
    values = np.nan_to_num(np.ravel(np.asarray(e, np.float64)), nan=0.0, posinf=np.inf)
    n = len(values)
    order = np.argsort(-values, kind="stable")
    passed = np.flatnonzero(values[order] * np.arange(1, n + 1) >= n / q)
    mask = np.zeros(n, np.bool_)
    if len(passed):
        mask[order[: passed[-1] + 1]] = True
    return mask


def selected(p_by_family: Sequence[ArrayLike], q: float) -> tuple[list[Mask], F64]:
    """Select families, then claims inside them, so that the average error over selected families is q.

    BY over the families' combined p-values selects R of m families; BY inside each of those at q * R / m.

    Returns:
        A mask per family (all False where the family was not selected), and the level used inside each (0 there).

    Source: Benjamini & Bogomolov (2014), JRSS-B 76:297, section 3.
    """
    families = [_p(p) for p in p_by_family]
    chosen = by(np.array([combine(p) for p in families]), q)
    inside = q * int(chosen.sum()) / max(len(families), 1)
    masks = [by(p, inside) if hit else np.zeros(len(p), np.bool_) for p, hit in zip(families, chosen, strict=True)]
    return masks, np.where(chosen, inside, 0.0)


def interval_level(tests: int, rejected: int, level: float) -> float:
    """Two-sided alpha for the intervals of ``rejected`` claims out of ``tests``, in agreement with BY at ``level``.

    A rejected claim has p <= level * r / (m * c); its interval at alpha = 2 * that excludes materiality, and the
    false coverage rate of the lower ends is at most ``level``.

    Source: Benjamini & Yekutieli (2005), JASA 100:71, theorem 4.
    """
    return min(1.0, 2.0 * level * max(rejected, 1) / (max(tests, 1) * harmonic(max(tests, 1))))


def _p(p: ArrayLike) -> F64:
    return np.clip(np.nan_to_num(np.ravel(np.asarray(p, np.float64)), nan=1.0), 0.0, 1.0)
