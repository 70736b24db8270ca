"""Messages of ModelInfer to and from the form that REST has (``v2``), so that one reader of tensors serves both wires.

A request becomes the JSON document and the bytes of binary tensors that stand behind it; raw_input_contents are those
bytes. An answer is raw where the request was, typed where it was typed, or as ``binary_data_output`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.serve.tensors import bad

CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
MOST_INPUTS, MOST_OUTPUTS, MOST_PARAMETERS = 10_000, 64, 64
EVERY = "binary_data_output"


def read(message: Any) -> tuple[dict[str, Any], memoryview]:
    """A ModelInferRequest as REST's JSON document, and the bytes of its binary tensors.

    Raises:
        Refused: 400, typed and raw tensors together, values in the field of another datatype, or too many parts.
    """
    inputs, raws = message.inputs, message.raw_input_contents
    for what, many, most in (("inputs", inputs, MOST_INPUTS), ("outputs", message.outputs, MOST_OUTPUTS)):
        if len(many) > most:
            raise bad(f"at most {most:,} {what} are read; got {len(many):,}")
    if raws and len(raws) != len(inputs):
        raise bad(f"raw_input_contents must hold one entry for each of the {len(inputs):,} inputs; got {len(raws):,}")
    doc: dict[str, Any] = {"inputs": [_raw(i, r) for i, r in zip(inputs, raws, strict=True)] if raws else
                           [_typed(i) for i in inputs]}  # fmt: skip
    if message.id:
        doc["id"] = message.id
    doc["parameters"] = said = _parameters(message.parameters)
    said.setdefault(EVERY, bool(raws))
    if message.outputs:
        doc["outputs"] = wanted = [{"name": o.name, "parameters": _parameters(o.parameters)} for o in message.outputs]
        if len({o["parameters"].setdefault("binary_data", said[EVERY]) for o in wanted}) > 1:
            raise bad("binary_data must be the same for all outputs: an answer is raw or typed as a whole")
    return doc, memoryview(b"".join(raws))


def _raw(one: Any, raw: bytes) -> dict[str, Any]:
    if one.HasField("contents") and one.contents.ListFields():
        raise bad(f"input {one.name[:60]!r}: contents and raw_input_contents exclude each other")
    return {
        "name": one.name, "datatype": one.datatype, "shape": one.shape[:5], "parameters": {"binary_data_size": len(raw)}
    }  # fmt: skip


def _typed(one: Any) -> dict[str, Any]:
    kind, called = one.datatype, f"input {one.name[:60]!r}"
    field = CONTENTS.get(kind)
    given = [found.name for found, _ in one.contents.ListFields()]
    if kind == "FP16":
        raise bad(f"{called}: FP16 has no typed contents; send FP32, or raw_input_contents")
    if field is not None and given not in ([], [field]):
        raise bad(f"{called}: values of {kind} belong in {field} alone; got {', '.join(given)}")
    data = list(getattr(one.contents, field)) if field else []
    if kind == "BYTES":
        try:
            data = [v.decode() for v in data]
        except UnicodeDecodeError:
            raise bad(f"{called}: a text is not UTF-8") from None
    elif kind in ("FP32", "FP64"):
        data = [v if v == v else None for v in data]
    return {"name": one.name, "datatype": kind, "shape": one.shape[:5], "data": data}


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    if len(given) > MOST_PARAMETERS:
        raise bad(f"at most {MOST_PARAMETERS} parameters are read; got {len(given):,}")
    out: dict[str, Any] = {}
    for name, value in given.items():
        which = value.WhichOneof("parameter_choice")
        if which:
            out[name] = getattr(value, which)
    return out


def written(made: Mapping[str, Any], raws: Sequence[bytes], of: Any) -> bytes:
    """An answer as ``v2.document`` gives it, as the bytes of a ModelInferResponse; ``of`` is that class."""
    message = of(model_name=made["model_name"], model_version=made["model_version"], id=made.get("id", ""))
    for name, text in made.get("parameters", {}).items():
        message.parameters[name].string_param = text
    for one, raw in zip(made["outputs"], raws, strict=True):
        out = message.outputs.add(name=one["name"], datatype=one["datatype"], shape=one["shape"])
        if "data" not in one:
            message.raw_output_contents.append(raw)
        elif one["datatype"] == "BYTES":
            out.contents.bytes_contents.extend([str(v).encode() for v in one["data"]])
        else:
            getattr(out.contents, CONTENTS[one["datatype"]]).extend(one["data"])
    sent: bytes = message.SerializeToString()
    return sent
