"""``openapi.json``: OpenAPI 3.1 of the service of one model, made from the schema of a row and then frozen.

Routes are those of ``assay serve``: its own (/predict, /explain), the Open Inference Protocol v2
(github.com/kserve/open-inference-protocol), and those for operators. Errors have one form everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .openapi_forms import forms

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
            "schemas": forms(schema),
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
