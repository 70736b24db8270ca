"""The Open Inference Protocol v2: the same answers in every encoding, and reasons for what does not fit."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from assay.bundle.schema import Input, Schema
from assay.serve import v2
from assay.serve.decode import Decoder
from assay.serve.http import Refused
from assay.serve.tensors import Tensor

from .conftest import Client, service_of

INFER = "/v2/models/late/infer"
TYPES = {"amount": "FP64", "clock": "FP64", "big": "FP64", "label": "FP64", "member": "BOOL", "when": "BYTES"}


def inputs_of(rows: list[dict], nested: bool = False) -> list[dict]:
    out = []
    for name in rows[0]:
        data = [[r[name]] if nested else r[name] for r in rows]
        shape = [len(rows), 1] if nested else [len(rows)]
        out.append({"name": name, "datatype": TYPES.get(name, "BYTES"), "shape": shape, "data": data})
    return out


def raw_of(values: list, datatype: str) -> bytes:
    if datatype == "BYTES":
        return b"".join(len(t := v.encode()).to_bytes(4, "little") + t for v in values)
    return np.array(values, {"FP64": "<f8", "FP32": "<f4", "BOOL": "?", "INT64": "<i8"}[datatype]).tobytes()


def binary_of(rows: list[dict], **more: object) -> tuple[bytes, dict[str, str]]:
    heads, raws = [], []
    for one in inputs_of(rows):
        raw = raw_of(one.pop("data"), one["datatype"])
        heads.append(one | {"parameters": {"binary_data_size": len(raw)}})
        raws.append(raw)
    head = json.dumps({"inputs": heads} | more).encode()
    return head + b"".join(raws), {"inference_header_content_length": str(len(head))}


def outputs_of(doc: dict) -> dict:
    return {o["name"]: np.array(o["data"]).reshape(o["shape"]) for o in doc["outputs"]}


def test_json_and_binary_flat_and_nested_agree_with_the_library(client, late, row):
    rows = [row, row | {"amount": 3.5, "colour": "grün", "member": True}]
    flat = client.json(INFER, {"id": "42", "inputs": inputs_of(rows)})
    assert (flat["id"], flat["model_name"], flat["model_version"]) == ("42", "late", late.version)
    made = outputs_of(flat)
    assert np.array_equal(made["probabilities"], late.predict_proba(rows))
    assert made["label"].tolist() == late.predict(rows).tolist()
    assert np.array_equal(made["set"], late.predict_set(rows))
    nested = client.json(INFER, {"inputs": inputs_of(rows, nested=True)})
    body, headers = binary_of(rows)
    binary = client.json(INFER, body, **headers)
    packed = client.json(INFER, gzip.compress(body), **headers, content_encoding="gzip")
    assert flat["outputs"] == nested["outputs"] == binary["outputs"] == packed["outputs"]
    assert "id" not in nested


def test_binary_outputs_follow_the_json_head(client, late, row):
    rows = [row, row | {"amount": 3.5}]
    body, headers = binary_of(rows, parameters={"binary_data_output": True})
    response = client.ask(INFER, body, **headers)
    size = int(dict(response.headers)[b"inference-header-content-length"])
    head, at, found = json.loads(response.body[:size]), size, {}
    assert response.content_type == b"application/octet-stream"
    for one in head["outputs"]:
        length = one["parameters"]["binary_data_size"]
        found[one["name"]] = response.body[at : at + length]
        at += length
    assert at == len(response.body)
    assert np.array_equal(np.frombuffer(found["probabilities"], "<f4").reshape(2, 2), late.predict_proba(rows))
    assert found["label"] == raw_of(late.predict(rows).tolist(), "BYTES")
    assert np.array_equal(np.frombuffer(found["set"], "?").reshape(2, 2), late.predict_set(rows))


def test_outputs_are_those_asked_for_each_in_its_own_form(client, row):
    wanted = [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": True}}]
    response = client.ask(INFER, {"inputs": inputs_of([row]), "outputs": wanted})
    size = int(dict(response.headers)[b"inference-header-content-length"])
    label, chances = json.loads(response.body[:size])["outputs"]
    assert label["data"] and chances == {
        "name": "probabilities", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}
    }  # fmt: skip
    assert len(response.body) == size + 8


def test_missing_values_are_null_in_json_and_nan_in_binary(client, late, row):
    rows = [row | {"amount": None, "colour": None, "when": None, "member": None, "clock": None}]
    data = client.json(INFER, {"inputs": inputs_of(rows)})
    assert np.array_equal(outputs_of(data)["probabilities"], late.predict_proba(rows))
    coded = [row | {"amount": float("nan"), "colour": "\ue000", "when": "", "clock": float("nan")}]
    body, headers = binary_of(coded)
    expected = late.predict_proba([rows[0] | {"member": row["member"]}])
    assert np.array_equal(outputs_of(client.json(INFER, body, **headers))["probabilities"], expected)


def test_numbers_may_come_in_any_numeric_datatype(client, late, row):
    rows = [row | {"amount": 12, "clock": 930, "when": 1604986575}]
    expected = late.predict_proba(rows)[0].tolist()
    for kind in ("FP32", "FP64", "INT16", "INT64", "UINT16"):
        listed = inputs_of(rows)
        for one in listed:
            if one["name"] in ("amount", "clock"):
                one["datatype"] = kind
            if one["name"] == "when":
                one["datatype"] = "INT64"
            if one["name"] == "member":
                one["datatype"], one["data"] = "UINT8", [0]
        assert client.json(INFER, {"inputs": listed})["outputs"][0]["data"] == expected


def change(which: str, /, **parts: object):
    def made(listed: list[dict]) -> list[dict]:
        return [one | parts if one["name"] == which else one for one in listed]

    return made


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change("amount", shape=[2]), "the shape says 2 values; data holds 1"),
        (change("amount", shape=[-1]), "whole numbers from 0"),
        (change("amount", shape=[1 << 40]), "whole numbers from 0"),
        (change("amount", shape=[1 << 12, 1 << 12, 2]), "at most"),
        (change("amount", shape=[]), "shape must be a list"),
        (change("amount", shape="1"), "shape must be a list"),
        (change("amount", shape=[True]), "whole numbers"),
        (change("amount", datatype="FLOAT"), "datatype must be one of"),
        (change("amount", datatype=3), "datatype must be one of"),
        (change("amount", datatype="FP16"), "FP16 has no form in JSON"),
        (change("amount", datatype="BYTES", data=["1"]), "is a number"),
        (change("amount", datatype="BOOL", data=[True]), "is a number"),
        (change("amount", datatype="INT8", data=[300]), "outside the range of INT8"),
        (change("amount", datatype="INT64", data=[1.5]), "must be INT64; got a number"),
        (change("amount", data=["1"]), "must be FP64; got text"),
        (change("amount", data=[1e39]), "must be finite"),
        (change("amount", data=None), "data must be a list"),
        (change("amount", data=[[1], 2]), "nested unevenly"),
        (change("amount", name="amuont"), "did you mean amount"),
        (change("amount", name="colour"), "sent twice"),
        (change("amount", name=7), "an object with a name"),
        (change("amount", parameters={"binary_data_size": 8}), "exclude each other"),
        (change("colour", datatype="FP64", data=[1.0]), "must be BYTES"),
        (change("member", datatype="FP64", data=[0.5]), "must be 0 or 1"),
        (change("when", data=["2020-02-30"]), "must be an ISO date"),
        (lambda listed: listed[1:], "is absent"),
        (lambda listed: [], "inputs must be a list"),
        (lambda listed: {}, "inputs must be a list"),
        (lambda listed: [3], "an object with a name"),
    ],
)
def test_what_does_not_fit_is_a_400_with_the_reason(client, row, damage, reason):
    response = client.ask(INFER, {"inputs": damage(inputs_of([row]))})
    assert response.status == 400 and reason in json.loads(response.body)["error"], response.body


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"id": 3}, "id must be text"),
        ({"outputs": [{"name": "other"}]}, "an output must be one of"),
        ({"outputs": [{"name": "label"}, {"name": "label"}]}, "twice"),
        ({"outputs": 3}, "outputs must be a list"),
        ({"outputs": [{"name": "label", "parameters": {"classification": 2}}]}, "classification"),
        ({"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]}, "must be true or false"),
        ({"parameters": {"binary_data_output": "yes"}}, "must be true or false"),
        ({"parameters": 3}, "parameters must be an object"),
    ],
)
def test_requests_are_checked_beyond_their_tensors(client, row, more, reason):
    response = client.ask(INFER, {"inputs": inputs_of([row])} | more)
    assert response.status == 400 and reason in json.loads(response.body)["error"], response.body


def test_binary_sizes_that_lie_are_refused(client, row):
    body, headers = binary_of([row])
    for damaged, more, reason in (
        (body + b"x", headers, "bytes are left"),
        (body[:-1], headers, "that follow"),
        (body, {"inference_header_content_length": "999999"}, "Inference-Header"),
        (body, {"inference_header_content_length": "-1"}, "Inference-Header"),
        (body, {"inference_header_content_length": "10"}, "not JSON"),
        (body, {}, "not JSON"),
    ):
        response = client.ask(INFER, damaged, **more)
        assert response.status == 400 and reason in json.loads(response.body)["error"], response.body
    one = {"name": "colour", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 8}}
    for raw in (b"\xff\xff\xff\x7fabcd", b"\x04\x00\x00\x00\xff\xfe\xff\xfe", b"\x01\x00\x00\x00abcd"):
        head = json.dumps({"inputs": [one]}).encode()
        response = client.ask(INFER, head + raw, inference_header_content_length=str(len(head)))
        assert response.status == 400


def test_a_column_may_go_under_its_own_name_or_that_of_the_graph(client, row):
    own = inputs_of([row])
    graph = [one | {"name": "input label"} if one["name"] == "label" else one for one in own]
    assert client.json(INFER, {"inputs": own})["outputs"] == client.json(INFER, {"inputs": graph})["outputs"]
    assert b"under its own name and" in client.ask(INFER, {"inputs": [*own, graph[-1]]}).body


def test_models_and_versions_are_found_or_told(client, late, row):
    base = "/v2/models/late"
    doc = client.json(base)
    assert doc["name"] == "late" and doc["versions"] == [late.version] and doc["platform"] == "onnx_onnxv1"
    assert {i["name"]: i["datatype"] for i in doc["inputs"]}["colour"] == "BYTES"
    assert [o["name"] for o in doc["outputs"]] == ["probabilities", "label", "set"]
    assert client.json(f"{base}/versions/{late.version}") == doc
    assert client.json(f"{base}/ready") == client.json(f"{base}/versions/{late.version}/ready")
    assert client.ask(f"{base}/versions/{late.version}/infer", {"inputs": inputs_of([row])}).status == 200
    for path in ("/v2/models/other", f"{base}/versions/9.9.9/ready", f"{base}/x", "/v2/models/", "/v2/models/late/"):
        assert client.ask(path).status == 404, path
    assert client.ask(f"{base}/infer", method="GET").status == 405 and client.ask(base, {}).status == 405
    assert client.json("/v2")["extensions"] == ["binary_tensor_data"]


def test_values_are_fp64(values, row):
    client = Client(service_of(values))
    made = outputs_of(client.json(INFER, {"inputs": inputs_of([row])}))
    assert np.array_equal(made["value"], values.predict([row]))
    assert np.array_equal(made["set"], values.predict_set([row]))


def test_a_model_of_numbers_takes_one_tensor():
    class Numbers:
        schema = Schema(
            "regression", (), (Input("b", "b", "bool"), Input("a", "a", "number"), Input("c", "c", "clock")), 0.9,
            ((0.9, (1.0,)),),
        )  # fmt: skip
        decoder = Decoder(schema)

    whole = np.array([[1, 2.5, 930], [0, np.nan, 1200]])
    batch = v2.batch_of({"input": Tensor("input", "FP64", (2, 3), whole.ravel())}, Numbers)
    assert {k: v[:, 0].tolist() for k, v in batch.feed.items() if k != "a"} == {"b": [1, 0], "c": [930, 1200]}
    assert batch.feed["a"][0, 0] == 2.5 and np.isnan(batch.feed["a"][1, 0])
    for shape in ((3, 2), (6,), (2, 3, 1)):
        with pytest.raises(Refused, match="must have the shape"):
            v2.batch_of({"input": Tensor("input", "FP64", shape, whole.ravel())}, Numbers)
    with pytest.raises(Refused, match="0 or 1"):
        v2.batch_of({"input": Tensor("input", "FP64", (1, 3), [2, 1, 930])}, Numbers)


def test_a_model_with_text_says_that_it_needs_a_tensor_a_column(client):
    one = {"name": "input", "datatype": "FP64", "shape": [1, 8], "data": [0] * 8}
    response = client.ask(INFER, {"inputs": [one]})
    assert response.status == 400 and b"send one tensor a column" in response.body
