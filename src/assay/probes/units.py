"""Numbers that do not belong to their column: behind a gap that no tail explains, in another unit, or zero in vain.

Pure functions on the values of a column; what matters is decided by the challenges that read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.rows import Rows
from assay.core.subject import Subject
from assay.core.table import F64, Mask, Sample
from assay.core.words import text_of
from assay.probes.stand_ins import gapped, impossible
from assay.stats.shares import share_above
from assay.stats.tails import beyond, gap_p

UNITS = {  # factor -> (what gives the larger number, what gives the smaller); empty where any prefix would do
    10.0: (), 100.0: (), 1000.0: (), 1e6: (), 2.54: ("centimetres", "inches"), 1 / 0.45359237: ("pounds", "kilograms"),
    1 / 0.3048: ("feet", "metres"), 12.0: ("inches", "feet"), 1 / 0.0254: ("inches", "metres"),
    1.609344: ("kilometres", "miles"), 60.0: ("minutes", "hours"), 3600.0: ("seconds", "hours"),
    4.184: ("joules", "calories"),
}  # fmt: skip
LEVEL, ZERO = 0.01, 0.05  # for a whole table; for one column of which a zero is doubtful by itself
FEW, RARE, NEAR = 10, 0.01, 54  # values far out at most, also as a share; values that show the tail
AGAIN = 1.5  # on the log scale, half as far out again as the next
SHARE, OFF = 0.05, 0.25  # rows behind a gap at most; lowest other value per median
MINOR, LOWEST = 0.2, 2.0  # of the values above zero: the others must be the rule; zeros are below what has slipped
HALF, EMPTY = 0.5, float(np.log(4))  # a slip leaves half of its shift empty, or a factor of four
SLIPS, SHAPE, ERRORS = 5, 0.01, 3.0
DECIMAL, KNOWN = (0.5, (10.0, 100.0, 1000.0, 1e6)), 0.05  # standard errors of log shifts that still tell factors apart
THINNED, ALIKE, JUST_ABOVE = 20_000, 0.9, 0.95
SITES, OF_SITE, TOLERANCE = 20, 20, 0.15


@dataclass(frozen=True)
class Odd:
    """Values of ``column`` from ``start`` to ``end`` that do not belong. ``lo`` and ``hi`` bound what may stay; ``by``
    brings a unit slip back; ``others`` is the range of the rest, ``shown`` the odd values (a few)."""

    kind: str  # far, unit, zero
    column: str
    start: float
    end: float
    others: tuple[float, float]
    why: str = ""
    lo: float | None = None
    hi: float | None = None
    by: float | None = None
    unit: str = ""
    shown: tuple[float, ...] = ()
    site: str | None = None
    rows: Rows | None = None

    def says(self, count: int) -> str:
        rows = "1 row" if count == 1 else f"{count:,} rows"
        lo, hi = (number(v) for v in self.others)
        if self.kind == "unit":
            of = f" of {self.site}" if self.site is not None else ""
            return f"{self.column} looks {self.why} in {rows}{of}{self.unit}, they fall among the others ({lo} to {hi})"
        if self.kind == "zero":
            return f"{self.column} looks impossible where it is {number(self.shown[0])} ({rows}): {self.why}"
        shown = ", ".join(number(v) for v in self.shown[:4]) + (" ..." if len(self.shown) > 4 else "")
        return f"{self.column} looks impossible in {rows}: {shown}, where all others lie between {lo} and {hi}"

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "column": self.column, "from": finite(self.start), "to": finite(self.end), "lo": self.lo,
            "hi": self.hi, "by": self.by, "unit": self.unit, "why": self.why, "others": list(self.others),
            "site": self.site,
        }  # fmt: skip


def finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def number(value: float) -> str:
    return text_of(value) or "" if float(value).is_integer() and abs(value) < 1e7 else f"{value:.4g}"


def step_of(values: F64) -> float:
    """The grid of the values: the smallest difference between two of them."""
    different = np.unique(values)
    return float(np.diff(different).min()) if len(different) > 1 else 0.0


def far_out(name: str, values: F64, low: F64, high: F64, columns: int, far: float) -> list[Odd]:
    """Up to ten values at either end of the whole column, behind a gap that the tail of the others does not explain.

    Args:
        values: what the sample holds; ``low`` and ``high``: the extreme values of the whole column, ascending.
    """
    middle, out = float(np.median(values)), []
    m = int(min(NEAR, max(10, len(values) // 10)))
    positive = float(np.median(values[values > 0])) if len(low) and low[0] >= 0 else 0.0
    most = max(2, min(FEW, int(RARE * len(values))))
    step = step_of(values)
    for upper in (True, False):
        ends = high[::-1] if upper else low
        distances = (ends - middle) if upper else (middle - ends)
        distances = distances[distances > 0]
        k, p = beyond(distances, most, m, far, step)
        if k == 0 or p * 2 * columns > LEVEL:
            continue
        if positive and ends[k - 1] > 0:
            logs = np.abs(np.log(ends[: len(distances)][ends[: len(distances)] > 0] / positive))
            if np.any(np.diff(logs) > 0) or logs[k - 1] < AGAIN * logs[k] or gap_p(logs, k, m) > LEVEL:
                continue
        odd, edge = ends[:k], float(ends[k])
        bound = (edge + float(ends[k - 1])) / 2
        rest = values[(values < bound) if upper else (values > bound)]
        others = (float(rest.min()), edge) if upper else (edge, float(rest.max()))
        out.append(
            Odd("far", name, bound if upper else -np.inf, np.inf if upper else bound, others,
                lo=None if upper else bound, hi=bound if upper else None, shown=tuple(sorted(odd.tolist())))
        )  # fmt: skip
    return out


def slipped(name: str, values: F64, columns: int) -> list[Odd]:
    """A cluster of values that a factor between units brings among the others. Zero is zero in all of them, so that
    zeros are left out, however many; but few values are negative."""
    positive = values[values > 0]
    if (values < 0).sum() > SHARE * len(values) or len(positive) < 20 * SLIPS:
        return []
    thin = positive[:: max(1, len(positive) // THINNED)]
    y = np.sort(np.log(thin))
    most = int(min(SHARE * len(values) * len(thin) / len(positive), MINOR * len(y)))
    for upper in (True, False):
        ends = y[::-1] if upper else y
        k = cluster(ends, float(np.median(y)), columns, most)
        if k == 0:
            continue
        apart, rest = ends[:k], ends[k:]
        unit = unit_of(apart, rest, float(abs(ends[k - 1] - ends[k])))
        if unit == 0:
            continue
        factor = unit
        inner, outer = float(np.exp(ends[k])), float(np.exp(ends[k - 1]))
        bound = float(np.sqrt(inner * outer))
        others = (float(np.exp(rest.min())), float(np.exp(rest.max())))
        by = None if factor is None else 1 / factor if upper else factor
        why, said = told(factor, upper)
        start, end = (bound, np.inf) if upper else (float(np.exp(y[0]) / LOWEST), bound)
        return [Odd("unit", name, start, end, others, why=why, by=by, unit=said)]
    return []


def told(factor: float | None, upper: bool) -> tuple[str, str]:
    """How a unit slip is said, and what mends it."""
    if factor is None:
        return "to be in degrees Fahrenheit", ": in degrees Celsius"
    names, back = UNITS[factor], "divided" if upper else "multiplied"
    pair = f", as {names[not upper]} are among {names[upper]}" if names else ""
    return f"{number(factor)} times too {'large' if upper else 'small'}", f"{pair}: {back} by it"


def cluster(ends: F64, middle: float, columns: int, most: int) -> int:
    """How many of the outermost values stand behind one gap, on the log scale: five to ``most``."""
    if most < SLIPS:
        return 0
    gaps = np.abs(np.diff(ends[: most + 1]))
    k = int(np.argmax(gaps[SLIPS - 1 :])) + SLIPS
    distances = np.abs(ends - middle)
    if distances[k] <= 0:
        return 0
    p = gap_p(distances, k, int(min(100, max(10, len(ends) // 10))))
    return k if p * 2 * columns * most <= LEVEL else 0


def unit_of(apart: F64, rest: F64, gap: float) -> float | None:
    """The factor that makes logs apart look like the rest; None for Fahrenheit, 0 where nothing does."""
    from scipy.stats import ks_2samp

    shift = abs(float(np.median(apart) - np.median(rest)))
    middle = float(np.ptp(np.quantile(rest, [0.25, 0.75]))) / 1.349
    error = 1.2533 * middle * float(np.sqrt(1 / len(apart) + 1 / len(rest)))
    upper = np.median(apart) > np.median(rest)
    spread = float(np.std(apart)) / max(float(np.std(rest)), 1e-12)
    grid = step_of(np.exp(rest))
    others = recorded(rest, grid)
    best: tuple[float, float] | None = None
    for factor in UNITS:
        off, told = abs(shift - np.log(factor)), DECIMAL[0] if factor in DECIMAL[1] else KNOWN
        if (
            off > max(ERRORS * error, 0.02)
            or error > told
            or gap < min(EMPTY, HALF * np.log(factor))
            or not 0.2 <= spread <= 5  # five values tell no more
        ):
            continue
        moved = recorded(apart - np.log(factor) if upper else apart + np.log(factor), grid)
        if (best is None or off < best[0]) and ks_2samp(moved, others).pvalue >= SHAPE:
            best = (off, factor)
    if best is not None:
        return best[1]
    if upper and len(apart) >= 2 * SLIPS:
        celsius, others = (np.exp(apart) - 32) / 1.8, np.exp(rest)
        free = np.exp(apart.min()) - others.max() >= HALF * np.ptp(np.quantile(others, [0.01, 0.99]))
        if free and ks_2samp(celsius, others).pvalue >= SHAPE:
            return None
    return 0.0


def recorded(logs: F64, grid: float) -> F64:
    """The values as a column of this grid would hold them: what is equal is then equal to the last digit, as the test
    of equal shape needs it where values repeat."""
    return np.asarray(np.round(np.exp(logs) / grid), np.float64) if grid > 0 else logs


def zeros(subject: Subject, rows: Sample, name: str, values: F64, low: F64) -> list[Odd]:
    """Zeros (of whole numbers: negative values too) where all others are positive and stand off."""
    at = rows.numbers(name)
    k = max(int((values <= 0).sum()), int((low <= 0).sum()))
    rest = np.sort(values[values > 0])
    if not 0 < k <= SHARE * (len(rest) + k) or len(rest) < 10:
        return []
    lowest = float(min(values.min(), low.min()))
    different = np.unique(rest)
    if lowest < 0 and np.any(different != np.floor(different)):
        return []
    others = (float(rest[0]), float(rest[-1]))
    why = ""
    middle = float(np.median(rest))
    below = np.sort(np.r_[np.full(k, middle - lowest), middle - rest[rest < middle]])[::-1]
    apart = gap_p(below, k, int(min(NEAR, max(10, len(rest) // 10))), step_of(rest)) <= (ZERO if lowest == 0 else LEVEL)
    if apart and rest[0] >= OFF * middle and impossible(rest, different, len(rest) + k):
        why = "all other values are far from zero"
    elif lowest == 0 and gapped(rest, different, len(rest) + k) and one_stretch(subject, rows, at <= 0):
        why = f"they fill one stretch of {subject.roles.named('order')[0]}, and no other value is near zero"
    elif lowest == 0:
        why = contradicted(rows, name, at)
    return [Odd("zero", name, -np.inf, 0.0, others, why=why, lo=float(rest[0]) / 2, shown=(lowest,))] if why else []


def one_stretch(subject: Subject, rows: Sample, hit: Mask) -> bool:
    """Whether the rows hit lie in one short stretch of the order and make up most of it."""
    order = subject.roles.named("order")
    if not order or int(hit.sum()) < SLIPS:
        return False
    when = rows.position.astype(np.float64) if order[0] == "@row" else rows.numbers(order[0])
    inside = (when >= np.nanmin(when[hit])) & (when <= np.nanmax(when[hit]))
    return bool(hit.sum() >= 0.8 * inside.sum() and inside.sum() <= SHARE * len(when))


def contradicted(rows: Sample, name: str, at: F64) -> str:
    """What a column that goes with this one says of its zeros, where it is too high for them; empty if none does."""
    from scipy.stats import rankdata

    zero, above = at == 0, at > 0
    if not SLIPS <= zero.sum() <= RARE * len(at) or above.sum() < 20 * SLIPS:
        return ""
    columns = [c.name for c in rows.columns if c.kind == "number" and c.name != name]
    thin = np.flatnonzero(above)[:: max(1, int(above.sum()) // 4_000)]
    ranks = rankdata(at[thin])
    for other in sorted(columns):
        y = rows.numbers(other)
        if not np.isfinite(y[thin]).all() or np.ptp(y[thin]) == 0:
            continue
        if np.corrcoef(ranks, rankdata(y[thin]))[0, 1] < ALIKE:
            continue
        few = max(30, min(100, int(0.02 * above.sum())))
        near = np.flatnonzero(above)[np.argsort(at[above], kind="stable")[:few]]
        bound = float(np.quantile(y[near], JUST_ABOVE))
        known = zero & np.isfinite(y)
        high = int((y[known] > bound).sum())
        if known.any() and share_above(high, int(known.sum()), 1 - JUST_ABOVE) * len(columns) <= LEVEL / 100:
            return f"{other} is above {number(bound)} in {high:,} of them, as hardly ever just above zero"
    return ""


def by_site(subject: Subject, rows: Sample, read: Mapping[str, F64]) -> list[Odd]:
    """Columns that one site keeps in another unit than all others."""
    site = subject.roles.named("site")
    if not site or site[0] not in rows.names:
        return []
    codes, levels = rows.codes(site[0])
    if not 2 <= len(levels) <= SITES:
        return []
    out = []
    for name, values in read.items():
        fine = (values > 0) & (codes >= 0)
        if fine.sum() < 0.9 * np.isfinite(values).sum():
            continue
        y = np.where(fine, np.log(np.where(fine, values, 1.0)), np.nan)
        for i, level in enumerate(levels):
            mine, rest = y[fine & (codes == i)], y[fine & (codes != i)]
            if min(len(mine), len(rest)) < OF_SITE:
                continue
            lo, hi = np.quantile(rest, [0.005, 0.995])
            shift = float(np.median(mine) - np.median(rest))
            if np.mean((mine < lo) | (mine > hi)) < 0.95:
                continue
            if not stands_off(float(np.median(mine)), [y[fine & (codes == j)] for j in range(len(levels)) if j != i]):
                continue
            factor = min(UNITS, key=lambda f: abs(abs(shift) - np.log(f)))
            back = mine - np.sign(shift) * np.log(factor)
            if abs(abs(shift) - np.log(factor)) > TOLERANCE or np.mean((back >= lo) & (back <= hi)) < 0.9:
                continue
            hit = np.flatnonzero(fine & (codes == i))
            where = Rows.at(rows.position[hit], rows.row_id[hit])
            others = (float(np.exp(rest.min())), float(np.exp(rest.max())))
            why, said = told(factor, shift > 0)
            out.append(
                Odd("unit", name, -np.inf, np.inf, others, why=why, unit=said,
                    site=f"{site[0]} {level}", rows=where)
            )  # fmt: skip
    return out


def stands_off(middle: float, others: list[F64]) -> bool:
    """Whether a site lies further off than sites do that use one unit: a t test of one more value beside the middles of
    the others. One other site shows nothing of how far they lie apart."""
    from scipy.special import stdtr

    middles = np.array([np.median(v) for v in others if len(v) >= OF_SITE])
    k = len(middles)
    if k < 2:
        return False
    spread = max(float(middles.std(ddof=1)) * np.sqrt(1 + 1 / k), 1e-12)
    return bool(2 * stdtr(k - 1, -abs(middle - middles.mean()) / spread) <= LEVEL)
