"""Tensors of gRPC are read by REST's reader: every datatype, both forms, and a reason for what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.serve.conftest import Client, service_of
from tests.serve.test_v2 import INFER as REST
from tests.serve.test_v2 import binary_of, inputs_of, outputs_of

from assay.serve import v2
from assay.serve.grpc import inference
from assay.serve.grpc.messages import INFERENCE, messages
from assay.serve.http import Refused

from .conftest import INFER, raw, typed

NUMBERS = {
    "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents", "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents", "UINT64": "uint64_contents",
    "FP32": "fp32_contents", "FP64": "fp64_contents",
}  # fmt: skip
WIDTHS = {"INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "u1", "UINT16": "<u2",
          "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}  # fmt: skip


def values_of(message):
    """Outputs of an answer by name, whichever form it has."""
    out = {}
    for k, one in enumerate(message.outputs):
        kind, shape = one.datatype, list(one.shape)
        if message.raw_output_contents:
            got = message.raw_output_contents[k]
            if kind == "BYTES":
                values, at = [], 0
                while at < len(got):
                    size = int.from_bytes(got[at : at + 4], "little")
                    values.append(got[at + 4 : at + 4 + size].decode())
                    at += 4 + size
            else:
                values = np.frombuffer(got, {"BOOL": "?", "FP32": "<f4", "FP64": "<f8"}[kind])
        else:
            values = list(getattr(one.contents, inference.CONTENTS[kind]))
            values = [v.decode() for v in values] if kind == "BYTES" else values
        out[one.name] = np.array(values).reshape(shape)
    return out


def same(a, b):
    return list(a) == list(b) and all(np.array_equal(a[k], b[k]) for k in a)


def test_the_same_rows_give_the_same_answers_over_both_wires(late_behind, late, row):
    rows = [row, row | {"amount": 3.5, "colour": "grün", "member": True}, row | {"colour": "", "town": "x" * 300}]
    rest = Client(service_of(late))
    flat = rest.json(REST, {"inputs": inputs_of(rows)})
    plain, packed = late_behind(INFER, typed(rows, id="42")), late_behind(INFER, raw(rows))
    assert (plain.id, plain.model_name, plain.model_version, packed.id) == ("42", "late", late.version, "")
    assert not plain.raw_output_contents and len(packed.raw_output_contents) == len(packed.outputs) == 3
    wanted = outputs_of(flat)
    wanted["probabilities"] = wanted["probabilities"].astype(np.float32)
    for got in (values_of(plain), values_of(packed)):
        assert same(got, wanted)
    assert np.array_equal(values_of(plain)["probabilities"], late.predict_proba(rows).astype(np.float32))
    assert values_of(packed)["label"].tolist() == late.predict(rows).tolist()
    body, headers = binary_of(rows)
    assert outputs_of(rest.json(REST, body, **headers))["label"].tolist() == values_of(packed)["label"].tolist()


def test_an_answer_has_the_form_that_was_asked_for(late_behind, row):
    request = typed([row])
    request.parameters["binary_data_output"].bool_param = True
    assert late_behind(INFER, request).raw_output_contents
    request = raw([row])
    request.parameters["binary_data_output"].bool_param = False
    assert not late_behind(INFER, request).raw_output_contents
    request = typed([row])
    for name in ("label", "probabilities"):
        request.outputs.add(name=name).parameters["binary_data"].bool_param = True
    answer = late_behind(INFER, request)
    assert [o.name for o in answer.outputs] == ["label", "probabilities"] and len(answer.raw_output_contents) == 2
    request.outputs[0].parameters["binary_data"].bool_param = False
    assert "same for all outputs" in late_behind.refused(INFER, request).reason


def test_missing_values_are_nan_and_the_code_of_the_graph(late_behind, late, row):
    gone = row | {"amount": float("nan"), "colour": "\ue000", "when": "", "clock": float("nan")}
    expected = late.predict_proba([gone | {"amount": None, "colour": None, "when": None, "clock": None}])
    for made in (typed([gone]), raw([gone])):
        assert np.array_equal(values_of(late_behind(INFER, made))["probabilities"], expected.astype(np.float32))


@pytest.mark.parametrize("kind", WIDTHS)
def test_numbers_may_come_in_any_numeric_datatype(late_behind, late, row, kind):
    one = row | {"amount": 12, "clock": 93}
    expected = late.predict_proba([one])[0].astype(np.float32)
    plain, packed = typed([one]), raw([one])
    for k, name in enumerate(one):
        if name in ("amount", "clock"):
            packed.inputs[k].datatype = plain.inputs[k].datatype = kind
            packed.raw_input_contents[k] = np.array([one[name]], WIDTHS[kind]).tobytes()
            plain.inputs[k].contents.Clear()
            getattr(plain.inputs[k].contents, NUMBERS.get(kind, "fp32_contents")).append(one[name])
    assert np.array_equal(values_of(late_behind(INFER, packed))["probabilities"][0], expected)
    if kind == "FP16":
        assert "FP16 has no typed contents" in late_behind.refused(INFER, plain).reason
    else:
        assert np.array_equal(values_of(late_behind(INFER, plain))["probabilities"][0], expected)


def test_a_model_of_values_answers_values_and_says_why_one_tensor_will_not_do(values):
    from .conftest import TYPES, behind

    texts = [i for i in values._schema.inputs if i.is_text]
    with behind(values) as service:
        served = service.service.live.lineup.live
        answer = service(INFER, typed([served.typical]))
        assert values_of(answer)["value"][0] == values.predict([served.typical])[0]
        whole = TYPES["ModelInferRequest"](model_name="late")
        whole.inputs.add(name="input", datatype="FP64", shape=[1, 3]).contents.fp64_contents.extend([1.0] * 3)
        refusal = service.refused(INFER, whole)
        assert texts and "send one tensor a column" in refusal.reason and refusal.status == "INVALID_ARGUMENT"


def change(**parts):
    def made(request):
        one = request.inputs[0]
        for name, value in parts.items():
            if name == "shape":
                one.shape[:] = value
            elif name.endswith("contents"):
                one.contents.Clear()
                getattr(one.contents, name).extend(value)
            else:
                setattr(one, name, value)

    return made


def also(field, value):
    return lambda request: getattr(request.inputs[0].contents, field).append(value)


def output(**parts):
    return lambda request: request.outputs.add(**parts)


DAMAGED = [
    (change(shape=[-1]), "whole numbers from 0"),
    (change(shape=[-(2**63)]), "whole numbers from 0"),
    (change(shape=[2**62]), "whole numbers from 0"),
    (change(shape=[1 << 12, 1 << 12, 2]), "at most"),
    (change(shape=[1 << 24] * 4), "at most"),
    (change(shape=[1] * 5), "shape must be a list"),
    (change(shape=[1] * 100_000), "shape must be a list"),
    (change(shape=[]), "shape must be a list"),
    (change(shape=[2]), "the shape says 2 values"),
    (change(shape=[0]), "the shape says 0 values"),
    (change(datatype=""), "datatype must be one of"),
    (change(datatype="FLOAT"), "datatype must be one of"),
    (change(datatype="FP32"), "belong in fp32_contents"),
    (change(datatype="BYTES"), "belong in bytes_contents"),
    (change(datatype="BYTES", bytes_contents=[b"1"]), "is a number"),
    (change(datatype="BYTES", bytes_contents=[b"\xff"]), "not UTF-8"),
    (change(datatype="BOOL", bool_contents=[True]), "is a number"),
    (change(datatype="INT8", int_contents=[300]), "outside the range of INT8"),
    (change(datatype="UINT8", uint_contents=[300]), "outside the range of UINT8"),
    (change(fp64_contents=[1e39]), "must be finite"),
    (change(fp64_contents=[float("-inf")]), "must be finite"),
    (change(fp64_contents=[]), "data holds 0"),
    (also("fp32_contents", 1.0), "belong in fp64_contents alone"),
    (also("fp64_contents", 1.0), "data holds 2"),
    (change(name="amuont"), "did you mean amount"),
    (change(name="colour"), "sent twice"),
    (change(name=""), "no input"),
    (lambda r: r.inputs.pop(), "is absent"),
    (lambda r: r.ClearField("inputs"), "inputs must be a list"),
    (lambda r: r.raw_input_contents.append(b""), "one entry for each of the 8 inputs; got 1"),
    (lambda r: r.raw_input_contents.extend([b"12345678"] * 8), "exclude each other"),
    (lambda r: [r.inputs.add() for _ in range(10_001)], "at most 10,000 inputs"),
    (lambda r: [r.outputs.add(name="label") for _ in range(65)], "at most 64 outputs"),
    (lambda r: [r.parameters[str(k)] for k in range(65)], "at most 64 parameters"),
    (output(name="secrets"), "an output must be one of"),
    (lambda r: [r.outputs.add(name="label") for _ in range(2)], "asked for twice"),
    (lambda r: setattr(r.outputs.add(name="label").parameters["classification"], "int64_param", 2), "classification"),
    (lambda r: setattr(r.parameters["binary_data_output"], "string_param", "x"), "must be true or false"),
]


@pytest.mark.parametrize("k", range(len(DAMAGED)))
def test_what_does_not_fit_is_refused_with_its_reason(late_behind, row, k):
    damage, reason = DAMAGED[k]
    request = typed([row])
    damage(request)
    refusal = late_behind.refused(INFER, request)
    assert refusal.status == "INVALID_ARGUMENT" and reason in refusal.reason


@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("amount", b"1234567", "1 values of FP64 are 8 bytes; got 7"),
        ("amount", b"", "got 0"),
        ("amount", b"1" * 16, "got 16"),
        ("amount", b"\0\0\0\0\0\0\xf0\x7f", "must be finite"),
        ("colour", b"\x05\0\0\0red", "longer than what follows"),
        ("colour", b"\xff\xff\xff\xffred", "longer than what follows"),
        ("colour", b"\x03\0\0\0redx", "bytes are left"),
        ("colour", b"\x01\0\0\0\xff", "not UTF-8"),
        ("colour", b"\x01\0", "the bytes end before them"),
        ("member", b"\x02", "a BOOL is one byte, 0 or 1"),
    ],
)
def test_raw_contents_that_do_not_fit_are_refused(late_behind, row, name, contents, reason):
    request = raw([row])
    request.raw_input_contents[list(row).index(name)] = contents
    refusal = late_behind.refused(INFER, request)
    assert refusal.status == "INVALID_ARGUMENT" and reason in refusal.reason


def test_raw_contents_are_one_for_each_input(late_behind, row):
    request = raw([row])
    del request.raw_input_contents[-1]
    assert "got 7" in late_behind.refused(INFER, request).reason
    request = raw([row])
    request.inputs[0].contents.SetInParent()  # there, and empty: some clients always set it
    assert late_behind(INFER, request).outputs


def test_reasons_by_field_travel_as_metadata(late_behind, row):
    rows = [row | {"amount": 1e39}] * 30
    fields = json.loads(late_behind.refused(INFER, typed(rows)).metadata["x-assay-fields-bin"])
    assert fields[0] == {"row": 0, "column": "amount", "reason": fields[0]["reason"]} and 1 < len(fields) <= 20


def test_what_rest_adds_to_an_answer_is_here_too():
    made = {
        "model_name": "m", "model_version": "1", "parameters": {"fallback": "naive", "odd_rows": "0,2"},
        "outputs": [{"name": "label", "datatype": "BYTES", "shape": [1], "data": ["é"]}],
    }  # fmt: skip
    answer = (
        messages(INFERENCE)
        .of["ModelInferResponse"]
        .FromString(inference.written(made, [b""], messages(INFERENCE).of["ModelInferResponse"]))
    )
    assert {k: v.string_param for k, v in answer.parameters.items()} == made["parameters"]
    assert list(answer.outputs[0].contents.bytes_contents) == ["é".encode()]


def test_a_refusal_of_rest_and_of_grpc_is_the_same_sentence(late_behind, late, row):
    wrong = row | {"amount": 1e39}
    with pytest.raises(Refused) as rest:
        Client(service_of(late)).answer(REST, {"inputs": inputs_of([wrong])})
    assert late_behind.refused(INFER, typed([wrong])).reason == rest.value.reason and v2.EXTENSIONS
