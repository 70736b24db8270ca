"""Variants: smaller, close, recorded, and refused where they would be neither."""

from __future__ import annotations

import json
import pickle

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import assay
from assay.bundle import quantizing, variant_record, variants
from assay.bundle.archive import pack, to_json, unpack
from assay.bundle.diff import diff
from assay.bundle.exports import graph
from assay.bundle.feed import feed_from
from assay.bundle.importing.onnx_file import import_onnx
from assay.bundle.model import Model
from assay.bundle.pruning import layers, pruned, surgery
from assay.bundle.published import schema as published
from assay.bundle.verify import verify
from assay.cli.app import run
from assay.core.errors import BundleError, SettingsError
from tests.bundle.conftest import Case

from .compiled import COMPILER, STRICT, Compiled, write
from .models import awkward, everything
from .test_c import checked, same


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(variant_record, "ROUNDS", 3)
    monkeypatch.setattr(variants, "SHARES", (0.7, 0.4, 0.1))


@pytest.fixture(scope="module")
def case():
    made = Case("binary", "network")
    made.model = made.build()
    made.rows = made.raw.arrow.select([i.column for i in made.model._schema.inputs])
    made.truth = made.raw.arrow["late"].to_pylist()
    return made


@pytest.fixture(scope="module")
def thin(case):
    """The network with three of ten hidden units gone, beside one with weights of 8 bits besides."""
    half = variants.make(case.model, case.rows, case.truth, int8=False, prune=0.3)
    return variants.make(half, case.rows, case.truth, prune=0.3)


@pytest.fixture(scope="module")
def eight(case):
    return variants.make(case.model, case.rows.slice(0, 200), within=0.5)


def rows_of(model, n):
    feed = awkward(model, n, seed=1)
    finite = {k: np.where(np.isinf(v), np.nan, v) if v.dtype != object else v for k, v in feed.items()}
    return {i.column: finite[i.input][:, 0] for i in model._schema.inputs}


def test_a_variant_is_smaller_and_its_record_is_what_it_does(monkeypatch):
    monkeypatch.setattr(quantizing, "ENOUGH", 0.99)  # the network of this test is tiny: its graph is texts, mostly
    model = everything("binary", members="network")
    rows = rows_of(model, 300)
    truth = model.predict(rows)
    made = Model(variants.make(model, rows, truth).to_bytes())
    record = json.loads(made._files["model/alt/int8.json"])
    small = graph.to_onnx(made, "int8")
    assert record["bytes"] == [len(graph.to_onnx(made)), len(small)] and len(small) < len(graph.to_onnx(made))
    assert 0 < record["worst_change"] < 0.1 and record["mean_change"] <= record["worst_change"]
    assert record["accuracy"][0] == 1.0 and record["accuracy"][1] == pytest.approx(1 - record["labels_changed"])
    assert record["log_loss"][1] != record["log_loss"][0] and record["rows"] == 300
    np.testing.assert_array_equal(made.predict(rows), truth)  # the file itself predicts as before


def test_a_model_without_a_network_gets_no_variant():
    model = everything("binary", members="linear")
    rows = rows_of(model, 100)
    with pytest.raises(SettingsError, match="only the layers of a network get smaller"):
        variants.make(model, rows)
    with pytest.raises(SettingsError, match="only hidden units of a network can be taken out"):
        variants.make(model, rows, int8=False, prune=0.5)
    with pytest.raises(SettingsError, match="the file holds no variant 'int8' of its graph: it has none"):
        graph.to_onnx(model, "int8")


