"""An ONNX file of another maker as a bundle: its graph inside one that takes raw columns and gives named outputs.

Its inputs are one a column, by name, or one matrix of all columns in the order of the rows; its outputs shares of
classes (a matrix, or maps) or one column of values. The whole is compared with the file on the rows, and refused above
1e-4; nothing is fitted or audited, and the dossier says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.archive import to_json
from assay.bundle.classes import class_type_of
from assay.bundle.foreign import OnnxModel, classes_from, texts
from assay.bundle.layout import LINEAGE, RECIPE, name_from, named, versioned
from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE, TEXT_KINDS, Builder, input_names
from assay.bundle.parity import MOST_ROWS
from assay.bundle.policy import IMPORTED_DOMAINS, IMPORTED_IR, check_foreign
from assay.bundle.schema import make_schema, stored
from assay.bundle.sets import lower_set
from assay.bundle.write import checked
from assay.core.errors import BundleError, InputError, SettingsError
from assay.core.remedy import Recipe
from assay.core.table import F64, SampleSpec
from assay.core.words import text_of
from assay.learn.conformal import fit_conformal
from assay.learn.forms import Assembly, Calibration, EncoderSpec, Feature

from .live import imported_dossier

PREFIX = "/theirs/"
KINDS = {"text": "category", "category": "category", "mixed": "category", "bool": "bool"}
NUMPY = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
         "tensor(int32)": np.int32, "tensor(bool)": np.bool_}  # fmt: skip
OPSET = 20  # an older graph is brought up to it, where words must be compared
NUMBERS = {"tensor(float)": "float", "tensor(double)": "double", "tensor(int64)": "int64", "tensor(int32)": "int32",
           "tensor(bool)": "bool"}  # fmt: skip


def import_onnx(
    source: str | Path | bytes, rows: Any, *, target: str | None = None, classes: Sequence[str] = (),
    name: str | None = None, version: str = "0.1.0",
) -> Model:  # fmt: skip
    """Take over an ONNX file.

    Args:
        source: the file, or its bytes.
        rows: rows as it takes them, a path or any table; a column called ``target`` is not given to the graph.
        classes: names of the classes in the order of its output, where the file does not say them.

    Raises:
        BundleError: no ONNX graph, one that may not run here, or one that gives other answers once wrapped.
        InputError: the rows do not fit it. SettingsError: what it predicts is not clear.
    """
    from assay.tables import open_table

    data, stem = (source, "model.onnx") if isinstance(source, bytes) else (_read(Path(source)), Path(source).name)
    name = named(name or name_from(stem))
    versioned(version)
    check_foreign(data)
    table = open_table(rows, cache=False)
    columns = tuple(c.name for c in table.columns if c.name != target)
    kinds = {c.name: KINDS.get(c.kind, "number") for c in table.columns if c.name in columns}
    sample = table.sample(SampleSpec(n=MOST_ROWS))
    if sample.n == 0:
        raise InputError("an imported model is checked on rows: give some that it was made for, a hundred or more")
    graph, told = _without_maps(data)
    known = tuple(classes) or told or _levels(sample, target)
    subject: Any = SimpleNamespace(table=table, features=columns, roles=SimpleNamespace(classes=known or ("?",)))
    theirs = OnnxModel(graph, stem, subject)
    output, width, answers, names = _answers(theirs, sample, told or tuple(classes), known, _labels(data))
    used = theirs.columns if theirs.matrix else tuple(theirs.inputs)
    kinds = {c: "category" if _input(theirs, c).type == "tensor(string)" else kinds[c] for c in used}
    task = "regression" if not names else "binary" if len(names) == 2 else "multiclass"
    nothing = np.empty((0, len(names))) if names else np.empty(0)
    conformal = fit_conformal(nothing, np.empty(0), task)  # type: ignore[arg-type]
    seen = (
        Feature(c, c, "codes", levels=tuple(sorted(sample.codes(c)[1]))) for c, k in kinds.items() if k in TEXT_KINDS
    )
    spec = EncoderSpec(tuple(kinds.items()), tuple(seen))  # the words of the rows, for the schema
    assembly = Assembly(task, names, spec, (), Calibration("none"), conformal)  # type: ignore[arg-type]
    made = _wrapped(graph, theirs, kinds, assembly, output, width)
    schema = make_schema(assembly, list(input_names(kinds).values()), sample, target=target, trained_on=None,
                         class_type=_class_type(theirs, names))  # fmt: skip
    dossier = imported_dossier("", f"the ONNX file {stem}", task, names, used, sample.n)
    rest = {RECIPE: to_json(Recipe().to_json()), LINEAGE: to_json({"imported": stem, "rows_checked": sample.n})}
    about = {"name": name, "version": version, "parents": []}
    return checked(made, replace(schema, imported=True), assembly, rest, dossier, about, sample, answers)


def _class_type(theirs: OnnxModel, names: tuple[str, ...]) -> str:
    """Whole numbers where the graph's own labels are."""
    whole = any(o.type in ("tensor(int64)", "tensor(int32)") for o in theirs.native.get_outputs())
    return class_type_of(names, "BIGINT" if whole else "")


