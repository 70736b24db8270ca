"""The Python face of a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assay.core.errors import FindingsError, InputError, OutputError, SettingsError
from assay.core.finding import Outcome
from assay.core.rows import Rows

from .flights import ROWS, finding, report


def test_a_challenge_is_found_by_code_and_by_name() -> None:
    made = report()
    assert made["K02"].verdict == "found"
    assert len(made["future-columns"].findings) == 3
    assert made["k02"].reason == made["K02"].reason == "3 of 19 looked at"
    assert made["D03"].findings == ()


def test_a_mistyped_challenge_gets_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="did you mean future-columns"):
        report()["future-colums"]


def test_rows_and_mask_name_the_same_rows() -> None:
    made = report()
    rows = made.rows("D01")
    mask = made.mask("missing-values")
    assert len(mask) == ROWS and mask.dtype == bool
    assert np.array_equal(np.flatnonzero(mask), rows) and len(rows) == 9430
    assert len(made.rows("K01")) == 0


def test_rows_come_back_as_the_users_own_labels() -> None:
    labels = np.array([f"id{i}" for i in range(ROWS)])
    made = report(labels=labels)
    assert made.rows("D01")[0] == "id471"
    assert made.issues().column("label")[0].as_py() == "id471"
    assert made.to_json()["findings"][6]["row_labels"][0] == "id471"


def test_rows_that_are_not_all_kept_are_not_passed_off_as_all() -> None:
    few = finding("D07", "duplicates", "warning", "costs", (), 0.2, "share of rows", 0.01, "exact", "says",
                  rows=Rows(50_000, np.arange(10_000)))  # fmt: skip
    made = report(findings=(few,))
    with pytest.raises(InputError, match="50,000 rows, but the numbers of only 10,000"):
        made.mask("D07")
    assert made.mask("D07", partial=True).sum() == 10_000
    assert made.issues().schema.metadata == {b"partial": b"D07"}


def test_issues_has_one_row_per_input_row_with_the_worst_severity() -> None:
    def at(code: str, severity: str, rows: list[int]) -> object:
        return finding(
            code, code.lower(), severity, "costs", (), 0.2, "share", 0.01, "exact", "says", rows=Rows.at(np.array(rows))
        )  # type: ignore[arg-type]

    made = report(findings=(at("D07", "advice", [5, 3]), at("D01", "critical", [5, 9]), at("D01", "warning", [9, 3])))
    assert made.issues().to_pylist() == [
        {"row": 3, "codes": ["D01", "D07"], "severity": "warning"},
        {"row": 5, "codes": ["D01", "D07"], "severity": "critical"},
        {"row": 9, "codes": ["D01"], "severity": "critical"},
    ]
    assert report(findings=()).issues().num_rows == 0


def test_to_frame_has_one_row_per_finding_in_rank_order() -> None:
    frame = report().to_frame()
    assert frame.column("code").to_pylist() == ["K01", "K03", "K02", "K02", "K02", "K06", "D01", "D10", "D09"]
    assert frame.column("columns")[1].as_py() == ["arr_time", "sched_arr_time"]
    assert report(findings=()).to_frame().num_rows == 0


def test_raise_for_and_exit_code() -> None:
    made = report()
    with pytest.raises(FindingsError, match="6 findings at critical or above: K01 target-copy"):
        made.raise_for("critical")
    assert (made.exit_code(), made.exit_code("never"), made.exit_code("advice")) == (1, 0, 1)
    clean = report(findings=())
    clean.raise_for("advice")
    assert clean.exit_code("advice") == 0
    broken = report(findings=(), outcomes=(Outcome("D01", "n", "t", "data", "error", "ValueError: x"),))
    assert broken.exit_code("never") == 3
    with pytest.raises(SettingsError, match="did you mean critical"):
        made.exit_code("critcal")


@pytest.mark.parametrize("name", ["r.html", "r.json", "r.txt", "r.md"])
def test_save_writes_the_format_that_the_suffix_names(tmp_path: Path, name: str) -> None:
    path = report().save(tmp_path / name)
    text = path.read_text("utf-8")
    assert text.endswith("\n") and "arr_delay" in text
    assert [p.name for p in tmp_path.iterdir()] == [name]
    if name == "r.json":
        assert json.loads(text)["kind"] == "check"


def test_save_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"must end in \.html"):
        report().save(tmp_path / "r.pdf")
    with pytest.raises(OutputError, match="could not be written"):
        report().save(tmp_path / "no" / "r.txt")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.txt"
    path.write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        report().save(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_str_and_repr_and_notebook() -> None:
    made = report()
    assert str(made).startswith("flights.parquet  336,776 x 20")
    assert repr(made) == "<Report flights.parquet: 7 of 17 challenges found>"
    assert made._repr_html_().startswith("<iframe srcdoc=") and "<script" not in made._repr_html_()
