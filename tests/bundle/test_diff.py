"""Two models side by side: every kind of change is named, and nothing where there is none."""

from __future__ import annotations

import json

import pytest

from assay.bundle import signing
from assay.bundle.archive import pack, to_json, unpack
from assay.bundle.diff import PARTS, diff, to_doc
from assay.bundle.model import Model
from assay.cli.app import run
from tests.bundle.conftest import Case
from tests.report.flights import dossier


def with_documents(model, dossier=None, lineage=None, **about):
    """The same graph with other documents."""
    manifest, files = unpack(model.to_bytes())
    said = {k: v for k, v in manifest.items() if k not in ("format", "files")} | about
    made = {"dossier.json": dossier, "lineage.json": lineage}
    return Model.load(pack(files | {k: to_json(v) for k, v in made.items() if v is not None}, said))


@pytest.fixture(scope="module")
def other():
    return Case("binary", "linear").build()


def told(a, b):
    return {f"{c.part}: {c.what}": (c.a, c.b, c.says) for c in diff(a, b)}


def test_the_same_model(model):
    assert diff(model, model) == ()
    signed = Model.load(signing.sign(model.to_bytes(), signing.new_key()[0]))
    doc = to_doc(model, signed, diff(model, signed))
    assert doc["same_content"] and not doc["same_file"]
    assert [(c["part"], c["what"]) for c in doc["changes"]] == [("cost", "bytes")], "a signature adds bytes, no more"


def test_another_model_of_the_same_table(model, other):
    found = told(model, other)
    rows = len(unpack(model.to_bytes())[1]["examples/inputs.jsonl"].splitlines())
    says = found.pop(f"answers: {rows} golden rows")[2]
    assert "probabilities differ by up to" in says and f"of {rows} changed" in says
    assert {k.partition(":")[0] for k in found} == {"thresholds", "cost"}


def test_identity_and_descent(model):
    child = with_documents(model, name="late", version="2.0.0", parents=[model.digest])
    found = told(model, child)
    assert found["identity: version"][:2] == ("0.1.0", "2.0.0") and "parent" in found["identity: descent"][2]
    assert "identity: descent" not in told(child, model)


def test_columns_categories_kinds_and_ranges(model):
    schema = json.loads(unpack(model.to_bytes())[1]["schema.json"])
    own = schema["x-assay"]["columns"]
    own["colour"]["categories"] = ["red", "green", "mauve"]
    own["amount"]["range"] = [0.0, 1.0]
    own["clock"]["kind"] = "number"
    manifest, files = unpack(model.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    found = told(model, Model.load(pack(files | {"schema.json": to_json(schema)}, about)))
    assert found["columns: colour, categories"][2] == "new: mauve; gone: blau"
    assert found["columns: amount, range"][1] == "0 to 1"
    assert found["columns: clock"][:2] == ("clock", "number")


def test_scores_findings_data_and_verdicts(model):
    first, second = dossier(), dossier()
    a = with_documents(model, first, {"data": "a.csv", "seed": 0, "versions": {"numpy": "2.0"}})
    assert diff(a, a) == ()
    one = second["model"]["scores"][0]
    lo, hi = one["interval"]
    one["value"] = (lo + hi) / 2 + 1e-4
    gone = second["report"]["findings"].pop(0)
    second["report"]["verdicts"][0]["verdict"] = "undecided"
    b = with_documents(model, second, {"data": "b.csv", "seed": 0, "versions": {"numpy": "2.1"}})
    found = told(a, b)
    assert found["data: table"][:2] == ("a.csv", "b.csv") and found["data: version of numpy"][:2] == ("2.0", "2.1")
    scored = [v for k, v in found.items() if k.startswith("scores: ")]
    assert len(scored) == 1 and "cannot tell which is better" in scored[0][2]
    lost = [k for k, v in found.items() if k.startswith(f"findings: {gone['code']} ")]
    assert len(lost) == 1 and found[lost[0]][1] == "-"
    assert any(k.startswith("findings: verdict of") and v[1] == "undecided" for k, v in found.items())
    one["interval"] = [hi + 0.1, hi + 0.2]
    apart = told(a, with_documents(model, second))
    assert all("cannot tell" not in v[2] for k, v in apart.items() if k.startswith("scores: "))


def test_other_targets_cannot_be_compared_by_their_answers(model):
    value = Case("regression", "tree").build()
    found = told(model, value)
    assert "cannot be compared" in found["answers: golden rows"][2] and found["target: task"][1] == "regression"
    assert {k.partition(":")[0] for k in found} <= set(PARTS)


def test_the_verb(tmp_path, model, other, capsys):
    a, b = model.save(tmp_path / "a.assay"), other.save(tmp_path / "b.assay")
    assert run(["diff", str(a), str(b)]) == 0
    out = capsys.readouterr().out
    assert model.digest in out and "answers" in out
    assert run(["diff", str(a), str(a)]) == 0 and "the same file" in capsys.readouterr().out
    assert run(["diff", str(a), str(b), "-o", str(tmp_path / "d.json"), "-q"]) == 0
    doc = json.loads((tmp_path / "d.json").read_text())
    assert doc["b"]["digest"] == other.digest and {c["part"] for c in doc["changes"]} <= set(PARTS)
    for words in (
        ["diff", str(a)],
        ["diff", str(a), "none.assay"],
        ["diff", str(a), str(b), "--output-format", "html"],
    ):
        assert run(words) == 2
