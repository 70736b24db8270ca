"""Explanations of an .assay file's predictions: contributions, reasons, a sentence a row. numpy and the graph only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I64, Mask
from assay.core.words import text_of
from assay.stats.shapley import EXACT_COLUMNS, PAIRS, Attribution, attribute, quantile

from .background import Against, background
from .nodes import NULL_CODE
from .schema import Input, Schema
from .shapley import Explanation, mixed

Feed = dict[str, NDArray[Any]]
SHOWN = 3
LEAST = 0.1  # of the largest contribution: what is smaller is no reason worth a line


def explain(
    schema: Schema,
    predict: Callable[[Feed], F64],
    feed: Feed,
    rows: int,
    n: int = SHOWN,
    *,
    against: Against = "usual",
    groups: Sequence[Sequence[str]] = (),
    pairs: int = PAIRS,
    most_exact: int = EXACT_COLUMNS,
) -> Explanation:
    """Contributions of every raw column to each answer, against ``background`` rows."""
    base = background(schema, against)
    size = len(next(iter(base.values())))
    output, start = predict(feed), predict(base)
    pick = output.argmax(1) if len(schema.classes) > 2 else np.full(rows, output.shape[1] - 1)
    mix = mixed(feed, base)

    def ask(row: I64, back: I64, mask: Mask) -> F64:
        return predict(mix(row, back, mask))

    place = {c: j for j, c in enumerate(schema.columns)}
    known = tuple(tuple(c for c in group if c in place) for group in groups)
    known = tuple(group for group in known if len(group) > 1)
    made = attribute(
        ask, rows, size, len(feed), pick, start=start, full=output, pairs=pairs,
        groups=[[place[c] for c in group] for group in known], most_exact=most_exact,
    )  # fmt: skip
    values = np.empty((rows, len(feed)), object)
    for j, i in enumerate(schema.inputs):
        given = feed[i.input][:, 0]
        values[:, j] = given
        values[given == NULL_CODE if i.is_text else np.isnan(given), j] = None
    of = tuple(schema.classes[k] for k in pick) if schema.classes else ()
    shown = tuple(
        tuple(written(i, values[r, j]) for j, i in enumerate(schema.inputs)) for r in range(rows)
    )  # what a cell says, in the way of its kind
    return explanation(schema.columns, made, of, values, shown, known, n, "usual" if size > 1 else "typical")


def explanation(
    columns: tuple[str, ...], made: Attribution, of: tuple[str, ...], values: NDArray[Any],
    shown: Sequence[Sequence[str]], groups: tuple[tuple[str, ...], ...], n: int, against: str,
) -> Explanation:  # fmt: skip
    """Numbers and words together: reasons are the ``n`` strongest columns or groups of each row."""
    lines = tuple(
        tuple(f"{said} ({moved:+.3g})" for said, moved, _ in ranked(columns, made, shown[r], groups, r)[: max(0, n)])
        for r in range(len(made.output))
    )
    return Explanation(
        columns, made.moved, made.baseline, made.output, of, values, lines, made.error, made.exact, made.freedom,
        groups, made.shared, made.shared_error, against, tuple(tuple(row) for row in shown),
    )  # fmt: skip


def ranked(
    columns: Sequence[str], made: Attribution | Explanation, shown: Sequence[str], groups: Sequence[Sequence[str]],
    r: int,
) -> list[tuple[str, float, float]]:  # fmt: skip
    """(cells in words, contribution, half of its 95 % interval) of row r, strongest first; groups count as one."""
    moved = made.contributions if isinstance(made, Explanation) else made.moved
    place = {c: j for j, c in enumerate(columns)}
    inside = {c for group in groups for c in group}
    t = quantile(0.05, made.freedom)
    parts = [
        (f"{c} = {shown[j]}", float(moved[r, j]), t * float(made.error[r, j]))
        for j, c in enumerate(columns)
        if c not in inside
    ]
    for g, group in enumerate(groups):
        first, *more = (f"{c} = {shown[place[c]]}" for c in group)
        said = f"{first} with {' and '.join(more)}"
        parts.append((said, float(made.shared[r, g]), t * float(made.shared_error[r, g])))
    return sorted((p for p in parts if p[1] != 0), key=lambda p: -abs(p[1]))


def sentence(e: Explanation, r: int, label: str, n: int = SHOWN) -> str:
    """Row r in one sentence: the answer, the usual one, what speaks for it and what against.

    Only columns whose interval leaves zero out, and that move the answer by a tenth of the strongest, are named.
    """
    parts = ranked(e.columns, e, e.shown[r], e.groups, r)
    top = abs(parts[0][1]) if parts else 0.0
    sure = [p for p in parts if abs(p[1]) >= LEAST * top and abs(p[1]) > p[2]]
    up = e.output[r] >= e.baseline[r]
    for_it = [p for p in sure if (p[1] > 0) == up][:n]
    against = [p for p in sure if (p[1] > 0) != up][:n]
    usual = "of a typical row" if e.against == "typical" else "usual"
    said = f"{label}: {number(e.output[r])} ({usual} {number(e.baseline[r])})"
    if not for_it and not against:
        return f"{said}; no column moves it for certain"
    if for_it:
        said += f", mostly because {listed(for_it)}"
    if against:
        said += f"; against it {listed(against)}" if for_it else f"; {listed(against)} speak against it"
    return said


def listed(parts: Sequence[tuple[str, float, float]]) -> str:
    return ", ".join(f"{said} ({moved:+.2g})" for said, moved, _ in parts)


def number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1 else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def written(i: Input, value: Any) -> str:
    """A cell as people read it: dates as dates, clocks as HHMM, long text cut."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return value if len(value) <= 60 else f"{value[:57]}..."
    if i.kind == "bool":
        return "true" if value else "false"
    if i.kind == "date" and abs(value) < 2e11:
        return text_of(dt.datetime(1970, 1, 1) + dt.timedelta(seconds=round(value))) or ""
    return f"{value:.6g}" if i.kind != "clock" else f"{value:04.0f}"