def test_units_are_gone_from_the_graph_and_the_record_is_measured_on_rows_that_chose_nothing(case, thin):
    import onnx

    own, small = (onnx.load_model_from_string(graph.to_onnx(thin, v)) for v in (None, "pruned"))
    assert [layer.units for layer in layers(own)] == [96, 48]
    assert [layer.units for layer in layers(small)] == [68, 32]
    record = variants.held(thin, "pruned")[1]
    assert record["units"] == [[96, 68], [48, 32]] and record["rows"] == record["rows_fitted"] == case.raw.n // 2
    assert record["bytes"][1] < 0.7 * record["bytes"][0]
    other = variants.Variant(thin.to_bytes(), "pruned")
    judged = case.rows.take(np.arange(1, case.raw.n, 2))
    gap = np.abs(other.predict_proba(judged) - case.model.predict_proba(judged))
    assert record["worst_change"] == pytest.approx(gap.max(), abs=1e-9) and 0 < gap.mean() < 0.01
    assert record["coverage"][0] > 0.85 and record["accuracy"][1] > 0.78
    assert variants.names(thin) == ["pruned", "pruned-int8"] and other.version == "0.1.0+pruned"
    assert len(graph.to_onnx(thin, "pruned-int8")) < 0.5 * record["bytes"][1]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(other)).predict_proba(judged), other.predict_proba(judged))


def test_the_refit_makes_up_for_what_went():
    """Units that say what others say cost nothing, whichever way they are spread; without a refit they would."""
    rng = np.random.default_rng(0)
    base = np.maximum(rng.normal(size=(400, 6)), 0.0)
    A = np.column_stack((base, base @ rng.normal(size=(6, 6)), np.full(400, 2.0)))  # 13 units, of rank 7
    W = rng.normal(size=(13, 3))
    at, fitted, constant = surgery(A, A @ W, W, 6, constant=True)
    far = np.abs(A[:, at] @ fitted + constant - A @ W).max()
    assert len(at) == 6 and far < 0.02 * np.abs(A @ W).max()
    assert np.abs(A[:, at] @ W[at] - A @ W).max() > 20 * far


def test_pruning_costs_less_than_taking_the_smallest_weights(case, thin):
    import onnx
    from onnx import numpy_helper

    proto = onnx.load_model_from_string(case.model._graph)
    held = {t.name: t for t in proto.graph.initializer}
    for layer, keep in zip(layers(proto), (68, 32), strict=True):
        after = numpy_helper.to_array(held[layer.after]).copy()
        for net in after:
            net[np.argsort((net**2).sum(axis=1))[: layer.units - keep]] = 0.0
        held[layer.after].CopyFrom(numpy_helper.from_array(after, layer.after))
    feed = feed_from(case.rows, case.model._schema)[0]
    naive = variant_record.measured(case.model, proto.SerializeToString(), feed, None)
    assert naive["mean_change"] > 1.5 * variants.held(thin, "pruned")[1]["mean_change"]


def test_the_bound_is_kept_or_the_variant_refused(case):
    with pytest.raises(SettingsError, match=r"the variant pruned changes an answer by up to 0\.\d+ .*at most 0\.001"):
        variants.make(case.model, case.rows, int8=False, prune=0.3, within=0.001)
    made = variants.make(case.model, case.rows, int8=False, prune="most", within=0.1)
    record = variants.held(made, "pruned")[1]
    assert record["worst_change"] <= record["within"] == 0.1 and record["pruned"] in (0.4, 0.1) and record["looks"] >= 1
    with pytest.raises(SettingsError, match="not even 10% of the hidden units can go"):
        variants.make(case.model, case.rows, int8=False, prune="most", within=1e-5)
    for wrong, says in (
        ({"int8": False}, "say how"), ({"prune": "most"}, "needs the bound"), ({"prune": 1.0}, "between 0 and 1"),
        ({"prune": "much"}, "must be a share"), ({"within": 0.0}, "above 0"), ({"prune": 0.001}, "is none"),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match=says):
            variants.make(case.model, case.rows, **wrong)
    with pytest.raises(SettingsError, match="30 of 40"):
        variants.make(case.model, case.rows.slice(0, 30), prune=0.3)


def test_the_record_is_of_the_published_form(case, thin):
    check = jsonschema.Draft202012Validator(published("variant"))
    for name in variants.names(thin):
        record = variants.held(thin, name)[1]
        check.validate(record)
        assert not check.is_valid(record | {"of": "x"}) and set(record) <= set(published("variant")["properties"])


