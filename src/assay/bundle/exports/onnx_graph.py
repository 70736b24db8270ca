"""The graph of a bundle as every other runtime takes it, and how a row becomes its inputs."""

from __future__ import annotations

from typing import Any

from assay.bundle.archive import from_lines
from assay.bundle.layout import GRAPH, ROWS
from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE
from assay.bundle.schema import Schema

HOW = (
    "Inputs: one tensor [N, 1] for each column, named as in schema.json under x-assay.columns.*.input; numbers as "
    "double (missing: NaN; dates: seconds since 1970-01-01 UTC; times of day: HHMM; true and false: 1 and 0), text as "
    f"string (missing: {NULL_CODE!r}). onnxruntime from 1.29 on tells its maker what it runs unless "
    "ORT_DISABLE_TELEMETRY=1 is set."
)


def graph_of(model: Model) -> bytes:
    """The ONNX graph, byte for byte as it lies in the bundle."""
    return model._files[GRAPH]


def schema_of(model: Model) -> Schema:
    return model._schema


def golden_rows(model: Model) -> list[dict[str, Any]]:
    """The golden rows of the file: column -> number, text or null."""
    return from_lines(model._files[ROWS], ROWS)


def graph_row(model: Model, row: dict[str, Any]) -> dict[str, float | str]:
    """A golden row (column -> number, text or null) as the graph takes it: input -> number or text."""
    out: dict[str, float | str] = {}
    for i in model._schema.inputs:
        value = row[i.column]
        if i.is_text:
            out[i.input] = NULL_CODE if value is None else str(value)
        else:
            out[i.input] = float("nan") if value is None else float(value)
    return out
