"""``assay run``: what has not changed is skipped, what was interrupted goes on, and what is wrong is one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.bundle.model import Model
from assay.cli import run as verb
from assay.cli.app import run
from assay.cli.run_steps import Step
from assay.serve.locking import take
from tests.bundle.conftest import Case

SETTINGS = '[run]\ndata = "t.csv"\ntarget = "late"\nname = "late"\n'


@pytest.fixture(scope="module")
def made() -> Model:
    return Case("binary", "linear").build()


class Did:
    """The dear steps are written down instead of done: the check writes a file, the fit the model that is there."""

    def __init__(self, model: Model, patch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.fails: dict[str, int] = {}
        real = verb.Way.do

        def do(way: verb.Way, step: Step) -> int:
            self.names.append(step.name)
            if step.name in self.fails:
                return self.fails.pop(step.name)
            if step.name not in ("check", "fix", "split", "fit"):
                return real(way, step)
            for path in step.writes:
                path.write_bytes(model.to_bytes() if path.suffix == ".assay" else b"{}")
            return 0

        patch.setattr(verb.Way, "do", do)

    def again(self) -> list[str]:
        self.names.clear()
        assert run(["run", "--quiet"]) == 0
        return self.names


@pytest.fixture
def did(made: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Did:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("x,late\n1,yes\n", "utf-8")
    Path("assay.toml").write_text(SETTINGS, "utf-8")
    return Did(made, monkeypatch)


def test_only_what_changed_is_done_again(did: Did, made: Model):
    assert did.again() == ["check", "fit", "verify", "sign"]
    assert Path("late.assay").read_bytes() == made.to_bytes()
    assert did.again() == []
    Path("t.csv").write_text("x,late\n2,yes\n", "utf-8")
    assert did.again() == ["check", "fit"]  # the fit came out the same, so the rest stays
    Path("assay.toml").write_text("budget = 5\n" + SETTINGS, "utf-8")
    assert did.again() == ["fit"]
    Path("late.assay").write_bytes(b"somebody else's")
    assert did.again() == ["sign"]
    shutil.rmtree(".assay/run")
    assert did.again() == ["check", "fit"]
    Path(".assay/state.json").write_text("{}", "utf-8")
    assert run(["run"]) == 2
    Path(".assay/state.json").unlink()
    assert did.again() == ["check", "fit", "verify", "sign"]


def test_a_run_that_stopped_goes_on_where_it_was(did: Did, capsys: pytest.CaptureFixture[str]):
    did.fails["fit"] = 2
    assert run(["run"]) == 2
    assert "stopped" in capsys.readouterr().out and not Path("late.assay").exists()
    assert did.again() == ["fit", "verify", "sign"]


def test_it_signs_and_registers(did: Did, capsys: pytest.CaptureFixture[str]):
    assert run(["sign", "--new-key", ".", "--quiet"]) == 0
    more = 'key = "assay.key.pem"\nreport = "pages/late.html"\nalias = "canary"\n'
    Path("assay.toml").write_text(SETTINGS + more, "utf-8")
    assert run(["run"]) == 0
    assert run(["verify", "late.assay", "--key", "assay.pub.pem"]) == 0
    assert run(["run"]) == 0
    assert "is late@canary already" in capsys.readouterr().out and Path("pages/late.html").is_file()
    assert run(["registry", "show", "late@canary"]) == 0


def test_a_dry_run_says_why_and_does_nothing(did: Did, capsys: pytest.CaptureFixture[str]):
    assert run(["run", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert did.names == [] and not Path(".assay").exists()
    assert "$ assay fit t.csv --target late -o .assay/run/late.assay --resume" in said
    assert "not asked for (fixed in [run])" in said
    did.again()
    assert run(["run", "--dry-run"]) == 0 and capsys.readouterr().out.count("nothing changed since") == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs [run] in assay.toml with data and target"),
        ('[run]\ndata = "none.csv"\ntarget = "late"', "is not there: put the table in its place"),
        (SETTINGS + 'key = "none.pem"', "needs none.pem for the step sign"),
        ('[run]\ndata = "t.csv"\ntarget = "late"\nname = "../x"', "would do"),
    ],
)
def test_bad_settings_are_one_sentence(text: str, says: str, did: Did, capsys: pytest.CaptureFixture[str]):
    Path("assay.toml").write_text(text, "utf-8")
    assert run(["run", "--quiet"]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert says in error and "Traceback" not in error


def test_two_runs_at_once_are_refused(did: Did, capsys: pytest.CaptureFixture[str]):
    did.again()
    handle = os.open(".assay/run.lock", os.O_RDWR)
    assert take(handle, False)
    try:
        assert run(["run"]) == 2 and "another assay run" in capsys.readouterr().err
    finally:
        os.close(handle)


@pytest.mark.slow
def test_the_whole_path_with_nothing_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """From a table of parcels to a signed challenger, twice; the second time does nothing."""
    from assay.cli.demo_table import demo_table
    from assay.cli.output import write_table

    monkeypatch.chdir(tmp_path)
    write_table(demo_table().slice(0, 3000), Path("t.csv"))
    run(["sign", "--new-key", ".", "--quiet"])
    Path("assay.toml").write_text(
        "budget = 2\n" + SETTINGS + 'key = "assay.key.pem"\npublic_key = "assay.pub.pem"\nfixed = "fixed.csv"\n'
        'parts = "parts"\nreport = "late.html"\ncheck = "check.html"\n[roles]\nasked_at = "dispatched"\n', "utf-8",
    )  # fmt: skip
    assert run(["run"]) == 0
    for path in ("fixed.csv", "parts/test.csv", "late.html", "check.html", "late.assay"):
        assert Path(path).is_file() or list(Path("parts").glob("test*")), path
    first = Path("late.assay").read_bytes()
    capsys.readouterr()
    assert run(["run"]) == 0
    said = capsys.readouterr().out
    assert said.count("nothing changed since") == 6 and Path("late.assay").read_bytes() == first
    assert run(["status", "late@challenger", "--output-format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["gates"]
    gates = {g["name"]: g["state"] for g in found}
    assert gates["signed"] == "passed" and gates["question"] == "blocked", str(found)
    assert "failed to run" not in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1.0, 4.0, 8.0])
def test_a_killed_run_goes_on(after: float, tmp_path: Path):
    """Killed with no warning, at three moments: the next run ends well, and nothing half-written is taken for whole."""
    from assay.cli.demo_table import demo_table
    from assay.cli.output import write_table

    write_table(demo_table().slice(0, 3000), tmp_path / "t.csv")
    text = "budget = 4\n" + SETTINGS + 'report = "late.html"\n[roles]\nasked_at = "dispatched"\n'
    (tmp_path / "assay.toml").write_text(text, "utf-8")
    words = [sys.executable, "-c", "from assay.cli import main; main()", "run"]
    first = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        first.wait(after)
    first.kill()
    first.wait()
    done = set(json.loads((tmp_path / ".assay/state.json").read_text("utf-8"))["steps"]) if (
        tmp_path / ".assay/state.json"
    ).exists() else set()  # fmt: skip
    second = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert second.returncode == 0, second.stderr
    lines = {line.split()[0]: line for line in second.stdout.splitlines() if line[:1].isalpha()}
    assert all("nothing changed since" in lines[name] for name in done)
    assert Model.load(tmp_path / "late.assay").target == "late"
    third = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert third.stdout.count("nothing changed since") == 4
