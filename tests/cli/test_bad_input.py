"""Bad input: one clear sentence on standard error, exit 2, nothing half-written, and never a traceback."""

from __future__ import annotations

import gzip
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assay.cli.app import run
from assay.cli.progress import Progress
from assay.core.stopping import asked, listening, taken

Captured = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
GOOD = "a,b,y\n" + "".join(f"{i},{i % 7},{'yes' if i * 7919 % 13 > 6 else 'no'}\n" for i in range(300))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: Patch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    (tmp_path / "good.csv").write_text(GOOD)
    return tmp_path


def parquet_cut_short(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-40])


FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty file": ("empty.csv", lambda p: p.write_text("")),
    "header only, target named": ("header.csv", lambda p: p.write_text("a,y\n")),
    "truncated parquet": ("cut.parquet", parquet_cut_short),
    "truncated gzip": ("cut.csv.gz", lambda p: p.write_bytes(gzip.compress(GOOD.encode())[:60])),
    "not a workbook": ("no.xlsx", lambda p: p.write_bytes(b"PK\x03\x04 nothing")),
    "a folder": ("folder.csv", lambda p: p.mkdir()),
    "target constant": ("constant.csv", lambda p: p.write_text("a,y\n" + "1,yes\n2,yes\n3,yes\n" * 50)),
    "target all null": ("null.csv", lambda p: p.write_text("a,y\n" + "1,\n2,\n3,\n" * 50)),
    "one row": ("one.csv", lambda p: p.write_text("a,y\n1,yes\n")),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_used_is_one_sentence(case: str, here: Path, capsys: Captured) -> None:
    name, make = FILES[case]
    make(here / name)
    before = set(here.iterdir())
    code = run(["fit", name, "--target", "y", "-o", "m.assay"])
    sentence(capsys.readouterr().err, code)
    assert {p for p in here.iterdir() if p.name != ".cache"} == {p for p in before if p.name != ".cache"}


WORDS: dict[str, list[str]] = {
    "missing file": ["check", "nothing.csv"],
    "no match": ["check", "nothing*.csv"],
    "no table": ["check"],
    "unknown target": ["check", "good.csv", "--target", "yy"],
    "unknown role": ["check", "good.csv", "--role", "gruop=a"],
    "role without a column": ["check", "good.csv", "--role", "group"],
    "role on a missing column": ["check", "good.csv", "--group", "aa"],
    "unknown code": ["check", "good.csv", "--select", "K99"],
    "unknown ignore": ["check", "good.csv", "--ignore", "nothing"],
    "unknown level": ["check", "good.csv", "--fail-on", "critcal"],
    "unknown format": ["check", "good.csv", "--output-format", "htm"],
    "unknown suffix": ["check", "good.csv", "-o", "report.doc"],
    "missing folder": ["check", "good.csv", "-o", "there/report.html"],
    "output is a folder": ["check", "good.csv", "-o", "folder.html"],
    "predictions of other rows": ["check", "good.csv", "--target", "y", "--predictions", "other.csv"],
    "predictions without a target": ["check", "good.csv", "--predictions", "good.csv"],
    "unknown flag": ["check", "good.csv", "--targt", "y"],
    "unknown verb": ["chekc", "good.csv"],
    "seed that is no number": ["check", "good.csv", "--seed", "x"],
    "fit without a place": ["fit", "good.csv", "--target", "y"],
    "fit without a target": ["fit", "good.csv", "-o", "m.assay"],
    "fit into the wrong suffix": ["fit", "good.csv", "--target", "y", "-o", "m.pkl"],
    "fit for no time": ["fit", "good.csv", "--target", "y", "-o", "m.assay", "--budget", "0"],
    "unknown ship": ["fit", "good.csv", "--target", "y", "-o", "m.assay", "--ship", "all"],
    "missing model": ["predict", "m.assay", "good.csv"],
    "a model that is none": ["predict", "good.csv", "good.csv"],
    "coverage beyond 1": ["predict", "m.assay", "good.csv", "--coverage", "90"],
    "unknown rows suffix": ["predict", "m.assay", "good.csv", "-o", "scored.txt"],
    "rule without a code": ["rule"],
    "unknown rule": ["rule", "K77"],
    "plant without a place": ["plant", "D07", "good.csv"],
    "plant in predictions": ["plant", "M07", "good.csv", "-o", "b.csv"],
    "plant over the table": ["plant", "D07", "good.csv", "-o", "good.csv"],
    "plant of nothing": ["plant", "D07", "good.csv", "-o", "b.csv", "--dose", "0"],
}


