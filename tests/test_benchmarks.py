"""``make bench`` and ``make prove`` go to their end: commands that exist, flags they know, failures that are told."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of benchmarks/all.py; its dataclasses look their module up by name."""
    monkeypatch.setitem(sys.modules, "every", type(sys)("every"))
    return runpy.run_path(str(ROOT / "benchmarks" / "all.py"), run_name="every")


def test_every_command_is_there_and_knows_its_flags(commands: dict[str, Any]):
    for job in (*commands["BENCH"], *commands["PROVE"]):
        if job.what in commands["STARTS"]:
            continue
        script = ROOT / "benchmarks" / f"{job.what}.py"
        assert script.is_file(), job.what
        said = script.read_text("utf-8")
        for word in f"{job.plain or ''} {job.full or ''}".split():
            assert not word.startswith("--") or f'"{word}"' in said, f"{job.what} does not know {word}"
            assert not word.endswith(".assay") or (ROOT / word).is_file()


def test_one_that_fails_or_cannot_run_does_not_stop_the_rest(tmp_path: Path):
    words = (ROOT / "benchmarks" / "all.py").read_text("utf-8")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bad.py").write_text("raise SystemExit(3)", "utf-8")
    (tmp_path / "benchmarks" / "good.py").write_text("import sys; print('said', *sys.argv[1:])", "utf-8")
    jobs = 'BENCH = (Job("bad"), Job("good", "--few", "--many"), Job("good", None), Job("good", needs=TABLES))\n'
    at = words.index("def main(")
    (tmp_path / "benchmarks" / "all.py").write_text(f"{words[:at]}{jobs}\n\n{words[at:]}", "utf-8")
    for more, few in (((), "--few"), (("--full",), "--many")):
        command = [sys.executable, "benchmarks/all.py", "bench", *more]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert made.returncode == 1
        assert f"said {few}" in made.stdout
        told = made.stdout.rpartition("# what became of each")[2]
        assert "FAILED with exit code 3" in told and told.count("done") == 1
        assert "left out: takes long" in told and "skipped: needs the developer tables" in told
