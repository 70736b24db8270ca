"""Help, pages and lists at 80 columns, and how little they cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.cli.app import run

VERBS = ("check", "fix", "fit", "show", "predict", "explain", "rule", "plant", "prove", "demo")
HEAVY = (
    "sklearn",
    "lightgbm",
    "scipy.stats",
    "altair",
    "onnx",
    "onnxruntime",
    "duckdb",
    "pyarrow",
    "pandas",
    "numpy.random",
)


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


def test_help_lists_every_verb_in_order_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("│ ")]
    assert [word for word in listed if word in VERBS] == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_fits_and_explains_every_flag(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert not [line for line in lines if "…" in line]


def test_check_has_the_flags_that_were_promised(capsys: pytest.CaptureFixture[str]) -> None:
    run(["check", "--help"])
    out = capsys.readouterr().out
    promised = (
        "--target --time --group --protected --role --asked-at --known --unknown --reference --test --model "
        "--predictions --output-format --output-file --select --extend-select --ignore --fail-on --exit-zero "
        "--statistics --show-settings --seed --quiet --no-cache --all-rows"
    )
    assert [flag for flag in promised.split() if flag not in out] == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom assay.cli.app import run\nrun(['--help'])\n"
        f"print([m for m in {HEAVY[:-1]!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import assay

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"assay {assay.__version__}\n"


def test_the_page_of_a_challenge_is_its_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "m08"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("M08 under-covering\nThe prediction sets hold the truth less often than promised.\n")
    headings = (
        "What it is",
        "Why it matters",
        "How it is measured",
        "Example",
        "Remedy",
        "Known false alarms",
        "Sources",
    )
    assert [line for line in out.splitlines() if line in headings] == list(headings)
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "matters above shortfall = 0.02 share of rows" in out


def test_a_name_finds_the_same_page_as_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    run(["rule", "M08"])
    by_code = capsys.readouterr().out
    run(["rule", "under-covering"])
    assert capsys.readouterr().out == by_code


def test_rule_all_lists_every_challenge_once(capsys: pytest.CaptureFixture[str]) -> None:
    from assay.audit.catalogue import catalogue

    assert run(["rule", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue())
    assert max(len(line) for line in lines) <= 80


def test_rule_as_json_holds_page_and_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "M07", "--output-format", "json"]) == 0
    doc = json.loads(capsys.readouterr().out)
    assert doc["code"] == "M07" and doc["remedy"] == "safe" and doc["materiality"][0]["name"] == "gain"
    assert doc["page"]["What it is"].startswith("Of the cases")
    assert run(["rule", "--all", "--output-format", "json"]) == 0
    assert "M07" in [d["code"] for d in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize(
    ("name", "words"), [("help", ["--help"]), ("check", ["check", "--help"]), ("M08", ["rule", "M08"])]
)
def test_snapshots(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What a person sees, to the letter. ASSAY_SNAPSHOTS=1 writes it anew; the diff is then read."""
    kept = Path(__file__).parent / "snapshots" / f"{name}.txt"
    run(words)
    shown = "".join(line.rstrip() + "\n" for line in capsys.readouterr().out.splitlines())
    if os.environ.get("ASSAY_SNAPSHOTS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(shown, "utf-8")
    assert shown == kept.read_text("utf-8")
