"""``assay runs``: what was tried stands side by side, and only what was judged alike is put in one order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.bundle.runs import append, commit, read_runs
from assay.cli.app import run
from assay.core.errors import InputError, OutputError
from assay.core.settings import Settings
from assay.report.runs import ranked

Captured = pytest.CaptureFixture[str]
BASE = {"kind": "assay run", "data": "t.csv", "target": "y", "metric": "AUC", "tested": "a", "on": "rows held out",
        "rows": 200, "seed": 0, "recipe": "3f2a1c", "cpu_seconds": 3.0}  # fmt: skip


def made(score: float, half: float, **more: object) -> dict[str, object]:
    return {
        **BASE,
        "time": f"2026-01-0{int(score * 10)}",
        "score": score,
        "interval": [score - half, score + half],
        **more,
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.random(300)
    folder = tmp_path_factory.mktemp("runs")
    settings = Settings(budget=1.0, runs=str(folder / "runs.jsonl"))
    columns = {"x": x, "y": (x + rng.normal(0, 0.2, 300) > 0.5).astype(int)}
    return assay.fit(columns, target="y", settings=settings).save(folder / "m.assay")


def test_a_fit_adds_one_line_that_says_what_the_file_says(model: Path) -> None:
    (line,) = read_runs([model.with_name("runs.jsonl")])
    (own,) = read_runs([model])
    assert own.pop("file") == "m.assay" and own.pop("size") == model.stat().st_size
    assert line.pop("size") == model.stat().st_size and line == own
    score = assay.load(model).dossier["model"]["scores"][0]
    assert (line["score"], line["metric"]) == (score["value"], score["metric"])
    assert len(read_runs([model.parent])) == 1


def test_without_a_ledger_nothing_is_written_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x = np.linspace(0, 1, 100)
    assay.fit({"x": x, "y": (x > 0.5).astype(int)}, target="y", settings=Settings(budget=0.5)).save("m.assay")
    assert [p.name for p in tmp_path.iterdir()] == ["m.assay"]


def test_the_best_comes_first_and_what_cannot_be_told_apart_is_marked() -> None:
    (group,) = ranked([made(0.70, 0.03), made(0.80, 0.03), made(0.78, 0.03)])
    assert [(r["score"], r["tied"]) for r in group["runs"]] == [(0.80, False), (0.78, True), (0.70, False)]
    (losses,) = ranked([made(0.70, 0.03, metric="log-loss"), made(0.50, 0.03, metric="log-loss")])
    assert [r["score"] for r in losses["runs"]] == [0.50, 0.70]


@pytest.mark.parametrize("other", [{"target": "z"}, {"tested": "b"}, {"metric": "R2"}])
def test_what_was_judged_otherwise_is_a_group_of_its_own(other: dict[str, str]) -> None:
    assert [len(g["runs"]) for g in ranked([made(0.7, 0.1), made(0.8, 0.1, **other), made(0.6, 0.1)])] == [2, 1]


def test_the_table_fits_the_page_and_says_looks_and_groups(tmp_path: Path, capsys: Captured) -> None:
    ledger = tmp_path / "runs.jsonl"
    for line in (made(0.8, 0.03, looks=1, commit="ab" * 20), made(0.78, 0.04, looks=2), made(0.5, 0.03, target="z")):
        append(ledger, line)
    assert run(["runs", str(ledger)]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "y of t.csv, AUC on 200 rows (rows held out)" in shown and "2 groups" in shown
    assert "the test was looked at 2 times" in shown and "abababa" in shown
    lines = shown.splitlines()
    assert lines[2].split()[:4] == ["0.800", "0.770", "to", "0.830"] and lines[3].split()[0] == "="
    assert run(["runs", str(ledger), "--output-format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["groups"]) == 2
    out = tmp_path / "runs.md"
    assert run(["runs", str(ledger), "-o", str(out), "-q"]) == 0
    assert out.read_text().startswith("### y of t.csv")


def test_without_arguments_the_ledger_of_the_settings_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["runs"]) == 2
    assert "no run is recorded" in capsys.readouterr().err
    (tmp_path / "assay.toml").write_text('runs = "tries.jsonl"\n')
    append(tmp_path / "tries.jsonl", made(0.8, 0.03))
    assert run(["runs"]) == 0


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_runs([tmp_path / "none.jsonl"])
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(InputError, match=r"line 1 of x\.jsonl must be a run"):
        read_runs([tmp_path / "x.jsonl"])
    (tmp_path / "x.assay").write_bytes(b"no")
    with pytest.raises(InputError, match=r"x\.assay"):
        read_runs([tmp_path / "x.assay"])
    with pytest.raises(OutputError, match="could not be added"):
        append(tmp_path, {})


def test_the_commit_is_read_from_files_and_never_fails(tmp_path: Path) -> None:
    sha, inner = "0123456789" * 4, tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert commit(tmp_path / "nowhere") is None or len(str(commit(tmp_path / "nowhere"))) >= 40
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit(inner) is None
    (git / "packed-refs").write_text(f"# pack-refs\n{sha} refs/heads/main\n")
    assert commit(inner) == sha
    (git / "refs" / "heads" / "main").write_text("f" * 40)
    assert commit(inner) == "f" * 40
    (git / "HEAD").write_text(sha)
    assert commit(inner) == sha
    (git / "HEAD").write_bytes(b"\xff\xfe")
    assert commit(inner) is None