def test_verify_and_diff_know_variants(case, thin):
    found = {c.name: c for c in verify(thin.to_bytes()).checks}["variants"]
    assert found.result == "ok" and "pruned differs by up to 0.0" in found.says
    assert "variants" not in {c.name for c in verify(case.model.to_bytes()).checks}
    told = [c for c in diff(case.model, thin) if c.part == "variants"]
    assert [c.what for c in told] == ["pruned", "pruned-int8"] and "bytes" in told[0].b
    assert case.model.digest in thin.manifest["parents"]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("of", "0" * 64, "another graph"), ("golden", None, "incomplete"), ("worst_change", 9.0, "beyond its bound"),
        ("golden", "others", "other numbers"),
    ],
)  # fmt: skip
def test_a_record_that_does_not_fit_is_found(key, value, says, eight):
    manifest, files = unpack(eight.to_bytes())
    record = variants.held(eight, "int8")[1]
    record[key] = [[p + 1e-4 for p in row] for row in record["golden"]] if value == "others" else value
    about = {k: v for k, v in manifest.items() if k not in ("format", "files")}
    data = pack(files | {"model/alt/int8.json": to_json(record)}, about)
    found = {c.name: c for c in verify(data).checks}["variants"]
    assert found.result == "failed" and says in found.says
    if key != "worst_change":
        with pytest.raises(BundleError, match=says):
            variants.Variant(data, "int8")


def test_the_whole_path_of_a_user(case, tmp_path, monkeypatch, capsys):
    from assay.serve.setup import Setup
    from assay.serve.sources import Found, loader

    monkeypatch.chdir(tmp_path)
    case.model.save(tmp_path / "late.assay")
    pa.csv.write_csv(case.rows.append_column("late", pa.array(case.truth)), tmp_path / "held.csv")
    assert run(["compress", "late.assay", "held.csv", "--prune", "30%", "--within", ".1", "-o", "small.assay"]) == 0
    told = capsys.readouterr()
    assert "hidden units" in told.out and "of the labels changed" in told.out and "--variant pruned" in told.err
    assert all(len(line) <= 80 for line in told.out.splitlines())
    assert run(["verify", "small.assay"]) == 0
    assert run(["compress", "late.assay", "held.csv", "--prune", ".3", "--within", ".001", "-o", "none.assay"]) == 2
    assert not (tmp_path / "none.assay").exists() and "--within" in capsys.readouterr().err
    for variant in ((), ("--variant", "pruned")):
        assert run(["predict", "small.assay", "held.csv", *variant, "-o", f"out{len(variant)}.csv", "-q"]) == 0
    first, second = (pa.csv.read_csv(tmp_path / f"out{k}.csv")["p_yes"].to_numpy() for k in (0, 2))
    assert 0 < np.abs(first - second).max() < 0.11
    served = loader(Setup("small.assay"))(Found((tmp_path / "small.assay").read_bytes(), "late", "1.2.0", "pruned"))
    assert served.version == "1.2.0+pruned" and served.model.variant == "pruned"
    assert assay.load("small.assay", variant="pruned").version == "0.1.0+pruned"
    assert run(["predict", "small.assay", "held.csv", "--variant", "prned", "-o", "x.csv"]) == 2
    assert "did you mean pruned" in capsys.readouterr().err


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize("variant", ["pruned", "pruned-int8"])
def test_c_of_a_variant_is_its_graph(variant, thin, tmp_path):
    """Weights of 8 bits stay so: they are multiplied as whole numbers and scaled once a unit."""
    other = variants.Variant(thin.to_bytes(), variant)
    feed = awkward(other, 500, seed=3)
    compiled = Compiled(thin, tmp_path, variant=variant)
    assert same(other, compiled.predict(feed), feed) <= 1e-6
    assert ("const int8_t t" in (tmp_path / "late.c").read_text("utf-8")) == (variant == "pruned-int8")


