"""Baseline and comparison: only what is new counts; what is new, gone and changed is said; another table is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from assay.cli.app import run
from assay.core.errors import InputError
from assay.report.compare import exit_code, only_new, with_comparison
from assay.report.formats import render
from assay.report.json_form import schema

from .flights import report


@pytest.fixture
def docs():
    """A report, and the same without its first finding, with the second one milder and one that is gone since."""
    new = report().to_json()
    old = copy.deepcopy(new)
    del old["findings"][0]
    old["findings"][0]["severity"] = "advice"
    gone = {**old["findings"][1], "fingerprint": "f" * 16, "columns": ["gone"]}
    old["findings"].append(gone)
    return new, old


def test_a_baseline_leaves_what_is_new_or_worse(docs):
    new, old = docs
    left = only_new(new, old, "old.json")
    assert [f["fingerprint"] for f in left["findings"]] == [f["fingerprint"] for f in new["findings"][:2]]
    assert left["baseline"] == {"name": "old.json", "known": len(new["findings"]) - 2, "of": len(old["findings"])}
    assert jsonschema.Draft202012Validator(schema()).is_valid(left)
    for form in ("text", "markdown", "html"):
        assert "known findings" in render(left, form)
    assert "known findings (old.json) are not shown" in " ".join(render(left).split())
    states = {r["baselineState"] for r in json.loads(render(left, "sarif"))["runs"][0]["results"]}
    assert states == {"new"}


def test_a_baseline_of_itself_leaves_nothing_and_exits_with_0(docs):
    new, _ = docs
    left = only_new(new, new, "r.json")
    assert left["findings"] == [] and left["summary"]["sentence"].startswith("NOTHING NEW.")
    assert exit_code(left, "advice") == 0 and exit_code({**left, "findings": new["findings"]}, "critical") == 1
    assert exit_code({**left, "verdicts": [{"verdict": "error"}]}, "never") == 3


def test_a_comparison_says_what_is_new_gone_and_changed(docs):
    new, old = docs
    made = with_comparison(new, old, "old.json")["compare"]
    assert [f["fingerprint"] for f in made["new"]] == [new["findings"][0]["fingerprint"]]
    assert [f["fingerprint"] for f in made["gone"]] == ["f" * 16]
    assert [f["before"]["severity"] for f in made["changed"]] == ["advice"]
    assert made["same"] == len(new["findings"]) - 2 and made["verdicts"] == []
    whole = with_comparison(new, old, "old.json")
    assert jsonschema.Draft202012Validator(schema()).is_valid(whole)
    for form in ("text", "markdown", "html"):
        assert "1 new, 1 gone, 1 changed" in " ".join(render(whole, form).split())
    assert max(len(line) for line in render(whole).splitlines()) <= 80


def test_sizes_differ_only_beyond_their_intervals(docs):
    new, _ = docs
    old = copy.deepcopy(new)
    moved = next(f for f in old["findings"] if f["interval"])
    moved["effect"] = moved["interval"][0]
    assert with_comparison(new, old, "o")["compare"]["changed"] == []
    moved["effect"], moved["interval"] = -9.0, [-9.1, -8.9]
    assert len(with_comparison(new, old, "o")["compare"]["changed"]) == 1


def test_what_did_not_look_is_not_gone(docs):
    new, old = docs
    code = old["findings"][-1]["code"]
    for v in new["verdicts"]:
        if v["code"] == code:
            v["verdict"] = "skipped"
    made = with_comparison(new, old, "old.json")["compare"]
    assert made["gone"] == [] and len(made["not_looked"]) == 1
    assert [v["now"] for v in made["verdicts"]] == ["skipped"]


def test_another_table_is_one_sentence(docs):
    new, old = docs
    with pytest.raises(InputError, match="same target"):
        only_new(new, {**old, "subject": {**old["subject"], "target": "other"}}, "o.json")
    with pytest.raises(InputError, match="same table"):
        only_new(new, {**old, "gallery": [{**c, "name": f"x{c['name']}"} for c in old["gallery"]]}, "o.json")


def test_one_more_column_is_still_the_same_table(docs):
    new, old = docs
    assert only_new({**new, "gallery": [*new["gallery"], {"name": "fresh"}]}, old, "o.json")


GOOD = "a,b,y\n" + "".join(f"{i * 7919 % 911},{i % 7},{'yes' if i * 7919 % 13 > 6 else 'no'}\n" for i in range(900))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    (tmp_path / "t.csv").write_text(GOOD)
    lines = GOOD.splitlines()
    (tmp_path / "leak.csv").write_text(
        "\n".join([f"{lines[0]},copy", *(f"{row},{row.split(',')[2].upper()}" for row in lines[1:])]) + "\n"
    )
    (tmp_path / "other.csv").write_text(GOOD.replace("a,b,y", "c,d,y"))
    return tmp_path


def test_the_command_line_counts_only_what_is_new(folder, capsys):
    base = ["--target", "y", "-q", "--select", "D03,D07,K01"]
    run(["check", "t.csv", *base, "-o", "old.json"])
    capsys.readouterr()
    assert run(["check", "leak.csv", *base, "--baseline", "old.json", "--compare", "old.json"]) == 1
    out = capsys.readouterr().out
    assert "K01" in out and "since old.json: 1 new" in out
    assert run(["check", "leak.csv", *base, "-o", "new.json"]) == 1
    assert run(["check", "leak.csv", *base, "--baseline", "new.json"]) == 0
    out = capsys.readouterr().out
    assert "NOTHING NEW." in out and "(new.json)" in out
    assert run(["check", "t.csv", *base, "--compare", "new.json"]) == 0
    assert "1 gone" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--baseline", "--compare"])
@pytest.mark.parametrize(
    ("name", "text"),
    [("no.json", None), ("bad.json", "{"), ("bytes.json", "\x00\xff"), ("list.json", "[]"), 
     ("deep.json", "[" * 100_000),
     ("empty.json", "{}"), ("other-kind.json", '{"kind": "fit", "schema_version": "1.0"}'),
     ("half.json", '{"kind": "check", "schema_version": "1.0", "subject": {}, "findings": [{}], "verdicts": [], '
                   '"gallery": []}'),
     ("future.json", '{"kind": "check", "schema_version": "2.0"}')],
)  # fmt: skip
def test_a_report_that_is_none_is_one_sentence(folder, capsys, flag, name, text):
    if text is not None:
        (folder / name).write_bytes(text.encode("latin-1"))
    assert run(["check", "t.csv", "--target", "y", "-q", flag, name]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and name in err


def test_a_baseline_of_another_table_is_one_sentence(folder, capsys):
    base = ["-q", "--select", "D07"]
    run(["check", "t.csv", "--target", "y", *base, "-o", "old.json"])
    run(["check", "t.csv", "--target", "b", *base, "-o", "b.json"])
    capsys.readouterr()
    for table, report_ in (("other.csv", "old.json"), ("t.csv", "b.json")):
        assert run(["check", table, "--target", "y", *base, "--baseline", report_]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ") and err.count("\n") == 1 and report_ in err
