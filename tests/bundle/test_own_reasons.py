"""Reasons for models of any maker: a function, an estimator, an ONNX file; and what the command line says of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.bundle.own_reasons import explain_own
from assay.cli.app import run
from assay.core.errors import AssayError

from .conftest import Case

N = 400
Captured = pytest.CaptureFixture[str]


def table(seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    made = {c: rng.normal(size=N) for c in "abcdefgh"}
    made["town"] = rng.choice(["x", "y", None], N)
    made["out"] = np.where(made["a"] + made["b"] > 0, "yes", "no")
    return pa.table({k: pa.array(v.tolist()) for k, v in made.items()})


def score(rows):
    """Additive but for one product; the function that the reasons must give back."""
    a, b, c = (np.asarray(rows[k], float) for k in "abc")
    return 1 / (1 + np.exp(-(2 * a + b + 0.5 * a * c)))


def value(rows):
    return 3 * np.asarray(rows["a"], float) - np.asarray(rows["d"], float)


def test_a_linear_function_gives_its_own_terms_back():
    given = table()
    at, scored, e = explain_own(value, given.drop_columns(["out"]), pick=lambda n: [3, 0])
    a, d = (np.array(given[c].to_pylist()) for c in "ad")
    assert at == [3, 0] and [s["prediction"] for s in scored] == pytest.approx((3 * a - d)[[3, 0]])
    place = {c: j for j, c in enumerate(e.columns)}
    spread = e.contributions[:, place["a"]] - 3 * a[[3, 0]]
    assert np.ptp(spread) < 1e-9, "3 a up to the constant of the background"
    assert not e.contributions[:, [place[c] for c in ("b", "c", "town")]].any()
    assert np.allclose(e.baseline + e.contributions.sum(1), e.output) and e.against == "sample"


def test_a_probability_is_explained_for_the_positive_class():
    at, scored, e = explain_own(score, table(), target="out")
    assert len(at) == 5 and e.of == ("yes",) * 5
    assert np.allclose([s["p_yes"] for s in scored], e.output)
    assert np.allclose(e.baseline + e.contributions.sum(1), e.output, atol=1e-12)
    assert all("a = " in r[0] or "b = " in r[0] for r in e.reasons)


def test_an_onnx_file_is_explained_as_the_function_that_it_holds(tmp_path):
    from onnx import TensorProto, helper

    column = [helper.make_tensor_value_info(c, TensorProto.DOUBLE, ["N", 1]) for c in "ad"]
    out = helper.make_tensor_value_info("value", TensorProto.DOUBLE, ["N", 1])
    three = helper.make_tensor("three", TensorProto.DOUBLE, [1], [3.0])
    nodes = [helper.make_node("Mul", ["a", "three"], ["a3"]), helper.make_node("Sub", ["a3", "d"], ["value"])]
    graph = helper.make_graph(nodes, "theirs", column, [out], [three])
    path = tmp_path / "theirs.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path.write_bytes(made.SerializeToString())
    given = table().drop_columns(["out"])
    _, _, file = explain_own(str(path), given)
    _, _, live = explain_own(value, given)
    assert np.allclose(file.contributions, live.contributions, atol=1e-9) and file.contributions.any()


def test_an_estimator_is_explained_on_the_columns_that_it_was_fitted_on():
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    given = table()
    X = pd.DataFrame({c: given[c].to_numpy() for c in "abc"})
    _, _, e = explain_own(LogisticRegression().fit(X, given["out"].to_pylist()), given, target="out")
    assert e.columns == ("a", "b", "c") and e.exact and e.of == ("yes",) * 5
    assert np.allclose(e.baseline + e.contributions.sum(1), e.output)


def test_more_pairs_bring_the_drawn_values_to_those_of_every_subset():
    """The same function of six columns is exact; beside two that change nothing it is drawn."""
    small = table().select(["a", "b", "c", "d", "e", "f"])
    wide = table().select(["a", "b", "c", "d", "e", "f", "g", "h"])

    def three(rows):
        a, b, c = (np.asarray(rows[k], float) for k in "abc")
        return a * b * c + np.abs(a + b)

    exact = explain_own(three, small, pick=lambda n: [0, 1, 2])[2]
    drawn = explain_own(three, wide, pick=lambda n: [0, 1, 2], pairs=16 * 64)[2]
    assert exact.exact and not drawn.exact
    assert exact.contributions.shape == (3, 6) and drawn.contributions.shape == (3, 8)
    # other backgrounds (rows are drawn by hash of their cells), so only what the sampling promises is compared
    assert np.allclose(drawn.baseline + drawn.contributions.sum(1), drawn.output)
    assert not drawn.contributions[:, 6:].any()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from assay.cli.output import write_table

    folder = tmp_path_factory.mktemp("explain")
    case = Case("binary", "lightgbm")
    case.build().save(folder / "m.assay")
    write_table(case.table.arrow().slice(0, 20).drop_columns(["late"]), folder / "rows.csv")
    write_table(table(), folder / "theirs.csv")
    (folder / "theirs_model.py").write_text(
        "import numpy as np\ndef score(rows):\n    return 1 / (1 + np.exp(-2 * np.asarray(rows['a'], float)))\n"
    )
    return folder


def test_the_command_line_says_a_sentence_a_row(files: Path, capsys: Captured):
    assert run(["explain", str(files / "m.assay"), str(files / "rows.csv"), "--row", "2"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("row 2  ") and "late = yes: 0." in told and "(usual 0." in told
    assert max(len(line) for line in told.splitlines() if "reason" not in line) <= 80


def test_the_json_holds_contributions_that_add_up(files: Path, capsys: Captured):
    words = ["explain", str(files / "m.assay"), str(files / "rows.csv"), "--output-format", "json", "--change"]
    assert run(words) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 5
    for r in rows:
        total = r["usual"] + sum(c["moved"] for c in r["contributions"])
        assert total == pytest.approx(r["p_yes"], abs=1e-6)
        assert all(c["interval"][0] <= c["moved"] <= c["interval"][1] for c in r["contributions"])
        assert r["change"]["alternatives"] or r["change"]["why"]


def test_what_would_change_it_says_that_it_is_about_the_model(files: Path, capsys: Captured):
    assert run(["explain", str(files / "m.assay"), str(files / "rows.csv"), "--change", "--fixed", "clock"]) == 0
    told = capsys.readouterr().out
    assert "about the model, not about the world" in " ".join(told.split()) and "would answer" in told
    assert "if clock were" not in told and "and clock were" not in told


@pytest.mark.parametrize("first", [True, False])
def test_a_model_of_another_maker_on_the_command_line(files: Path, capsys: Captured, monkeypatch, first: bool):
    monkeypatch.chdir(files)
    monkeypatch.syspath_prepend(str(files))
    word = "theirs_model:score"
    words = ["explain", word, "theirs.csv"] if first else ["explain", "--model", word, "theirs.csv"]
    assert run([*words, "--target", "out", "--row", "1"]) == 0
    told = capsys.readouterr().out
    assert "row 1  " in told and "mostly because a = " in told
    sys.modules.pop("theirs_model", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m.assay"], "a table is needed"),
        (["--model", "x.onnx"], ""),
        (["x.onnx", "theirs.csv", "--change"], "--change searches the graph"),
        (["m.assay", "rows.csv", "--row", "99"], "--row must lie between"),
        (["m.assay", "rows.csv", "--to", "maybe"], "the wanted class must be one of"),
        (["m.assay", "rows.csv", "--fixed", "clocck"], "did you mean clock"),
        (["m.assay", "rows.csv", "--against", "mean"], "against must be usual or typical"),
        (["missing.onnx", "theirs.csv"], "cannot be read"),
    ],
)
def test_wrong_words_are_one_sentence(files: Path, capsys: Captured, monkeypatch, words, said):
    monkeypatch.chdir(files)
    assert run(["explain", *words]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") <= 1 and "Traceback" not in told


def test_a_model_that_fails_is_one_sentence():
    def broken(rows):
        raise RuntimeError("no")

    with pytest.raises(AssayError, match="the model failed"):
        explain_own(broken, table(), target="out")
