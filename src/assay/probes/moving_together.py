"""Columns read as numbers, and whether two of them move together in the middle of their rows too."""

from __future__ import annotations

import numpy as np

from assay.core.patterns import NUMBER, whole
from assay.core.table import F64, NUMERIC, Sample
from assay.stats.correlations import correlation

from .collinear import ranks

READS = 0.95  # of the texts of a column that must read as numbers


def read(rows: Sample, name: str) -> F64 | None:
    """A column as numbers; a text too, where 19 of 20 read as a number. None for anything else, and for dates: two
    dates move together by nature, and what they tell is their difference."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = next(c.kind for c in rows.columns if c.name == name)
    if kind in NUMERIC:
        return None if kind == "date" else rows.numbers(name)
    text = rows.arrow[name]
    if kind == "mixed" or not pa.types.is_string(text.type):
        return None
    fits = pc.match_substring_regex(text, whole(NUMBER))
    if not (pc.sum(fits).as_py() or 0) >= READS * max(1, rows.n - text.null_count):
        return None
    plain = pc.utf8_trim_whitespace(pc.if_else(fits, text, None))
    return np.asarray(pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def close(A: F64, by_rank: F64, R: F64, i: int, j: int, m: float) -> bool:
    if abs(by_rank[i, j]) >= m:
        return True
    fine = np.isfinite(A[:, i]) & np.isfinite(A[:, j])
    slope, base = np.polyfit(A[fine, j], A[fine, i], 1)
    return tight(A[:, i], slope * A[:, j] + base, m)


def tight(x: F64, value: F64, m: float) -> bool:
    """Whether the middle half of the rows agrees too: a code far out (-200) on the same rows of two columns makes any
    correlation, but no agreement elsewhere. Twice what a correlation of m leaves is allowed."""
    fine = np.isfinite(x) & np.isfinite(value)
    low, high = np.quantile(x[fine], (0.25, 0.75))
    left = np.quantile(x[fine] - value[fine], (0.25, 0.75))
    return bool(left[1] - left[0] <= 2 * np.sqrt(1 - m**2) * (high - low))


Pair = tuple[F64, F64, str]


def together(B: F64, i: int, j: int, m: float, by_rank: bool) -> Pair:
    """Two columns on the rows that both have, turned to the same sign; ranks where those agree better."""
    both = np.isfinite(B[:, i]) & np.isfinite(B[:, j])
    own = B[both][:, [i, j]]
    own = ranks(own) if by_rank else own
    sign = -1.0 if correlation(own[:, 0], own[:, 1]) < 0 else 1.0
    return own[:, 0], own[:, 1] * sign, "rank correlation" if by_rank else "correlation"
