"""``assay split``: nothing lost, nothing changed, the test locked, and every look at it counted and charged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import assay
from assay.cli.app import run
from assay.cli.output import write_table
from assay.core.errors import InputError, OutputError
from assay.tables import looks, open_table

Captured = pytest.CaptureFixture[str]


def frame(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return pd.DataFrame({
        "zip": [f"{v:05}" for v in rng.integers(0, 300, n)],
        "who": rng.integers(0, 40, n),
        "day": pd.date_range("2024-01-01", periods=n).strftime("%d.%m.%Y"),
        "x": x,
        "y": np.where(x + rng.normal(0, 0.2, n) > 0.6, "yes", "no"),
    })  # fmt: skip


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    source = tmp_path / "t.csv"
    frame().to_csv(source, index=False)
    assert run(["split", str(source), "--target", "y", "-o", str(tmp_path / "splits"), "--split", "random", "-q"]) == 0
    return tmp_path / "splits"


def test_every_row_is_in_one_file_as_it_was_written(cut: Path) -> None:
    source = cut.with_name("t.csv").read_text().splitlines()
    parts = [(cut / f"{name}.csv").read_text().splitlines() for name in ("train", "valid", "test")]
    assert {p[0] for p in parts} == {source[0]}
    assert sorted(line for p in parts for line in p[1:]) == sorted(source[1:])
    card = json.loads((cut / "card.json").read_text())
    assert [card["files"][n]["rows"] for n in ("train", "valid", "test")] == [len(p) - 1 for p in parts]
    for name, info in card["files"].items():
        assert info["sha256"] == looks.sha256(cut / info["name"])
        assert sum(c["rows"] for c in info["classes"].values()) == info["rows"], name
    assert (cut / "test.csv").stat().st_mode & 0o222 == 0
    assert looks.read(cut) == []


def test_the_same_table_and_seed_give_the_same_bytes(cut: Path) -> None:
    again, other = cut.with_name("again"), cut.with_name("other")
    source = str(cut.with_name("t.csv"))
    for folder, seed in ((again, "0"), (other, "1")):
        words = ["split", source, "--target", "y", "-o", str(folder), "--split", "random", "-q", "--seed", seed]
        assert run(words) == 0
    for name in ("train.csv", "valid.csv", "test.csv", "card.json"):
        assert (again / name).read_bytes() == (cut / name).read_bytes()
        assert (other / name).read_bytes() != (cut / name).read_bytes()


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv.gz"])
def test_the_files_have_the_form_of_the_source(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"t{suffix}"
    if suffix == ".csv.gz":
        frame().to_csv(source, index=False)
    else:
        write_table(pa.Table.from_pandas(frame()), source)
    assert run(["split", str(source), "--target", "y", "--group", "who", "--split", "group", "-o",
                str(tmp_path / "s"), "-q"]) == 0  # fmt: skip
    names = sorted(p.name for p in (tmp_path / "s").iterdir())
    assert names == sorted([f"{n}{suffix}" for n in ("train", "valid", "test")] + ["card.json", "looks.jsonl"])
    with looks.looking("to compare"):
        whole = open_table(tmp_path / "s", cache=False).arrow().to_pandas()
    assert len(whole) == 400
    parts = whole.groupby("who")["split"].nunique()
    assert (parts == 1).all()


def test_a_split_is_never_written_over_another(cut: Path, capsys: Captured) -> None:
    assert run(["split", str(cut.with_name("t.csv")), "--target", "y", "-o", str(cut)]) == 2
    assert "never written over another" in capsys.readouterr().err
    assert (cut / "test.csv").exists()


def test_the_locked_test_opens_for_a_reason_only(cut: Path, capsys: Captured) -> None:
    for words in (
        ["check", str(cut / "test.csv"), "--target", "y"],
        ["check", str(cut / "train.csv"), "--target", "y", "--test", str(cut / "test.csv")],
        ["check", str(cut / "*.csv"), "--target", "y"],
    ):
        assert run(words) == 2
        assert capsys.readouterr().err == (
            "error: test.csv is a locked test with 0 looks so far: check, fit and predict open it for a "
            'reason, --look "why", and count\n'
        )
    assert run(["check", str(cut / "test.csv"), "--target", "y", "--look", " "]) == 2
    assert "needs its reason" in capsys.readouterr().err
    assert looks.read(cut) == []
    assert open_table(cut / "train.csv", cache=False).n_rows > 200


def test_looks_are_counted_once_a_call_and_named_in_reports(cut: Path, capsys: Captured) -> None:
    words = ["check", str(cut / "train.csv"), "--target", "y", "--test", str(cut / "test.csv"), "--select", "K04"]
    assert run([*words, "--look", "is it alike?", "--exit-zero"]) == 0
    assert "the first look at the locked test test.csv (is it" in " ".join(capsys.readouterr().out.split())
    report = assay.check(cut / "test.csv", target="y", look="again", settings=assay.Settings(select=("D07",)))
    assert "look 2 at the locked test test.csv (again)" in " ".join(report.to_json()["subject"]["notes"])
    assert [line["reason"] for line in looks.read(cut)] == ["is it alike?", "again"]


def test_fit_learns_without_the_test_and_judges_on_it_for_a_look(cut: Path, capsys: Captured) -> None:
    small = assay.Settings(budget=1.0)
    plain = assay.fit(cut, settings=small)
    assert looks.read(cut) == []
    card = json.loads((cut / "card.json").read_text())["files"]
    assert plain.dossier["model"]["rows"]["judge"] == card["valid"]["rows"]
    first = assay.fit(cut, settings=small, look="first")
    second = assay.fit(cut, settings=small, look="second")
    a, b = (m.dossier["model"]["scores"][0] for m in (first, second))
    assert [line["reason"] for line in looks.read(cut)] == ["first", "second"]
    assert first.dossier["model"]["rows"]["judge"] == card["test"]["rows"]
    assert first.dossier["model"]["shipped"]["which"] == "judged"
    assert a["label"] == "the locked test, look 1" and b["label"] == "the locked test, look 2"
    assert b["interval"][0] < a["interval"][0] and a["interval"][1] < b["interval"][1]
    m03 = {m: next(v for v in m.dossier["model"]["verdicts"] if v["code"] == "M03") for m in (first, second)}
    assert m03[first]["verdict"] != "found"
    assert run(["fit", str(cut), "-o", str(cut.with_name("m.assay")), "--ship", "refit"]) == 2
    assert "would learn from the rows" in capsys.readouterr().err
    assert run(["fit", str(cut), "-o", str(cut.with_name("m.assay")), "--split", "random"]) == 2
    assert "split already" in capsys.readouterr().err


def test_a_ledger_or_a_test_that_was_changed_is_noticed(cut: Path) -> None:
    for reason in ("one", "two"):
        with looks.looking(reason):
            open_table(cut / "test.csv", cache=False)
    ledger = cut / "looks.jsonl"
    kept = ledger.read_text()
    ledger.write_text(kept.replace("one", "eno"))
    with pytest.raises(InputError, match=r"line 1 of .* was changed"), looks.looking("three"):
        open_table(cut / "test.csv", cache=False)
    ledger.write_text(kept.splitlines(keepends=True)[1])
    with pytest.raises(InputError, match=r"line 1 of .* was changed"), looks.looking("three"):
        open_table(cut / "test.csv", cache=False)
    ledger.write_text(kept)
    (cut / "test.csv").chmod(0o644)
    (cut / "test.csv").write_text((cut / "test.csv").read_text() + "00000,1,01.01.2024,0.5,yes\n")
    with pytest.raises(InputError, match="its rows were changed"), looks.looking("three"):
        open_table(cut / "test.csv", cache=False)
    assert len(looks.read(cut)) == 2


def test_a_look_that_cannot_be_counted_is_not_taken(cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="must be counted"), looks.looking("now"):
        open_table(cut / "test.csv", cache=False)


def test_prediction_on_the_locked_test_is_a_look_too(cut: Path, capsys: Captured) -> None:
    model = cut.with_name("m.assay")
    assert run(["fit", str(cut), "-o", str(model), "--budget", "1", "-q"]) == 0
    capsys.readouterr()
    assert run(["predict", str(model), str(cut / "test.csv")]) == 2
    assert run(["predict", str(model), str(cut / "test.csv"), "--look", "errors by hand"]) == 0
    told = capsys.readouterr()
    assert "this is the first look at the locked test" in told.err and told.out.startswith("prediction,")
    assert looks.read(cut)[0]["verb"] == "predict"


def test_too_few_groups_leave_no_test(tmp_path: Path, capsys: Captured) -> None:
    source = tmp_path / "t.csv"
    frame(60).assign(who=lambda t: t.who % 2).to_csv(source, index=False)
    words = ["split", str(source), "--target", "y", "--group", "who", "--split", "group", "-o", str(tmp_path / "s")]
    assert run(words) == 2
    assert "would be left for" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv"]