def perceptron(rng, gemm: bool):
    """A network of another maker: float32, 4 columns in one matrix, 20 hidden units, three shares."""
    from onnx import TensorProto, helper, numpy_helper

    W1, b1, W2, b2 = (rng.normal(0, 0.5, s).astype(np.float32) for s in ((4, 20), (20,), (20, 3), (3,)))
    if gemm:
        weights = {"W1": W1.T.copy(), "b1": b1, "W2": W2.T.copy(), "b2": b2}
        nodes = [helper.make_node("Gemm", ["x", "W1", "b1"], ["h"], transB=1), helper.make_node("Tanh", ["h"], ["a"]),
                 helper.make_node("Gemm", ["a", "W2", "b2"], ["z"], transB=1)]  # fmt: skip
    else:
        weights = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        nodes = [helper.make_node("MatMul", ["x", "W1"], ["h0"]), helper.make_node("Add", ["h0", "b1"], ["h"]),
                 helper.make_node("Relu", ["h"], ["a"]), helper.make_node("MatMul", ["a", "W2"], ["z0"]),
                 helper.make_node("Add", ["z0", "b2"], ["z"])]  # fmt: skip
    nodes.append(helper.make_node("Softmax", ["z"], ["p"], axis=1))
    io = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", k]) for n, k in (("x", 4), ("p", 3))]
    made = helper.make_graph(nodes, "g", io[:1], io[1:], [numpy_helper.from_array(v, k) for k, v in weights.items()])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


@pytest.mark.parametrize("gemm", [False, True])
def test_networks_of_other_makers(gemm, monkeypatch):
    monkeypatch.setattr(quantizing, "ENOUGH", 1.1)  # tiny: the graph is its nodes, mostly
    monkeypatch.setattr(quantizing, "LEAST", 1)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 2))
    rows = pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 0] + x[:, 1], "d": x[:, 0] - x[:, 1]})
    model = import_onnx(perceptron(rng, gemm), rows, classes=("r", "g", "b"))
    made = variants.make(model, rows, int8=False, prune=0.4)
    record = variants.held(made, "pruned")[1]
    assert record["units"] == [[20, 12]] and record["worst_change"] < 0.05
    made = variants.make(made, rows)
    assert 0 < variants.held(made, "int8")[1]["worst_change"] < 0.02
    assert {c.name: c for c in verify(made.to_bytes()).checks}["variants"].result == "ok"


def test_shared_weights_and_branches_are_left_alone():
    import onnx

    rng = np.random.default_rng(1)
    feed = {"x": rng.normal(size=(50, 4)).astype(np.float32)}
    proto = onnx.load_model_from_string(perceptron(rng, False))
    assert len(layers(proto)) == 1
    branched = onnx.ModelProto()
    branched.CopyFrom(proto)
    branched.graph.node.append(onnx.helper.make_node("ReduceMax", ["a"], ["m"]))
    branched.graph.output.append(onnx.helper.make_empty_tensor_value_info("m"))
    shared = onnx.ModelProto()
    shared.CopyFrom(proto)
    shared.graph.node.append(onnx.helper.make_node("Identity", ["W1"], ["w"]))
    for odd in (branched, shared):
        assert layers(odd) == []
        with pytest.raises(SettingsError, match="this graph has none"):
            pruned(odd.SerializeToString(), feed, 0.5)


def test_a_promotion_to_a_file_without_the_variant_leaves_what_is_live(case, thin, tmp_path):
    from assay.registry import open_registry
    from assay.serve.live import Live
    from assay.serve.metrics import Metrics
    from assay.serve.setup import Setup
    from assay.serve.sources import Found, loader
    from assay.serve.swap import Watcher

    load, told = loader(Setup("late@champion")), []
    with open_registry(tmp_path / "registry") as registry:
        for data in (thin.to_bytes(), case.model.to_bytes()):
            registry.add(data, "late")
        registry.promote("late", "champion", "0.1.0")
        live = Live(load(Found(thin.to_bytes(), "late", "0.1.0", "pruned")))
        watcher = Watcher(registry, live, load, model="late@champion", metrics=Metrics(), variant="pruned",
                          events=lambda what, **more: told.append((what, more.get("error"))))  # fmt: skip
        registry.promote("late", "champion", "0.1.1")
        assert not watcher.look() and live.lineup.live.version == "0.1.0+pruned"
    assert told == [("swap-failed", "the file holds no variant 'pruned' of its graph: it has none")]


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize("flags", [("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"), ("-O2",)])
def test_c_of_a_variant_replays_its_own_golden_rows(flags, thin, tmp_path):
    assert "golden rows" in checked(write(thin, tmp_path, variant="pruned-int8"), *STRICT, *flags)
