"""Models that assay did not make are judged like its own: estimators, functions, ONNX files, names."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import assay
from assay.audit.opening import open_subject, with_model
from assay.bundle.own_model import open_model
from assay.bundle.policy import check_foreign
from assay.cli.app import run
from assay.core.errors import AssayError, BundleError, InputError, SettingsError
from assay.core.settings import Settings
from assay.core.subject import BUILD, JUDGE
from assay.core.table import SampleSpec

pd = pytest.importorskip("pandas")


def table(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    words = rng.choice(["red", "green", "blue"], n)
    lift = np.select([words == "red", words == "green"], [1.0, -1.0], 0.0)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-1.5 * x - lift)), "yes", "no")
    return pd.DataFrame({"z": z, "x": x, "colour": words, "y": y, "three": rng.choice(["a", "b", "c"], n)})


def pipeline(frame, target="y"):
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = ["x", "z", "colour"]
    coded = ColumnTransformer([("c", OneHotEncoder(), ["colour"])], remainder="passthrough")
    return make_pipeline(coded, LogisticRegression()).fit(frame[columns], frame[target])


def outputs(frame, model, target="y", **said):
    subject = open_subject(frame.drop(columns="three") if target == "y" else frame.drop(columns="y"), target=target,
                           **said)  # fmt: skip
    subject = with_model(subject, open_model(model, subject), Settings())
    given = subject.predictions
    rows = subject.table.sample(SampleSpec(n=10**6))
    assert np.array_equal(rows.row_id, given.row_id)
    return given, rows.position


def test_an_estimator_gives_its_own_shares_in_the_order_of_the_target():
    frame = table()
    made = pipeline(frame)
    given, position = outputs(frame, made)
    assert given.classes == ("no", "yes")
    assert np.allclose(given.output, made.predict_proba(frame)[position])
    assert (given.part == JUDGE).all()


def test_rows_that_the_split_column_calls_train_are_seen():
    frame = table()
    frame["part"] = np.where(np.arange(len(frame)) % 3 == 0, "test", "train")
    given, position = outputs(frame, pipeline(frame), roles={"split": "part"})
    test = (frame["part"].to_numpy() == "test")[position]
    assert (given.part == np.where(test, JUDGE, BUILD)).all()


@pytest.mark.parametrize("target", ["y", "three"])
def test_a_function_may_give_shares_or_classes(target):
    frame = table()
    made = pipeline(frame, target)
    shares, position = outputs(frame, lambda rows: made.predict_proba(rows), target)
    assert np.allclose(shares.output, made.predict_proba(frame)[position])
    labels, position = outputs(frame, lambda rows: made.predict(rows), target)
    assert set(np.unique(labels.output)) == {0.0, 1.0}
    said = np.array(labels.classes)[labels.output.argmax(1)]
    assert (said == made.predict(frame)[position]).all()


def test_a_function_may_give_the_share_of_the_positive_class_or_a_value():
    frame = table()
    made = pipeline(frame)
    one, position = outputs(frame, lambda rows: made.predict_proba(rows)[:, 1])
    assert np.allclose(one.output[:, 1], made.predict_proba(frame)[position, 1])
    frame["y"] = frame["x"] * 2
    value, position = outputs(frame, lambda rows: rows["x"] * 2)
    assert np.allclose(value.output, frame["y"].to_numpy()[position])


def linear(inputs, zipmap, names=("no", "yes")):
    """P(yes) = sigmoid(2 x), of a matrix (z, x) or of two columns."""
    nodes, given = [], []
    if inputs == "matrix":
        given = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])]
        feed = "X"
    else:
        given = [helper.make_tensor_value_info(c, TensorProto.FLOAT, [None, 1]) for c in ("z", "x")]
        nodes.append(helper.make_node("Concat", ["z", "x"], ["X"], axis=1))
        feed = "X"
    nodes.append(
        helper.make_node(
            "LinearClassifier", [feed], ["label", "raw"], domain="ai.onnx.ml", coefficients=[0.0, -2.0, 0.0, 2.0],
            intercepts=[0.0, 0.0], classlabels_strings=list(names), post_transform="NONE", multi_class=1,
        )
    )  # fmt: skip
    nodes.append(helper.make_node("Softmax", ["raw"], ["shares"], axis=1))
    out = [helper.make_tensor_value_info("label", TensorProto.STRING, [None])]
    if zipmap:
        nodes.append(helper.make_node("ZipMap", ["shares"], ["maps"], domain="ai.onnx.ml",
                                      classlabels_strings=list(names)))  # fmt: skip
        kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        out.append(helper.make_value_info("maps", helper.make_sequence_type_proto(kind)))
    else:
        out.append(helper.make_tensor_value_info("shares", TensorProto.FLOAT, [None, 2]))
    graph = helper.make_graph(nodes, "g", given, out)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("inputs", ["matrix", "columns"])
def test_an_onnx_file_of_another_maker(tmp_path, inputs, zipmap):
    frame = table().drop(columns="colour")
    path = tmp_path / "theirs.onnx"
    path.write_bytes(linear(inputs, zipmap).SerializeToString())
    given, position = outputs(frame, str(path))
    want = 1 / (1 + np.exp(-4 * frame["x"].to_numpy()))
    assert np.allclose(given.output[:, 1], want[position], atol=1e-5)


def test_the_order_of_classes_is_read_off_the_labels(tmp_path):
    """The graph names its classes the other way around: its first column is the positive class."""
    frame = table().drop(columns="colour")
    path = tmp_path / "theirs.onnx"
    path.write_bytes(linear("matrix", False, names=("yes", "no")).SerializeToString())
    given, position = outputs(frame, str(path))
    want = 1 / (1 + np.exp(4 * frame["x"].to_numpy()))
    assert np.allclose(given.output[:, 1], want[position], atol=1e-5)


def test_the_bytes_of_a_bundle_are_a_model():
    """What ``check --model late@champion`` hands over."""
    from tests.bundle.conftest import Case

    made = Case("binary", "linear").build()
    assert open_model(made.to_bytes(), None).digest == made.digest


def test_what_cannot_be_a_model_is_one_sentence(tmp_path):
    frame = table()
    made = pipeline(frame)
    cases = {
        "must be fitted": dict,
        "takes 2 arguments": lambda X, y: y,
        "the model failed": lambda rows: rows["nothing"],
        "one prediction for each": lambda rows: [0.5],
        "NaN or infinity": lambda rows: np.full(len(rows), np.nan),
        "add up to 1": lambda rows: np.full((len(rows), 2), 3.0),
        "none of no, yes": lambda rows: np.full(len(rows), "perhaps"),
        "a model must be": 7,
    }
    for words, bad in cases.items():
        with pytest.raises(AssayError, match=words):
            outputs(frame, bad)
    with pytest.raises(InputError, match="'colour'"):
        outputs(frame.drop(columns="colour"), made)
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"nothing")
    with pytest.raises(BundleError):
        outputs(frame, bad)
    with pytest.raises(InputError, match="cannot be read"):
        outputs(frame, tmp_path / "absent.onnx")
    with pytest.raises(SettingsError, match="names a module"):
        outputs(frame, "my_code.py:model")


def test_a_file_that_reaches_outside_is_refused():
    proto = linear("matrix", False)
    inner = helper.make_graph([], "inner", [], [])
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    inner.initializer.append(tensor)
    check_foreign(proto.SerializeToString())
    proto.graph.node.append(helper.make_node("If", ["label"], ["never"], then_branch=inner, else_branch=inner))
    with pytest.raises(BundleError, match="outside its file"):
        check_foreign(proto.SerializeToString())
    direct = linear("matrix", False)
    direct.graph.initializer.append(tensor)
    with pytest.raises(BundleError, match="outside its file"):
        check_foreign(direct.SerializeToString())
    with pytest.raises(BundleError):
        check_foreign(onnx.ModelProto().SerializeToString())


def test_a_bad_model_is_found_and_a_good_one_is_not():
    """The same table, from Python: an overconfident function has a finding that the honest one has not."""
    frame = table(4000, 3).drop(columns="three")
    made = pipeline(frame)

    def overconfident(rows):
        p = made.predict_proba(rows)[:, 1]
        return 1 / (1 + (1 / p - 1) ** 4)

    select = Settings(select=("M07",))
    loud = assay.check(frame, target="y", model=overconfident, settings=select)
    assert {f.code for f in loud.findings} == {"M07"}
    assert not assay.check(frame, target="y", model=made, settings=select).findings


def test_the_command_takes_a_name(tmp_path, monkeypatch, capsys):
    frame = table(600).drop(columns="three")
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "their_model_code.py").write_text(
        "import numpy as np\n\n\ndef model(rows):\n    print('loading')\n"
        "    return 1 / (1 + np.exp(-1.5 * rows['x'].to_numpy()))\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ["check", "t.csv", "--target", "y", "--model", "their_model_code:model", "--select", "M", "--exit-zero"]
    assert run([*words, "-q"]) == 0
    shown = capsys.readouterr().out
    assert "loading" not in shown and "trained on other rows" in " ".join(shown.split())
    assert run([*words[:5], "their_model_code:absent", "-q"]) == 2
