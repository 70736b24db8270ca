"""``assay status``: each gate opens on its own evidence only, and the first that does not is the one named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from assay.bundle.archive import pack, to_json, unpack
from assay.bundle.layout import DOSSIER
from assay.bundle.model import Model
from assay.cli.app import run

GOOD: dict[str, Any] = {
    "kind": "fit",
    "report": {
        "question": {"decides": "a call", "about": "parcels", "owner": "North", "enough": 0.7},
        "settings": {"watch": {"alarm": "ops", "truth_after": 3.0, "review": ""}},
        "verdicts": [{"code": "K01", "verdict": "found"}, {"code": "D01", "verdict": "clear"}],
        "findings": [{"code": "K01", "severity": "critical", "columns": ["delay"], "message": "delay knows it"}],
    },
    "model": {
        "scores": [{"metric": "AUC", "value": 0.8, "interval": [0.7, 0.9], "label": "later rows", "headline": True}],
        "left_out": {"delay": "K01"}, "recipe": [], "verdicts": [], "findings": [],
    },
}  # fmt: skip


def with_dossier(model: Model, doc: dict[str, Any]) -> bytes:
    manifest, files = unpack(model.to_bytes())
    return pack(files | {DOSSIER: to_json(doc)}, {k: v for k, v in manifest.items() if k not in ("format", "files")})


def changed(path: str, value: Any) -> dict[str, Any]:
    doc = copy.deepcopy(GOOD)
    *way, last = path.split("/")
    place = doc
    for step in way:
        place = place[step]
    place[last] = value
    return doc


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["sign", "--new-key", ".", "--quiet"]) == 0


def status(capsys: pytest.CaptureFixture[str], name: str = "late.assay", *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["status", name, "--output-format", "json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_the_way_from_a_file_to_champion(model: Model, keys: None, capsys: pytest.CaptureFixture[str]):
    key = ("--key", "assay.pub.pem")
    Path("late.assay").write_bytes(with_dossier(model, GOOD))
    code, doc = status(capsys, "late.assay", *key)
    assert (code, doc["blocked_by"]) == (1, "signed") and doc["next"].startswith("assay sign late.assay")
    assert not Path(".assay").exists()  # to look makes no registry
    assert run(["sign", "late.assay", "--key", "assay.key.pem", "--quiet"]) == 0
    code, doc = status(capsys)
    assert (code, doc["blocked_by"]) == (1, "signed") and "name the public key" in doc["gates"][4]["evidence"]
    Path("assay.toml").write_text("[run]\npublic_key = 'assay.pub.pem'\n", "utf-8")
    code, doc = status(capsys)
    assert (code, doc["blocked_by"], doc["next"]) == (1, "approved", "assay registry add late.assay")
    assert run(["registry", "add", "late.assay", "--name", "late", "--quiet"]) == 0
    code, doc = status(capsys)
    assert (code, doc["blocked_by"]) == (1, "approved") and "approve late@0.1.0" in doc["next"]
    assert run(["registry", "approve", "late@0.1.0", "--reason", "seen", "--quiet"]) == 0
    assert run(["registry", "promote", "late@0.1.0", "challenger", "--reason", "x", "--quiet"]) == 0
    code, doc = status(capsys)
    assert (code, doc["blocked_by"]) == (1, "served") and doc["gates"][7]["evidence"] == "only late@challenger names it"
    assert run(["registry", "promote", "late@0.1.0", "champion", "--reason", "x", "--quiet"]) == 0
    code, doc = status(capsys, "late@champion")
    assert (code, doc["blocked_by"]) == (0, None) and {g["state"] for g in doc["gates"]} == {"passed"}


def test_another_key_does_not_pass(model: Model, keys: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Path("late.assay").write_bytes(with_dossier(model, GOOD))
    Path("other").mkdir()
    assert run(["sign", "--new-key", "other", "--quiet"]) == 0
    assert run(["sign", "late.assay", "--key", "other/assay.key.pem", "--quiet"]) == 0
    _, doc = status(capsys, "late.assay", "--key", "assay.pub.pem")
    assert doc["blocked_by"] == "signed"


LOSS = [{"metric": "log-loss", "value": 0.9, "label": "rows held out", "headline": True}]


def test_of_a_loss_less_is_enough(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.chdir(tmp_path)
    Path("late.assay").write_bytes(with_dossier(model, changed("model/scores", [LOSS[0] | {"value": 0.5}])))
    _, doc = status(capsys)
    fit = next(g for g in doc["gates"] if g["name"] == "fit")
    assert fit["state"] == "passed" and "log-loss 0.5" in fit["evidence"]


@pytest.mark.parametrize(
    ("path", "value", "gate", "says"),
    [
        ("report/question/owner", "", "question", "EMPTY: who owns it"),
        ("report/verdicts", [], "audit", "was not audited"),
        ("report/verdicts", [{"code": "D09", "verdict": "error"}], "audit", "failed to run: D09"),
        ("model/left_out", {}, "audit", "K01 stands: delay knows it"),
        ("model/scores", [], "fit", "no score on held-out rows"),
        ("report/question/enough", 0.81, "fit", "0.81 would be enough"),
        ("model/scores", LOSS, "fit", "0.7 would be enough"),
        ("model/verdicts", [{"code": "M05", "verdict": "found"}], "fit", "a rule of thumb does better"),
        ("model/verdicts", [{"code": "M08", "verdict": "error", "name": "n", "reason": "r"}], "proof", "M08 n: r"),
        ("report/settings/watch/alarm", "", "watch policy", "EMPTY: alarm"),
    ],
)
def test_each_gate_needs_its_own_evidence(
    path: str, value: Any, gate: str, says: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("late.assay").write_bytes(with_dossier(model, changed(path, value)))
    code, doc = status(capsys)
    states = {g["name"]: g for g in doc["gates"]}
    assert (
        code == 1 and states[gate]["state"] == "blocked" and says in states[gate]["evidence"] and states[gate]["next"]
    )
    others = {"question", "audit", "fit", "proof", "watch policy"} - {gate}
    assert {states[name]["state"] for name in others} == {"passed"}


def test_an_applied_repair_answers_a_finding(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    doc = changed("model/left_out", {})
    doc["model"]["recipe"] = [{"code": "K01", "applied": True, "proof": {"state": "kept"}}]
    path = tmp_path / "late.assay"
    path.write_bytes(with_dossier(model, doc))
    assert status(capsys, str(path))[1]["blocked_by"] == "signed"


def test_eighty_columns(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = model.save(tmp_path / "late.assay")
    assert run(["status", str(path)]) == 1
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80 and out.count("BLOCKS") == 1 and "\nnext  " in out
    assert run(["status", str(path), "--registry", str(tmp_path / "none")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_what_the_registry_calls_it_stands_first(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_REGISTRY", raising=False)
    Path("late.assay").write_bytes(with_dossier(model, GOOD))
    assert run(["registry", "add", "late.assay", "--name", "parcels", "--version", "3.1.0"]) == 0
    for asked, head in (
        ("parcels@3.1.0", f"parcels 3.1.0 (its file says {model.name} {model.version}), sha256"),
        ("late.assay", f"{model.name} {model.version}, sha256"),
    ):
        capsys.readouterr()
        run(["status", asked])
        assert capsys.readouterr().out.startswith(head)
