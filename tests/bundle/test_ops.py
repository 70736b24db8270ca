"""Both lowerings of every recipe step give the same cells: Arrow (tables.recipe) and ONNX (bundle.ops)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from assay.bundle.nodes import IR_VERSION, ML_OPSET, NULL_CODE, OPSET, TEXT_KINDS, Builder, Wire
from assay.bundle.ops import lower_ops
from assay.core.errors import SettingsError
from assay.core.remedy import Op
from assay.core.table import Column
from assay.tables import recipe
from assay.tables.sample import ArrowSample

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


Columns = dict[str, tuple[str, list[Any]]]  # name -> kind, values


def by_onnx(columns: Columns, ops: list[Op]) -> dict[str, np.ndarray]:
    b = Builder()
    wires = lower_ops(b, {name: Wire(name, kind) for name, (kind, _) in columns.items()}, ops)
    outs = []
    for i, (name, wire) in enumerate(wires.items()):
        b.nodes.append(helper.make_node("Identity", [wire.name], [f"out{i}"]))
        elem = TensorProto.STRING if wire.is_text else TensorProto.DOUBLE
        outs.append((name, wire, helper.make_tensor_value_info(f"out{i}", elem, ["N", 1])))
    sources, feed = [], {}
    for name, (kind, values) in columns.items():
        text = kind in TEXT_KINDS
        sources.append(
            helper.make_tensor_value_info(name, TensorProto.STRING if text else TensorProto.DOUBLE, ["N", 1])
        )
        if text:
            feed[name] = np.array([NULL_CODE if v is None else v for v in values], object).reshape(-1, 1)
        else:
            feed[name] = np.array([np.nan if v is None else float(v) for v in values]).reshape(-1, 1)
    graph = helper.make_graph(b.nodes, "ops", sources, [o for _, _, o in outs], b.tensors)
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    got = session.run(None, feed)
    return {name: np.asarray(g)[:, 0] for (name, _, _), g in zip(outs, got, strict=True)}


def by_arrow(columns: Columns, ops: list[Op]) -> dict[str, np.ndarray]:
    types = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "DOUBLE": pa.float64()}
    arrays, known = {}, []
    for name, (kind, values) in columns.items():
        storage = "VARCHAR" if kind in TEXT_KINDS else "BOOLEAN" if kind == "bool" else "DOUBLE"
        arrays[name] = pa.array(values, types[storage], from_pandas=True)
        known.append(Column(name, kind, storage))
    n = len(values)
    ids = np.arange(n, dtype=np.uint64)
    sample = ArrowSample(pa.table(arrays), tuple(known), ids, ids, ids.astype(np.int64), np.ones(n))
    after = recipe.apply(ops, sample)
    out = {}
    for c in after.columns:
        if c.kind in TEXT_KINDS:
            out[c.name] = np.array([NULL_CODE if v is None else v for v in after.arrow[c.name].to_pylist()], object)
        elif c.kind == "clock":
            out[c.name] = recipe._floats(after, c.name)
        else:
            out[c.name] = after.numbers(c.name)
    return out


def same(kind: str, values: list[Any], *ops: Op) -> None:
    alike({"x": (kind, values)}, *ops)


def alike(columns: Columns, *ops: Op) -> None:
    one, two = by_onnx(columns, list(ops)), by_arrow(columns, list(ops))
    values = columns
    assert one.keys() == two.keys()
    for name in one:
        if one[name].dtype == object:
            assert one[name].tolist() == two[name].tolist(), (name, values)
        else:
            a, b = one[name].astype(float), two[name].astype(float)
            assert np.array_equal(np.isnan(a), np.isnan(b)), (values, a, b)
            known = ~np.isnan(a)
            equal = a[known] == b[known]
            with np.errstate(invalid="ignore", over="ignore"):  # the largest double has no next one
                near = np.abs(a[known] - b[known]) <= np.spacing(np.abs(b[known]))
            assert np.all(equal | near), (values, a, b)


numbers = st.lists(
    st.one_of(
        st.none(),
        st.floats(allow_nan=True, allow_infinity=True, width=64).filter(lambda x: x == 0 or abs(x) > 1e-300 or x != x),
        st.sampled_from(
            [2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**24 + 1, -999.0, -1.0, 0.0, -0.0, 1.0, 99.0, 0.1, 1e15, 1e16]
        ),
    ),
    min_size=1,
    max_size=12,
)
texts = st.lists(
    st.one_of(
        st.none(),
        st.text(alphabet=st.characters(exclude_characters="\x00\ue000\ue001", exclude_categories=("Cs",)), max_size=8),
        st.sampled_from(
            ["", " ", "NA", " n/a", "Straße", "STRASSE", "ﬀ", "é", "😀", "İ", "ı", "9007199254740993", "a", "b", "?"]
        ),
        st.from_regex(r"[ \t]?[+-]?[0-9]{0,20}\.?[0-9]{0,5}([eE][+-]?[0-9]{1,3})?[ \n]?", fullmatch=True),
    ),
    min_size=1,
    max_size=12,
)
clocks = st.lists(
    st.one_of(
        st.none(), st.integers(-5, 2500).map(float), st.floats(0, 2400), st.sampled_from([2359.0, 2400.0, 1260.0])
    ),
    min_size=1,
    max_size=12,
)
bound = st.one_of(st.none(), st.floats(-1e6, 1e6))


@FEW
@given(texts)
def test_text_to_number(values: list[Any]) -> None:
    same("text", values, Op("cast", ("x",), {"to": "number"}))


@FEW
@given(numbers)
def test_number_to_text(values: list[Any]) -> None:
    same("number", values, Op("cast", ("x",), {"to": "text"}))


@FEW
@given(
    texts,
    st.dictionaries(st.sampled_from(["a", "", "é", "NA", "Straße"]), st.one_of(st.none(), st.text("xyz", max_size=3))),
)
def test_map_values(values: list[Any], mapping: dict[str, Any]) -> None:
    same("category", values, Op("map_values", ("x",), {"mapping": mapping}))


@FEW
@given(numbers)
def test_map_values_of_numbers(values: list[Any]) -> None:
    same("number", values, Op("map_values", ("x",), {"mapping": {"-999": None, "1": "one", "9007199254740992": "big"}}))


@FEW
@given(texts, st.lists(st.sampled_from(["n/a", "strasse", "", "É", "ff", "?", 1, "i"]), max_size=4))
def test_null_if_text(values: list[Any], gone: list[Any]) -> None:
    same("text", values, Op("null_if", ("x",), {"values": gone}))


@FEW
@given(numbers, st.lists(st.sampled_from([-999, "-1", " 99 ", "unknown", 2**53, 0]), max_size=4))
def test_null_if_number(values: list[Any], gone: list[Any]) -> None:
    same("number", values, Op("null_if", ("x",), {"values": gone}))


@FEW
@given(numbers, bound, bound)
def test_bounds(values: list[Any], lo: float | None, hi: float | None) -> None:
    if lo is not None and hi is not None:
        lo, hi = min(lo, hi), max(lo, hi)
    same("number", values, Op("null_outside", ("x",), {"lo": lo, "hi": hi}))
    same("number", values, Op("scale", ("x",), {"by": 0.001, "lo": lo, "hi": hi}))
    same("number", values, Op("clip", ("x",), {"lo": lo, "hi": hi}))


@FEW
@given(texts)
def test_text_ops_in_a_row(values: list[Any]) -> None:
    same(
        "text", values,
        Op("null_if", ("x",), {"values": ["", "?"]}), Op("indicator", ("x",), {"name": "was null"}),
        Op("cast", ("x",), {"to": "number"}), Op("clip", ("x",), {"lo": -5, "hi": 5}),
        Op("rename", ("x",), {"name": "ü"}),
    )  # fmt: skip


@FEW
@given(numbers)
def test_indicator_and_drop(values: list[Any]) -> None:
    same("number", values, Op("indicator", ("x",), {"name": "gone"}), Op("drop_column", ("x",)))


@FEW
@given(clocks)
def test_clock(values: list[Any]) -> None:
    same("clock", values, Op("clock_to_minutes", ("x",)))
    same("number", values, Op("clock_to_minutes", ("x",)))


@FEW
@given(texts, st.lists(st.sampled_from(["a", "", "é", "NA", "😀"]), max_size=4))
def test_fold_rare(values: list[Any], keep: list[str]) -> None:
    same("category", values, Op("fold_rare", ("x",), {"keep": keep, "other": "other"}))


keys = st.dictionaries(
    st.sampled_from(["a", "", "é", "NA", "Straße", "?", "-999", "0.1", "1"]), st.text("xyz", max_size=3)
)
digits = st.sampled_from(["0", "-999", "1e3", " 0.1 ", "9007199254740993", ".5"])


@FEW
@given(texts, st.randoms(use_true_random=False), keys)
def test_look_up_of_text(values: list[Any], mix: Any, mapping: dict[str, str]) -> None:
    other = mix.sample(values, len(values))
    alike({"x": ("category", values), "z": ("text", other)}, Op("look_up", ("x", "z"), {"mapping": mapping}))
    alike({"x": ("text", values), "z": ("category", other)}, Op("look_up", ("z", "x"), {"mapping": mapping}))


@FEW
@given(
    numbers,
    st.randoms(use_true_random=False),
    keys,
    st.dictionaries(st.sampled_from(["-999", "1", "99", "0.1", "0"]), digits),
)
def test_look_up_of_numbers(values: list[Any], mix: Any, words: dict[str, str], mapping: dict[str, str]) -> None:
    other = mix.sample(values, len(values))
    sides: Columns = {"x": ("number", values), "z": ("number", other)}
    alike(sides, Op("look_up", ("x", "z"), {"mapping": mapping}))
    texted = [None if v is None else str(v) for v in other]
    alike({"x": ("number", values), "z": ("text", texted)}, Op("look_up", ("x", "z"), {"mapping": words}))
    by_text = {"a": "5", "": "-1", "nan": "2"} | {t: "7" for t in texted[:1] if t is not None}
    alike({"x": ("text", texted), "z": ("number", values)}, Op("look_up", ("x", "z"), {"mapping": by_text}))
    alike({"x": ("text", texted), "z": ("clock", values)}, Op("look_up", ("x", "z"), {"mapping": by_text}))


def test_look_up_refuses_what_it_cannot_write_in_both_lowerings() -> None:
    moments = ("date", [0.0, None])
    for made in (by_onnx, by_arrow):
        with pytest.raises(SettingsError, match="every value of the mapping"):
            made({"x": ("text", ["a", "b"]), "z": ("number", [1.0, None])},
                 [Op("look_up", ("x", "z"), {"mapping": {"a": "soon"}})])  # fmt: skip
        with pytest.raises(SettingsError, match="kind date"):
            made({"x": ("text", ["a", "b"]), "z": moments}, [Op("look_up", ("x", "z"), {"mapping": {"a": "1"}})])


def test_look_up_passes_over_columns_that_are_not_there() -> None:
    alike({"x": ("text", ["a", None])}, Op("look_up", ("x", "z"), {"mapping": {"a": "b"}}))
    alike({"x": ("text", ["a"]), "z": ("text", ["b"])}, Op("look_up", ("x", "z"), {"mapping": {}}))


@FEW
@given(numbers, st.randoms(use_true_random=False), st.sampled_from(["difference", "ratio"]))
def test_combine_of_numbers(values: list[Any], mix: Any, how: str) -> None:
    other = mix.sample(values, len(values))
    op = Op("combine", ("x", "z"), {"how": how, "name": "x by z"})
    alike({"x": ("number", values), "z": ("number", other)}, op)
    alike({"x": ("number", values), "z": ("number", [0.0] * len(values))}, op)
    alike({"x": ("text", [None if v is None else str(v) for v in other]), "z": ("number", values)}, op)
    alike({"x": ("bool", [v is not None for v in values]), "z": ("number", values)}, op)
    if how == "difference":
        moments = [v if v is None or abs(v) < 1e10 else 0.0 for v in values]
        alike({"x": ("date", moments), "z": ("date", moments[::-1])}, op)


@FEW
@given(
    texts,
    numbers,
    st.dictionaries(
        st.sampled_from(["a", "", "é", "NA", "😀", "1", "0.1", "-999", "true"]), st.floats(-1e9, 1e9), min_size=1
    ),
)
def test_combine_with_the_mean_of_a_group(words: list[Any], values: list[Any], mapping: dict[str, float]) -> None:
    n = min(len(words), len(values))
    op = Op("combine", ("x", "z"), {"how": "less_mean", "name": "z less its mean", "mapping": mapping})
    sides: Columns = {"x": ("category", words[:n]), "z": ("number", values[:n])}
    alike(sides, op)
    alike({"x": ("number", values[::-1]), "z": ("number", values)}, op)
    alike({"x": ("bool", [v is not None for v in values]), "z": ("number", values)}, op)


def test_combine_refuses_alike_and_passes_over_what_is_not_there() -> None:
    sides: Columns = {"x": ("number", [1.0]), "z": ("date", [0.0]), "c": ("clock", [1200.0])}
    for made in (by_onnx, by_arrow):
        for columns, how in ((("x", "z"), "ratio"), (("x", "c"), "difference"), (("z", "z"), "ratio")):
            with pytest.raises(SettingsError, match="needs numbers"):
                made(sides, [Op("combine", columns, {"how": how, "name": "new"})])
        with pytest.raises(SettingsError, match="exists already"):
            made(
                {"x": ("number", [1.0]), "z": ("number", [1.0])},
                [Op("combine", ("x", "z"), {"how": "ratio", "name": "x"})],
            )
        with pytest.raises(SettingsError, match="combined by"):
            made(sides, [Op("combine", ("x", "x"), {"how": "sum", "name": "new"})])
        with pytest.raises(SettingsError, match="one group at least"):
            made(sides, [Op("combine", ("x", "x"), {"how": "less_mean", "name": "new", "mapping": {}})])
    alike({"x": ("number", [1.0, None])}, Op("combine", ("x", "z"), {"how": "ratio", "name": "new"}))


def test_bool_to_text() -> None:
    same("bool", [True, False, None], Op("cast", ("x",), {"to": "text"}))
    same("bool", [True, False, None], Op("map_values", ("x",), {"mapping": {"true": "yes"}}))


separators = {"iso": "-/", "dmy": "/.-", "mdy": "/.-"}


@st.composite
def dates(draw: Any, form: str) -> str | None:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from([None, "", "2020", "soon", "2020-13-01", "31/02/2020", "20-1-2", "1/2/3"]))
    y, m, d = draw(st.integers(1, 9999)), draw(st.integers(1, 12)), draw(st.integers(1, 31))
    sep = draw(st.sampled_from(separators[form]))
    parts = {"iso": (f"{y:04d}", m, d), "dmy": (d, m, f"{y:04d}"), "mdy": (m, d, f"{y:04d}")}[form]
    text = sep.join(map(str, parts))
    clock = draw(st.sampled_from(["", "", " 1:02", " 23:59:59", " 00:00:00.25", "T10:20", "T10:20:30.123456"]))
    zone = draw(st.sampled_from(["", "Z", "+05:30", "-0800"])) if clock.startswith("T") and d <= 28 else ""
    pad = draw(st.sampled_from(["", " ", "\t"]))
    return pad + text + clock + zone + pad


@pytest.mark.parametrize("form", ["iso", "dmy", "mdy"])
def test_dates(form: str) -> None:
    @FEW
    @given(st.lists(dates(form), min_size=1, max_size=10))
    def check(values: list[Any]) -> None:
        same("text", values, Op("parse_date", ("x",), {"format": form}))

    check()
