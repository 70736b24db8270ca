"""``assay keys``: made, shown once, listed without secrets, revoked."""

from __future__ import annotations

import json

import pytest

from assay.cli.app import run
from assay.serve.key_file import KeyRing


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_key_from_new_to_revoke(folder, capsys):
    assert run(["keys", "new", "web", "--scope", "predict,explain", "--scope", "label", "--expires", "90d",
                "--budget", "1000", "--rate", "5"]) == 0  # fmt: skip
    out, err = capsys.readouterr()
    token = out.strip()
    assert token.startswith("assay_") and token not in err and "once" in err
    ring = KeyRing(folder / ".assay" / "keys.json")
    key = ring.find(token)
    assert key.scopes == ("predict", "explain", "label") and (key.budget, key.rate) == (1000, 5.0) and key.expires
    assert run(["keys", "list"]) == 0
    said = capsys.readouterr().out
    assert "web" in said and "valid" in said and token[15:] not in said and key.sha256 not in said
    assert run(["keys", "revoke", "web"]) == 0
    assert run(["keys", "list", "--output-format", "json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["revoked"] and "sha256" not in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["new", "x", "--scope", "predikt"], "did you mean predict"), (["new", "x", "--expires", "2020-01-01"], "future"),
     (["new", "x", "--expires", "soon"], "2027-01-31"), (["new", "x", "--rate", "0"], "above 0"), (["new", ""], "name"),
     (["new", "x", "--certificate", "none.pem"], "cannot be read"), (["list"], "assay keys new"),
     (["revoke", "x"], "assay keys new"), (["list", "--output-format", "csv"], "text or json"),
     (["audit", "nowhere"], "no audit log")],
)  # fmt: skip
def test_what_cannot_be_done_is_said(folder, capsys, arguments, says):
    assert run(["keys", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not (folder / ".assay" / "keys.json").exists()
