"""Golden rows: at most 64, made from the schema and the graph's own thresholds, replayed whenever a file is loaded.

They hold no row of the data: typical values, ends of ranges, known and unknown categories, nulls, thresholds with the
next float32 on either side, and texts that are made of the words that the model knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError
from assay.core.table import F64
from assay.learn.forms import Assembly, Forest

from .archive import from_lines, to_lines
from .layout import EXPECTED, ROWS
from .nodes import NULL_CODE
from .schema import Input, Schema

MOST = 64
TOLERANCE = 1e-5
UNSEEN = "\u2042 not seen in training"
FORMS: tuple[Callable[[list[str]], str], ...] = (
    " ".join,
    lambda words: ", ".join(word.capitalize() for word in words) + ".",
    lambda words: "  ".join(f"{word.upper()}! {UNSEEN}" for word in words),
    lambda words: " ".join(reversed(words)),
)
Feed = dict[str, NDArray[Any]]


def golden_rows(schema: Schema, assembly: Assembly) -> list[dict[str, Any]]:
    """Rows as JSON, as the schema of a row has them: column -> number, true or false, text, or null. First the
    typical row, last all null."""
    base: dict[str, Any] = {i.column: i.typical for i in schema.inputs}
    edges, told = thresholds(assembly), texts(assembly)
    variants = [
        [{**base, i.column: v} for v in _values(i, edges.get(i.column, []), told.get(i.column, []))]
        for i in schema.inputs
    ]
    turns = [row for turn in zip_longest(*variants) for row in turn if row is not None]
    rows = [base, *turns[: MOST - 2], dict.fromkeys(base)]
    for name in [i.column for i in schema.inputs if i.kind == "bool"]:  # as the row's schema has it
        rows = [row if row[name] is None else {**row, name: bool(row[name])} for row in rows]
    return [row for k, row in enumerate(rows) if row not in rows[:k]]


def _values(i: Input, edges: Sequence[float], told: Sequence[str]) -> list[Any]:
    if i.is_text:
        known = [*i.categories[:1], *i.categories[-1:]]
        return [None, UNSEEN, *known, *told, "", *i.categories[1:4]]
    ends = [v for v in (i.lo, i.hi) if v is not None]
    return [None, *ends, *edges, 0.0]


def texts(assembly: Assembly) -> dict[str, list[str]]:
    """Column of free text -> its known words and pairs, dealt to texts that write them in different ways."""
    words: dict[str, list[str]] = {}
    for f in assembly.spec.features:
        if f.how == "word":
            words.setdefault(f.column, []).append(" ".join(f.levels))
    return {
        column: [form(known[k :: len(FORMS)]) for k, form in enumerate(FORMS) if known[k :: len(FORMS)]]
        for column, known in words.items()
    }


def thresholds(assembly: Assembly) -> dict[str, list[float]]:
    """Column -> the middle threshold of its number feature, and the float32 just above and below it."""
    found: dict[str, list[float]] = {}
    kinds = dict(assembly.spec.columns)
    trees = [tree for m in assembly.members if isinstance(m.form, Forest) for tree in m.form.trees]
    if not trees:
        return found
    numeric = [np.delete(np.arange(len(tree.feature)), list(tree.members)) for tree in trees]
    feature = np.concatenate([tree.feature[at] for tree, at in zip(trees, numeric, strict=True)])
    split = np.concatenate([tree.threshold[at] for tree, at in zip(trees, numeric, strict=True)])
    for k, f in enumerate(assembly.spec.features):
        if f.how != "number" or kinds.get(f.column) != "number":
            continue
        every = np.unique(split[feature == k])
        every = every[np.isfinite(every)]
        if len(every):
            middle = every[len(every) // 2]
            near = (middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(-np.inf)))
            found[f.column] = [float(v) + f.shift for v in near if np.isfinite(v)]
    return found


def feed_of(rows: Sequence[Mapping[str, Any]], schema: Schema) -> Feed:
    """JSON rows as graph inputs.

    Raises:
        BundleError: a row lacks a column or holds a value of the wrong type.
    """
    feed: Feed = {}
    try:
        for i in schema.inputs:
            values = [row[i.column] for row in rows]
            if i.is_text:
                if not all(v is None or isinstance(v, str) for v in values):
                    raise ValueError(i.column)
                texts = np.array([NULL_CODE if v is None else v for v in values], object)
                feed[i.input] = texts.reshape(-1, 1)
            else:
                feed[i.input] = np.array([np.nan if v is None else float(v) for v in values]).reshape(-1, 1)
    except (KeyError, TypeError, ValueError):
        raise BundleError("the golden rows of the .assay file do not fit its schema") from None
    return feed


def to_files(rows: Sequence[Mapping[str, Any]], output: F64, main: str) -> dict[str, bytes]:
    """The two files: a row a line, and under the name of the graph's main output what it gives for it."""
    return {ROWS: to_lines(rows), EXPECTED: to_lines({main: values} for values in output.tolist())}


def read(files: Mapping[str, bytes], main: str) -> tuple[list[dict[str, Any]], F64]:
    """The golden rows of a bundle (at most 64) and the outputs (rows, width) that are expected for them.

    Raises:
        BundleError: they are damaged, or do not fit each other.
    """
    rows, expected = from_lines(files[ROWS], ROWS), from_lines(files[EXPECTED], EXPECTED)
    if not 0 < len(rows) <= MOST or not all(isinstance(row, dict) for row in rows):
        raise BundleError("the golden rows of the .assay file are missing or damaged")
    try:
        want = np.array([row[main] for row in expected], np.float64)
    except (KeyError, TypeError, ValueError):
        raise BundleError("the golden rows of the .assay file have no expected outputs") from None
    if want.ndim != 2 or len(want) != len(rows) or not np.isfinite(want).all():
        raise BundleError("the golden rows of the .assay file do not fit their expected outputs")
    return rows, want


def replay(files: Mapping[str, bytes], schema: Schema, main: str, predict: Callable[[Feed], F64]) -> float:
    """Predict the golden rows again and give the largest difference (relative where values exceed one).

    Raises:
        BundleError: the difference is above 1e-5, or the rows do not fit the schema.
    """
    rows, want = read(files, main)
    got = predict(feed_of(rows, schema))
    if want.shape != got.shape or not np.isfinite(got).all():
        raise BundleError("the golden rows of the .assay file do not fit the graph's outputs")
    worst = float((np.abs(got - want) / np.maximum(1.0, np.abs(want))).max())
    if worst > TOLERANCE:
        raise BundleError(
            f"the graph predicts the golden rows {worst:.2g} away from what it did when it was written (at most 1e-5)"
        )
    return worst
