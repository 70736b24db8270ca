"""From the columns of a pipeline to features of the encoder: at most one number and one code for each raw column.

Features are float32. Libraries that round to float32 themselves get the very same number; for the others a number is
taken from the middle of its rows where that keeps more digits, and a threshold between two rows stays between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assay.bundle.nodes import NULL_CODE
from assay.core.table import F64
from assay.learn.forms import EncoderSpec, Feature, Forest, Linear, Link, Term, Tree
from assay.learn.from_lightgbm import down_to_float32

from .columns import Col

AWAY = 4.0  # half ranges that the middle of a column lies from zero, before it is taken off


class Features:
    """Numbers and codes of raw columns, made as they are asked for. ``rows``: sorted values of raw numbers."""

    def __init__(self, cols: Sequence[Col], kinds: Mapping[str, str], rows: Mapping[str, F64]) -> None:
        self.kinds, self.rows = kinds, rows
        self.features: list[Feature] = []
        self.at: dict[tuple[str, str], int] = {}
        self.levels: dict[str, list[str]] = {}
        self.as_they_are: set[str] = set()  # raw numbers from which no middle may be taken
        for c in cols:
            if c.table is not None:
                known = self.levels.setdefault(c.raw, [])
                known += [k for k in c.table if k not in known]
                if not same(c.null, c.other) and NULL_CODE not in known:
                    known.append(NULL_CODE)  # what is missing and what is unknown are not the same to this model

    def number(self, raw: str) -> int:
        return self._at(raw, "number", Feature(raw, raw, "number", shift=self._middle(raw)))

    def _middle(self, raw: str) -> float:
        values = self.rows.get(raw, np.empty(0))
        if raw in self.as_they_are or not len(values):
            return 0.0
        middle, half = (values[0] + values[-1]) / 2.0, (values[-1] - values[0]) / 2.0
        return float(np.floor(middle)) if abs(middle) > AWAY * half else 0.0

    def codes(self, raw: str) -> int:
        return self._at(raw, "codes", Feature(f"{raw} code", raw, "codes", levels=tuple(self.levels[raw])))

    def _at(self, raw: str, how: str, feature: Feature) -> int:
        if (raw, how) not in self.at:
            self.at[raw, how] = len(self.features)
            self.features.append(feature)
        return self.at[raw, how]

    def spec(self) -> EncoderSpec:
        used = {f.column for f in self.features}
        return EncoderSpec(tuple((c, kind) for c, kind in self.kinds.items() if c in used), tuple(self.features))

    def values(self, c: Col) -> list[float]:
        """Value of a coded column for each level of its raw column."""
        assert c.table is not None
        return [c.null if k == NULL_CODE else c.table.get(k, c.other) for k in self.levels[c.raw]]

    def linear(self, cols: Sequence[Col], weights: F64, intercept: F64, link: Link) -> Linear:
        """link(matrix @ weights + intercept) with weights (columns, outputs)."""
        base = np.array(intercept, np.float64)
        made: dict[tuple[int, str, int], F64] = {}

        def add(feature: int, kind: str, level: int, w: F64) -> None:
            key = (feature, kind, level)
            made[key] = made.get(key, np.zeros(len(base))) + w

        for c, w in zip(cols, weights, strict=True):
            if c.table is None:
                at = self.number(c.raw)
                middle = c.scale * self.features[at].shift + c.shift
                base += w * middle
                if c.scale:
                    add(at, "number", -1, w * c.scale)
                if np.isfinite(c.null) and c.null != middle:
                    add(at, "null", -1, w * (c.null - middle))
                continue
            at, other = self.codes(c.raw), 0.0 if np.isnan(c.other) else c.other
            base += w * other
            for k, value in enumerate(self.values(c)):
                if np.isfinite(value) and value != other:
                    add(at, "level", k, w * (value - other))
        kept = {k: w for k, w in made.items() if w.any()}
        terms = tuple(Term(f, kind, level=level) for f, kind, level in kept)  # type: ignore[arg-type]
        table = np.array(list(kept.values())).reshape(len(kept), len(base))
        if not self.features:
            self.number(cols[0].raw)
        return Linear(terms, table, base, link)

    def forest(self, cols: Sequence[Col], forest: Forest, single: bool) -> Forest:
        """The forest on these features in place of the matrix; ``single``: its library rounds the matrix to float32."""
        if single:
            self.as_they_are |= {c.raw for c in cols if c.plain}
        for tree in forest.trees:
            self.as_they_are |= {cols[tree.feature[i]].raw for i in tree.members}
        return replace(forest, trees=tuple(self._tree(cols, t, single) for t in forest.trees))

    def _tree(self, cols: Sequence[Col], tree: Tree, single: bool) -> Tree:
        feature, threshold = tree.feature.copy(), tree.threshold.astype(np.float64)
        left, right, nan_left = tree.left.copy(), tree.right.copy(), tree.nan_left.copy()
        members = dict(tree.members)
        for j in np.unique(tree.feature[tree.feature >= 0]).tolist():
            c, nodes = cols[j], np.flatnonzero(tree.feature == j)
            if c.table is not None:
                feature[nodes] = self.codes(c.raw)
                values = np.array(self.values(c))
                for node in nodes.tolist():
                    goes, missing = _sides(tree, node, np.append(values, c.other), single)
                    members[node] = np.flatnonzero(goes[:-1]).astype(np.int32)
                    nan_left[node] = missing if np.isnan(c.other) else goes[-1]
                    if not len(members[node]):  # a set without members is no node: no code is below zero
                        del members[node]
                        threshold[node] = -1.0
                continue
            at = feature[nodes] = self.number(c.raw)
            if np.isfinite(c.null):
                nan_left[nodes] = [_sides(tree, n, np.array([c.null]), single)[0][0] for n in nodes.tolist()]
            plain = np.array([n for n in nodes.tolist() if n not in members], np.int64)
            if c.scale == 0.0:
                threshold[plain] = np.where(c.shift <= threshold[plain], np.inf, -np.inf)
                continue
            shift = self.features[int(at)].shift
            threshold[plain] = _moved(threshold[plain], c, shift, single, self.rows.get(c.raw, np.empty(0)))
            if c.scale < 0.0:
                left[plain], right[plain] = right[plain], left[plain].copy()
                nan_left[plain] = ~nan_left[plain]
        single_precision = threshold.astype(np.float32)
        return replace(tree, feature=feature, threshold=single_precision, left=left, right=right, nan_left=nan_left,
                       members=members)  # fmt: skip


def _sides(tree: Tree, node: int, values: F64, single: bool) -> tuple[NDArray[np.bool_], bool]:
    """Which values go left at a node; NaN as the node has it."""
    missing = bool(tree.nan_left[node])
    if node in tree.members:
        goes = np.isin(values, tree.members[node])
    else:
        seen = values.astype(np.float32) if single else values
        goes = seen <= tree.threshold[node]
    return np.where(np.isnan(values), missing, goes), missing


def _moved(threshold: F64, c: Col, shift: float, single: bool, rows: F64) -> F64:
    """Thresholds on scale * x + shift as thresholds on float32(x - ``shift``), each a float32.

    For a scale above zero the largest float32 that still goes left, below zero, where the sides change places, the
    largest that does not. Between two of ``rows`` that it parts, a threshold stays between them.
    """

    def goes(x: F64) -> NDArray[np.bool_]:
        made = c.value(x)
        made = made.astype(np.float32).astype(np.float64) if single else made
        return (made <= threshold) if c.scale > 0 else (made > threshold)

    z = down_to_float32((threshold - c.shift) / c.scale - shift)
    for _ in range(3):  # rounding is off by an ulp or two at most
        z = np.nextafter(z, np.float32(np.inf))
    for _ in range(8):
        z = np.where(goes(z.astype(np.float64) + shift), z, np.nextafter(z, np.float32(-np.inf))).astype(np.float32)
    if not len(rows):
        return z.astype(np.float64)
    made = c.value(rows)
    made = made.astype(np.float32).astype(np.float64) if single else made
    k = np.searchsorted(made, threshold, "right") if c.scale > 0 else np.searchsorted(-made, -threshold, "left")
    ends = np.concatenate(([-np.inf], (rows - shift).astype(np.float32).astype(np.float64), [np.inf]))
    low, high, at = ends[k], ends[k + 1], z.astype(np.float64)
    below = np.where(np.isfinite(low), low, np.nextafter(high.astype(np.float32), np.float32(-np.inf)))
    kept = np.where(at < low, low, np.where(at >= high, below, at))
    return np.where(low < high, kept, at)


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
