"""The Open Inference Protocol v2 over REST: metadata, readiness, inference. github.com/kserve/open-inference-protocol

One tensor a column, of shape [N] or [N, 1], named as the graph names it (or as the column, where that differs). A
model whose columns are all numbers also takes one tensor ``input`` of shape [N, columns] in the order of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.schema import Input
from assay.core.errors import did_you_mean

from . import tensors
from .decode import Batch, says
from .http import JSON, OCTETS, Refused, Response, nothing_at
from .scoring import Scored, Served
from .tensors import Tensor, bad

if TYPE_CHECKING:
    from .service import Answer, Asked, Done, Service

PLATFORM = "onnx_onnxv1"
EXTENSIONS = ["binary_tensor_data"]
LENGTH = b"inference-header-content-length"
WHOLE = "input"
Wanted = list[tuple[str, bool]]  # outputs in the order in which they are wanted, and whether as binary


def answer(service: Service, asked: Asked) -> Answer:
    """Whatever lies below /v2/models/.

    Raises:
        Refused: 404 no such model, version or route; 405; or as ``infer``.
    """
    from .service import ALLOW, Answer, json_of

    parts = asked.request.path.split("/")[3:]  # model [versions version] [ready | infer]
    name, rest = parts[0], parts[1:]
    version = None
    if len(rest) >= 2 and rest[0] == "versions":
        version, rest = rest[1], rest[2:]
    if rest not in ([], ["ready"], ["infer"]):
        raise nothing_at(asked.request.path)
    served = found(asked, name, version)
    reads = asked.request.method in ("GET", "HEAD")
    if rest == ["infer"]:
        if asked.request.method != "POST":
            raise Refused(405, "infer is asked with POST", headers=ALLOW["POST"])
        return infer(service, asked, served, version is not None)
    if not reads:
        raise Refused(405, "this is read with GET", headers=ALLOW["GET"])
    if rest == ["ready"]:
        if service.draining:
            raise Refused(503, "shutting down")
        return Answer(json_of({"name": served.name, "ready": True}, served), "/v2/ready")
    return Answer(json_of(metadata(served, asked), served), "/v2/metadata")


def found(asked: Asked, name: str, version: str | None) -> Served:
    """The model of that name and, where one is asked for, that version.

    Raises:
        Refused: 404, there is none.
    """
    of_name = [s for s in asked.lineup.all() if s.name == name]
    one = next((s for s in of_name if version in (None, s.version)), None)
    if one is None:
        live = asked.lineup.live
        what = f"version {version[:40]!r} of {live.name!r}" if of_name and version else f"model {name[:60]!r}"
        raise Refused(404, f"there is no {what} here; there is {live.name!r} {live.version}")
    return one


def about() -> dict[str, Any]:
    """Name, version, extensions."""
    from assay import __version__

    return {"name": "assay", "version": __version__, "extensions": EXTENSIONS}


def server() -> Response:
    import orjson

    return Response(200, orjson.dumps(about()))


def metadata(served: Served, asked: Asked) -> dict[str, Any]:
    return {
        "name": served.name,
        "versions": [s.version for s in asked.lineup.all() if s.name == served.name],
        "platform": PLATFORM,
        "inputs": [{"name": i.input, "datatype": datatype(i), "shape": [-1]} for i in served.schema.inputs],
        "outputs": [{"name": n, "datatype": t, "shape": s} for n, t, s in outputs(served)],
    }


def datatype(i: Input) -> str:
    """The natural datatype of a column; others that convert without loss are taken too."""
    return "BYTES" if i.is_text else "BOOL" if i.kind == "bool" else "FP64"


def outputs(served: Served) -> list[tuple[str, str, list[int]]]:
    """(name, datatype, shape) of what a model gives."""
    k = len(served.classes)
    if not k:
        return [("value", "FP64", [-1]), ("set", "FP64", [-1, 2])]
    made = [("probabilities", "FP32", [-1, k]), ("label", "BYTES", [-1]), ("set", "BOOL", [-1, k])]
    return [*made, ("decision", "BYTES", [-1])] if served.schema.costs is not None else made


def infer(service: Service, asked: Asked, served: Served, exact: bool) -> Answer:
    """One inference request; ``exact`` where its path names the version that must answer.

    Raises:
        Refused: 400 with the reason; 413 too many rows; 503 the model failed.
    """
    from .limits import check_depth, inflate
    from .service import Answer

    body = inflate(asked.request.body, asked.request.headers, service.limits)
    doc, binary = _split(body, asked.request.headers, lambda part: check_depth(part, service.limits))

    def finish(done: Done, wanted: Wanted) -> Answer:
        return Answer(_response(doc, done, wanted), "/v2/infer", done)

    return predicted(service, asked, served, exact, doc, binary, finish)


def predicted(
    service: Service, asked: Asked, served: Served, exact: bool, doc: Mapping[str, Any], binary: memoryview,
    finish: Callable[[Done, Wanted], Answer],
) -> Answer:  # fmt: skip
    """The answer that ``finish`` makes of a prediction and the outputs that are wanted; perhaps a ``Held`` one.

    ``doc`` is the request as JSON has it, ``binary`` the bytes of its binary tensors one after another.

    Raises:
        Refused: as ``infer``.
    """
    given = _inputs(doc, binary)
    wanted = _wanted(doc, served)
    if exact:
        asked = replace(asked, lineup=replace(asked.lineup, live=served, challenger=None))

    def decode(model: Served) -> Batch:
        return batch_of(given, model)

    def end(done: Done) -> Answer:
        done.rows = _rows(given, done.served)
        return finish(done, wanted)

    try:
        if asked.batches is not None:
            return asked.batches.held(service, asked, decode, end)
        done = service.scored(asked, decode)
    except Refused as error:
        raise Refused(400 if error.status == 422 else error.status, error.reason, error.fields, error.headers) from None
    return end(done)


def _split(body: bytes, headers: Mapping[bytes, bytes], check: Any) -> tuple[dict[str, Any], memoryview]:
    from .forms import parsed

    said = headers.get(LENGTH)
    size = len(body)
    if said is not None:
        if not said.isdigit() or len(said) > 12 or int(said) > len(body):
            raise bad("Inference-Header-Content-Length must be the bytes of JSON at the head of the body")
        size = int(said)
    head = body[:size]
    check(head)
    doc = parsed(head)
    if not isinstance(doc, dict):
        raise bad(f"the request must be a JSON object with inputs; got {says(doc)}")
    if doc.get("id") is not None and not isinstance(doc["id"], str):
        raise bad(f"id must be text; got {says(doc['id'])}")
    return doc, memoryview(body)[size:]


def _inputs(doc: Mapping[str, Any], binary: memoryview) -> dict[str, Tensor]:
    listed = doc.get("inputs")
    if not isinstance(listed, list) or not listed:
        raise bad(f"inputs must be a list of tensors; got {says(listed)}")
    given: dict[str, Tensor] = {}
    at = 0
    for one in listed:
        tensor, at = tensors.read(one, binary, at)
        if tensor.name in given:
            raise bad(f"input {tensor.name[:60]!r} was sent twice")
        given[tensor.name] = tensor
    if at != len(binary):
        raise bad(f"{len(binary) - at:,} bytes are left after the last tensor")
    return given


def batch_of(given: Mapping[str, Tensor], served: Served) -> Batch:
    """Tensors as rows of a model.

    Raises:
        Refused: 400, names, shapes or values do not fit; 413 too many rows.
    """
    inputs, given = served.decoder.inputs, by_input(given, served)
    if WHOLE in given and not any(i.input == WHOLE for i in inputs):
        return _whole(given, served)
    names = {i.input for i in inputs}
    for name in given:
        if name not in names:
            raise bad(f"the model has no input {name[:60]!r}{did_you_mean(name, names)}")
    absent = [i.input for i in inputs if i.input not in given]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise bad(f"the input {absent[0]!r} is absent{more}")
    n = given[inputs[0].input].shape[0]
    for i in inputs:
        shape = given[i.input].shape
        if shape not in ((n,), (n, 1)):
            raise bad(f"input {i.input!r}: the shape must be [{n}] or [{n}, 1], like the first; got {list(shape)}")
    served.decoder.count(n)
    return served.decoder.table([_column(given[i.input], i) for i in inputs], n)


def by_input(given: Mapping[str, Tensor], served: Served) -> Mapping[str, Tensor]:
    """Tensors by the graph's name, where they came under the column's."""
    other = served.decoder.aliases
    if not other or not any(name in other for name in given):
        return given
    named = {other.get(name, name): tensor for name, tensor in given.items()}
    if len(named) < len(given):
        raise bad("a column was sent twice, under its own name and under that of the graph")
    return named


def _column(tensor: Tensor, i: Input) -> Any:
    if i.is_text:
        if tensor.datatype != "BYTES":
            raise bad(f"input {i.input!r} is text: its datatype must be BYTES; got {tensor.datatype}")
        return tensor.data
    if tensor.datatype == "BYTES":
        if i.kind == "date":
            return tensor.data
        raise bad(f"input {i.input!r} is a number: its datatype must be {datatype(i)}; got BYTES")
    if i.kind == "bool":
        return _flags(tensor, i)
    if tensor.datatype == "BOOL":
        raise bad(f"input {i.input!r} is a number: its datatype must be FP64; got BOOL")
    return tensors.numbers(tensor)


def _flags(tensor: Tensor, i: Input) -> NDArray[np.float64]:
    """True, false and missing from BOOL or from numbers 0 and 1."""
    values = np.array(tensors.numbers(tensor), np.float64)
    if not ((values == 0.0) | (values == 1.0) | np.isnan(values)).all():
        raise bad(f"input {i.input!r} is true or false: its values must be 0 or 1")
    return values


def _whole(given: Mapping[str, Tensor], served: Served) -> Batch:
    inputs = served.schema.inputs
    text = next((i.input for i in inputs if i.is_text), None)
    if text is not None:
        raise bad(f"one tensor {WHOLE!r} is for models of numbers; {text!r} is text: send one tensor a column")
    if len(given) > 1:
        raise bad(f"beside the tensor {WHOLE!r} there may be no other")
    tensor = given[WHOLE]
    if len(tensor.shape) != 2 or tensor.shape[1] != len(inputs):
        raise bad(f"the tensor {WHOLE!r} must have the shape [N, {len(inputs)}]; got {list(tensor.shape)}")
    if tensor.datatype in ("BYTES", "BOOL"):
        raise bad(f"the tensor {WHOLE!r} must hold numbers; got {tensor.datatype}")
    n, k = tensor.shape
    served.decoder.count(n)
    values = np.array(tensors.numbers(tensor), np.float64).reshape(n, k)
    place = {i.input: j for j, i in enumerate(inputs)}
    columns = {i.input: Tensor(i.input, "FP64", (n,), values[:, place[i.input]]) for i in inputs}
    return served.decoder.table([_column(columns[i.input], i) for i in served.decoder.inputs], n)


def _rows(given: Mapping[str, Tensor], served: Served) -> dict[str, Any]:
    """What was asked, by column, for the log."""
    if WHOLE in given and len(given) == 1 and len(served.schema.inputs) != 1:
        values = np.array(tensors.numbers(given[WHOLE]), np.float64).reshape(given[WHOLE].shape)
        return {i.column: values[:, j] for j, i in enumerate(served.schema.inputs)}
    given = by_input(given, served)
    return {i.column: given[i.input].data for i in served.schema.inputs if i.input in given}


def _wanted(doc: Mapping[str, Any], served: Served) -> Wanted:
    """(output, as binary) that the request asks for; all of them where it names none."""
    every = flag_of_request(doc)
    known = [name for name, _, _ in outputs(served)]
    asked = doc.get("outputs")
    if asked is None or asked == []:
        return [(name, every) for name in known]
    if not isinstance(asked, list):
        raise bad(f"outputs must be a list; got {says(asked)}")
    wanted: Wanted = []
    for one in asked:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or name not in known:
            raise bad(f"an output must be one of {', '.join(known)}; got {str(name)[:60]!r}")
        if any(name == n for n, _ in wanted):
            raise bad(f"output {name!r} was asked for twice")
        own = one.get("parameters")
        if isinstance(own, dict) and own.get("classification"):
            raise bad("the classification extension is not offered; ask for probabilities and label")
        binary = tensors.flag(own, "binary_data", f"output {name!r}")
        wanted.append((name, every if binary is None else binary))
    return wanted


def flag_of_request(doc: Mapping[str, Any]) -> bool:
    return bool(tensors.flag(doc.get("parameters"), "binary_data_output", "the request"))


def value_of(name: str, scored: Scored, served: Served) -> NDArray[Any]:
    """The tensor behind an output's name."""
    if name == "label":
        return np.array(served.classes, object)[served.aim.decided(scored.output)]
    if name == "decision" and scored.decisions is not None:
        return scored.decisions
    if name == "set":
        return scored.sets
    return scored.output.astype(np.float32) if name == "probabilities" else scored.output[:, 0]


