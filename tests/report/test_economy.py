"""What a model cost is said in numbers; what is not known says why; nothing is printed where nothing was measured."""

from assay.report.dossier import dossier_lines
from assay.report.economy import forecast_rows, pareto_rows, resource_pairs
from assay.report.formats import render
from assay.report.html import page

USED = {"cpu_seconds": 61.25, "wall_seconds": 70.0, "peak_mb": 812.4, "joules": None, "energy_says": "no meter",
        "co2_grams": None, "co2_says": "no grams per kWh were declared (--co2)"}  # fmt: skip
POINTS = [
    {"name": "linear", "loss": 0.4, "size": 20_000, "latency": 8.25, "cpu_seconds": 0.2, "of": "first fold"},
    {"name": "forest", "loss": 0.39, "size": 9_000_000, "latency": None, "cpu_seconds": 5.0, "barred": "9 MB"},
    {"name": "tree", "loss": 0.5, "size": 30_000, "latency": 9.0, "cpu_seconds": 0.3, "dominated_by": "linear"},
    {"name": "linear", "loss": 0.4, "size": 21_000, "latency": 8.0, "cpu_seconds": 0.3, "of": "shipped"},
]
LINES = [{"what": "CPU of one fit", "value": 12.0, "lo": 8.0, "hi": 18.0, "came": 13.5, "unit": "s"}]
BOUNDS = [{"metric": "accuracy", "value": 0.8, "interval": [0.7, 0.88], "how": "Clopper-Pearson", "exact": True}]
DOC = {
    "kind": "fit",
    "report": None,
    "model": {"bounds": BOUNDS, "resources": USED, "pareto": POINTS, "forecast": {"lines": LINES}},
}


def test_resources_say_what_is_not_known():
    said = dict(resource_pairs(DOC["model"]))
    assert said["energy"] == "not known: no meter"
    assert said["CO2"].startswith("not known")
    known = USED | {"joules": 1500.0, "energy_says": "metered", "co2_grams": 0.125, "co2_says": "at 300 g per kWh"}
    said = dict(resource_pairs({"resources": known}))
    assert (said["energy"], said["CO2"]) == ("1,500 J, metered", "0.125 g, at 300 g per kWh")


def test_tables_and_pages():
    rows = pareto_rows(DOC["model"])
    assert [r[-1] for r in rows[1:]] == ["", "not chosen: 9 MB", "dominated by linear", ""]
    assert rows[4][0] == "linear (shipped)" and rows[2][3] == "-"
    assert forecast_rows(DOC["model"])[1] == ("CPU of one fit", "12", "8 to 18", "13.5", "s")
    text = "\n".join(str(t) for t in dossier_lines(DOC, 100))
    html, markdown = page(DOC), render(DOC, "markdown")
    for said in ("Clopper-Pearson", "0.7 to 0.88", "dominated by linear", "9 MB", "CPU of one fit", "no meter"):
        assert said in text and said in html and said in markdown


def test_nothing_measured_nothing_printed():
    empty = {"kind": "fit", "report": None, "model": {}}
    assert pareto_rows({}) == forecast_rows({}) == resource_pairs({}) == []
    assert "latency" not in "\n".join(str(t) for t in dossier_lines(empty, 80))
