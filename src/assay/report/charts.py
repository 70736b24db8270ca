"""Charts as Vega-Lite specifications (plain data, checked against the official schema in the tests) and as inline SVG.

A chart is {"kind": "bars" | "line" | "hist" | "lines" | "band", "title", "x", "y", "x_title", "y_title"}; "lines" has
"series" {name: [y, ...]} instead of "y"; "band" and, where they like, "bars" have the ends "lo" and "hi" of intervals.
Only this closed form is drawn, so a stored report cannot smuggle in a specification that reads files or addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from .numbers import plain

POINTS = 40
WIDTH, HEIGHT = 300, 150
INK, LINE, MARK, OTHER = "#111111", "#222222", "#333333", "#444444"  # stand-ins, swapped for the page's own colours
COLOURS = {INK: "var(--muted)", LINE: "var(--line)", MARK: "var(--accent)", OTHER: "var(--second)"}
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {SVG + t for t in ("svg", "g", "path", "rect", "line", "text", "tspan", "circle", "defs", "clipPath")}


def honesty_chart(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Score by time block or group, one line a score; None where no score came with blocks."""
    with_blocks = sorted((s for s in scores if s["blocks"]), key=lambda s: bool(s["headline"]))
    if not with_blocks:
        return None
    labels = list(dict.fromkeys(str(label) for s in with_blocks for label, _ in s["blocks"]))
    series = {}
    for s in with_blocks:
        known = {str(label): value for label, value in s["blocks"]}
        series[str(s["label"])] = [known.get(label) for label in labels]
    metric = str(with_blocks[0]["metric"])
    return {"kind": "lines", "title": f"{metric}, block by block", "x": labels, "series": series,
            "x_title": "", "y_title": metric}  # fmt: skip


def spec(chart: Mapping[str, Any], width: int = WIDTH, height: int = HEIGHT) -> dict[str, Any]:
    """The Vega-Lite specification of a chart: data inline, at most 40 points a series, no address in it."""
    kind, x = chart.get("kind", "bars"), list(chart.get("x", []))[: POINTS + 1]
    words = bool(x) and not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in x)
    x = [plain(v) for v in x] if words else x
    x_title, y_title = plain(chart.get("x_title") or ""), plain(chart.get("y_title") or "")
    made: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": width, "height": height,
        "background": "transparent", "config": _config(),
    }  # fmt: skip
    across = {"field": "x", "type": "nominal" if words else "quantitative", "title": x_title, "sort": None}
    up: dict[str, Any] = {"field": "y", "type": "quantitative", "title": y_title}
    if max((abs(v) for v in chart.get("y", []) if isinstance(v, (int, float))), default=0) >= 10_000:
        up["axis"] = {"format": "~s"}
    if kind == "lines":
        values = [
            {"x": label, "y": y, "series": plain(name)}
            for name, ys in dict(chart.get("series", {})).items()
            for label, y in zip(x, ys, strict=False)
            if y is not None
        ]
        names = [plain(n) for n in chart.get("series", {})]
        colours = {"domain": names, "range": [INK, OTHER, MARK][-len(names) :]}
        dashes = {"domain": names, "range": [[2, 3], [7, 3], [1, 0]][-len(names) :]}  # told apart without colour, too
        made |= {"data": {"values": values}, "mark": {"type": "line", "point": {"size": 28}, "strokeWidth": 2},
                 "encoding": {"x": across | {"type": "ordinal", "axis": {"labelAngle": 0, "labelOverlap": True}},
                              "y": up | {"scale": {"zero": False}},
                              "color": {"field": "series", "type": "nominal", "sort": None, "title": None,
                                        "scale": colours, "legend": {"orient": "top", "labelLimit": 260, "columns": 1}},
                              "strokeDash": {"field": "series", "type": "nominal", "sort": None, "legend": None,
                                             "scale": dashes}}}  # fmt: skip
        return made
    y = list(chart.get("y", []))[:POINTS]
    if kind == "band" or ("lo" in chart and kind == "bars"):
        return made | _with_ends(chart, x, y, across, up, words)
    if kind == "line":
        made |= {"data": {"values": _pairs(x, y)},
                 "mark": {"type": "line", "color": MARK, "point": {"color": MARK, "size": 18}},
                 "encoding": {"x": across | ({"type": "ordinal"} if words else {"scale": {"zero": False}}),
                              "y": up | {"scale": {"zero": False}}}}  # fmt: skip
    elif kind == "hist" and not words and len(x) > 1:
        edges = x if len(x) == len(y) + 1 else [*x, x[-1] + (x[-1] - x[-2])]
        values = [{"x": a, "x2": b, "y": v} for a, b, v in zip(edges, edges[1:], y, strict=False)]
        made |= {"data": {"values": values}, "mark": {"type": "rect", "color": MARK, "x2Offset": -1},
                 "encoding": {"x": across | {"scale": {"zero": False}}, "x2": {"field": "x2"},
                              "y": up | {"scale": {"zero": True}}, "y2": {"datum": 0}}}  # fmt: skip
    else:
        flat = words and len(x) <= 12
        axis = {"type": "nominal", "axis": {"labelLimit": 110, "labelOverlap": not flat, "grid": False}}
        named = across | axis
        made |= {"data": {"values": _pairs(x, y)}, "mark": {"type": "bar", "color": MARK},
                 "height": max(40, 17 * len(x)) if flat else height,
                 "encoding": {"y": named, "x": up} if flat else {"x": named, "y": up}}  # fmt: skip
    return made


