"""``schema.json``: what a row must look like, and what the graph makes of it.

JSON Schema 2020-12 for one row, with assay's own part under ``x-assay``: order and kind of the inputs, observed ranges
and categories (aggregates over at least five rows), the typical row, the missing policy, the null code and the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.errors import BundleError
from assay.core.table import Sample
from assay.learn.forms import Assembly

from .classes import TEXT, typed
from .nodes import NULL_CODE, TEXT_KINDS, input_names

FORMAT = "assay-schema-1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
LEAST = 5  # rows behind every category or range end that is written down
MISSING = (
    "null, NaN and an absent value are missing; a category that training did not see counts as missing; an absent "
    "column and text where a number belongs are errors"
)


@dataclass(frozen=True, slots=True)
class Input:
    """One raw column: its graph input, kind, how it was stored, observed range, categories and typical value."""

    column: str
    input: str
    kind: str
    storage: str = ""
    lo: float | None = None
    hi: float | None = None
    categories: tuple[str, ...] = ()
    typical: float | str | None = None

    @property
    def is_text(self) -> bool:
        return self.kind in TEXT_KINDS


@dataclass(frozen=True, slots=True)
class Schema:
    """Inputs in the graph's order, and the outputs: ``classes`` is empty for regression.

    ``class_type`` is what the target column held (``classes``); the names of the classes are text all the same.
    """

    task: str
    classes: tuple[str, ...]
    inputs: tuple[Input, ...]
    coverage: float
    q: tuple[tuple[float, tuple[float, ...]], ...]  # coverage -> the conformal quantiles
    target: str | None = None
    trained_on: str | None = None
    class_type: str = TEXT

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(i.column for i in self.inputs)


def make_schema(
    assembly: Assembly,
    used: Sequence[str],
    rows: Sample | None,
    *,
    target: str | None,
    trained_on: str | None,
    class_type: str = TEXT,
) -> Schema:
    """Describe the raw columns ``used`` (names of graph inputs) as they are in ``rows``."""
    kinds, names = dict(assembly.spec.columns), input_names(dict(assembly.spec.columns))
    levels = {f.column: f.levels for f in assembly.spec.features if f.how == "codes"}
    inputs = []
    for column, kind in kinds.items():
        if names[column] in used:
            there = rows is not None and column in rows.names
            inputs.append(_observed(rows, column, kind, names[column], levels.get(column, ())) if there else
                          Input(column, names[column], kind, categories=levels.get(column, ())))  # fmt: skip
    c = assembly.conformal
    q = c.table or ((c.coverage, c.q),)
    return Schema(assembly.task, assembly.classes, tuple(inputs), c.coverage, tuple(q), target, trained_on, class_type)


def _observed(rows: Sample | None, column: str, kind: str, name: str, levels: tuple[str, ...]) -> Input:
    assert rows is not None
    storage = next(c.storage for c in rows.columns if c.name == column)
    if kind in TEXT_KINDS:
        codes, seen = rows.codes(column)
        counts = np.bincount(codes[codes >= 0], minlength=len(seen))
        often = {seen[i] for i in np.flatnonzero(counts >= LEAST)}
        most = int(counts.max()) if len(seen) else 0
        mode = seen[int(np.argmax(counts))] if most >= max(LEAST, int((codes < 0).sum())) else None
        return Input(column, name, kind, storage, categories=tuple(v for v in levels if v in often), typical=mode)
    value = stored(rows, column)
    value = np.sort(value[np.isfinite(value)])
    if len(value) < LEAST:
        return Input(column, name, kind, storage)
    lo, hi, middle = (float(value[i]) for i in (LEAST - 1, len(value) - LEAST, (len(value) - 1) // 2))
    typical = None if len(value) < 0.5 * rows.n else middle
    return Input(column, name, kind, storage, min(lo, hi), max(lo, hi), typical=typical)


def stored(rows: Sample, column: str) -> Any:
    """A column as the graph takes it: numbers as stored (clocks as HHMM), dates in epoch seconds, bool 0/1."""
    value = rows.numbers(column)
    if next(c.kind for c in rows.columns if c.name == column) == "clock":
        return np.floor(value / 60.0) * 100.0 + np.mod(value, 60.0)
    return value


def to_doc(schema: Schema) -> dict[str, Any]:
    """The JSON form of a schema."""
    columns = {}
    for i in schema.inputs:
        entry: dict[str, Any] = {"input": i.input, "kind": i.kind, "storage": i.storage, "typical": i.typical}
        if i.is_text:
            entry["categories"] = list(i.categories)
        else:
            entry["range"] = None if i.lo is None else [i.lo, i.hi]
        columns[i.column] = entry
    outputs: dict[str, Any] = {"set": {"coverage": schema.coverage}}
    if schema.task == "regression":
        outputs["value"] = {"dtype": "double", "shape": ["N", 1]}
        outputs["set"] |= {"dtype": "double", "shape": ["N", 2], "meaning": "ends of the interval"}
    else:
        k = len(schema.classes)
        outputs["probabilities"] = {"dtype": "float", "shape": ["N", k]}
        outputs["label"] = {"dtype": "string", "shape": ["N"]}
        outputs["set"] |= {"dtype": "bool", "shape": ["N", k]}
    return {
        "$schema": DIALECT,
        "title": "One row",
        "type": "object",
        "properties": {
            i.column: {"type": [*_json_types(i.kind), "null"], "description": _says(i)} for i in schema.inputs
        },
        "required": list(schema.columns),
        "additionalProperties": True,
        "x-assay": {
            "format": FORMAT, "task": schema.task, "classes": list(schema.classes), "target": schema.target,
            "order": list(schema.columns), "columns": columns, "null_code": NULL_CODE, "missing": MISSING,
            "outputs": outputs, "conformal": [[c, list(q)] for c, q in schema.q], "trained_on": schema.trained_on,
            "class_type": schema.class_type,
        },
    }  # fmt: skip


def _json_types(kind: str) -> tuple[str, ...]:
    return {"bool": ("boolean",), "date": ("number", "string")}.get(
        kind, ("string",) if kind in TEXT_KINDS else ("number",)
    )


def _says(i: Input) -> str:
    what = {"number": "a number", "bool": "true or false", "clock": "time of day as HHMM"}.get(i.kind, "text")
    what = "a date in ISO form, or seconds since 1970-01-01 UTC" if i.kind == "date" else what
    return what if i.lo is None else f"{what}; seen between {i.lo:.9g} and {i.hi:.9g}"


def from_doc(doc: Any) -> Schema:
    """Read a schema back.

    Raises:
        BundleError: a part is missing or of another type.
    """
    try:
        own = doc["x-assay"]
        if own["format"] != FORMAT or own["null_code"] != NULL_CODE:
            raise ValueError("another format")
        inputs = tuple(_input(name, own["columns"][name]) for name in own["order"])
        q = tuple((float(c), tuple(map(float, values))) for c, values in own["conformal"])
        classes = tuple(map(_text, own["classes"]))
        if own["task"] not in ("binary", "multiclass", "regression") or any(
            len(v) != max(1, len(classes)) for _, v in q
        ):
            raise ValueError("task, classes and sets do not fit together")
        coverage = float(own["outputs"]["set"]["coverage"])
        kind = _text(own.get("class_type", TEXT))
        typed(classes, kind)
        return Schema(own["task"], classes, inputs, coverage, q, own.get("target"), own.get("trained_on"), kind)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BundleError("'schema.json' in the .assay file is incomplete or of another version") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text was expected")
    return value


def _input(column: str, entry: Mapping[str, Any]) -> Input:
    lo, hi = entry.get("range") or (None, None)
    kind = _text(entry["kind"])
    if kind not in (*TEXT_KINDS, "number", "bool", "clock", "date"):
        raise ValueError("an unknown kind")
    typical = entry["typical"]
    if typical is not None:
        typical = _text(typical) if kind in TEXT_KINDS else float(typical)
    lo, hi = (None, None) if lo is None or hi is None else (float(lo), float(hi))
    categories = tuple(map(_text, entry.get("categories", ())))
    return Input(_text(column), _text(entry["input"]), kind, _text(entry["storage"]), lo, hi, categories, typical)
