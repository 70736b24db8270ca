"""The options of promises and costs, from the command line to the file."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from assay.cli.app import run
from assay.cli.promises import promised
from assay.core.errors import SettingsError
from assay.core.settings import Settings


def table(path, n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    columns = {"x": x, "z": rng.normal(size=n), "g": rng.choice(["a", "b"], n)}
    columns["y"] = np.where(x + rng.logistic(size=n) > 0, "yes", "no")
    pyarrow.csv.write_csv(pa.table(columns), path)
    return str(path)


def test_numbers_must_make_sense():
    settings = promised(Settings(), "g", max_latency=50.0, max_size=0.0, co2=None)
    assert (settings.coverage_by, settings.max_latency, settings.max_size) == ("g", 50.0, 0.0)
    assert promised(Settings(coverage_by="h"), None, co2=None) == Settings(coverage_by="h")
    for wrong in ({"max_latency": 0.0}, {"max_size": -1.0}, {"co2": float("nan")}):
        with pytest.raises(SettingsError, match="--"):
            promised(Settings(), None, **wrong)


def test_a_forecast_stops_before_the_fit(tmp_path, capsys):
    assert run(["fit", table(tmp_path / "t.csv", 12_000), "--target", "y", "--forecast", "-q"]) == 0
    said = capsys.readouterr().out
    assert "CPU seconds of one fit" in said and "memory at its peak" in said
    assert list(tmp_path.iterdir()) == [tmp_path / "t.csv"]
    assert run(["fit", table(tmp_path / "s.csv", 300), "--target", "y", "--forecast", "-q"]) == 2


def test_costs_and_groups_reach_the_file_and_its_rows(tmp_path, capsys):
    source, out, rows = table(tmp_path / "t.csv", 900), tmp_path / "m.assay", tmp_path / "rows.csv"
    words = ["--coverage-by", "g", "--co2", "300", "--budget", "5", "-q", "-o", str(out)]
    assert run(["fit", source, "--target", "y", *words]) == 0
    assert run(["predict", str(out), source, "--interval", "-q", "-o", str(rows)]) == 0
    assert {"p_low", "p_high"} <= set(pyarrow.csv.read_csv(rows).column_names)
    assert run(["show", str(out), "--output-format", "json"]) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert model["resources"]["cpu_seconds"] > 0 and "co2_grams" in model["resources"]
    assert model["pareto"][-1]["of"] == "shipped" and model["pareto"][-1]["latency"] > 0
    assert {c["class"] for c in model["coverage"]["by_class"]} >= {"g a", "g b", "g a: yes"}
    assert run(["fit", source, "--target", "y", "--max-latency", "0.1", "--budget", "5", "-q", "-o", str(out)]) == 2
    assert "the nearest" in capsys.readouterr().err
