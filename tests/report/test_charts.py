"""Charts: specifications that Vega-Lite's own schema accepts, and SVG that can do no harm."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from assay.report.charts import DRAWN, POINTS, honesty_chart, spec, svg

from .flights import report

CHARTS: list[dict[str, Any]] = [
    {"kind": "bars", "title": "t", "x": ["a", "b"], "y": [1, 2], "x_title": "x", "y_title": "y"},
    {"kind": "bars", "title": "t", "x": [f"c{k}" for k in range(30)], "y": list(range(30))},
    {"kind": "bars", "title": "t", "x": [1, 2, 3], "y": [0.1, 0.2, None]},
    {"kind": "line", "title": "t", "x": [1.5, 2, 9], "y": [3, 1, 2]},
    {"kind": "line", "title": "t", "x": ["Jan", "Feb"], "y": [3, 1]},
    {"kind": "hist", "title": "t", "x": [0, 1, 2, 3], "y": [5, 100_000, 7]},
    {"kind": "hist", "title": "t", "x": [0, 1, 2], "y": [5, 9, 7]},
    {"kind": "lines", "title": "t", "x": ["a", "b"], "series": {"one": [1, 2], "two": [None, 3]}, "y_title": "AUC"},
    {"kind": "band", "title": "t", "x": [1, 2, 5], "y": [0, 1, 2], "lo": [-1, 0, 1], "hi": [1, 2, 3], "y_title": "y"},
    {"kind": "band", "title": "t", "x": ["06:00", "07:30"], "y": [0, 1], "lo": [-1, 0], "hi": [1, 2]},
    {"kind": "bars", "title": "t", "x": ["a", "b"], "y": [0, 1], "lo": [-1, 0], "hi": [1, 2]},
    {"kind": "bars", "title": "", "x": [], "y": []},
    {"kind": "hist", "title": "one bin", "x": [1], "y": [3]},
]


@pytest.mark.parametrize("chart", CHARTS)
def test_vega_lites_own_schema_accepts_the_specification(chart: dict[str, Any]) -> None:
    import altair

    altair.Chart.from_dict(spec(chart))


@pytest.mark.parametrize("chart", CHARTS)
def test_the_picture_is_plain_svg_in_the_pages_colours(chart: dict[str, Any]) -> None:
    root = ET.fromstring(svg(chart, "k"))
    assert {node.tag for node in root.iter()} <= DRAWN
    if chart["x"]:
        colours = {node.get(a) for node in root.iter() for a in ("fill", "stroke")}
        assert colours & {"var(--accent)", "var(--second)"}
        assert not any(c and c.startswith("#") for c in colours)


def test_the_marks_carry_the_data() -> None:
    marks = [n for n in ET.fromstring(svg(CHARTS[0], "k")).iter() if n.get("fill") == "var(--accent)"]
    assert len(marks) == 2


def test_a_hostile_chart_reads_no_file_and_no_address(tmp_path: Any) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x,y\nsecretword,3\n")
    chart = {
        **CHARTS[0],
        "data": {"url": f"file://{secret}"},
        "x": ["</svg><script>alert(1)</script>", "b"],
        "x_title": {"expr": "1"},
        "mark": "image",
    }
    drawn = svg(chart, "k")
    assert "secretword" not in drawn and "<script" not in drawn
    assert "url" not in spec(chart)["data"]


def test_points_are_capped() -> None:
    chart = {"kind": "line", "title": "t", "x": list(range(1000)), "y": list(range(1000))}
    assert len(spec(chart)["data"]["values"]) == POINTS


def test_ids_of_two_charts_do_not_clash() -> None:
    def ids(key: str) -> set[str | None]:
        return {n.get("id") for n in ET.fromstring(svg(CHARTS[7], key)).iter()} - {None}

    assert not ids("a") & ids("b")


def test_honesty_lines_up_blocks_and_puts_the_score_to_expect_last() -> None:
    chart = honesty_chart(report().to_json()["summary"]["scores"])
    assert chart is not None
    assert list(chart["series"]) == ["honest columns, shuffled", "honest columns, later flights"]
    assert chart["series"]["honest columns, later flights"][:5] == [None, None, None, None, 0.61]
    assert honesty_chart([{"blocks": []}]) is None
