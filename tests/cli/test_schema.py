"""``assay schema infer`` writes a contract that ``assay check --contract`` reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.cli.app import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    rows = "".join(f"{k},{k % 2},S{k % 5},town {k % 5}\n" for k in range(200))
    (tmp_path / "a.csv").write_text(f"id,flag,shop,town\n{rows}", "utf-8")
    (tmp_path / "b.csv").write_text(f"id,flag,shop,town\n{rows}999,2,S1,town 1\n", "utf-8")
    return tmp_path


def test_infer_then_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "infer", "a.csv", "-o", "c.json"]) == 0
    assert "4 columns and" in capsys.readouterr().err
    text = (folder / "c.json").read_text("utf-8")
    assert '"range": [0, 1]' in text
    assert run(["schema", "infer", "a.csv", "-q"]) == 0
    assert capsys.readouterr().out == text
    run(["check", "b.csv", "--contract", "c.json", "--select", "D06", "--output-format", "json", "--exit-zero", "-q"])
    told = [f["message"] for f in json.loads(capsys.readouterr().out)["findings"]]
    assert "flag: 1 row is outside 0..1, the promised range" in told


def test_bad_input_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, why in (
        (["schema", "infer"], "a table is needed"), (["schema", "infer", "a.csv", "-o", "c.txt"], "must end in .json"),
        (["check", "a.csv", "--contract", "a.csv"], "must be JSON"), (["schema", "infre"], "infre"),
        (["check", "a.csv", "--contract", "no.json"], "cannot be read"),
    ):  # fmt: skip
        assert run(words) == 2
        error = capsys.readouterr().err
        assert why in error
        assert len(error.strip().splitlines()) == 1


def test_a_rule_of_the_settings_that_does_not_fit_stops_with_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "assay.toml").write_text('[[rules]]\nname = "two flags"\nsql = "flagg in (0, 1)"\n', "utf-8")
    assert run(["check", "b.csv", "-q"]) == 2
    assert "rule 'two flags' does not fit" in capsys.readouterr().err
    (folder / "assay.toml").write_text('[[rules]]\nname = "two flags"\nsql = "flag in (0, 1)"\n', "utf-8")
    run(["check", "b.csv", "-q", "--select", "D06", "--exit-zero"])
    assert "rule two flags is broken in 1 row" in capsys.readouterr().out


def test_help_fits(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    for words in (["schema", "--help"], ["schema", "infer", "--help"]):
        assert run(words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        assert not [line for line in lines if "…" in line]
