"""ONNX files of other makers inside a bundle: raw columns in, named outputs out, the same answers; all else refused."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pyarrow as pa
import pyarrow.csv
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.bundle.archive import pack, to_json, unpack
from assay.bundle.importing.onnx_file import import_onnx
from assay.bundle.model import Model
from assay.bundle.policy import IMPORTED_OPERATORS, check_graph
from assay.bundle.verify import verify
from assay.cli.app import run
from assay.cli.import_ import import_
from assay.core.errors import AssayError, BundleError, InputError, SettingsError
from tests.bundle.test_published import validate

F, I, S = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(3, 3)).astype(np.float32)


def table(n=200):
    rng = np.random.default_rng(1)
    return pa.table({
        "b": rng.normal(size=n), "a": rng.normal(size=n), "c": rng.integers(0, 2400, n) / 1000.0,
        "colour": rng.choice(["red", "green"], n), "y": rng.choice(["x", "y", "z"], n),
    })  # fmt: skip


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs, outputs, tensors=(), opset=15, ml=3):
    made = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in tensors])
    ids = [helper.make_opsetid("", opset), *([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])]
    return helper.make_model(made, opset_imports=ids, ir_version=8).SerializeToString()


def softmax(opset=15, label=True, **more):
    nodes = [helper.make_node("MatMul", ["X", "W"], ["raw"]), helper.make_node("Softmax", ["raw"], ["p"], axis=1)]
    outputs = [value("p", F, None, 3)]
    if label:
        nodes.append(helper.make_node("ArgMax", ["p"], ["l"], axis=1, keepdims=0))
        outputs = [value("l", I, None), *outputs]
    return graph(nodes, [value("X", F, None, 3)], outputs, [("W", WEIGHTS)], opset, **more)


def own(data, feed):
    names = [o.name for o in ort.InferenceSession(data).get_outputs()]
    return dict(zip(names, ort.InferenceSession(data).run(None, feed), strict=True))


@pytest.mark.parametrize("opset", [9, 13, 15, 20])
def test_a_matrix_of_numbers(opset):
    rows = table().drop_columns(["colour", "y"])
    data = softmax(opset)
    made = import_onnx(data, rows, name="soft")
    X = np.column_stack([rows[c].to_numpy() for c in ("b", "a", "c")]).astype(np.float32)
    assert np.abs(made.predict_proba(rows) - own(data, {"X": X})["p"]).max() < 1e-6
    assert made.columns == ("b", "a", "c") and made.classes == ("0", "1", "2") and made.name == "soft"
    assert made.predict(rows).tolist() == own(data, {"X": X})["l"].tolist(), "whole numbers, as its own labels"
    assert "neither fitted nor audited" in made.dossier["model"]["imported"]["says"]
    found = verify(made.to_bytes())
    assert found.whole and any("another maker" in c.says for c in found.checks)
    assert Model.load(made.to_bytes()).digest == made.digest == import_onnx(data, rows, name="soft").digest
    validate(made.to_bytes())


def test_one_input_a_column_with_words_and_maps():
    nodes = [
        helper.make_node("LabelEncoder", ["colour"], ["code"], domain="ai.onnx.ml", keys_strings=["red", "green"],
                         values_floats=[1.0, 2.0], default_float=0.5),
        helper.make_node("Concat", ["a", "code"], ["X"], axis=1),
        helper.make_node("MatMul", ["X", "W"], ["raw"]), helper.make_node("Softmax", ["raw"], ["p"], axis=1),
        helper.make_node("ZipMap", ["p"], ["maps"], domain="ai.onnx.ml", classlabels_strings=["late", "early"]),
    ]  # fmt: skip
    maps = helper.make_value_info("maps", helper.make_sequence_type_proto(
        helper.make_map_type_proto(S, helper.make_tensor_type_proto(F, []))))  # fmt: skip
    data = graph(nodes, [value("a", F, None, 1), value("colour", S, None, 1)], [maps], [("W", WEIGHTS[:2, :2])])
    rows = table()
    made = import_onnx(data, rows, target="y")
    assert made.columns == ("a", "colour") and made.classes == ("late", "early") and made.target == "y"
    feed = {"a": rows["a"].to_numpy().astype(np.float32)[:, None],
            "colour": np.array(rows["colour"].to_pylist(), object)[:, None]}  # fmt: skip
    want = np.array([[m["late"], m["early"]] for m in own(data, feed)["maps"]])
    assert np.abs(made.predict_proba(rows) - want).max() < 1e-6
    missing = made.predict_proba([{"a": 1.0, "colour": None}])
    assert np.array_equal(missing, made.predict_proba([{"a": 1.0, "colour": ""}])), "a missing word is an empty one"


def test_a_graph_that_refuses_what_it_does_not_know():
    """Scikit-learn's encoder fails on an unknown word, in the graph too: no golden row holds one, and a row that does
    is named."""
    nodes = [
        helper.make_node("OneHotEncoder", ["colour"], ["hot"], domain="ai.onnx.ml", cats_strings=["red", "green"],
                         zeros=0),
        helper.make_node("Reshape", ["hot", "two"], ["flat"]), helper.make_node("Softmax", ["flat"], ["p"], axis=1),
    ]  # fmt: skip
    two = [("two", np.array([-1, 2], np.int64))]
    data = graph(nodes, [value("colour", S, None, 1)], [value("p", F, None, 2)], two)
    made = import_onnx(data, table().select(["colour"]), classes=("a", "b"))
    words = {json.loads(line)["colour"] for line in made._files["examples/inputs.jsonl"].splitlines()}
    assert words == {"red", "green"} and made.predict([{"colour": "red"}]).tolist() == ["a"]
    with pytest.raises(InputError, match="no number for row 1: it may not take missing values, or words"):
        made.predict([{"colour": "red"}, {"colour": "mauve"}, {"colour": "green"}])


def test_trees_of_another_maker():
    trees = helper.make_node(
        "TreeEnsembleClassifier", ["X"], ["l", "p"], domain="ai.onnx.ml", classlabels_int64s=[0, 1],
        nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_values=[0.1, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0] * 4, class_nodeids=[1, 1, 2, 2], class_ids=[0, 1, 0, 1],
        class_weights=[1.0000002, -1e-7, 0.3, 0.7],
    )  # fmt: skip
    data = graph([trees], [value("X", F, None, 2)], [value("l", I, None), value("p", F, None, 2)], ml=1)
    rows = table().select(["b", "a"])
    made = import_onnx(data, rows)
    want = np.where(rows["a"].to_numpy() <= np.float32(0.1), 0.0, 0.7)
    got = made.predict_proba(rows)
    assert np.allclose(got[:, 1], want, atol=1e-6)
    assert got.min() >= 0.0 and got.max() <= 1.0 and made.predict_set(rows).all(), "a rounding error is no probability"


def test_values_and_one_share():
    line = [helper.make_node("MatMul", ["X", "W"], ["z"])]
    rows = table().drop_columns(["colour", "y"])
    made = import_onnx(
        graph(line, [value("X", F, None, 3)], [value("z", F, None, 1)], [("W", WEIGHTS[:, :1])], ml=0), rows
    )
    assert made.task == "regression" and made.parity["max"] <= 1e-6
    with pytest.raises(InputError, match="no number for row 1: it may not take missing values"):
        made.predict([{"a": 1, "b": 1, "c": 1}, {"a": None, "b": 1, "c": 1}])
    squashed = [*line, helper.make_node("Sigmoid", ["z"], ["p"])]
    one = graph(squashed, [value("X", F, None, 3)], [value("p", F, None, 1)], [("W", WEIGHTS[:, :1])], ml=0)
    both = import_onnx(one, rows, classes=("no", "yes"))
    assert both.classes == ("no", "yes") and np.allclose(both.predict_proba(rows).sum(1), 1.0)


def test_what_is_refused():
    rows = table().drop_columns(["colour", "y"])
    raw = [helper.make_node("MatMul", ["X", "W"], ["z"])]
    x, w = [value("X", F, None, 3)], [("W", WEIGHTS)]
    custom = [helper.make_node("Magic", ["X"], ["z"], domain="com.example")]
    three = {"classes": ("a", "b", "c")}
    shares = [*raw, helper.make_node("Softmax", ["z"], ["p"], axis=1)]
    large = [*shares, helper.make_node("Expand", ["p", "shape"], ["big"])]
    shape = [*w, ("shape", np.array([1, 3], np.int64))]
    cases = [
        (b"junk", rows, {}, BundleError, "damaged"),
        (graph(custom, x, [value("z", F, None, 3)]), rows, {}, BundleError, "does not load"),
        (graph(large, x, [value("big", F, None, 3)], shape), rows, three, BundleError, "'Expand'"),
        (graph(raw, x, [value("z", F, None, 3)], w), rows, {}, SettingsError, "add up to 1"),
        (softmax(label=False), rows, {}, SettingsError, "--classes"),
        (softmax(label=False), rows, {"classes": ("a", "a", "b")}, SettingsError, "--classes"),
        (softmax(), rows.drop_columns(["c"]), {}, InputError, "matrix of 3 columns"),
        (softmax(), table().drop_columns(["y", "c"]), {}, InputError, "text"),
        (softmax(), rows.slice(0, 0), {}, InputError, "checked on rows"),
        (softmax(), rows, {"name": "a b"}, SettingsError, "name"),
        (softmax(), rows, {"version": "1"}, SettingsError, "version"),
    ]
    for data, given, said, error, match in cases:
        with pytest.raises(error, match=match) as caught:
            import_onnx(data, given, **said)
        assert "\n" not in str(caught.value)


def test_the_wider_policy_is_for_imported_graphs_alone():
    """A bundle cannot pass a foreign graph off as assay's own, and what makes large things never passes."""
    rows = table().drop_columns(["colour", "y"])
    made = import_onnx(softmax(), rows)
    manifest, files = unpack(made.to_bytes())
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    schema = json.loads(files["schema.json"])
    del schema["x-assay"]["graph"]
    with pytest.raises(BundleError, match=r"operator"):
        Model.load(pack(files | {"schema.json": to_json(schema)}, about))
    for op in ("Expand", "Tile", "ConstantOfShape", "Range", "Loop", "If", "Scan", "RandomNormal"):
        assert op not in IMPORTED_OPERATORS[""]
        node = helper.make_node(op, ["X"], ["z"])
        with pytest.raises(BundleError, match="which it may not"):
            check_graph(graph([node], [value("X", F, 1)], [value("z", F, 1)], opset=20, ml=5), imported=True)
    with pytest.raises(BundleError, match="which it may not"):
        check_graph(softmax(opset=9), imported=True)


