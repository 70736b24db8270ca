"""Mean ranks over tasks, and how far apart two must be: Friedman's test and Nemenyi's critical difference.

Source: J. Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006), sections 3.2.2-3.2.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
LEVEL = 0.05


def ranks(scores: F64) -> F64:
    """Ranks in each row, 1 the least; ties share theirs; NaN (no model) comes last."""
    from scipy.stats import rankdata

    return np.asarray([rankdata(np.where(np.isnan(row), np.inf, row)) for row in scores])


def friedman(scores: F64) -> float:
    """p that all systems rank alike: Iman and Davenport's F from Friedman's chi-square, as section 3.2.2 advises."""
    from scipy.stats import f

    n, k = scores.shape
    mean = ranks(scores).mean(axis=0)
    chi = 12 * n / (k * (k + 1)) * (float((mean**2).sum()) - k * (k + 1) ** 2 / 4)
    rest = n * (k - 1) - chi
    return 0.0 if rest <= 0 else float(f.sf((n - 1) * chi / rest, k - 1, (k - 1) * (n - 1)))


def critical_difference(k: int, n: int, level: float = LEVEL) -> float:
    """Mean ranks of ``k`` systems over ``n`` tasks that differ by less are not told apart (Nemenyi)."""
    from scipy.stats import studentized_range

    return float(studentized_range.isf(level, k, np.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n)))


def cliques(means: Sequence[float], cd: float) -> list[tuple[int, int]]:
    """Longest runs of the sorted means that lie within one critical difference: first and last position."""
    out: list[tuple[int, int]] = []
    for i in range(len(means)):
        j = max(k for k in range(i, len(means)) if means[k] - means[i] <= cd)
        if j > i and not any(a <= i and j <= b for a, b in out):
            out.append((i, j))
    return out


def picture(mean_ranks: Mapping[str, float], cd: float, title: str) -> str:
    """The critical-difference picture as SVG: an axis of mean ranks, a line a system, bars where none is told apart."""
    order = sorted(mean_ranks.items(), key=lambda kv: kv[1])
    k, wide, side, top, step = len(order), 720, 170, 92, 22
    left = (k + 1) // 2
    groups = cliques([m for _, m in order], cd)
    floor = top + 12 + 9 * len(groups)
    high = floor + step * left + 16

    def x(rank: float) -> float:
        return side + (rank - 1) / max(1, k - 1) * (wide - 2 * side)

    def line(x1: float, y1: float, x2: float, y2: float, width: float = 1) -> str:
        ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        return f'<line {ends} stroke="#111" stroke-width="{width:g}"/>'

    def text(at: float, y: float, said: str, anchor: str = "middle") -> str:
        return f'<text x="{at:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'

    parts = [text(wide / 2, 18, title), line(x(1), top - 22, x(k), top - 22)]
    parts += [line(x(r), top - 26, x(r), top - 18) + text(x(r), top - 32, str(r)) for r in range(1, k + 1)]
    parts += [line(x(1), 36, x(1 + cd), 36, 2), text(x(1) - 6, 40, f"critical difference {cd:.2f}", "end")]
    for i, (name, mean) in enumerate(order):
        first = i < left
        y = floor + step * (i if first else k - 1 - i) + step / 2
        end = side - 8 if first else wide - side + 8
        parts += [line(x(mean), top - 22, x(mean), y), line(x(mean), y, end, y)]
        parts.append(text(end + (-4 if first else 4), y + 4, f"{name} {mean:.2f}", "end" if first else "start"))
    for row, (i, j) in enumerate(groups):
        y = top - 10 + 9 * row
        parts.append(line(x(order[i][1]) - 4, y, x(order[j][1]) + 4, y, 4))
    said = ", ".join(f"{name} {mean:.2f}" for name, mean in order)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'role="img" font-family="sans-serif" font-size="13" fill="#111"><title>{escape(title)}</title>'
        f"<desc>Mean ranks, least is best: {escape(said)}. Critical difference {cd:.2f}.</desc>"
        f'<rect width="{wide}" height="{high}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
