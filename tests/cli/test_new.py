"""``assay new project``: what it writes can be read by what it is for, and its own tests pass."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from assay.cli.app import run
from assay.core.settings import read_settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "project", "late", "--target", "is late?", "--quiet"]) == 0
    return tmp_path / "late"


def test_what_is_written_is_read(project: Path):
    found = read_settings(project)
    assert (found.run.data, found.run.target, found.run.output) == ("data/late.csv", "is late?", "late.assay")
    assert found.question.owner == "" and found.watch.alarm == "" and found.budget == 60.0
    ast.parse((project / "tests/test_model.py").read_text("utf-8"))
    steps = yaml.safe_load((project / ".github/workflows/model.yml").read_text("utf-8"))["jobs"]["model"]["steps"]
    assert next(s["run"] for s in steps if "check" in s.get("run", "")).count("'is late?'") == 1
    ignored = (project / ".gitignore").read_text("utf-8").split()
    assert {"*.key.pem", "keys.json", "data/*"} <= set(ignored) and "late.assay" not in ignored


def test_every_setting_that_is_commented_out_is_one(project: Path):
    text = (project / "assay.toml").read_text("utf-8")
    lines = [line.removeprefix("# ") if line.startswith("# ") and " = " in line else line for line in text.splitlines()]
    (project / "assay.toml").write_text("\n".join(lines), "utf-8")
    settings = read_settings(project)
    assert settings.run.stop_on == "critical" and settings.question.enough == 0.75
    assert set(settings.roles) == {"order", "group", "asked_at"}


def test_names_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    assert run(["new", "project", "../evil"]) == 2 and not (tmp_path.parent / "evil").exists()
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "mine.txt").write_text("x", "utf-8")
    assert run(["new", "project", "late"]) == 2 and "holds files already" in capsys.readouterr().err
    odd = 'a "b" \\ c'
    assert run(["new", "project", "x", "--target", odd, "--data", "d/ü'.csv", "--quiet"]) == 0
    doc = tomllib.loads((tmp_path / "x/assay.toml").read_text("utf-8"))
    assert doc["run"]["target"] == odd and doc["run"]["data"] == "d/ü'.csv"
    yaml.safe_load((tmp_path / "x/.github/workflows/model.yml").read_text("utf-8"))


@pytest.mark.slow
def test_the_projects_own_tests_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From an empty folder: skipped while there is no model, passed by the model that assay run makes."""
    from assay.cli.demo_table import demo_table
    from assay.cli.output import write_table

    monkeypatch.chdir(tmp_path)
    assert run(["new", "project", "late", "--target", "late", "--quiet"]) == 0
    project = tmp_path / "late"
    own = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    before = subprocess.run(own, cwd=project, capture_output=True, text=True, env={**os.environ})
    assert before.returncode == 0 and "7 skipped" in before.stdout, before.stdout
    write_table(demo_table().slice(0, 3000), project / "data/late.csv")
    text = (project / "assay.toml").read_text("utf-8")
    text = text.replace("budget = 60 ", "budget = 2 ").replace('# asked_at = "date"', 'asked_at = "dispatched"')
    (project / "assay.toml").write_text(text, "utf-8")
    monkeypatch.chdir(project)
    assert run(["run", "--quiet"]) == 0
    after = subprocess.run(own, cwd=project, capture_output=True, text=True)
    assert after.returncode == 0 and "7 passed" in after.stdout, after.stdout
    (project / "late.assay").write_bytes((project / "late.assay").read_bytes()[:-1])
    assert subprocess.run(own, cwd=project, capture_output=True).returncode == 1
