"""``assay fix`` as a user meets it: a diff, a new file beside the old one, a recipe that replays and undoes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest

import assay
from assay.cli.app import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with words for missing in a column of numbers, a constant, and a target."""
    rng = np.random.default_rng(0)
    n = 600
    x = np.round(rng.normal(50, 9, n), 2)
    size = np.array([f"{v:.2f}" for v in rng.gamma(3, 2, n)], dtype=object)
    size[rng.permutation(n)[:30]] = "?"
    y = np.where(x + rng.normal(0, 5, n) > 50, "yes", "no")
    pc.write_csv(pa.table({"x": x, "size": size.tolist(), "unit": ["kg"] * n, "y": y}), tmp_path / "t.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_diff_shows_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["fix", "t.csv", "--target", "y", "--diff", "-q", "--output-format", "json"]) == 0
    doc = json.loads(capsys.readouterr().out)
    made = {r["code"]: r for r in doc["repairs"] if r["applied"]}
    assert {"D02", "D09"} <= set(made)
    assert made["D02"]["changes"][0] == {
        "column": "size", "cells": 30, "examples": [{"was": "?", "now": None, "cells": 30}]
    }  # fmt: skip
    assert [p.name for p in folder.iterdir()] == ["t.csv"]
    assert run(["fix", "t.csv", "--target", "y", "--diff"]) == 0
    shown = capsys.readouterr().out
    assert "- size  ?" in shown and "+ size  (empty)" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_new_table_stands_beside_the_old_one_and_every_cell_comes_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    old = (folder / "t.csv").read_bytes()
    assert run(["fix", "t.csv", "--target", "y", "--ignore", "D09"]) == 0
    assert "0 of" in capsys.readouterr().out.split("checked again: ")[1]
    assert (folder / "t.csv").read_bytes() == old
    fixed = pc.read_csv(folder / "t.fixed.csv")
    assert fixed.column("size").null_count == 30 and pa.types.is_floating(fixed.column("size").type)
    assert run(["fix", "--undo", "t.fixed.recipe.json", "t.fixed.csv"]) == 0
    assert pc.read_csv(folder / "t.restored.csv").equals(pc.read_csv(folder / "t.csv"))


def test_a_recipe_does_to_other_rows_what_it_did_to_these(folder: Path, capsys: pytest.CaptureFixture[str]):
    run(["fix", "t.csv", "--target", "y", "-q"])
    assert run(["fix", "--recipe", "t.fixed.recipe.json", "t.csv", "-o", "again.csv", "-q"]) == 0
    assert (folder / "again.csv").read_bytes() == (folder / "t.fixed.csv").read_bytes()
    (folder / "one.csv").write_text("x,size,unit,y\n1,?,g,yes\n2,7,g,no\n", "utf-8")
    assert run(["fix", "--recipe", "t.fixed.recipe.json", "one.csv", "-q"]) == 0
    assert (folder / "one.fixed.csv").read_text("utf-8") == "x,size,y\n1,,yes\n2,7,no\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fix", "--recipe", "t.csv", "t.csv"], "must be a recipe in JSON"),
        (["fix", "--recipe", "none.json", "t.csv"], "cannot be read"),
        (["fix", "--recipe", "other.json", "t.csv"], "schema assay-recipe-1"),
        (["fix", "--recipe", "damaged.json", "t.csv"], "damaged: step 1"),
        (["fix", "--recipe", "strange.json", "t.csv"], "does not have"),
        (["fix", "--undo", "damaged.json", "t.csv"], "damaged"),
        (["fix", "t.csv", "-o", "t.csv"], "old file stays"),
        (["fix", "t.csv", "-o", "t.xlsx"], "must end in"),
        (["fix", "t.csv", "--output-format", "html"], "text or json"),
        (["fix", "none.csv"], "none.csv"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    step = {"code": "D02", "says": "", "where": "cells", "safety": "safe", "options": {}, "applied": True, "ops": [],
            "proof": {"kind": "gain", "state": "kept"}}  # fmt: skip
    strange = {**step, "ops": [{"name": "null_if", "columns": ["weight"], "args": {"values": ["?"]}}]}
    (folder / "other.json").write_text('{"schema": "cake"}')
    (folder / "damaged.json").write_text(json.dumps({"schema": "assay-recipe-1", "steps": [{"code": "D02"}]}))
    (folder / "strange.json").write_text(json.dumps({"schema": "assay-recipe-1", "steps": [strange]}))
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert run([*arguments, "-q"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "Traceback" not in error
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_from_python(folder: Path):
    fixed = assay.fix(str(folder / "t.csv"), target="y")
    assert fixed.arrow.num_rows == 600 and "unit" not in fixed.arrow.column_names
    assert fixed.arrow["size"].null_count == 30
    assert "D02" in str(fixed)
    fixed.save_recipe(folder / "r.json")
    assert run(["fix", "--recipe", str(folder / "r.json"), str(folder / "t.csv"), "-q"]) == 0


def test_an_unsafe_repair_waits_for_the_word(folder: Path, capsys: pytest.CaptureFixture[str]):
    rows = pc.read_csv(folder / "t.csv")
    answer = pa.array(["won" if v == "yes" else "lost" for v in rows["y"].to_pylist()])
    pc.write_csv(rows.append_column("answer", answer), folder / "leak.csv")
    for flag, dropped in (([], False), (["--unsafe"], True)):
        assert run(["fix", "leak.csv", "--target", "y", "-q", "-o", "out.csv", *flag]) == 0
        assert ("answer" not in pc.read_csv(folder / "out.csv").column_names) == dropped


def test_labels_that_are_probably_wrong_are_written_anew_only_by_name(folder: Path, capsys: pytest.CaptureFixture[str]):
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    kind = np.array(["bad", "good"])[bunch.target]
    flipped = np.sort(np.random.default_rng(0).permutation(len(kind))[:25])
    dirty = kind.copy()
    dirty[flipped] = np.where(kind[flipped] == "bad", "good", "bad")
    columns = {str(n): bunch.data[:, i] for i, n in enumerate(bunch.feature_names)}
    pc.write_csv(pa.table(columns | {"kind": dirty.tolist()}), folder / "labels.csv")
    words = ["fix", "labels.csv", "--target", "kind", "-q", "--unsafe"]
    assert run([*words, "--select", "L01"]) == 0
    fixed = np.array(pc.read_csv(folder / "labels.fixed.csv")["kind"].to_pylist())
    assert (fixed != kind).sum() < 0.5 * len(flipped)  # more labels right than before
    assert run(["fix", "--undo", "labels.fixed.recipe.json", "labels.fixed.csv", "-q"]) == 0
    assert pc.read_csv(folder / "labels.restored.csv")["kind"].to_pylist() == dirty.tolist()
