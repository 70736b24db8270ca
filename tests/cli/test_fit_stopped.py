"""Ctrl-C during the race of ``assay fit``: the best so far is kept, said in one sentence, and the exit code is 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.cli.app import run
from assay.cli.output import write_table
from assay.fit.race import Race


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.random(300)
    noise = rng.normal(0, 0.2, 300)
    return write_table(pa.table({"x": x, "y": (x + noise > 0.5).astype(int)}), tmp_path / "t.csv")


def stop_at(turn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, seen = Race.run, []

    def stopped(self: Race, config: object) -> object:
        seen.append(config)
        if len(seen) == turn:
            raise KeyboardInterrupt
        return whole(self, config)  # type: ignore[arg-type]

    monkeypatch.setattr(Race, "run", stopped)


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_the_best_so_far_is_kept_and_said(
    quiet: list[str], table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_at(2, monkeypatch)
    file = table.with_name("m.assay")
    words = ["fit", str(table), "--target", "y", "-o", str(file), "--no-cache", *quiet]
    assert run(words) == 2
    told = capsys.readouterr()
    assert told.err == f"stopped early: the best model so far is in {file}; --resume tries the rest\n"
    assert bool(told.out) is not bool(quiet)
    assert assay.load(file).predict({"x": [0.01, 0.99]}).tolist() == [0, 1]


def test_nothing_finished_means_nothing_written(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_at(1, monkeypatch)
    file = table.with_name("m.assay")
    assert run(["fit", str(table), "--target", "y", "-o", str(file), "--no-cache"]) == 2
    assert capsys.readouterr().err == "error: stopped; nothing was written\n"
    assert not file.exists()


def test_a_whole_race_exits_with_0(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = table.with_name("m.assay")
    assert run(["fit", str(table), "--target", "y", "-o", str(file), "--no-cache", "--budget", "1", "--quiet"]) == 0
    assert capsys.readouterr().err == "" and file.exists()
