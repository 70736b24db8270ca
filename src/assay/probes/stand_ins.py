"""Values that stand for missing ones: the words in use, and the numbers and dates that look like it in a column.

Read by D02, which names them, and by whoever must not say the same cell again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from assay.core.table import F64
from assay.stats.shares import difference_above
from assay.tables.roles import names_things, snake

WORDS = (
    "", "?", "??", "n/a", "na", "#n/a", "#na", "<na>", "nan", "nat", "null", "nil", "unknown", "unknown/invalid", "unk",
    "not available", "not applicable", "not known", "not specified", "unspecified", "undefined", "missing", "no data",
    "#value!", "#ref!", "#div/0!", "#null!", "#num!", "#name?",  # what a spreadsheet writes for an error
    "-", "--", "\u2013", "\u2014", ".", "..", "...", ":",  # dots: UN and World Bank; a colon: Eurostat
    "0000-00-00", "1900-01-01",
)  # fmt: skip
DATES = ("0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31", "2999-12-31",
         "9999-12-31")  # fmt: skip
CODES = tuple(float(f"{sign}{digit * k}") for sign in ("", "-") for digit in "98" for k in range(1, 10))
REPEATS, KINDS, VALUES = 5, 5, 10  # rows with the stand-in; other values beside a number, beside a zero
FAR, STEP, USUAL, TOGETHER, CHANCE = 4.0, 3.0, 0.5, 0.5, 1e-3


def stand_ins(values: F64, name: str = "") -> list[float]:
    """Numbers at either edge that look like stand-ins; peeled off one by one, at most three. Less those that the name
    of the column makes an ordinary value."""
    return [v for v in looked_at(values) if not ordinary(v, values, name)]


def ordinary(value: float, values: F64, name: str) -> bool:
    """A year without its century; a study day, which counts back from the first (--DY in CDISC SDTM: -1 is the day
    before) as other days do but for the customary codes; a number that names things, of which gaps say nothing."""
    if set(snake(name).split("_")) & {"year", "yr"}:
        rest = values[np.isfinite(values) & (values != value)]
        return 0 <= value <= 99 and len(rest) > 0 and bool(((rest >= 0) & (rest <= 99)).all())
    if value < 0:
        days = bool(set(snake(name).split("_")) & {"day", "days"}) and value not in CODES and value != -1
        return days or re.fullmatch("[A-Z]{2,8}DY", name) is not None
    return value not in CODES and (names_things(name) or name.upper() == "VISITNUM")


def looked_at(values: F64) -> list[float]:
    left, out = np.sort(values[np.isfinite(values)]), []
    below = left[left < 0]
    for code in (c for c in CODES if c < 0):
        hits = int((below == code).sum())
        strays = int((~np.isin(below, CODES)).sum())
        if hits >= REPEATS and 10 * strays < hits and len(np.unique(left[left >= 0])) >= 2:
            out.append(code)
    left = left[left >= 0] if out else left
    for _ in range(3):
        if len(left) < 4 * REPEATS:
            break
        found = next((float(v) for v in (left[0], left[-1]) if looks_odd(float(v), left)), None)
        if found is None:
            break
        out.append(found)
        left = left[left != found]
    return out


def looks_odd(value: float, ordered: F64) -> bool:
    rest = ordered[ordered != value]
    if len(ordered) - len(rest) < REPEATS or len(rest) < REPEATS:
        return False
    different = np.unique(rest)
    code = value in CODES
    if len(different) < (2 if code else KINDS):
        return False
    low = value < rest[0]
    if low and value < 0 <= rest[0] and value == np.floor(value):
        return True
    if value == 0:
        return impossible(rest, different, len(ordered))
    if value != np.floor(value) and set(f"{abs(value):.12g}") - {"."} not in ({"9"}, {"8"}):
        return False  # who writes down that a value is missing writes a round number or a run of nines
    lo, hi = np.quantile(rest, [0.005, 0.995])
    gap = rest[0] - value if low else value - rest[-1]
    wide = 0.5 if code and abs(value) > 9 else 1.0 if code or (low and value < 0) else 3.0
    return bool(gap > wide * max(hi - lo, 1e-300))


def impossible(rest: F64, different: F64, n: int) -> bool:
    if not gapped(rest, different, n):
        return False
    middle, tenth = np.quantile(rest, [0.5, 0.1])
    return bool(middle > FAR * (middle - tenth) / 1.2816)


def gapped(rest: F64, different: F64, n: int) -> bool:
    """Zero stands below all others with a gap, and in under half of the rows."""
    if rest[0] <= 0 or len(different) < VALUES or len(rest) <= USUAL * n:
        return False
    return bool(different[0] >= STEP * np.mean(np.diff(different[:5])))


def companions(read: Mapping[str, F64], strong: list[str]) -> list[str]:
    """Columns whose gapped zeros come in the rows that hold an impossible zero elsewhere."""
    out = []
    for name, values in read.items():
        ordered = np.sort(values[np.isfinite(values)])
        rest = ordered[ordered != 0]
        if name in strong or len(ordered) - len(rest) < REPEATS or len(rest) < VALUES:
            continue
        if not gapped(rest, np.unique(rest), len(ordered)):
            continue
        zero = values == 0
        for other in strong:
            mark = read[other] == 0
            k1, n1, k2, n2 = (int(v) for v in ((zero & mark).sum(), mark.sum(), (zero & ~mark).sum(), (~mark).sum()))
            if k1 >= TOGETHER * n1 and difference_above(k1, n1, k2, n2, 0.0) <= CHANCE / max(1, len(strong)):
                out.append(name)
                break
    return out


def dates(values: F64) -> list[float]:
    """Customary stand-in dates at the edge, far from all others, in epoch seconds."""
    ordered = np.sort(values[np.isfinite(values)])
    known = np.array(DATES, "datetime64[s]").astype(np.float64)
    out = []
    for edge in (ordered[0], ordered[-1]) if len(ordered) >= 4 * REPEATS else ():
        rest = ordered[ordered != edge]
        if edge in known and len(ordered) - len(rest) >= REPEATS and len(np.unique(rest)) >= KINDS:
            lo, hi = np.quantile(rest, [0.005, 0.995])
            if np.abs(rest - edge).min() > 0.5 * (hi - lo):
                out.append(float(edge))
    return out
