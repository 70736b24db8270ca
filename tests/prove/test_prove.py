"""Proof by planting: the ground is a null, what was planted is what counts as found, and a stopped run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from assay.audit.catalogue import catalogue
from assay.cli.app import run
from assay.core.claim import About, Claim, Effect
from assay.core.errors import InputError
from assay.core.subject import Planted
from assay.core.table import SampleSpec
from assay.prove import Setup, packaged_places, place_of, plan, summary
from assay.prove.bases import Place, rows_of
from assay.prove.ground import ground
from assay.prove.plan import GENERATED, amount, doses
from assay.prove.state import State
from assay.prove.unit import measure, names
from assay.testing import clean_subject
from assay.testing.clean import clean_table

WINE = next(p for p in packaged_places() if p.name == "wine")
CANCER = next(p for p in packaged_places() if p.name == "breast_cancer")
SMALL = Setup(rows=600, seeds=1, mixed=1, clean=1)
SETTINGS = {"rows": 600, "multiples": [0.5, 1.0], "seeds": 1, "permutations": 1, "clean_tables": 1}
HEAD = {"assay": "x", "date": "2026-01-01", "command": "assay prove", "versions": {}, "on": None, "tables": [],
        "settings": SETTINGS}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


def record(code: str, table: str, kind: str = "plant", found: bool = True, multiple: float = 1.0, **more):
    state = "found" if found else "clear"
    return {"key": f"{code} {table} {kind} {multiple} {more.get('seed', 0)}", "code": code, "table": table,
            "kind": kind, "multiple": multiple, "seed": 0, "n": 10_000, "dose": 0.1, "state": state,
            "found": found, "why": "", "effect": 0.1, "true_effect": 0.1, "columns": ["x"], "stands": int(found),
            "says": ["it is so"], "basis": []} | more  # fmt: skip


def test_at_least_six_real_tables_need_no_file():
    assert len(packaged_places()) >= 6
    assert all(p.path is None for p in packaged_places())


def test_a_share_is_never_planted_above_one_and_no_dose_twice():
    module = catalogue()["D09"].CHALLENGE
    assert module.promise.dose == 1.0
    assert [amount(module, m) for m in doses(module, (0.5, 1.0, 2.0))] == [0.5, 1.0]
    assert doses(catalogue()["D07"].CHALLENGE, (0.5, 1.0, 2.0)) == [0.5, 1.0, 2.0]


def test_every_code_with_a_plant_is_planned():
    units = plan([WINE], set(catalogue()), SMALL)
    planted = {u.code for u in units if u.kind == "plant"}
    assert planted == {code for code, m in catalogue().items() if hasattr(m, "plant")}
    assert len({u.key for u in units}) == len(units)


def test_lent_columns_have_nothing_to_do_with_the_rows():
    subject = ground(WINE, 600, ("group", "id", "order", "site", "text"))
    roles = subject.roles
    assert roles.order and roles.group and roles.id and roles.site
    when = subject.table.arrow()[roles.order.column].to_numpy().astype(np.int64)
    target = np.unique(subject.table.arrow()["target"].to_numpy(zero_copy_only=False), return_inverse=True)[1]
    assert abs(np.corrcoef(when, target)[0, 1]) < 4 / np.sqrt(len(when))
    assert len(set(subject.table.arrow()[roles.id.column].to_pylist())) == subject.table.n_rows


def test_nothing_is_lent_to_ones_own_table(tmp_path: Path):
    path = tmp_path / "mine.csv"
    pa.csv.write_csv(clean_table(300), path)
    place = place_of(str(path), "outcome", {})
    subject = ground(place, 600, ("comparison", "predictions"))
    assert subject.table.arrow().column_names == clean_table(5).column_names
    assert measure(next(u for u in plan([place], {"K05"}, SMALL)), SMALL)["why"] == "no group named (--group)"


@pytest.mark.parametrize("place", [CANCER, Place("diabetes", "target")], ids=lambda p: p.name)
def test_lent_predictions_are_right(place: Place):
    """The outcome is drawn from them: they are calibrated, and their sets hold the truth in nine rows of ten."""
    subject = ground(place, 600, ("predictions", "sets", "target"))
    said = subject.predictions
    assert said is not None and said.sets is not None
    n = len(said.y)
    if said.classes:
        p = said.output[np.arange(n), 1]
        error = np.sqrt((p * (1 - p)).sum()) / n
        assert abs(said.y.mean() - p.mean()) < 4 * error
        held = said.sets[np.arange(n), said.y.astype(int)]
    else:
        assert abs((said.y - said.output).mean()) < 4 * np.std(said.y - said.output) / np.sqrt(n) + 1
        held = (said.sets[:, 0] <= said.y) & (said.y <= said.sets[:, 1])
    assert abs(held.mean() - 0.9) < 4 * np.sqrt(0.09 / n)
    rows = subject.table.sample(SampleSpec(n=n))
    assert set(said.row_id) <= set(rows.row_id)


def test_permuting_breaks_the_tie_to_the_target_and_nothing_else():
    plain, mixed = ground(CANCER, 600, ()), ground(CANCER, 600, (), ("leak", 0))
    a, b = (s.table.arrow() for s in (plain, mixed))
    assert a.drop_columns(["target"]).equals(b.drop_columns(["target"]))
    assert sorted(a["target"].to_pylist()) == sorted(b["target"].to_pylist())
    assert a["target"].to_pylist() != b["target"].to_pylist()


def test_a_plant_is_found_and_mended_in_a_real_table():
    (unit,) = (u for u in plan([CANCER], {"D02"}, SMALL) if u.kind == "plant" and u.multiple == 1.0)
    made = measure(unit, SMALL)
    assert made["state"] == "found" and made["found"]
    fix = made["remedy"]
    assert fix["gone"] and fix["harmed"] == 0
    assert fix["emptied"] + fix["restored"] == fix["cells"] > 0
    assert fix["score_clean"] > 0.9


def test_nothing_is_found_where_the_plant_was_not_made(monkeypatch: pytest.MonkeyPatch):
    """The same trial with a plant that does nothing must count as a miss: found is not taken on trust."""
    monkeypatch.setattr(catalogue()["D02"], "plant", lambda s, dose, rng: Planted(s, ("mean radius",), 0.03))
    (unit,) = (u for u in plan([CANCER], {"D02"}, SMALL) if u.kind == "plant" and u.multiple == 1.0)
    assert not measure(unit, SMALL)["found"]


def test_a_plant_that_raises_is_an_error_and_one_that_refuses_is_not(monkeypatch: pytest.MonkeyPatch):
    (unit,) = (u for u in plan([CANCER], {"D02"}, SMALL) if u.kind == "plant" and u.multiple == 1.0)

    def broken(*_):
        raise ZeroDivisionError("oops")

    def refuses(*_):
        raise InputError("no column of that kind")

    monkeypatch.setattr(catalogue()["D02"], "plant", broken)
    assert measure(unit, SMALL)["state"] == "error"
    monkeypatch.setattr(catalogue()["D02"], "plant", refuses)
    assert measure(unit, SMALL)["state"] == "not-applicable"


def test_a_claim_about_another_column_is_not_the_plant():
    subject = clean_subject(100)
    planted = Planted(subject, ("height",), 0.1)

    def claim(*columns: str) -> Claim:
        return Claim(About(columns), Effect(1.0, "share", 0.0), "exact", "", 1)

    assert names(claim("height", "dose"), planted, "marginal")
    assert names(claim(), planted, "marginal")
    assert names(claim("outcome"), planted, "marginal")  # the target's own finding speaks of every plant
    assert not names(claim("dose"), planted, "marginal")
    assert names(claim("dose"), planted, "order")


def test_a_table_that_has_the_fault_already_counts_neither_way():
    records = [record("D07", "a", "untouched", True, 0.0), record("D07", "a"),
               record("D07", "b", "untouched", False, 0.0), record("D07", "b", found=False),
               record("D07", "c"), record("D07", "d", found=False, n=499)]  # fmt: skip
    doc = summary(records, {"D07"}, HEAD)
    assert doc["overall"]["k"] == 1 and doc["overall"]["n"] == 2
    (row,) = doc["power"]
    assert row["already_there"] == ["a"] and row["below_the_promise"]["n"] == 1
    assert [m["table"] for m in doc["misses"]] == ["b"]
    assert doc["overall"]["low"] == pytest.approx(0.012579, abs=1e-5)  # Clopper-Pearson of 1 in 2


def test_pages_fit_and_name_every_miss():
    from assay.prove.page import markdown
    from assay.prove.picture import chart
    from assay.prove.words import text

    records = [record("D07", "b", found=False), record("K01", "c"), record("K01", "c", multiple=0.5, found=False),
               record("K01", "c", "mixed", True, 0.0)]  # fmt: skip
    doc = summary(records, {"D07", "K01"}, HEAD)
    page = markdown(doc, "proof.svg")
    assert page.startswith("# Proof by planting\n\nWritten by `assay prove` on 2026-01-01")
    assert "1 of 2 (50 %" in page and "| D07 | b |" in page
    assert max(map(len, text(doc).splitlines())) <= 80
    assert chart(doc)["series"]["leakage"] == [0.0, 1.0]
    own = text(doc | {"on": "mine.csv", "tables": [{"name": "mine.csv", "rows": 10_000, "columns": 3, "target": "y"}]})
    assert own.index("Blind spots (1)") < own.index("Found (1)") < own.index("K01")
    assert max(map(len, own.splitlines())) <= 80


def test_a_state_goes_on_and_forgets_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, unit = tmp_path / "s.jsonl", plan([WINE], {"D07"}, SMALL)[0]
    state = State(path, {})
    state.add(unit, record("D07", "wine") | {"key": unit.key})
    state.close()
    with path.open("a") as lines:
        lines.write('{"key": "cut o')
    again = State(path, {})
    assert again.has(unit) and len(again.of([unit])) == 1
    again.add(unit, record("D07", "wine") | {"key": "other"})
    again.close()
    assert all(json.loads(line) for line in path.read_text().splitlines() if not line.startswith('{"key": "cut'))
    monkeypatch.setattr("assay.prove.state.source_digest", lambda code, place: "changed")
    changed = State(path, {})
    assert not changed.has(unit)
    changed.close()


def test_a_permuted_or_clean_finding_is_a_false_alarm():
    records = [record("K01", "a", "mixed", True, 0.0), record("K01", "b", "mixed", False, 0.0),
               record("K01", "generated", "clean", False, 0.0), record("K01", "a", "untouched", True, 0.0)]  # fmt: skip
    (row,) = summary(records, {"K01"}, HEAD)["alarms"]
    assert (row["permuted"]["k"], row["permuted"]["n"]) == (1, 2)
    assert (row["clean"]["k"], row["clean"]["n"]) == (0, 1)


def test_own_table_says_what_would_be_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "mine.csv"
    pa.csv.write_csv(clean_table(150), path)
    asked = ["prove", "--on", str(path), "--target", "outcome", "--select", "D07,K01,K05", "--seeds", "1", "-q"]
    assert run([*asked, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "Blind spots (1)" in out and "2,000 rows or more" in out  # K01 promises for 2,000
    assert out.index("K01") < out.index("D07")
    assert "no group named (--group): K05" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--target", "y"], "name it with --on TABLE"),
        (["--tables", "wime"], "did you mean wine?"),
        (["--select", "D99"], "D99"),
        (["--on", "-", "--target", "y"], "name a file"),
        (["--seeds", "0"], "--seeds must be"),
        (["--output-format", "html"], "text, json or md"),
        (["--on", "nowhere.csv", "--target", "y"], "nowhere.csv"),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]):
    assert run(["prove", *words]) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1


def test_a_page_comes_with_its_picture(tmp_path: Path):
    out = tmp_path / "proof.md"
    asked = [
        "prove",
        "--tables",
        "breast_cancer",
        "--select",
        "D07",
        "--seeds",
        "1",
        "-q",
        "-o",
        str(out),
        "--jobs",
        "1",
    ]
    assert run(asked) == 0
    assert out.read_text("utf-8").startswith("# Proof by planting")
    drawn = out.with_suffix(".svg").read_text("utf-8")
    assert drawn.startswith("<svg") and "var(--" not in drawn


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of a child process is another thing there")
def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(tmp_path: Path):
    asked = [sys.executable, "-c", "from assay.cli import main; main()", "prove", "--tables", "wine", "--select", "D",
             "--jobs", "1", "-q"]  # fmt: skip
    env = os.environ | {"ASSAY_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(asked, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))  # fmt: skip
    states = tmp_path / "cache" / "prove"
    for _ in range(600):
        if list(states.glob("*.jsonl")) and len(next(states.glob("*.jsonl")).read_text().splitlines()) > 3:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "are kept, and the same command goes on from there" in told and "Traceback" not in told
    before = len(next(states.glob("*.jsonl")).read_text().splitlines())
    assert before > 3


def test_the_generated_ground_is_used_where_no_table_can_be_lent_what_is_needed(monkeypatch: pytest.MonkeyPatch):
    module = catalogue()["D07"]
    monkeypatch.setattr(module, "CHALLENGE", replace(module.CHALLENGE, needs=("images",)))
    units = plan([WINE], {"D07"}, SMALL)
    assert {u.place for u in units} == {GENERATED}


def test_rows_keep_their_order():
    rows = rows_of(CANCER, 100)
    whole = rows_of(CANCER, 10_000)
    place = {tuple(row.values()): i for i, row in enumerate(whole.to_pylist())}
    at = [place[tuple(row.values())] for row in rows.to_pylist()]
    assert rows.num_rows == 100 and at == sorted(at)
