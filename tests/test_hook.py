"""The pre-commit hook definition is whole, and its entry is a command line that assay understands."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.csv as pc

from assay.cli.app import run
from assay.testing import clean_table

HOOK = Path(__file__).parents[1] / ".pre-commit-hooks.yaml"


def test_the_hook_checks_each_committed_table(tmp_path: Path) -> None:
    fields = dict(re.findall(r"^\s*-?\s*(\w+): (.+)$", HOOK.read_text("utf-8"), re.M))
    assert {"id", "name", "entry", "language", "files"} <= set(fields)
    assert fields["language"] == "python"
    assert re.search(fields["files"], "data/rows.csv") and not re.search(fields["files"], "notes.md")
    pc.write_csv(clean_table(400), tmp_path / "t.csv")
    words = fields["entry"].split()
    assert words[0] == "assay"
    assert run([*words[1:], str(tmp_path / "t.csv")]) == 0
