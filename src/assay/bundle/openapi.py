"""``openapi.json``: OpenAPI 3.1 of the service of one model, made from the schema of a row and then frozen.

Routes are those of ``assay serve``: its own (/predict, /explain), the Open Inference Protocol v2
(github.com/kserve/open-inference-protocol), and those for operators. Errors have one form everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = "3.1.0"
MOST_REASONS = 10
MOST_EXPLAINED = 16  # rows in one request
OPEN = ("/healthz", "/v2/health/live", "/v2/health/ready")  # what answers without a key
REFUSED = {
    "400": "The body or the query cannot be read.",
    "401": "No key, or one that is not known here.",
    "403": "The key may not do this.",
    "404": "There is nothing of that name.",
    "405": "Another method is needed; `Allow` names it.",
    "408": "The request took too long to arrive.",
    "411": "The body has no length.",
    "413": "The body, or what it inflates to, is too large.",
    "415": "The body is of a media type or encoding that is not taken.",
    "422": "Rows do not fit the schema; `fields` says which and why.",
    "429": "Too many requests for this key; `Retry-After` says when.",
    "431": "The headers are too large.",
    "500": "The service failed; the request id finds it in the log.",
    "503": "Not ready, or shutting down.",
}
BODY_ONLY = ("408", "411", "413", "415", "422")


def openapi(schema: Mapping[str, Any], name: str, version: str) -> dict[str, Any]:
    """The document for a model of ``schema`` (the JSON Schema of a row with ``x-assay``)."""
    own = schema["x-assay"]
    return {
        "openapi": VERSION,
        "info": {
            "title": name,
            "version": version,
            "summary": f"Predicts {own['target'] or 'a target'} from {len(own['order'])} columns.",
        },
        "jsonSchemaDialect": schema["$schema"],
        "security": [{"key": []}, {"bearer": []}, {"basic": []}],
        "tags": [{"name": "assay"}, {"name": "Open Inference Protocol v2"}, {"name": "operation"}],
        "paths": {**_assay(own["task"] != "regression"), **_protocol(name, version), **_operation()},
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "basic": {"type": "http", "scheme": "basic", "description": "The key as password, for browsers."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a JWT."},
            },
            "schemas": {**_rows(schema), **_answers(own), **_tensors(own), **_kept()},
            "responses": {
                code: {"description": said, "headers": _headers(), "content": _json("Error")}
                for code, said in REFUSED.items()
            },
        },
    }


def _assay(classes: bool) -> dict[str, Any]:
    where = "a class" if classes else "a value"
    predict = _does("predict", "assay", f"Predict {where} for every row.", "Rows", "Predictions")
    predict["parameters"] = [
        _asked("reasons", {"type": "integer", "minimum": 0, "maximum": MOST_REASONS}, "Reasons for each row."),
        _asked("coverage", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "Of the prediction sets."),
    ]
    says = f"Which columns moved each prediction away from what is usual; at most {MOST_EXPLAINED} rows."
    explain = _does("explain", "assay", says, "Rows", "Explanations")
    explain["parameters"] = [
        _asked("n", {"type": "integer", "minimum": 1, "maximum": MOST_REASONS, "default": 3}, "Reasons for each row.")
    ]
    return {"/predict": {"post": predict}, "/explain": {"post": explain}}


def _asked(name: str, form: dict[str, Any], says: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": says, "schema": form}


def _protocol(name: str, version: str) -> dict[str, Any]:
    tag, model = "Open Inference Protocol v2", _path_parameter("model", name)
    out: dict[str, Any] = {}
    for path, answer, id, says in (
        ("/v2/health/live", "Live", "serverLive", "Whether the process answers."),
        ("/v2/health/ready", "Live", "serverReady", "Whether predictions can be made."),
        ("/v2", "ServerMetadata", "serverMetadata", "The server and its extensions."),
    ):
        out[path] = {"get": _does(id, tag, says, None, answer, open=path in OPEN)}
    for stem, extra, mark in (
        ("/v2/models/{model}", [], ""),
        ("/v2/models/{model}/versions/{version}", [_path_parameter("version", version)], "Version"),
    ):
        parameters = {"parameters": [model, *extra]}
        for end, id, answer, says in (
            ("", "modelMetadata", "ModelMetadata", "Its tensors."),
            ("/ready", "modelReady", "ModelReady", "Whether it can predict."),
        ):
            out[stem + end] = {**parameters, "get": _does(id + mark, tag, says, None, answer)}
        out[f"{stem}/infer"] = {**parameters, "post": _infer("infer" + mark, tag)}
    return out


def _infer(id: str, tag: str) -> dict[str, Any]:
    says = "Predict; tensors as JSON or, with the binary extension, as bytes. Rows that do not fit are a 400."
    one = _does(id, tag, says, "InferRequest", "InferResponse")
    octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    one["requestBody"]["content"] |= octets
    one["responses"]["200"]["content"] |= octets
    one["parameters"] = [{
        "name": "Inference-Header-Content-Length", "in": "header", "required": False,
        "description": "Bytes of JSON before the tensors, where the body holds binary tensors.",
        "schema": {"type": "integer", "minimum": 0},
    }]  # fmt: skip
    return one


def _operation() -> dict[str, Any]:
    out = {}
    for path, id, answer, says in (
        ("/healthz", "healthz", "Health", "Whether the process answers, for probes."),
        ("/schema", "schema", "Anything", "JSON Schema of a row, with what the model knows of each column."),
        ("/openapi.json", "openapi", "Anything", "This document."),
        ("/metrics", "metrics", "Anything", "Prometheus metrics."),
        ("/", "page", "Anything", "A page for people."),
    ):
        out[path] = {"get": _does(id, "operation", says, None, answer, open=path in OPEN)}
    says = "Say what turned out to be true (with --log); kept before it is answered."
    label = _does("label", "assay", says, "Labels", "Receipt")
    says = "Keep predictions that something else made (with --log); kept before it is answered."
    out |= {"/label": {"post": label}, "/log": {"post": _does("log", "assay", says, "Elsewhere", "Receipt")}}
    out["/metrics"]["get"]["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    out["/"]["get"]["responses"]["200"]["content"] = {"text/html": {"schema": {"type": "string"}}}
    return out


def _does(id: str, tag: str, says: str, body: str | None, answer: str, open: bool = False) -> dict[str, Any]:
    ok = {"description": "As asked.", "headers": _headers(), "content": _json(answer)}
    refused = {c: {"$ref": f"#/components/responses/{c}"} for c in REFUSED if body is not None or c not in BODY_ONLY}
    asked = {"requestBody": {"required": True, "content": _json(body)}} if body else {}
    return {
        "operationId": id, "tags": [tag], "summary": says, **asked, "responses": {"200": ok} | refused,
        **({"security": []} if open else {}),
    }  # fmt: skip


def _json(form: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{form}"}}}


def _headers() -> dict[str, Any]:
    return {
        "x-request-id": {"description": "Echoed, or made.", "schema": {"type": "string"}},
        "x-assay-model": {"description": "name@version;sha256=<12 digits>", "schema": {"type": "string"}},
    }


def _path_parameter(name: str, only: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [only]}}


def _rows(schema: Mapping[str, Any]) -> dict[str, Any]:
    order = list(schema["x-assay"]["order"])
    row = {c: _cell(schema["properties"][c], schema["x-assay"]["columns"][c]) for c in order}
    columns = {c: {"type": "array", "items": {"$ref": f"#/components/schemas/Row/properties/{_pointer(c)}"}}
               for c in order}  # fmt: skip
    one = {"$ref": "#/components/schemas/Row"}
    many = {"type": "array", "minItems": 1, "items": one}
    by_column = {"$ref": "#/components/schemas/Columns"}
    return {
        "Row": {"type": "object", "properties": row, "required": order},
        "Columns": {"type": "object", "properties": columns, "required": order},
        "Rows": {
            "anyOf": [
                {"title": "By row", "type": "object", "properties": {"rows": many}, "required": ["rows"],
                 "additionalProperties": False},
                {"title": "By column", "type": "object", "properties": {"columns": by_column}, "required": ["columns"],
                 "additionalProperties": False},
                {"title": "Rows alone", **many},
                {"title": "One row", **one},
            ]
        },
    }  # fmt: skip


def _cell(described: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    typical = own.get("typical")
    if own["kind"] == "bool" and typical is not None:
        typical = bool(typical)
    example = {} if typical is None else {"examples": [typical]}
    return {"type": list(described["type"]), "description": described["description"], **example}


def _pointer(column: str) -> str:
    """A column as a part of a JSON pointer inside a URI fragment (RFC 6901)."""
    from urllib.parse import quote

    return quote(column.replace("~", "~0").replace("/", "~1"), safe="~")


def _answers(own: Mapping[str, Any]) -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "number"}
    one: dict[str, Any] = {"prediction": number, "set": {"type": "array", "items": number}}
    needed = ["prediction"]
    if own["task"] != "regression":
        share = {"type": "number", "minimum": 0, "maximum": 1}
        one = {
            "prediction": {"type": ["string", "number", "boolean"]},
            "probabilities": {"type": "object", "properties": dict.fromkeys(own["classes"], share),
                              "required": list(own["classes"])},
            "set": {"type": "array", "items": {"enum": list(own["classes"])}},
        }  # fmt: skip
        needed.append("probabilities")
    if "decision" in own:
        one["decision"] = {"enum": list(own["decision"]["costs"])}
    odd = {"type": "object", "required": ["column", "reason"], "properties": {"column": text, "reason": text}}
    reasons = {"reasons": {"type": "array", "items": text}}
    explained = {
        "prediction": one["prediction"], "of": text, "output": number, "usual": number,
        "contributions": {"type": "object", "additionalProperties": number}, **reasons,
    }  # fmt: skip
    model = {"name": text, "version": text, "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
    said = {"coverage": number, "threshold": number, "fallback": {"enum": ["naive", "previous"]}}
    return {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {"type": "string", "description": "One sentence: what was expected, what came, what to do."},
                "fields": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            },
        },
        "FieldError": {
            "type": "object",
            "required": ["reason"],
            "properties": {"row": {"type": "integer", "minimum": 0}, "column": text, "reason": text},
        },
        "Model": {"type": "object", "required": ["name", "version", "digest"], "properties": model},
        "Prediction": {
            "type": "object",
            "required": needed,
            "properties": {
                **one,
                "odd": {"type": "boolean", "description": "Only where the row cannot be real."},
                "odd_because": {"type": "array", "items": odd},
                **reasons,
            },
        },
        "Explanation": {
            "type": "object",
            "required": ["prediction", "output", "usual", "contributions", "reasons"],
            "properties": explained,
        },
        "Predictions": _list_of("predictions", "Prediction", said),
        "Explanations": _list_of("explanations", "Explanation", {}),
        "Health": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
        "Anything": {},
    }


def _kept() -> dict[str, Any]:
    """What /label and /log take, and the receipt that they give."""
    cell = {"type": ["string", "number", "boolean", "null"]}
    said = {"type": ["string", "number", "boolean"]}
    id, own = {"type": "string", "minLength": 1, "maxLength": 256}, {"type": ["string", "integer"], "maxLength": 256}
    place = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
    asked = {"type": "object", "required": ["id", "label"], "additionalProperties": False,
             "properties": {"id": id, "row": place, "label": said}}  # fmt: skip
    by_own_id = {"type": "object", "required": ["row_id", "label"], "additionalProperties": False,
                 "properties": {"row_id": own, "label": said}}  # fmt: skip
    one = {"anyOf": [{"title": "By answer", **asked}, {"title": "By own id", **by_own_id}]}
    many = {"type": "array", "minItems": 1, "items": one}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    prediction = {
        "type": "object", "required": ["prediction"], "additionalProperties": False,
        "properties": {"prediction": said, "probabilities": {"type": "object", "additionalProperties": share},
                       "set": {"type": "array", "items": said}, "decision": {"type": "string"}},
    }  # fmt: skip
    rows = {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": cell}}
    made = {
        "rows": rows, "predictions": {"type": "array", "minItems": 1, "items": prediction},
        "row_ids": {"type": "array", "items": own}, "model": {"type": "string", "maxLength": 256}, "id": id,
        "at": {"type": ["number", "string"], "description": "Seconds since 1970, or RFC 3339."},
    }  # fmt: skip
    batch = {"title": "Several", "type": "object", "required": ["labels"], "additionalProperties": False,
             "properties": {"labels": many}}  # fmt: skip
    return {
        "Labels": {"anyOf": [batch, {"title": "Labels alone", **many}, *one["anyOf"]]},
        "Elsewhere": {"type": "object", "required": ["rows", "predictions"], "additionalProperties": False,
                      "properties": made},
        "Receipt": {"type": "object", "required": ["sequence"],
                    "properties": {"sequence": {"type": "integer", "minimum": 1}}},
    }  # fmt: skip


def _list_of(name: str, form: str, more: Mapping[str, Any]) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{form}"}}
    return {
        "type": "object",
        "required": [name, "model"],
        "properties": {
            "id": {"type": "string"}, "model": {"$ref": "#/components/schemas/Model"}, name: items, **more,
        },
    }  # fmt: skip


def _tensors(own: Mapping[str, Any]) -> dict[str, Any]:
    inputs = [own["columns"][c]["input"] for c in own["order"]]
    text, shape = {"type": "string"}, {"type": "array", "items": {"type": "integer"}}
    described = {"type": "object", "required": ["name", "datatype", "shape"],
                 "properties": {"name": text, "datatype": text, "shape": shape}}  # fmt: skip
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {"name": text, "shape": shape, "datatype": text, "parameters": {"type": "object"},
                       "data": {"type": "array"}},
    }  # fmt: skip
    wanted = {"type": "object", "required": ["name"],
              "properties": {"name": {"enum": list(own["outputs"])}, "parameters": {"type": "object"}}}  # fmt: skip
    ready = {"name": text, "ready": {"type": "boolean"}}
    return {
        "Live": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
        "ModelReady": {"type": "object", "required": ["name", "ready"], "properties": ready},
        "ServerMetadata": {
            "type": "object",
            "required": ["name", "version", "extensions"],
            "properties": {"name": text, "version": text, "extensions": {"type": "array", "items": text}},
        },
        "ModelMetadata": {
            "type": "object",
            "required": ["name", "platform", "inputs", "outputs"],
            "properties": {
                "name": text, "versions": {"type": "array", "items": text}, "platform": text,
                "inputs": {"type": "array", "items": described}, "outputs": {"type": "array", "items": described},
            },
        },
        "Tensor": tensor,
        "InferRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": text, "parameters": {"type": "object"},
                "inputs": {"type": "array", "minItems": 1, "items": {
                    "allOf": [{"$ref": "#/components/schemas/Tensor"}, {"properties": {"name": {"enum": inputs}}}]}},
                "outputs": {"type": "array", "items": wanted},
            },
        },
        "InferResponse": {
            "type": "object",
            "required": ["model_name", "outputs"],
            "properties": {
                "model_name": text, "model_version": text, "id": text, "parameters": {"type": "object"},
                "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
            },
        },
    }  # fmt: skip
