"""The one picture of the proof: share of plants found by dose, as a standalone SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.report.charts import svg

PLAIN = {"var(--muted)": "#5b6b7b", "var(--line)": "#9aa7b4", "var(--accent)": "#1f6feb", "var(--second)": "#c2571a"}
WIDTH, HEIGHT = 620, 280


def chart(doc: Mapping[str, Any]) -> dict[str, Any]:
    """The chart in the closed form of ``report.charts``: one line a family, points at the multiples of the promise."""
    multiples = sorted({m for points in doc["curves"].values() for m, _ in points})
    series = {}
    for name, points in doc["curves"].items():
        by = {m: s["k"] / s["n"] for m, s in points if s["n"]}
        series[name] = [by.get(m) for m in multiples]
    return {"kind": "lines", "title": "Share of plants found, by dose", "x": [f"{m:g}" for m in multiples],
            "series": series, "x_title": "times the promised dose", "y_title": "share found"}  # fmt: skip


def picture(doc: Mapping[str, Any]) -> str:
    """The SVG, readable on a light and on a dark page."""
    drawn = svg(chart(doc), "proof", WIDTH, HEIGHT)
    for variable, colour in PLAIN.items():
        drawn = drawn.replace(variable, colour)
    title = "<title>Share of plants found, by dose</title>"
    at = drawn.index(">") + 1
    return f"{drawn[:at]}{title}{drawn[at:]}".replace(' aria-hidden="true"', ' role="img"', 1) + "\n"
