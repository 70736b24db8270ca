"""The graph's feature matrix is the encoder's, bit for bit; trees and linear forms are their replay."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from assay.bundle import linear, trees
from assay.bundle.encode import lower_encoder
from assay.bundle.nodes import IR_VERSION, ML_OPSET, NULL_CODE, OPSET, TEXT_KINDS, Builder, Wire, input_names
from assay.core.table import Column
from assay.learn.encoder import encode
from assay.learn.forms import EncoderSpec, Feature, Forest, Linear, Term, Tree
from assay.learn.replay import design, replay_form
from assay.tables.sample import ArrowSample

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def run(b: Builder, inputs: dict[str, Any], output: str, elem: int) -> Any:
    text = {True: TensorProto.STRING, False: TensorProto.DOUBLE}
    infos = [
        helper.make_tensor_value_info(
            k, TensorProto.FLOAT if v.dtype == np.float32 else text[v.dtype == object], [None, v.shape[1]]
        )
        for k, v in inputs.items()
    ]
    graph = helper.make_graph(b.nodes, "t", infos, [helper.make_tensor_value_info(output, elem, None)], b.tensors)
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=IR_VERSION)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, inputs)[0]


KINDS = {"n": "number", "b": "bool", "k": "clock", "d": "date", "c": "category"}
SPEC = EncoderSpec(
    tuple(KINDS.items()),
    (
        Feature("c code", "c", "codes", levels=("é", "a", "")),
        Feature("n", "n", "number", shift=2.0**53 - 5),
        Feature("d hour", "d", "hour"),
        Feature("n raw", "n", "number"),
        Feature("c mean", "c", "target-mean", levels=("a", "é"), values=(0.1, 1 / 3)),
        Feature("k", "k", "number"),
        Feature("d day", "d", "weekday"),
        Feature("b", "b", "number"),
        Feature("d", "d", "number", shift=1.6e9),
        Feature("c null", "c", "indicator"),
        Feature("n null", "n", "indicator"),
    ),
)


@FEW
@given(st.data())
def test_features_are_the_encoders(data: Any) -> None:
    n = data.draw(st.integers(1, 6))

    def column(values: Any) -> list[Any]:
        return data.draw(st.lists(st.one_of(st.none(), values), min_size=n, max_size=n))

    big = st.floats(2.0**53 - 50, 2.0**53).map(np.floor)
    raw = {
        "n": column(st.one_of(st.floats(allow_nan=False), big, st.sampled_from([1e39, -1e39, np.inf]))),
        "b": column(st.booleans()),
        "k": column(st.one_of(st.integers(0, 2400), st.sampled_from([2400, 2359, 1260, -1, 2401])).map(float)),
        "d": column(st.integers(-(10**10), 10**10).map(float)),
        "c": column(st.sampled_from(["a", "é", "", "unseen", "😀"])),
    }
    types = {"n": pa.float64(), "b": pa.bool_(), "k": pa.float64(), "c": pa.string()}
    arrays = {k: pa.array(v, types[k]) for k, v in raw.items() if k != "d"}
    micros = [None if v is None else int(v) * 1_000_000 for v in raw["d"]]
    arrays["d"] = pa.array(micros, pa.timestamp("us"))
    storage = {"n": "DOUBLE", "b": "BOOLEAN", "k": "DOUBLE", "d": "TIMESTAMP", "c": "VARCHAR"}
    columns = tuple(Column(k, KINDS[k], storage[k]) for k in arrays)
    ids = np.arange(n, dtype=np.uint64)
    sample = ArrowSample(pa.table(arrays), columns, ids, ids, ids.astype(np.int64), np.ones(n))
    b = Builder()
    matrix = lower_encoder(b, {k: Wire(k, kind) for k, kind in KINDS.items()}, SPEC)
    feed: dict[str, Any] = {}
    for k, kind in KINDS.items():
        if kind in TEXT_KINDS:
            feed[k] = np.array([NULL_CODE if v is None else v for v in raw[k]], object).reshape(-1, 1)
        else:
            feed[k] = np.array([np.nan if v is None else float(v) for v in raw[k]]).reshape(-1, 1)
    got = run(b, feed, matrix.name, TensorProto.FLOAT)[:, matrix.place]
    assert np.array_equal(got, encode(SPEC, sample), equal_nan=True)


def random_tree(rng: np.random.Generator, features: int, coded: set[int], size: int) -> Tree:
    """A tree of ``size`` inner nodes with children in any order; nodes and leaves may share numbers."""
    inner, leaves = size, size + 1
    left, right = np.full(inner + leaves, -1, np.int32), np.full(inner + leaves, -1, np.int32)
    open_, used = [0], 1
    leaf = inner
    for node in range(inner):
        at = open_.pop(0)
        sides = []
        for _ in range(2):
            must = not open_ and not sides and used < inner
            if used < inner and (must or rng.random() < 0.5):
                sides.append(used)
                open_.append(used)
                used += 1
            else:
                sides.append(-2)
        if not open_ and used < inner:
            sides[1] = used
            open_.append(used)
            used += 1
        rng.shuffle(sides)
        for k, s in enumerate(sides):
            if s == -2:
                sides[k] = leaf
                leaf += 1
        left[at], right[at] = sides
        assert at == node
    feature = np.concatenate((rng.integers(0, features, inner), np.full(leaves, -1))).astype(np.int32)
    members = {
        i: np.sort(rng.choice(100, rng.integers(1, 80), replace=False)).astype(np.int32)
        for i in range(inner) if int(feature[i]) in coded
    }  # fmt: skip
    threshold = np.where(feature >= 0, rng.normal(size=inner + leaves), 0).astype(np.float32)
    nan_left = (rng.random(inner + leaves) < 0.5) & ~np.isin(np.arange(inner + leaves), list(members)) & (feature >= 0)
    value = np.where(feature < 0, rng.normal(size=inner + leaves), 0.0)
    return Tree(feature, threshold, left, right, nan_left, value, members)


@pytest.mark.parametrize("seed", range(12))
def test_forests_are_their_replay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, coded = 1 + seed % 3, {1, 3}
    grown = [random_tree(rng, 4, coded, int(k)) for k in rng.integers(1, 40, 25)]
    one = np.full(1, -1, np.int32)
    grown.append(Tree(one, np.zeros(1, np.float32), one, one, np.zeros(1, np.bool_), np.array([0.75]), {}))
    form = Forest(
        tuple(grown), rng.integers(0, outputs, len(grown)).astype(np.int32), rng.normal(size=outputs), "identity"
    )
    X = rng.normal(size=(500, 4)).astype(np.float32)
    X[:, list(coded)] = rng.integers(0, 110, (500, 2))
    X[rng.random(X.shape) < 0.2] = np.nan
    on_edge = grown[0].threshold[grown[0].feature == 0]
    X[: len(on_edge), 0] = on_edge
    place = rng.permutation(4)
    moved = np.empty_like(X)
    moved[:, place] = X
    b = Builder()
    out = trees.lower_forest(b, "X", form, place)
    got = run(b, {"X": moved}, out, TensorProto.DOUBLE)
    assert np.allclose(got, replay_form(form, X), rtol=0, atol=1e-12)


def test_no_node_has_a_leaf_and_a_branch_of_the_same_number() -> None:
    """onnxruntime issue 24679: a root whose two children have the same number in their lists is taken for a leaf."""
    rng = np.random.default_rng(1)
    for seed in range(200):
        grown = tuple(random_tree(rng, 2, set(), int(k)) for k in rng.integers(1, 6, 1 + seed % 5))
        form = Forest(grown, np.zeros(len(grown), np.int32), np.zeros(1), "identity")
        t = trees.tabulate(form, np.arange(2))
        mixed = t.true_leaf != t.false_leaf
        assert not np.any(t.true_id[mixed] == t.false_id[mixed])
        ids = np.concatenate((t.true_id[t.true_leaf == 1], t.false_id[t.false_leaf == 1]))
        assert sorted(ids.tolist()) == list(range(len(t.leaf_weight)))


def test_a_forest_without_splits_is_its_base() -> None:
    form = Forest((), np.zeros(0, np.int32), np.array([0.25, -1.0]), "identity")
    b = Builder()
    out = trees.lower_forest(b, "X", form, np.arange(1))
    got = run(b, {"X": np.array([[1.0], [np.nan]], np.float32)}, out, TensorProto.DOUBLE)
    assert np.array_equal(got, [[0.25, -1.0]] * 2)


@pytest.mark.parametrize("terms", [(), "some"])
def test_linear_forms_are_their_replay(terms: Any) -> None:
    rng = np.random.default_rng(3)
    made = (
        Term(2, "level", level=3), Term(0, "number", mean=0.5, scale=2.0), Term(0, "null"), Term(2, "level", level=0),
        Term(1, "number", mean=1e6, scale=1e3), Term(2, "null"),
    ) if terms else ()  # fmt: skip
    form = Linear(made, rng.normal(size=(len(made), 2)), rng.normal(size=2), "identity")
    X = rng.normal(size=(200, 3)).astype(np.float32)
    X[:, 1] = 1e6 + rng.normal(size=200) * 1e3
    X[:, 2] = rng.integers(0, 5, 200)
    X[rng.random(X.shape) < 0.2] = np.nan
    place = np.array([2, 0, 1])
    moved = np.empty_like(X)
    moved[:, place] = X
    b = Builder()
    got = run(b, {"X": moved}, linear.lower_linear(b, "X", form, place), TensorProto.DOUBLE)
    assert np.allclose(got, design(form.terms, X) @ form.weights + form.intercept, rtol=0, atol=1e-12)


def test_input_names_never_collide() -> None:
    names = input_names(["label", "set", "/1", "", "input label", "value", "plain", "input /1"])
    assert len(set(names.values())) == len(names)
    assert names["plain"] == "plain"
    assert not set(names.values()) & {"label", "set", "value", "probabilities", ""}
    assert not any(v.startswith("/") for v in names.values())
