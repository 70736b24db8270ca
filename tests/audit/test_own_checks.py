"""The team's own checks beside the settings, and settings that name what there is not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import assay
from assay.cli.app import run

OWN = '''"""Amounts that are whole numbers in every row."""
from assay.core.challenge import Challenge, Dose, Threshold
from assay.core.claim import About, Claim, Effect

CHALLENGE = Challenge(
    code="X01", name="whole-amounts", title="amounts without cents", stage="data", needs=(), category="touches",
    scope="marginal", promise=Dose(1, 100), materiality=(Threshold("share", 0.5, "share of rows", "half"),),
)

def measure(subject, rows, options):
    x = rows.numbers("amount")
    share = float((x == x.round()).mean())
    says = f"{share:.0%} of amounts are whole"
    yield Claim(About(("amount",)), Effect(share, "share of rows", options["share"]), "exact", says, rows.n)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "amounts.py").write_text(OWN, "utf-8")
    (tmp_path / "assay.toml").write_text('checks = ["checks/*.py"]\n', "utf-8")
    (tmp_path / "t.csv").write_text("amount,k\n" + "".join(f"{i},a{i % 3}\n" for i in range(90)), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_beside_the_settings_is_a_challenge_like_any_other(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["check", "t.csv", "--select", "X01", "--fail-on", "warning", "-q"]) == 1
    assert "100% of amounts are whole" in capsys.readouterr().out
    assert run(["rule", "whole-amounts"]) == 0 and "X01" in capsys.readouterr().out
    assert run(["rule", "--all"]) == 0 and "X01" in capsys.readouterr().out
    (folder / "assay.toml").write_text('checks = ["checks/*.py"]\n[thresholds.X01]\nshare = 1.0\n', "utf-8")
    assert run(["check", "t.csv", "--select", "X01", "--fail-on", "warning", "-q"]) == 0


def test_without_the_setting_no_file_is_ever_loaded(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "assay.toml").unlink()
    (folder / "checks" / "amounts.py").write_text("raise SystemExit(9)", "utf-8")
    assert run(["check", "t.csv", "--select", "D09", "-q"]) == 0
    assert run(["check", "t.csv", "--select", "X01", "-q"]) == 2


@pytest.mark.parametrize(
    ("settings", "own", "said"),
    [
        ('checks = ["none/*.py"]', OWN, "no file matches none/*.py"),
        ('checks = ["checks/*.py"]', "1 / 0", "ZeroDivisionError"),
        ('checks = ["checks/*.py"]', "x = 1", "must define CHALLENGE"),
        ('checks = ["checks/*.py"]', OWN.replace("X01", "D07"), "used by both"),
        ("[thresholds.D77]\nx = 1", OWN, "D77"),
        ("[thresholds.D07]\ncopis = 1", OWN, "did you mean copies"),
        ('[severity]\nD99 = "advice"', OWN, "D99"),
        ('[[ignore]]\ncode = "D07"\nreason = "known"\nuntil = "soon"', OWN, "2027-01-31"),
        ('[[ignore]]\ncode = "D7"\nreason = "known"', OWN, "D7"),
    ],
)
def test_bad_settings_are_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], settings: str, own: str, said: str
):
    (folder / "assay.toml").write_text(settings, "utf-8")
    (folder / "checks" / "amounts.py").write_text(own, "utf-8")
    assert run(["check", "t.csv", "--select", "D", "-q"]) in (2, 3)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_an_ignore_ends_with_its_last_day(folder: Path):
    rows = pa.table({"x": [1.0] * 50, "y": list(range(50))})
    for until, verdict in (("2000-01-01", "found"), ("2999-01-01", "ignored"), (None, "ignored")):
        settings = assay.Settings(select=("D09",), ignore=(assay.Ignore("D09", "known", until),))
        assert assay.check(rows, settings=settings)["D09"].verdict == verdict