def document(doc: Mapping[str, Any], done: Done, wanted: Wanted) -> tuple[dict[str, Any], list[bytes]]:
    """The answer to ``doc`` as JSON has it, and the bytes of each output that goes as binary (empty of the others)."""
    served, scored = done.served, done.scored
    types = {name: t for name, t, _ in outputs(served)}
    listed, raws = [], []
    for name, binary in wanted:
        if name in types and not (scored.by == "naive" and name == "set" and not served.classes):
            one, raw = tensors.written(name, types[name], value_of(name, scored, served), binary)
            listed.append(one)
            raws.append(raw)
    out: dict[str, Any] = {"model_name": served.name, "model_version": served.version}
    if doc.get("id") is not None:
        out["id"] = doc["id"]
    said: dict[str, Any] = {"fallback": scored.by} if scored.by else {}
    if done.batch.odd:
        said["odd_rows"] = ",".join(map(str, sorted(done.batch.odd)))
    if said:
        out["parameters"] = said
    return {**out, "outputs": listed}, raws


def _response(doc: Mapping[str, Any], done: Done, wanted: Wanted) -> Response:
    import orjson

    made, raws = document(doc, done, wanted)
    head = orjson.dumps(made)
    if not any(binary for _, binary in wanted):
        return Response(200, head, JSON, done.served.mark)
    length = ((LENGTH, b"%d" % len(head)),)
    return Response(200, head + b"".join(raws), OCTETS, (*length, *done.served.mark))
