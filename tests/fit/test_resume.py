"""A fit that was killed goes on where it stopped, and ends with the bytes of one that was never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.bundle.layout import GRAPH
from assay.cli.app import run
from assay.cli.output import write_table
from assay.core.settings import Settings
from assay.fit import procedure, tuning
from assay.fit.race import Race
from assay.learn.form_arrays import arrays_of, form_from
from assay.learn.learners import Config, Data, train
from assay.learn.replay import replay_form

RUN = "import sys; from assay.cli.app import run; sys.exit(run(sys.argv[1:]))"
AMPLE = Settings(budget=600.0)


class Killed(BaseException):
    """As a kill does it: nothing below catches it."""


def columns(n: int = 260, seed: int = 0) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return {"x": x, "kind": rng.choice(["a", "b", "c"], n), "y": (x + rng.normal(0, 0.2, n) > 0.5).astype(int)}


def stop_after(folds: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Let so many folds be trained, then kill; the list holds those that were trained."""
    whole, seen = Race._fold, []

    def counted(self: Race, runner, f: int, deadline) -> None:  # type: ignore[no-untyped-def]
        if len(seen) == folds:
            raise Killed
        whole(self, runner, f, deadline)
        seen.append((runner.config.name, f))

    monkeypatch.setattr(Race, "_fold", counted)
    return seen


def few_in(patch: pytest.MonkeyPatch) -> None:
    """One candidate of each cheap family and one proposal: what is asked does not depend on how many there are."""
    whole = procedure.portfolio
    patch.setattr(tuning, "MOST_TRIALS", 1)
    cheap = ("linear", "lightgbm", "network", "extra-trees", "tree")

    def first(n: int, rate: float) -> tuple[Config, ...]:
        own = {c.family: c for c in reversed(whole(n, rate)) if c.family in cheap}
        return tuple(own.values())

    patch.setattr(procedure, "portfolio", first)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    few_in(monkeypatch)


@pytest.fixture(scope="module")
def whole() -> tuple[bytes, int]:
    """The graph of a fit that was never stopped, and the number of folds that it trained."""
    with pytest.MonkeyPatch.context() as patch:
        few_in(patch)
        trained = stop_after(10_000, patch)
        return assay.fit(columns(), target="y", settings=AMPLE)._files[GRAPH], len(trained)


@pytest.mark.parametrize("folds", [1, 12])
def test_what_is_resumed_equals_what_was_never_stopped(
    folds: int, whole: tuple[bytes, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "m.assay.part"
    with monkeypatch.context() as patch:
        stop_after(folds, patch)
        with pytest.raises(Killed):
            assay.fit(columns(), target="y", settings=AMPLE, resume=part)
    assert len(list(part.glob("*.npz"))) == folds
    with monkeypatch.context() as patch:
        trained = stop_after(10_000, patch)
        model = assay.fit(columns(), target="y", settings=AMPLE, resume=part)
    assert model._files[GRAPH] == whole[0]
    assert len(set(trained)) == len(trained) and not part.exists()
    assert len(trained) + folds == whole[1]


def test_another_question_begins_anew_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "m.part"
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        with pytest.raises(Killed):
            assay.fit(columns(), target="y", settings=AMPLE, resume=part)
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(Killed):
            assay.fit(columns(), target="y", settings=Settings(budget=600.0, seed=3), resume=part)
    assert len(list(part.glob("*.npz"))) == 2
    (part / "half-written.npz").write_bytes(b"PK")
    for broken in part.glob("*-0.npz"):
        broken.write_bytes(broken.read_bytes()[:100])
    model = assay.fit(columns(seed=1), target="y", settings=Settings(budget=600.0, seed=3), resume=part)
    said = [s for s in model.dossier["model"]["limits"] if "could be used" in s]
    assert said == ["nothing in m.part could be used, for the table changed: all began anew"]


def test_a_folder_that_is_no_kept_race_is_not_removed(tmp_path: Path) -> None:
    other = tmp_path / "m.assay.part"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    source = write_table(pa.table(columns()), tmp_path / "t.csv")
    words = ["fit", str(source), "--target", "y", "-o", str(tmp_path / "m.assay"), "--no-cache", "--budget", "1", "-q"]
    assert run(words) == 0
    assert not (other / "key.json").exists() and (other / "mine.txt").exists()


def test_a_fit_that_is_done_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_table(pa.table(columns()), tmp_path / "t.csv")
    words = ["fit", str(source), "--target", "y", "-o", str(tmp_path / "m.assay"), "--no-cache", "--budget", "1", "-q"]
    assert run(words) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.assay", "t.csv"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("family", ["lightgbm", "linear", "network", "extra-trees", "tree"])
def test_forms_come_back_as_they_were(family: str, task: str) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    X[:, 3] = rng.integers(0, 6, 200)
    X[rng.random((200, 4)) < 0.05] = np.nan
    raw = np.nan_to_num(X[:, 0]) + (X[:, 3] > 2)
    y = raw if task == "regression" else np.digitize(raw, [0.5] if task == "binary" else [0.0, 1.0]).astype(float)
    outputs = {"binary": 2, "multiclass": 3, "regression": 1}[task]
    made = train(Config(family, family), Data(X, y, task, outputs, (3,)), seed=0, rounds=5).form()  # type: ignore[arg-type]
    back = form_from(arrays_of(made))
    np.testing.assert_array_equal(replay_form(back, X), replay_form(made, X))
    assert type(back) is type(made) and back.link == made.link


@pytest.mark.slow
def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    source = write_table(pa.table(columns(600)), tmp_path / "t.csv")
    out = tmp_path / "m.assay"
    words = ["fit", str(source), "--target", "y", "--no-cache", "--budget", "600", "-q"]
    started = subprocess.Popen([sys.executable, "-c", RUN, *words, "-o", str(out)], env=os.environ)
    part = out.with_name("m.assay.part")
    deadline = time.monotonic() + 200
    while len(list(part.glob("*.npz"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL and not out.exists()
    kept = len(list(part.glob("*.npz")))
    assert kept >= 4
    assert run([*words, "-o", str(out), "--resume"]) == 0
    assert run([*words, "-o", str(tmp_path / "n.assay")]) == 0
    a, b = assay.load(out), assay.load(tmp_path / "n.assay")
    assert a._files[GRAPH] == b._files[GRAPH] and not part.exists()
