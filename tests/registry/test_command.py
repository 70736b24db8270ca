"""``assay registry`` from the command line, and names of the registry wherever a bundle is meant."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import typer

import assay
from assay.cli.app import run, say
from assay.cli.registry import registry
from assay.core.errors import AssayError
from assay.registry import open_registry


@pytest.fixture
def late(tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_REGISTRY", raising=False)
    for k, data in enumerate(files[:3]):
        Path(f"late{k}.assay").write_bytes(data)
    return tmp_path


COMMAND = typer.main.get_command(registry)  # made once: the whole application is made anew for every run


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    try:
        assert COMMAND.main(list(words), standalone_mode=False) == code
    except AssayError as error:
        assert say(str(error), error.exit_code) == code
    out = capsys.readouterr()
    assert all(len(line) <= 80 for line in out.out.splitlines())
    return out.out, out.err


def test_the_life_of_a_model(late: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no registry in" in said(capsys, "list", code=2)[1]
    assert "late 1.0.0 is sha256:" in said(capsys, "add", "late0.assay", "--name", "late", "--version", "1.0.0")[1]
    said(capsys, "add", "late1.assay", "--name", "late", "--version", "1.1.0", "--by", "ann", "--note", "more rows")
    said(capsys, "add", "late2.assay", "--name", "late", "--version", "2.0.0", "--parent", "late@1.1.0", "-q")
    said(capsys, "promote", "late@1.0.0")
    assert "late@champion is 1.1.0 (was 1.0.0)" in said(capsys, "promote", "late@1.1.0", "--reason", "better")[1]
    said(capsys, "promote", "late@2.0.0", "challenger")
    assert "late@champion is 1.0.0 again (was 1.1.0)" in said(capsys, "rollback", "late@champion")[1]
    rows = json.loads(said(capsys, "list", "late", "--output-format", "json")[0])
    assert [(r["version"], *r["aliases"]) for r in rows] == [("1.0.0", "champion"), ("1.1.0",), ("2.0.0", "challenger")]
    assert rows[2]["parents"] == [rows[1]["digest"]]
    table = said(capsys, "list")[0].splitlines()
    assert table[0].split()[:4] == ["name", "version", "stage", "alias"] and "champion" in table[1]
    told = said(capsys, "history", "late")[0]
    assert (
        "late@champion is 1.1.0 (was 1.0.0)" in told
        and ": better" in told
        and "late 1.1.0 added, ann: more rows" in told
    )
    assert "1.0.0" in said(capsys, "history", "--at", "2999-01-01")[0]
    assert said(capsys, "history", "--at", "1999-01-01")[0] == "nothing was live at 1999-01-01\n"
    said(capsys, "retire", "late@1.1.0")
    assert "nothing to remove" in said(capsys, "gc")[0], "it was live a moment ago"
    assert "retired" in said(capsys, "gc", "--all", "--dry-run")[0]
    assert "one file" in said(capsys, "gc", "--all")[1]
    head = said(capsys, "check")[0].split()[-1]
    said(capsys, "protect", "champion")
    assert "approve late@2.0.0" in said(capsys, "promote", "late@challenger", code=2)[1]
    said(capsys, "approve", "late@challenger", "--by", "eve")
    said(capsys, "promote", "late@challenger")
    said(capsys, "clear", "late@challenger")
    assert "stage     approved by eve" in said(capsys, "show", "late@champion")[0]
    assert json.loads(said(capsys, "check", "--expect", head, "--output-format", "json")[0])["problems"] == []
    said(capsys, "check", "--expect", "0" * 64, code=1)
    for words in (
        ["rollback", "late@1.0.0"],
        ["promote", "late"],
        ["list", "--output-format", "xml"],
        ["gc", "--days", "-1"],
        ["gc", "--days", "nan"],
    ):
        assert said(capsys, *words, code=2)[1].startswith("error: ")


def test_a_name_of_the_registry_is_a_bundle(
    late: Path, files: list[bytes], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_registry(late / "team") as book:
        book.add(files[1], "late")
        book.promote("late", "champion", "0.1.0")
    Path("rows.csv").write_text("x,colour\n1.5,red\n-2,blue\n", "utf-8")
    with pytest.raises(assay.InputError, match="there is no registry in"):
        assay.load("late@champion")
    monkeypatch.setenv("ASSAY_REGISTRY", str(late / "team"))
    assert assay.load("late@champion").to_bytes() == files[1] == assay.load("late@0.1.0").to_bytes()
    assert run(["predict", "late@champion", "rows.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("yes,")
    digest = "late@sha256:" + hashlib.sha256(files[1]).hexdigest()[:8]
    assert run(["explain", digest, "rows.csv"]) == 0 and run(["runs", "late@champion"]) == 2
    assert "late@champion holds no record of its run" in capsys.readouterr().err
    Path("assay.toml").write_text('registry = "elsewhere"\n', "utf-8")
    with pytest.raises(assay.InputError, match="elsewhere"):
        assay.load("late@champion")
    Path("late@champion").write_bytes(files[2])
    assert assay.load("late@champion").to_bytes() == files[2], "a file of that name comes first"
    with pytest.raises(assay.InputError, match="cannot be read"):
        assay.load("late@champion.assay")


def test_a_promotion_says_what_callers_must_change(late: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.bundle.conftest import Case

    Case("regression", "linear").build().save("other.assay")
    for k, name in enumerate(("late0", "late1", "other")):
        said(capsys, "add", f"{name}.assay", "--name", "late", "--version", f"1.{k}.0")
    assert "caution" not in said(capsys, "promote", "late@1.0.0")[1] + said(capsys, "promote", "late@1.1.0")[1]
    told = said(capsys, "promote", "late@1.2.0")[1]
    assert "caution: callers must also send amount, " in told and "it answers with values, not classes" in told
    assert "caution" in said(capsys, "promote", "late@1.0.0")[1]
    for blob in (late / ".assay" / "registry" / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    for words in (["rollback", "late@champion"], ["promote", "late@1.1.0"]):
        assert "is not in the registry any more" in said(capsys, *words, code=2)[1]
    said(capsys, "add", "other.assay", "--name", "late")
    assert "late@champion is 1.2.0 again (was 1.0.0)" in said(capsys, "rollback", "late@champion")[1]
