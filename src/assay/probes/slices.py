"""Slices of rows, of one column or two, and those whose values stand out most: one table of sums for each pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.table import F64, I64, Mask, Sample

MOST_SLICES, MOST_LEVELS, MOST_COLUMNS = 5, 10, 20
BINS = 6  # ranges of a number
FEWEST, LEAST, LARGEST = 30, 0.02, 0.6  # rows and shares of rows that a slice has
APART = 0.5  # of the rows of both slices together that they may share


@dataclass(frozen=True)
class Cut:
    """One column as ranges: ``code`` (n,) into ``names``, -1 for rows in none. ``ranges``: runs of codes (first, last,
    name) that make a slice; single levels, and for numbers also all up to and all from a level."""

    column: str
    code: I64
    ranges: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Slice:
    columns: tuple[str, ...]
    name: str
    inside: Mask


def cut(rows: Sample, column: str, bins: int, most: int, on: Mask) -> Cut:
    """A column as levels: its commonest texts, or equal shares of its numbers; holes are a level of their own."""
    kind = next(c.kind for c in rows.columns if c.name == column)
    if kind in ("number", "date", "clock"):
        value = rows.numbers(column)
        fine = np.isfinite(value)
        different = np.unique(value[fine & on])
        edges = different[:0]
        if len(different) > bins:
            edges = np.unique(np.quantile(value[fine & on], np.linspace(0, 1, bins + 1)[1:-1]))
        elif len(different):
            edges = different[1:]
        code = np.where(fine, np.searchsorted(edges, value, side="right"), len(edges) + 1)
        names = numbered(rows, column, edges, different, kind)
        k = len(names)
        runs = [(i, i, names[i][0]) for i in range(k)]
        if k > 2:
            runs += [(0, i, names[i][1]) for i in range(1, k - 1)] + [(i, k - 1, names[i][2]) for i in range(1, k - 1)]
        holes = [(len(edges) + 1,) * 2 + (f"{column} missing",)] if not fine.all() else []
        return Cut(column, code.astype(np.int64), (*runs, *holes))
    codes, texts = rows.codes(column)
    count = np.bincount(codes[on & (codes >= 0)], minlength=len(texts))
    kept = sorted(range(len(texts)), key=lambda i: (-count[i], texts[i]))[:most]
    place = np.full(len(texts) + 1, -1, np.int64)
    place[kept] = np.arange(len(kept))
    code = place[codes]
    code[codes < 0] = len(kept)
    plain = tuple((j, j, f"{column} is {texts[i]}") for j, i in enumerate(kept))
    return Cut(column, code, (*plain, *(((len(kept), len(kept), f"{column} missing"),) if (codes < 0).any() else ())))


def numbered(rows: Sample, column: str, edges: F64, different: F64, kind: str) -> list[tuple[str, str, str]]:
    """Of each range its name, the name of all up to it and of all from it on."""
    if len(different) == 0:
        return []

    def text(value: float) -> str:
        if kind == "date":
            return str(np.datetime64(int(value * 1e6), "us"))[:10]
        if kind == "clock":
            return f"{int(value) // 60:02}:{int(value) % 60:02}"
        return f"{value:.4g}"

    k = len(edges) + 1
    if len(different) == k:
        return [(f"{column} is {text(v)}", f"{column} up to {text(v)}", f"{column} from {text(v)}") for v in different]
    low, high = ["", *(text(e) for e in edges)], [*(text(e) for e in edges), ""]
    out = []
    for i in range(k):
        name = (
            f"{column} from {low[i]} to {high[i]}"
            if low[i] and high[i]
            else f"{column} {'below ' + high[i] if high[i] else 'from ' + low[i]}"
        )
        out.append((name, f"{column} below {high[i]}", f"{column} from {low[i]}"))
    return out


def levels(made: Cut) -> Iterator[Slice]:
    for first, last, name in made.ranges:
        if first == last:
            yield Slice((made.column,), name, made.code == first)


def search(rows: Sample, columns: Sequence[str], value: F64, on: Mask, pairs_only: Sequence[str] = ()) -> list[Slice]:
    """The slices of ``columns`` whose mean ``value`` (n,) stands out most above nil on the rows ``on``.

    At most five, of which no two share more than half of their rows. A slice of two columns must stand out more, by as
    much as the best of so many tries does by chance. ``pairs_only``: columns that count with another alone.
    """
    kinds = {c.name: c.kind for c in rows.columns}
    cuts = [cut(rows, c, BINS, MOST_LEVELS, on) for c in sorted(columns) if kinds[c] != "text"]
    cuts = [c for c in cuts if len(c.ranges) > 1]
    best: list[tuple[float, Slice]] = []
    telling: list[float] = []
    tries = sum(len(c.ranges) for c in cuts)
    for made in cuts:
        score, found = singles(made, value, on, tries)
        telling.append(score)
        if made.column not in pairs_only:
            best += found
    top = sorted(range(len(cuts)), key=lambda i: (-telling[i], cuts[i].column))[:MOST_COLUMNS]
    pairs = [(i, j) for n, i in enumerate(sorted(top)) for j in sorted(top)[n + 1 :]]
    tries = sum(len(cuts[i].ranges) * len(cuts[j].ranges) for i, j in pairs)
    for i, j in pairs:
        best += doubles(cuts[i], cuts[j], value, on, tries)
    chosen: list[Slice] = []
    for _, one in sorted(best, key=lambda pair: (-pair[0], pair[1].name)):
        if len(chosen) == MOST_SLICES:
            break
        if all((one.inside & c.inside)[on].sum() <= APART * (one.inside | c.inside)[on].sum() for c in chosen):
            chosen.append(one)
    return chosen


def summed(code: I64, size: int, values: F64) -> F64:
    return np.asarray(np.bincount(code, values, size), np.float64)


def singles(made: Cut, value: F64, on: Mask, tries: int) -> tuple[float, list[tuple[float, Slice]]]:
    """How far the best range stands out, and the ranges that do."""
    code, over = made.code[on], value[on]
    size = max(last for _, last, _ in made.ranges) + 1
    fine = (code >= 0) & (code < size)
    table = np.stack([summed(code[fine], size, v[fine]) for v in (np.ones(len(over)), over, over**2)])
    run = np.concatenate((np.zeros((3, 1)), np.cumsum(table, axis=1)), axis=1)
    first, last = (np.array([r[i] for r in made.ranges]) for i in (0, 1))
    score = standing(run[:, last + 1] - run[:, first], len(over))
    found = []
    for i in np.argsort(-score, kind="stable")[:MOST_SLICES]:
        (a, b, name), far = made.ranges[i], float(score[i])
        if far > 1:
            found.append((far - chance(tries), Slice((made.column,), name, (made.code >= a) & (made.code <= b))))
    return float(score.max(initial=-np.inf)), found


def doubles(a: Cut, b: Cut, value: F64, on: Mask, tries: int) -> list[tuple[float, Slice]]:
    """The best pair of ranges of two columns."""
    x, y, over = a.code[on], b.code[on], value[on]
    wide, deep = (max(last for _, last, _ in c.ranges) + 1 for c in (a, b))
    fine = (x >= 0) & (y >= 0) & (x < wide) & (y < deep)
    place = x[fine] * deep + y[fine]
    table = np.stack([summed(place, wide * deep, v[fine]) for v in (np.ones(len(over)), over, over**2)])
    run = np.zeros((3, wide + 1, deep + 1))
    run[:, 1:, 1:] = table.reshape(3, wide, deep).cumsum(1).cumsum(2)
    (f, l), (g, m) = ([np.array([r[i] for r in c.ranges]) for i in (0, 1)] for c in (a, b))
    f, l = f[:, None], l[:, None]
    block = run[:, l + 1, m + 1] - run[:, f, m + 1] - run[:, l + 1, g] + run[:, f, g]
    score = standing(block, len(over))
    i, j = np.unravel_index(int(score.argmax()), score.shape)
    if score[i, j] <= 1:
        return []
    (p, q, left), (r, s, right) = a.ranges[i], b.ranges[j]
    inside = (a.code >= p) & (a.code <= q) & (b.code >= r) & (b.code <= s)
    made = Slice((a.column, b.column), f"{left} and {right}", inside)
    return [(float(score[i, j] - chance(tries)), made)]


def standing(sums: F64, n: int) -> F64:
    """t of the mean excess, from counts, sums and sums of squares; nothing where a slice is too small or too large."""
    count, total, square = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        error = np.sqrt(np.maximum(square / count - mean**2, 1e-12) / count)
        out = mean / error
    fit = (count >= max(FEWEST, LEAST * n)) & (count <= LARGEST * n)
    return np.asarray(np.where(fit, out, -np.inf), np.float64)


def chance(tries: int) -> float:
    """How far the best of so many tries stands out by chance alone."""
    return float(np.sqrt(2 * np.log(max(tries, 1))))