def _input(theirs: OnnxModel, column: str) -> Any:
    """The input that a column goes into."""
    return next(iter(theirs.inputs.values())) if theirs.matrix else theirs.inputs[column]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the model {path} cannot be read: {error.strerror}") from None


def _levels(sample: Any, target: str | None) -> tuple[str, ...]:
    if target is None or target not in sample.names:
        return ()
    return tuple(sorted({str(text_of(v)) for v in sample.arrow[target].to_pylist() if v is not None}))


def _without_maps(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The graph with the matrix in place of each list of maps (ZipMap), and the classes that the maps named."""
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception:
        raise BundleError("this is no ONNX file, or a damaged one") from None
    told: tuple[str, ...] = ()
    by_output = {o: n for n in model.graph.node for o in n.output}
    for output in list(model.graph.output):
        node = by_output.get(output.name)
        if node is None or node.op_type != "ZipMap":
            continue
        (labels,) = [a.strings or a.ints for a in node.attribute]
        told = tuple(v.decode() if isinstance(v, bytes) else str(v) for v in labels)
        model.graph.node.remove(node)
        model.graph.output.remove(output)
        shape = ["N", len(told)]
        model.graph.output.append(onnx.helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, shape))
    return model.SerializeToString(deterministic=True), told


def _labels(data: bytes) -> tuple[str, ...]:
    """The classes that the only classifier of a graph names, where its labels do not tell them."""
    import onnx

    found = [
        tuple(v.decode() if isinstance(v, bytes) else str(v) for v in a.strings or a.ints)
        for node in onnx.load_model_from_string(data).graph.node for a in node.attribute
        if a.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
    ]  # fmt: skip
    return found[0] if len(set(found)) == 1 else ()


def _answers(
    theirs: OnnxModel, sample: Any, told: tuple[str, ...], known: tuple[str, ...], labels: tuple[str, ...]
) -> tuple[str, int, F64, tuple[str, ...]]:
    """(output that is the prediction, its columns, what it says of the rows, the classes; none for values)."""
    names = [o.name for o in theirs.native.get_outputs()]
    try:
        made = [np.asarray(o) for o in theirs.native.run(None, _feed(theirs, sample))]
    except Exception as error:
        raise InputError(f"{theirs.name} failed on these rows: {str(error).splitlines()[0][:200]}") from None
    whole = [(n, o) for n, o in zip(names, made, strict=True) if o.ndim in (1, 2) and len(o) == sample.n]
    real = [(n, o.astype(np.float64)) for n, o in whole if np.issubdtype(o.dtype, np.floating)]
    wide = [(n, o) for n, o in real if o.ndim == 2 and o.shape[1] > 1]
    if wide:
        name, shares = wide[-1]
        if not (np.all(shares > -1e-3) and np.allclose(shares.sum(axis=1), 1.0, atol=1e-3)):
            raise SettingsError(f"the output {name!r} of {theirs.name} must hold shares that add up to 1; it does not")
        names_of = told or _named_by_labels(whole, name, shares, known) or labels
        if len(names_of) != shares.shape[1] or len(set(names_of)) != len(names_of):
            raise SettingsError(
                f"{theirs.name} gives {shares.shape[1]} shares, and it is not clear of which classes: name them in "
                "the order of its output (--classes a,b,...)"
            )
        return name, shares.shape[1], shares, names_of
    if not real:
        raise SettingsError(f"{theirs.name} gives no shares of classes and no values, only labels: export those too")
    name, values = real[-1]
    values = values.reshape(sample.n, -1)[:, 0]
    if len(told) == 2:
        return name, 1, np.column_stack((1.0 - values, values)), told
    return name, 1, values, ()


def _feed(theirs: OnnxModel, sample: Any) -> dict[str, NDArray[Any]]:
    """The rows as their graph takes them, numbers as they are stored."""

    def column(name: str, given: Any) -> NDArray[Any]:
        if given.type == "tensor(string)":
            return texts(sample, name)
        values: NDArray[Any] = stored(sample, name)
        whole = NUMBERS.get(given.type, "") not in ("float", "double")
        return (np.nan_to_num(values) if whole else values).astype(NUMPY.get(given.type, np.float32))

    if theirs.matrix:
        (only,) = theirs.inputs.values()
        return {only.name: np.column_stack([column(c, only) for c in theirs.columns])}
    made = {name: column(name, given) for name, given in theirs.inputs.items()}
    return {name: v[:, None] if len(theirs.inputs[name].shape) == 2 else v for name, v in made.items()}


def _named_by_labels(
    whole: list[tuple[str, NDArray[Any]]], name: str, shares: F64, known: tuple[str, ...]
) -> tuple[str, ...]:
    labels = [o.reshape(len(o)) for n, o in whole if n != name and o.reshape(len(o), -1).shape[1] == 1]
    if not labels:
        return known
    said = tuple(sorted({str(text_of(v)) for v in labels[0].tolist()}))
    if not known and len(said) < shares.shape[1]:
        return ()
    return classes_from(labels[0], shares, known or said)


def _wrapped(
    graph: bytes, theirs: OnnxModel, kinds: dict[str, str], assembly: Assembly, output: str, width: int
) -> bytes:
    from onnx import TensorProto, compose, helper, load_model_from_string

    model = _brought_up(load_model_from_string(graph), any(k in TEXT_KINDS for k in kinds.values()))
    inner = compose.add_prefix(model, PREFIX).graph
    b, names = Builder(), input_names(kinds)
    feeds = {c: _as_theirs(b, names[c], kinds[c], _input(theirs, c), theirs) for c in kinds}
    if theirs.matrix:
        (only,) = theirs.inputs.values()
        joined = b.add("Concat", *feeds.values(), axis=1) if len(feeds) > 1 else next(iter(feeds.values()))
        ready = {only.name: joined}
    else:
        ready = feeds
    before = [helper.make_node("Identity", [wire], [PREFIX + name]) for name, wire in ready.items()]
    first = len(b.nodes)
    outputs = _outputs(b, assembly, PREFIX + output, width)
    nodes = [*b.nodes[:first], *before, *inner.node, *b.nodes[first:]]
    declared = [
        helper.make_tensor_value_info(names[c], TensorProto.STRING if k in TEXT_KINDS else TensorProto.DOUBLE, ["N", 1])
        for c, k in kinds.items()
    ]
    made = helper.make_graph(nodes, "assay", declared, outputs, [*inner.initializer, *b.tensors])
    opsets = {o.domain: o.version for o in model.opset_import} | (
        {} if any(o.domain == "ai.onnx.ml" for o in model.opset_import) else {"ai.onnx.ml": 5}
    )
    for domain, release in opsets.items():
        low, high = IMPORTED_DOMAINS.get(domain, (0, -1))
        if not low <= release <= high:
            raise BundleError(f"an imported graph may not use {domain[:60] or 'ai.onnx'!r} {release}")
    whole = helper.make_model(
        made, opset_imports=[helper.make_opsetid(d, v) for d, v in sorted(opsets.items())],
        ir_version=min(IMPORTED_IR, max(8, model.ir_version)), producer_name="assay",
    )  # fmt: skip
    return bytes(whole.SerializeToString(deterministic=True))


def _brought_up(model: Any, words: bool) -> Any:
    """The model at a version of the operators that can be wrapped."""
    from onnx import version_converter

    release = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if release >= IMPORTED_DOMAINS[""][0] and (release >= OPSET or not words):
        return model
    if release == 0:
        from onnx import helper

        model.opset_import.append(helper.make_opsetid("", OPSET))
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:
        raise BundleError(
            f"the graph is of operator set {release} and cannot be brought to {OPSET}: "
            f"{str(error).splitlines()[0][:120]}; export it anew"
        ) from None


def _as_theirs(b: Builder, wire: str, kind: str, given: Any, theirs: OnnxModel) -> str:
    """A raw column [N, 1] as their graph takes it: missing words are empty, missing whole numbers 0."""
    if kind in TEXT_KINDS:
        if given.type != "tensor(string)":
            raise InputError(f"{theirs.name} takes numbers; the column {wire!r} holds text")
        out = b.where(b.add("Equal", wire, b.text(NULL_CODE)), b.text(""), wire)
    elif given.type == "tensor(string)":
        raise InputError(f"{theirs.name} takes text; the column {wire!r} holds numbers")
    elif given.type not in NUMBERS:
        raise SettingsError(f"{theirs.name} has an input of type {given.type}, which has no form here")
    elif NUMBERS[given.type] in ("float", "double"):
        out = b.cast(wire, NUMBERS[given.type]) if NUMBERS[given.type] == "float" else wire
    else:
        out = b.cast(b.where(b.add("IsNaN", wire), b.number(0.0), wire), NUMBERS[given.type])
    if not theirs.matrix and len(given.shape) == 1:
        out = b.add("Reshape", out, b.constant(np.array([-1], np.int64)))
    return out


def _public(b: Builder, name: str, public: str) -> str:
    b.rename(name, public)
    return public


def _outputs(b: Builder, assembly: Assembly, wire: str, width: int) -> list[Any]:
    from onnx import TensorProto, helper

    k = len(assembly.classes)
    none = np.zeros(0, np.int64)
    if assembly.task == "regression":
        column = b.add("Reshape", b.cast(wire, "double"), b.constant(np.array([-1, 1], np.int64)))
        value = _public(b, column, "value")
        _public(b, lower_set(b, assembly, value, "", "", none)[0], "set")
        return [
            helper.make_tensor_value_info("value", TensorProto.DOUBLE, ["N", 1]),
            helper.make_tensor_value_info("set", TensorProto.DOUBLE, ["N", 2]),
        ]
    if width == 1:
        p = b.add("Reshape", b.cast(wire, "float"), b.constant(np.array([-1, 1], np.int64)))
        wire = b.add("Concat", b.add("Sub", b.constant(np.array(1.0, np.float32)), p), p, axis=1)
    low, high = (b.constant(np.array(v, np.float32)) for v in (0.0, 1.0))
    shares = _public(b, b.add("Clip", b.cast(wire, "float"), low, high), "probabilities")  # of a rounding error
    best = b.add("ArgMax", shares, axis=1, keepdims=0)
    _public(b, b.add("Gather", b.constant(np.array(assembly.classes, object)), best), "label")
    _public(b, lower_set(b, assembly, shares, "", "", none)[0], "set")
    return [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", k]),
        helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
        helper.make_tensor_value_info("set", TensorProto.BOOL, ["N", k]),
    ]
