"""How the answer changes along one column: accumulated local effects of numbers, mean contributions of categories.

ALE (Apley & Zhu, JRSS B 82, 2020): inside each bin of a column the rows of that bin are asked at both of its ends, and
the mean differences are added up. Partial dependence would ask every row at every value, also where the other columns
make that value impossible (distance 4,000 with air time 30), and there a model says anything; ALE asks only near what
is there. Values at the ends of bins are cells of the table, and every bin holds at least 5 rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.core.subject import Model
from assay.core.table import F64, I64, NUMERIC, Sample
from assay.probes.asked import answers, swapped

BINS, LEAST, LEVELS = 10, 5, 12
ASKED = 600
GAP = 0.75  # of the range: where one gap takes more, bins are drawn at equal distances
Z = 1.959963984540054


def effect(
    model: Model, rows: Sample, column: str, pick: I64, unit: I64, moved: F64 | None, said: Sequence[str]
) -> dict[str, Any] | None:
    """The effect of one column as plain data: a chart, the direction, and how far the answer moves along it.

    Args:
        pick: (n,) column of the answers that is looked at. ``unit`` (n,): rows that err together.
        moved: (n,) contributions of the column, for categories.
        said: what the answer is, in words, and its unit for the axis.

    Returns:
        None where no two bins of 5 rows can be made, or where the answer does not move between them.
    """
    kind = {c.name: c.kind for c in rows.columns}[column]
    if kind in NUMERIC and kind != "bool":
        return along(model, rows, column, kind, pick, unit, said)
    return None if moved is None else levels(rows, column, moved, unit, said)


def along(
    model: Model, rows: Sample, column: str, kind: str, pick: I64, unit: I64, said: Sequence[str]
) -> dict[str, Any] | None:
    value = rows.numbers(column)
    there = np.flatnonzero(np.isfinite(value))[:ASKED]
    there = there[np.argsort(value[there], kind="stable")]
    x = value[there]
    edges = ends(x)
    if len(edges) < 3:
        return None
    within = np.flatnonzero((x >= x[edges[0]]) & (x <= x[edges[-1]]))  # beyond the ends nothing is said
    there, x, edges = there[within], x[within], edges - within[0]
    inside = np.clip(np.searchsorted(x[edges], x, side="left"), 1, len(edges) - 1) - 1
    some = rows.take(there)
    at = np.arange(len(x))
    low, high = (answers(model, swapped(some, (column,), edges[inside + k])) for k in (0, 1))
    step = (high - low) if high.ndim == 1 else (high - low)[at, pick[there]]
    count = np.bincount(inside, minlength=len(edges) - 1)
    if (count < LEAST).any():
        return None
    mean = np.bincount(inside, step) / count
    level = np.concatenate(([0.0], np.cumsum(mean)))
    weight = np.bincount(np.concatenate((inside, inside + 1)), minlength=len(edges)) / (2 * len(x))
    if not mean.any():
        return None
    level -= float(weight @ level)
    error = band(step, inside, count, unit[there], weight)
    texts = told(kind, x[edges])
    spaced = kind == "number" and float(np.diff(x[edges]).max()) <= GAP * float(np.ptp(x[edges]))
    rises = np.diff(level)
    total = float(np.abs(rises).sum())
    return {
        "column": column, "kind": kind, "range": float(np.ptp(level)),
        "direction": "up" if rises.sum() > 0 else "down",
        "monotone": bool(total > 0 and abs(rises.sum()) >= 0.95 * total),
        "turn": texts[int(np.argmax(np.abs(level - level[0])))],
        "rows": len(x), "least": int(count.min()),
        "low": texts[int(np.argmin(level))], "high": texts[int(np.argmax(level))],
        "chart": {
            "kind": "band", "title": f"{said[0]} along {column}", "x": x[edges].tolist() if spaced else texts,
            "y": level.tolist(), "lo": (level - Z * error).tolist(), "hi": (level + Z * error).tolist(),
            "x_title": column, "y_title": said[1],
        },
    }  # fmt: skip


def ends(x: F64) -> I64:
    """Positions in the sorted x whose values bound at most 10 bins of 5 rows or more; (lower, upper], the first whole.

    Ends are order statistics with at least 5 rows at or beyond them, so that no single row's value is shown.
    """
    n = len(x)
    if n < 4 * LEAST:
        return np.empty(0, np.int64)
    place = np.unique(np.round(np.linspace(LEAST - 1, n - LEAST, BINS + 1)).astype(np.int64))
    place = place[np.concatenate(([True], np.diff(x[place]) > 0))]
    while len(place) >= 3:
        within = x[(x >= x[place[0]]) & (x <= x[place[-1]])]
        inside = np.clip(np.searchsorted(x[place], within, side="left"), 1, len(place) - 1) - 1
        count = np.bincount(inside, minlength=len(place) - 1)
        if count.min() >= LEAST:
            return np.asarray(place)
        worst = int(np.argmin(count))
        place = np.delete(place, worst + 1 if worst + 1 < len(place) - 1 else worst)
    return np.empty(0, np.int64)


def band(step: F64, inside: I64, count: I64, unit: I64, weight: F64) -> F64:
    """Standard error of the centred curve at every end, over units of rows (linearised)."""
    many = len(count)
    deviation = (step - (np.bincount(inside, step) / count)[inside]) / count[inside]
    table = np.zeros((int(unit.max(initial=0)) + 1, many))
    np.add.at(table, (unit, inside), deviation)
    walked = np.concatenate((np.zeros((len(table), 1)), np.cumsum(table, axis=1)), axis=1)
    return np.asarray(np.sqrt(((walked - (walked @ weight)[:, None]) ** 2).sum(0)))


def levels(rows: Sample, column: str, moved: F64, unit: I64, said: Sequence[str]) -> dict[str, Any] | None:
    """Mean contribution of the column in rows of each level of 5 rows or more, the commonest 12, strongest first."""
    codes, names = rows.codes(column)
    count = np.bincount(codes[codes >= 0], minlength=len(names))
    often = np.argsort(-count, kind="stable")[:LEVELS]
    often = often[count[often] >= LEAST]
    if len(often) < 2:
        return None
    mean = np.array([moved[codes == k].mean() for k in often])
    error = np.array([_error(moved[codes == k], unit[codes == k]) for k in often])
    order = np.argsort(-mean, kind="stable")
    texts = [names[int(k)] if len(names[int(k)]) <= 30 else names[int(k)][:29] + "…" for k in often[order]]
    mean, error = mean[order], error[order]
    return {
        "column": column, "kind": "category", "range": float(np.ptp(mean)), "direction": None, "monotone": False,
        "high": texts[0], "low": texts[-1], "rows": int((codes >= 0).sum()), "least": int(count[often].min()),
        "chart": {
            "kind": "bars", "title": f"{said[0]} by {column}", "x": texts, "y": mean.tolist(),
            "lo": (mean - Z * error).tolist(), "hi": (mean + Z * error).tolist(), "x_title": "", "y_title": said[1],
        },
    }  # fmt: skip


def _error(values: F64, unit: I64) -> float:
    total = np.bincount(np.unique(unit, return_inverse=True)[1], values - values.mean())
    many = len(total)
    return float(np.sqrt((total**2).sum() * many / max(1, many - 1)) / len(values))


def told(kind: str, values: F64) -> list[str]:
    """Ends of bins in words, each different from the others."""
    if kind == "date":
        whole = [str(np.datetime64(round(v), "s")).replace("T", " ") for v in values]
        return next(([w[:k] for w in whole] for k in (10, 16) if len({w[:k] for w in whole}) == len(whole)), whole)
    if kind == "clock":
        return [f"{int(v) // 60:02d}:{int(v) % 60:02d}" for v in values]
    short = [f"{v:.6g}" for v in values]
    return short if len(set(short)) == len(short) else [repr(float(v)) for v in values]
