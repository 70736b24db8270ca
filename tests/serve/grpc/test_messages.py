"""Messages made from our .proto files: names, numbers and types are those of the protocol, byte by byte."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from tests.environments import environment

from assay.serve.grpc.messages import HEALTH, HERE, INFERENCE, Messages, described, messages

# github.com/kserve/open-inference-protocol, open_inference_grpc.proto: (name, number, type) of fields, 11 a message.
PROTOCOL = {
    "ModelInferRequest": "model_name 1 9, model_version 2 9, id 3 9, parameters 4 11, inputs 5 11, outputs 6 11,"
    " raw_input_contents 7 12",
    "ModelInferRequest.InferInputTensor": "name 1 9, datatype 2 9, shape 3 3, parameters 4 11, contents 5 11",
    "ModelInferRequest.InferRequestedOutputTensor": "name 1 9, parameters 2 11",
    "ModelInferResponse": "model_name 1 9, model_version 2 9, id 3 9, parameters 4 11, outputs 5 11,"
    " raw_output_contents 6 12",
    "ModelInferResponse.InferOutputTensor": "name 1 9, datatype 2 9, shape 3 3, parameters 4 11, contents 5 11",
    "ModelMetadataRequest": "name 1 9, version 2 9",
    "ModelMetadataResponse": "name 1 9, versions 2 9, platform 3 9, inputs 4 11, outputs 5 11",
    "ModelMetadataResponse.TensorMetadata": "name 1 9, datatype 2 9, shape 3 3",
    "ModelReadyRequest": "name 1 9, version 2 9",
    "ModelReadyResponse": "ready 1 8",
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live 1 8",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready 1 8",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name 1 9, version 2 9, extensions 3 9",
    "InferParameter": "bool_param 1 8, int64_param 2 3, string_param 3 9, double_param 4 1, uint64_param 5 4",
    "InferTensorContents": "bool_contents 1 8, int_contents 2 5, int64_contents 3 3, uint_contents 4 13,"
    " uint64_contents 5 4, fp32_contents 6 2, fp64_contents 7 1, bytes_contents 8 12",
}


def found(prefix, messages_of):
    for m in messages_of:
        if not m.options.map_entry:
            fields = ", ".join(f"{f.name} {f.number} {f.type}" for f in m.field)
            yield prefix + m.name, fields
            yield from found(f"{prefix}{m.name}.", m.nested_type)


def test_names_numbers_and_types_are_those_of_the_protocol():
    file = described(INFERENCE, (HERE / INFERENCE).read_text("utf-8"))
    assert file.package == "inference" and dict(found("", file.message_type)) == PROTOCOL
    service = file.service[0]
    assert service.name == "GRPCInferenceService"
    assert [(m.name, m.input_type, m.output_type) for m in service.method] == [
        (n, f".inference.{n}Request", f".inference.{n}Response")
        for n in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
    ]


def test_bytes_on_the_wire_are_those_of_the_protocol():
    request = messages(INFERENCE).of["ModelInferRequest"](model_name="m")
    one = request.inputs.add(name="x", datatype="FP64", shape=[1, 300])
    one.contents.fp64_contents.append(1.5)
    request.parameters["k"].bool_param = True
    request.raw_input_contents.append(b"ab")
    contents = b"\x3a\x08" + struct.pack("<d", 1.5)
    tensor = b"\x0a\x01x\x12\x04FP64\x1a\x03\x01\xac\x02\x2a" + bytes([len(contents)]) + contents
    parameter = b"\x0a\x01k\x12\x02\x08\x01"
    wanted = b"\x0a\x01m\x22" + bytes([len(parameter)]) + parameter
    assert request.SerializeToString() == wanted + b"\x2a" + bytes([len(tensor)]) + tensor + b"\x3a\x02ab"


def test_health_is_that_of_grpc():
    health = messages(HEALTH)
    assert list(health.methods) == ["/grpc.health.v1.Health/Check"]
    assert health.of["HealthCheckResponse"](status=1).SerializeToString() == b"\x08\x01"
    assert health.of["HealthCheckRequest"].FromString(b"\x0a\x01x").service == "x"


def test_classes_of_other_packages_with_the_same_names_do_not_meet_ours():
    from google.protobuf import descriptor_pool
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    other = FileDescriptorProto(name="theirs.proto", package="inference", syntax="proto3")
    other.message_type.add(name="ModelInferRequest").field.add(name="else", number=1, label=1, type=9)
    descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
    assert Messages(INFERENCE).of["ModelInferRequest"](model_name="m").model_name == "m"


@pytest.mark.slow
@pytest.mark.parametrize("name", [INFERENCE, HEALTH])
def test_protoc_reads_the_same_in_our_files(name, tmp_path: Path):
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    tools = environment("protoc", "grpcio-tools")
    command = [tools / "python", "-m", "grpc_tools.protoc", f"-I{HERE}", f"--descriptor_set_out={tmp_path / 'set'}"]
    subprocess.run([*command, name], check=True)
    theirs = FileDescriptorSet.FromString((tmp_path / "set").read_bytes()).file[0]
    ours = described(name, (HERE / name).read_text("utf-8"))

    def plain(message):
        for field in message.field:
            field.ClearField("json_name")
        for nested in message.nested_type:
            plain(nested)

    for file in (theirs, ours):
        for message in file.message_type:
            message.nested_type.sort(key=lambda m: m.name)
            plain(message)
        for method in (m for s in file.service for m in s.method):
            method.ClearField("options")
    assert ours == theirs