@pytest.mark.parametrize("case", WORDS)
def test_a_wrong_word_is_one_sentence(case: str, here: Path, capsys: Captured) -> None:
    (here / "folder.html").mkdir()
    (here / "other.csv").write_text("p_no,p_yes\n0.5,0.5\n")
    before = {p.name for p in here.iterdir()}
    code = run(WORDS[case])
    sentence(capsys.readouterr().err, code)
    assert {p.name for p in here.iterdir()} - {".cache"} == before - {".cache"}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["check", "good.csv", "--fail-on", "critcal"], "did you mean critical?"),
        (["check", "good.csv", "--role", "gruop=a"], "did you mean group?"),
        (["rule", "under-coverin"], "did you mean under-covering?"),
        (["chekc"], "Did you mean 'check'?"),
        (["check", "good.csv", "--output-format", "htm"], "did you mean html?"),
    ],
)
def test_the_nearest_name_is_offered(words: list[str], meant: str, capsys: Captured) -> None:
    assert run(words) == 2
    assert meant in capsys.readouterr().err


def test_unknown_settings_are_errors(here: Path, capsys: Captured) -> None:
    (here / "assay.toml").write_text("sed = 3\n")
    sentence(capsys.readouterr().err or err(["check", "good.csv"], capsys), 2)


def test_the_output_is_tried_before_the_table_is_read(here: Path, capsys: Captured) -> None:
    assert run(["check", "nothing.csv", "-o", "there/report.html"]) == 2
    assert "there" in capsys.readouterr().err


def test_ctrl_c_says_so_and_leaves_nothing(monkeypatch: Patch, here: Path, capsys: Captured) -> None:
    import assay.audit

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(assay.audit, "open_subject", stop)
    assert run(["check", "good.csv", "-o", "r.html"]) == 2
    assert capsys.readouterr().err == "error: stopped; nothing was written\n"
    assert not (here / "r.html").exists()


def test_a_full_disk_leaves_the_old_file(here: Path, monkeypatch: Patch) -> None:
    from assay.cli.output import replacing
    from assay.core.errors import OutputError

    old = here / "m.assay"
    old.write_text("old")

    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        replacing(old, full)
    assert old.read_text() == "old" and [p.name for p in here.glob(".m*")] == []


@pytest.mark.parametrize(
    ("package", "says"), [("orjson", "pip install 'assay[serve]'"), ("duckdb", "pip install assay ")]
)
def test_a_package_that_is_not_there_is_named(package: str, says: str, monkeypatch: Patch, capsys: Captured) -> None:
    import assay.audit

    def lacks(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=f"{package}.part")

    monkeypatch.setattr(assay.audit, "open_subject", lacks)
    sentence(err(["check", "good.csv"], capsys), 2)
    assert package in (told := err(["check", "good.csv"], capsys)) and says in told


def test_a_fault_of_our_own_is_one_sentence_and_exit_3(monkeypatch: Patch, capsys: Captured) -> None:
    import assay.audit

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(assay.audit, "open_subject", broken)
    assert run(["check", "good.csv"]) == 3
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "Traceback" not in told


def test_an_interrupt_while_duckdb_works_is_no_failure(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted")

    import assay.audit

    monkeypatch.setattr(assay.audit, "open_subject", stopped)
    assert run(["check", "good.csv"]) == 2
    assert capsys.readouterr().err == "error: stopped; nothing was written\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_ctrl_c_that_other_code_swallowed_still_stops(here: Path, capsys: Captured, monkeypatch: Patch) -> None:
    import assay.audit

    def swallows(*_: object, **more: Any) -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        then()

    monkeypatch.setattr(assay.audit, "open_subject", swallows)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as a process begins, whatever another test has left
    for then in (lambda: Progress(quiet=True)("the next step", 0.5), lambda: importlib.import_module("not.there")):  # noqa: B007
        assert run(["check", "good.csv"]) == 2
        assert capsys.readouterr().err == "error: stopped; nothing was written\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with listening(), suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert asked()
    taken()
    Progress(quiet=True)("who acts on it goes on", 0.9)


def test_a_closed_pipe_is_quiet(here: Path) -> None:
    command = f"{sys.executable} -c 'from assay.cli import main; main()' rule --all --output-format json | head -c 10"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=here)
    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="a shell closes streams otherwise there")
def test_closed_standard_streams_change_nothing(here: Path) -> None:
    command = f"{sys.executable} -c 'from assay.cli import main; main()' rule K02 <&- >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False, cwd=here)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_an_interrupt_from_outside_ends_with_2(here: Path) -> None:
    code = (
        "import assay.audit, time\n"
        "assay.audit.open_subject = lambda *a, **k: (print('on', flush=True), time.sleep(30))\n"
        "from assay.cli import main\nmain()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "check", "good.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=here,
    )
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (2, "error: stopped; nothing was written\n")


def err(words: list[str], capsys: Captured) -> str:
    assert run(words) == 2
    return capsys.readouterr().err


def sentence(told: str, code: int) -> None:
    """Exit 2 and one line that a person can act on."""
    assert code == 2, told
    assert told.startswith("error: ") and told.count("\n") == 1, told
    assert "Traceback" not in told and "Error:" not in told and 20 < len(told) < 400, told
