"""Prediction sets as nodes, and as ``Model.predict_set`` makes them from what the graph gives.

Where the sets depend on more than the prediction, the graph has further outputs:

cell  int64 [N], the group whose quantiles hold for the row; their number where it is of none
band  double [N, 2], middle and half width of the interval before it is made wider or narrower
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I64
from assay.learn.conformal import ends
from assay.learn.forms import Assembly, Cells

from . import trees
from .nodes import Builder, Wire
from .ops import to_text

TO_MIDDLE_AND_HALF = np.array([[0.5, -0.5], [0.5, 0.5]])  # (low, high) @ this


def set_floor(q: Sequence[float] | Sequence[Sequence[float]]) -> Any:
    """Class k is in the set where p_k >= this: 1 - q rounded down to float32, so that rounding never shrinks a set."""
    exact = 1.0 - np.asarray(q, np.float64)
    near = exact.astype(np.float32)
    return np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def lower_cell(b: Builder, wires: Mapping[str, Wire], cells: Cells) -> str:
    """The cell of each row, from the raw column; public as ``cell``."""
    from onnx import numpy_helper

    text = b.add("Gather", to_text(b, wires[cells.column]).name, b.constant(np.array(0, np.int64)), axis=1)
    keys = list(cells.levels) or ["\ue001"]  # an empty table of keys is refused by the runtime
    return b.add(
        "LabelEncoder", text, domain="ai.onnx.ml", keys_tensor=numpy_helper.from_array(np.array(keys, object)),
        values_tensor=numpy_helper.from_array(np.minimum(np.arange(len(keys)), len(cells.levels))),
        default_tensor=numpy_helper.from_array(np.array([len(cells.levels)])),
    )  # fmt: skip


def lower_set(b: Builder, assembly: Assembly, main: str, cell: str, matrix: str, place: I64) -> tuple[str, str]:
    """The set at the default coverage, and the band (empty where there is none). ``cell`` may be empty."""
    c = assembly.conformal
    whole: Any = np.array(c.q)
    if c.cells is not None and cell:
        whole = np.array([*dict(c.cells.table)[c.coverage], c.q])
    if assembly.task != "regression":
        floor = b.constant(set_floor(whole))
        return b.add("GreaterOrEqual", main, b.add("Gather", floor, cell, axis=0) if cell else floor), ""
    q = b.add("Gather", b.constant(whole), cell, axis=0) if cell else b.constant(whole)  # [N, 1] or [1]
    if c.band is None:
        return b.add("Concat", b.add("Sub", main, q), b.add("Add", main, q), axis=1), ""
    raw = trees.lower_forest(b, matrix, c.band, place)
    one = len(c.band.base) == 1
    band = b.add("Concat", main, raw, axis=1) if one else b.add("MatMul", raw, b.constant(TO_MIDDLE_AND_HALF))
    middle, half = (b.add("Gather", band, b.constant(np.array([i])), axis=1) for i in (0, 1))
    width = b.add("Clip", b.add("Add", half, q), b.number(0.0))
    return b.add("Concat", b.add("Sub", middle, width), b.add("Add", middle, width), axis=1), band


def sets_of(
    task: str,
    output: F64,
    q: tuple[float, ...],
    own: tuple[tuple[float, ...], ...] = (),
    cell: NDArray[Any] | None = None,
    band: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """(n, classes) booleans, or (n, 2) interval ends, from the main output (n, classes or 1)."""
    each: Any = np.array(q)[None] if cell is None else np.array([*own, q])[cell]
    if task != "regression":
        return np.asarray(output.astype(np.float32) >= set_floor(each))
    if band is None:
        return ends(output[:, 0], None, each[:, 0])
    return ends(band[:, 0], band[:, 1], each[:, 0])