def _with_ends(
    chart: Mapping[str, Any], x: Sequence[Any], y: Sequence[Any], across: dict[str, Any], up: dict[str, Any],
    words: bool,
) -> dict[str, Any]:  # fmt: skip
    """A curve in its band, or bars with a line from end to end of each interval."""
    values = [
        {"x": a, "y": b, "lo": lo, "hi": hi}
        for a, b, lo, hi in zip(x, y, list(chart.get("lo", [])), list(chart.get("hi", [])), strict=False)
    ]
    if chart.get("kind") == "band":
        place = across | ({"type": "ordinal", "axis": {"labelAngle": 0, "labelOverlap": True}} if words else
                          {"scale": {"zero": False, "nice": False}})  # fmt: skip
        upward = up | {"scale": {"zero": True}}
        return {"data": {"values": values}, "layer": [
            {"mark": {"type": "area", "color": MARK, "opacity": 0.25},
             "encoding": {"x": place, "y": upward | {"field": "lo"}, "y2": {"field": "hi"}}},
            {"mark": {"type": "line", "color": MARK, "strokeWidth": 2, "point": {"color": MARK, "size": 18}},
             "encoding": {"x": place, "y": upward}},
        ]}  # fmt: skip
    named = across | {"type": "nominal", "axis": {"labelLimit": 150, "grid": False}}
    up = up | {"axis": {"tickCount": 4, **up.get("axis", {}), "labelOverlap": True}}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "bar", "color": MARK, "opacity": 0.8}, "encoding": {"y": named, "x": up}},
        {"mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
         "encoding": {"y": named, "x": up | {"field": "lo"}, "x2": {"field": "hi"}}},
    ]  # fmt: skip
    return {"data": {"values": values}, "height": max(40, 19 * len(x)), "layer": layers}


def svg(chart: Mapping[str, Any], key: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The chart as an inline SVG without styles, scripts, links or clashing ids. The first call costs about 0.8 s."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(spec(chart, width, height), allowed_base_urls=[])
    root = ET.fromstring(drawn)  # noqa: S314 - the text was drawn by our own renderer a line above
    _clean(root, re.sub(r"\W", "", key))
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    ET.register_namespace("", SVG.strip("{}"))
    return ET.tostring(root, encoding="unicode")


def _clean(node: ET.Element, key: str) -> None:
    for child in list(node):
        if child.tag in DRAWN:
            _clean(child, key)
        else:
            node.remove(child)
    for name, value in list(node.attrib.items()):
        if name.startswith(("on", "{", "aria", "role", "style")) or name in ("href", "class", "pointer-events"):
            del node.attrib[name]
        elif value in COLOURS:
            node.set(name, COLOURS[value])
        elif name == "id":
            node.set(name, f"{key}-{value}")
        elif value.startswith("url(#"):
            node.set(name, f"url(#{key}-{value[5:]}")
        elif re.fullmatch(r"-?\d+\.\d{3,}", value):
            node.set(name, f"{float(value):.2f}")
        elif name == "d":
            node.set(name, re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", value))


def _pairs(x: Sequence[Any], y: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"x": a, "y": b} for a, b in zip(x, y, strict=False)]


def _config() -> dict[str, Any]:
    font = "system-ui, -apple-system, 'Segoe UI', sans-serif"
    axis = {"labelColor": INK, "titleColor": INK, "tickColor": LINE, "domainColor": LINE, "gridColor": LINE,
            "labelFont": font, "titleFont": font, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
            "tickCount": 5, "gridOpacity": 0.6, "titlePadding": 10}  # fmt: skip
    return {"axis": axis, "view": {"stroke": None}, "bar": {"discreteBandSize": {"band": 0.78}},
            "legend": {"labelColor": INK, "labelFont": font, "labelFontSize": 11, "symbolStrokeWidth": 2}}  # fmt: skip
