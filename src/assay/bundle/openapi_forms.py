"""The schemas of ``openapi.json``: what rows, answers, labels and tensors of the service look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def forms(schema: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, for a model of ``schema`` (the JSON Schema of a row with ``x-assay``)."""
    own = schema["x-assay"]
    return {**_rows(schema), **_answers(own), **_tensors(own), **_kept()}


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
