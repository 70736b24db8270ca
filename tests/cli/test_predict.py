"""``assay fit --predict`` and the column ``decision`` of scored files, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

import assay
from assay.cli.app import run
from assay.cli.output import write_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=260)
    return write_table(
        pa.table({
            "x": x, "calls": rng.poisson(np.exp(0.8 * x)),
            "paid": np.where(rng.random(260) < 1 / (1 + np.exp(-2 * x)), "yes", "no"),
        }),
        tmp_path / "t.csv",
    )  # fmt: skip


def test_a_count_from_the_command_line(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.assay"
    said = ["fit", str(table), "--target", "calls", "--predict", "count", "--budget", "2", "-o", str(out), "--quiet"]
    assert run(said) == 0
    model = assay.load(out)
    assert model.task == "regression" and model.dossier["model"]["predicts"] == "count"
    assert model.predict({"x": np.array([-9.0]), "paid": ["no"]})[0] >= 0


@pytest.mark.parametrize(
    ("word", "says"),
    [("quantile:2", "must lie between 0 and 1"), ("cuont", "count"), ("ordinal", "its order be given")],
)
def test_a_wrong_word_is_one_sentence(
    word: str, says: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = "paid" if word != "ordinal" else "kind"
    if word == "ordinal":
        kinds = np.array(["low", "mid", "top"])[np.arange(260) % 3]
        write_table(pa.table({"x": np.random.default_rng(1).normal(size=260), "kind": kinds}), table)
    code = run(["fit", str(table), "--target", target, "--predict", word, "-o", str(tmp_path / "m.assay")])
    said = " ".join(capsys.readouterr().err.split())
    assert code == 2 and says in said and "Traceback" not in said


def test_scored_files_hold_the_decision(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("assay.toml").write_text("[question]\ncost_false_alarm = 1\ncost_miss = 4\n", "utf-8")
    model, scored = tmp_path / "m.assay", tmp_path / "s.csv"
    assert run(["fit", str(table), "--target", "paid", "--budget", "2", "-o", str(model), "--quiet"]) == 0
    assert run(["predict", str(model), str(table), "-o", str(scored), "--quiet"]) == 0
    rows = csv.read_csv(scored)
    acts = [d == "always acting" for d in rows.column("decision").to_pylist()]
    assert acts == [p >= 0.2 for p in rows.column("p_yes").to_pylist()]
    assert any(acts) and not all(acts)