def test_the_verb(tmp_path, capsys):
    (tmp_path / "theirs.onnx").write_bytes(softmax())
    rows = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(table().drop_columns(["colour", "y"]), rows)
    out = tmp_path / "x.assay"
    base = ["import", str(tmp_path / "theirs.onnx")]
    assert run([*base, "--rows", str(rows), "-o", str(out), "--name", "soft", "--version", "1.2.0"]) == 0
    made = Model.load(out)
    assert (made.name, made.version) == ("soft", "1.2.0") and "not audited" in capsys.readouterr().err
    assert run(["show", str(out)]) == 0 and "neither fitted nor audited" in " ".join(capsys.readouterr().out.split())
    theirs, onto = tmp_path / "theirs.onnx", {"rows": str(rows), "output_file": out}
    for model, said, match in (
        (theirs, {"output_file": out}, "needs rows"), (theirs, {"rows": str(rows)}, "where the model goes"),
        (theirs, onto | {"rows": "none.csv"}, "none"), (tmp_path / "m.pkl", onto, "import_model"),
        (tmp_path / "no.onnx", onto, "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(AssayError, match=match):
            import_(model, **said)


MAKER = """
import numpy as np, pandas as pd
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
rng = np.random.default_rng(0)
n = 500
X = pd.DataFrame({"a": rng.normal(size=n).astype(np.float32), "b": rng.integers(0, 9, n).astype(np.float32),
                  "colour": rng.choice(["red", "green", "blue"], n)})
s = X.a + (X.colour == "red") + X.b / 5
y = np.where(s > 1, "yes", "no")
X.assign(y=y).to_csv("rows.csv", index=False)
pre = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["colour"])])
types = [("a", FloatTensorType([None, 1])), ("b", FloatTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
made = {"lr": LogisticRegression(), "rf": RandomForestClassifier(20), "gb": GradientBoostingClassifier(n_estimators=20),
        "mlp": MLPClassifier(max_iter=50), "svc": SVC(probability=True)}
for name, model in made.items():
    data = convert_sklearn(make_pipeline(pre, model).fit(X, y), initial_types=types).SerializeToString()
    open(name + ".onnx", "wb").write(data)
"""


@pytest.mark.slow
def test_files_of_skl2onnx(tmp_path):
    """Pipelines as the usual converter writes them, made in an environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    install = [tmp_path / "env" / "bin" / "pip", "install", "-q", "skl2onnx", "pandas"]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip("skl2onnx could not be installed: no package registry is in reach")
    subprocess.run([tmp_path / "env" / "bin" / "python", "-W", "ignore", "-c", MAKER], cwd=tmp_path, check=True)
    made = sorted(tmp_path.glob("*.onnx"))
    assert len(made) == 5
    for path in made:
        model = import_onnx(path, tmp_path / "rows.csv", target="y")
        assert model.classes == ("no", "yes") and model.parity["max"] <= 1e-6 and model.parity["rows"] == 500
        assert onnx.load_model_from_string(model._files["model/model.onnx"]).producer_name == "assay"
