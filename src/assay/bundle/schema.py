"""``schema.json``: what a row must look like, and what the graph makes of it.

JSON Schema 2020-12 for one row, with assay's own part under ``x-assay``: order and kind of the inputs, observed ranges
and categories (aggregates over at least five rows), the typical row, the missing policy, the null code and the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.aim import read_aim
from assay.core.costs import Costs, whole
from assay.core.errors import BundleError, SettingsError
from assay.core.settings import Question
from assay.core.table import Sample
from assay.learn.forms import Assembly, Cells, Steps

from .classes import TEXT, typed
from .nodes import NULL_CODE, TEXT_KINDS, input_names

FORMAT = "assay-schema-1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
IMPORTED = "imported"
LEAST = 5  # rows behind every category or range end that is written down
BINS = 16  # of equal counts, whose middle values stand for a column where an explanation needs usual rows
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
    bins: tuple[Any, ...] = ()  # middle values of bins of equal counts, in order; or the levels that ``shares`` are of
    shares: tuple[float, ...] = ()
    holes: float = 0.0  # share of rows without a value
    personal: bool = False  # data on persons, by the user's word: logs leave it out

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
    cells: Cells | None = None  # groups with quantiles of their own; the graph then says the cell of a row
    band: bool = False  # whether the graph gives each row a width of its own
    steps: Steps | None = None  # Venn-Abers intervals of the positive class
    predicts: str = ""  # the user's word on what is predicted: core.aim
    costs: Costs | None = None  # what every action costs for every class, and so which one a row gets
    imported: bool = False  # the graph is of another maker inside (``policy.check_graph``)

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
    return Schema(
        assembly.task, assembly.classes, tuple(inputs), c.coverage, tuple(q), target, trained_on, class_type,
        c.cells, c.band is not None, assembly.steps, assembly.said.word if assembly.said else "", assembly.costs,
    )  # fmt: skip


def _observed(rows: Sample | None, column: str, kind: str, name: str, levels: tuple[str, ...]) -> Input:
    assert rows is not None
    storage = next(c.storage for c in rows.columns if c.name == column)
    if kind in TEXT_KINDS:
        codes, seen = rows.codes(column)
        counts = np.bincount(codes[codes >= 0], minlength=len(seen))
        often = {seen[i] for i in np.flatnonzero(counts >= LEAST)}
        most = int(counts.max()) if len(seen) else 0
        mode = seen[int(np.argmax(counts))] if most >= max(LEAST, int((codes < 0).sum())) else None
        most_often = [int(k) for k in np.argsort(-counts, kind="stable")[: 4 * BINS] if counts[k] >= LEAST]
        return Input(
            column, name, kind, storage, categories=tuple(v for v in levels if v in often), typical=mode,
            bins=tuple(seen[k] for k in most_often), shares=tuple(float(counts[k] / rows.n) for k in most_often),
            holes=float((codes < 0).mean()),
        )  # fmt: skip
    value = stored(rows, column)
    value = np.sort(value[np.isfinite(value)])
    if len(value) < LEAST:
        return Input(column, name, kind, storage)
    lo, hi, middle = (float(value[i]) for i in (LEAST - 1, len(value) - LEAST, (len(value) - 1) // 2))
    typical = None if len(value) < 0.5 * rows.n else middle
    middles = (
        value[((np.arange(BINS) + 0.5) * len(value) / BINS).astype(np.int64)] if len(value) >= LEAST * BINS else ()
    )
    bins = tuple(float(min(max(v, lo), hi)) for v in middles)
    return Input(column, name, kind, storage, min(lo, hi), max(lo, hi), typical=typical, bins=bins,
                 holes=1.0 - len(value) / rows.n)  # fmt: skip


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
        if i.bins:
            entry |= {"bins": list(i.bins), "holes": i.holes} | ({"shares": list(i.shares)} if i.shares else {})
        if i.personal:
            entry["personal"] = True
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
            "class_type": schema.class_type, **_more(schema),
        },
    }  # fmt: skip


def _more(schema: Schema) -> dict[str, Any]:
    """What only some models have: sets by group, widths by row, intervals of the probability."""
    out: dict[str, Any] = {}
    if (cells := schema.cells) is not None:
        table = [[c, [list(q) for q in own]] for c, own in cells.table]
        out["conformal_by"] = {"column": cells.column, "levels": list(cells.levels), "table": table}
    if schema.band:
        out["band"] = {"dtype": "double", "shape": ["N", 2], "meaning": "middle and half width before the quantile"}
    if (steps := schema.steps) is not None:
        out["venn_abers"] = {"from": list(steps.edges), "low": list(steps.low), "high": list(steps.high)}
    if schema.imported:
        out["graph"] = IMPORTED
    if schema.predicts:
        out["predicts"] = schema.predicts
    if (costs := schema.costs) is not None:
        paid = {action: dict(zip(schema.classes, row, strict=True)) for action, row in costs.by_action()}
        out["decision"] = {"rule": "the action that costs least on average", "costs": paid}
        if (at := costs.threshold(1)) is not None:
            out["decision"] |= {"class": schema.classes[1], "threshold": at}
    return out


def _costs(doc: Any, classes: tuple[str, ...]) -> Costs | None:
    if doc is None:
        return None
    table = {str(a): {_text(c): float(v) for c, v in row.items()} for a, row in doc["costs"].items()}
    if not all(np.isfinite(list(row.values())).all() for row in table.values()):
        raise ValueError("a cost must be finite")
    return whole(Question(costs=table), classes)


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
        said = _text(own.get("predicts", ""))
        read_aim(said)
        cells, steps = _cells(own.get("conformal_by"), q, [i.column for i in inputs]), _steps(own.get("venn_abers"))
        return Schema(
            own["task"], classes, inputs, coverage, q, own.get("target"), own.get("trained_on"), kind,
            cells, "band" in own, steps, said, _costs(own.get("decision"), classes), own.get("graph") == IMPORTED,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, SettingsError):
        raise BundleError("'schema.json' in the .assay file is incomplete or of another version") from None


def _cells(doc: Any, q: Sequence[tuple[float, tuple[float, ...]]], columns: Sequence[str]) -> Cells | None:
    if doc is None:
        return None
    levels = tuple(map(_text, doc["levels"]))
    table = tuple((float(c), tuple(tuple(map(float, v)) for v in own)) for c, own in doc["table"])
    as_q = [(c, len(values)) for c, values in q]
    if doc["column"] not in columns or [c for c, _ in table] != [c for c, _ in as_q]:
        raise ValueError("groups and sets do not fit together")
    if any(len(own) != len(levels) or any(len(v) != as_q[0][1] for v in own) for _, own in table):
        raise ValueError("groups and sets do not fit together")
    return Cells(_text(doc["column"]), levels, table)


def _steps(doc: Any) -> Steps | None:
    if doc is None:
        return None
    steps = Steps(*(tuple(map(float, doc[k])) for k in ("from", "low", "high")))
    if not 0 < len(steps.edges) == len(steps.low) == len(steps.high):
        raise ValueError("intervals are incomplete")
    return steps


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
    read = _text if kind in TEXT_KINDS else float
    bins, shares = tuple(map(read, entry.get("bins", ()))), tuple(map(float, entry.get("shares", ())))
    if len(bins) != len(shares) and kind in TEXT_KINDS:
        raise ValueError("levels and shares do not fit together")
    holes = float(entry.get("holes", 0.0))
    if not 0 <= holes <= 1 or not all(0 < s <= 1 for s in shares):
        raise ValueError("a share outside 0 to 1")
    return Input(
        _text(column), _text(entry["input"]), kind, _text(entry["storage"]), lo, hi, categories, typical, bins, shares,
        holes, entry.get("personal") is True,
    )  # fmt: skip
