"""What each column says about the target on its own: skill, and the share of rows that it tells rightly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.challenge import probe
from assay.core.subject import Subject
from assay.core.table import F64, I32, I64, NUMERIC, Mask, Sample
from assay.learn.target import Labels
from assay.stats.auc import Seen, counted, lower
from assay.stats.shares import balanced_above

from .halves import Halves

FIT_ROWS = 10_000  # a tree of 32 leaves in one column learns nothing from more
FIT_CELLS = 2_000_000  # over all columns, so that 500 of them take seconds
FEWEST_FIT_ROWS = 3_000
JUDGE_CELLS = 10_000_000  # of half B over all columns: rows beyond are left out where there are many columns
FEWEST_JUDGE_ROWS = 5_000  # an AUC to .01, a share to half a point
LEAVES = 32
FEW = 3  # rows of a level below which its class is a guess
CLOSE = 0.01  # of the target's spread: a prediction this near is the value in other words
ATOM = 0.05  # a value of the target that is this common is a stratum of its own, or it alone would carry a share
ALPHA = 0.001  # level of the lower bound that signs are read from; the challenges bring their own p-values
SPREAD = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Lone:
    """One column alone, learned on half A and judged on half B.

    ``skill`` is the AUC (binary), the mean one-against-rest AUC (multiclass) or R2 (regression), 0.5 or 0 for nothing;
    ``floor`` its lower bound at 99.9 %, made when it is asked for. ``right[k]`` of ``of[k]`` rows of class k are told
    rightly; for regression the strata are the rows with the target's most common value, where that is an atom, and all
    others. A row where the column is empty is not told: what holes alone tell is the business of future-columns.
    """

    column: str
    skill: float
    least: Callable[[], float]
    right: I64
    of: I64

    @property
    def floor(self) -> float:
        return self.least()

    @property
    def agreement(self) -> float:
        """Mean over classes of the share of rows told rightly; 0 where a class has no row."""
        return float(np.mean(self.right / np.maximum(self.of, 1))) if len(self.of) and self.of.min() > 0 else 0.0

    def above(self, share: float) -> float:
        """p-value against H0: agreement <= share."""
        return balanced_above(self.right, self.of, share) if len(self.of) and self.of.min() > 0 else 1.0


@probe(needs=("target", "feature"), cost="sample")
def alone(subject: Subject, rows: Sample, labels: Labels, halves: Halves) -> Mapping[str, Lone]:
    """Every feature alone, by name. Empty where a half has fewer than two rows or the target one value.

    Learned on at most 10,000 rows of half A (2,000,000 cells over all columns, but never fewer than 3,000 rows), and
    judged on half B, on 10,000,000 cells of it (never fewer than 5,000 rows).
    """
    kinds = {c.name: c.kind for c in rows.columns}
    a, b = halves.a, halves.b[: max(FEWEST_JUDGE_ROWS, JUDGE_CELLS // len(kinds))]
    if min(len(a), len(b)) < 2 or len(np.unique(labels.y[a])) < 2 or len(np.unique(labels.y[b])) < 2:
        return {}
    tell = _value if labels.task == "regression" else _class
    most = int(np.clip(FIT_CELLS // len(kinds), FEWEST_FIT_ROWS, FIT_ROWS))
    return {c: tell(c, column_values(rows, c, kinds[c]), labels, a, b, most) for c in subject.features if c in kinds}


@dataclass(frozen=True, slots=True)
class Values:
    """A column as numbers, or as codes into levels where order means nothing."""

    numbers: F64 | None
    codes: I32 | None
    null: Mask


def column_values(rows: Sample, name: str, kind: str) -> Values:
    """Numbers where the column is numeric, or text that reads as numbers in nine of ten rows; else codes."""
    null = rows.null(name)
    if kind in NUMERIC:
        numbers = rows.numbers(name)
        return Values(numbers, None, null | ~np.isfinite(numbers))
    codes, levels = rows.codes(name)
    if kind == "text" or len(levels) > LEAVES:
        numbers = rows.numbers(name)
        read = np.isfinite(numbers)
        if read.sum() >= 0.9 * max(1, (~null).sum()):
            return Values(numbers, None, ~read)
    return Values(None, codes, codes < 0)


def _class(name: str, x: Values, labels: Labels, a: I64, b: I64, most: int) -> Lone:
    y, k = labels.y.astype(np.int64, copy=False) if labels.known.all() else _whole(labels.y), labels.outputs
    ya, yb = y[a], y[b]
    size = np.maximum(np.bincount(ya, minlength=k), 1)
    seen_a, seen_b = ~x.null[a], ~x.null[b]
    blank = np.bincount(ya[~seen_a], minlength=k) / size + 1e-9
    share = (blank / blank.sum() if (~seen_a).any() else np.full(k, 1 / k))[None]  # by group; the first has no value
    group, told = np.zeros(len(b), np.int64), np.full(1, -1)
    if seen_a.sum() >= 2 and seen_b.any():
        if x.numbers is not None:
            at = a[seen_a][:most]
            given, where = class_leaves(x.numbers[at], y[at], k, x.numbers[b[seen_b]])
            enough = np.ones(len(given), bool)
        else:
            assert x.codes is not None
            where = x.codes[b[seen_b]].astype(np.int64)
            given, enough = _by_level(x.codes[a[seen_a]], ya[seen_a], size, int(where.max()) + 1)
        group[seen_b] = where + 1
        share = np.concatenate((share, given))
        told = np.concatenate((told, np.where(enough, given.argmax(1), -1)))
    counts = np.bincount(group * k + yb, minlength=len(share) * k).reshape(len(share), k)
    present = counts.sum(0)
    right = np.bincount(told[told >= 0], weights=counts[told >= 0, told[told >= 0]], minlength=k).astype(np.int64)
    keep = present > 0
    skill, least = _auc_of(counts, share, k)
    return Lone(name, skill, least, right[keep], present[keep])


def _whole(y: F64) -> I64:
    return np.where(np.isfinite(y), y, 0).astype(np.int64)


def class_tree(x: F64, y: I64, k: int, at: F64) -> F64:
    """Class shares at ``at`` (n, k) of a tree of 32 leaves in one number; every class weighs the same."""
    share, leaf = class_leaves(x, y, k, at)
    return np.asarray(share[leaf], np.float64)


def class_leaves(x: F64, y: I64, k: int, at: F64) -> tuple[F64, I64]:
    """The same tree as class shares by node (nodes, k), and the node (n,) of every row of ``at``."""
    from sklearn.tree import DecisionTreeClassifier

    leaf = int(np.clip(len(x) // 500, 1, 5))
    tree = DecisionTreeClassifier(
        max_leaf_nodes=max(LEAVES, 2 * k), min_samples_leaf=leaf, class_weight="balanced", random_state=0
    )
    tree.fit(_column(x), y)
    held = tree.tree_.value[:, 0, :]
    out = np.zeros((len(held), k))
    out[:, tree.classes_] = held / held.sum(1, keepdims=True)
    return out, np.asarray(tree.apply(_column(at)), np.int64)


def _column(x: F64) -> NDArray[Any]:
    return np.clip(x, -3e38, 3e38).astype(np.float64)[:, None]


def _by_level(codes: I32, y: I64, size: I64, least: int) -> tuple[F64, Mask]:
    """Balanced class shares of every level, at least ``least`` of them, and whether it was seen in three rows."""
    k, levels = len(size), max(int(codes.max(initial=-1)) + 1, least)
    counts = np.bincount(codes.astype(np.int64) * k + y, minlength=levels * k).reshape(levels, k)
    weighed = counts / size + 0.5 / size.sum()
    return weighed / weighed.sum(1, keepdims=True), counts.sum(1) >= FEW


def _auc_of(counts: I64, share: F64, k: int) -> tuple[float, Callable[[], float]]:
    """Mean AUC of ``share`` (groups, k) where ``counts`` (groups, k) rows of each class stand in each group."""
    whole, size = counts.sum(1), counts.sum(0)
    there = [1] if k == 2 else [c for c in range(k) if 0 < size[c] < size.sum()]
    if not there:
        return 0.5, float
    seen = [counted(counts[:, c], whole - counts[:, c], share[:, c]) for c in there]
    return float(np.mean([s.area for s in seen])), partial(_floor, tuple(seen))


def _floor(seen: tuple[Seen, ...]) -> float:
    return float(np.mean([lower(s, ALPHA) for s in seen]))


def _value(name: str, x: Values, labels: Labels, a: I64, b: I64, most: int) -> Lone:
    from sklearn.tree import DecisionTreeRegressor

    ya, yb = labels.y[a], labels.y[b]
    seen_a, seen_b = ~x.null[a], ~x.null[b]
    mean, near = np.full(len(b), ya.mean()), np.full(len(b), np.inf)
    if seen_a.sum() >= 2 and seen_b.any():
        if x.numbers is not None:
            at, to = x.numbers[a[seen_a]], x.numbers[b[seen_b]]
            tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=10, random_state=0)
            mean[seen_b] = tree.fit(_column(at[:most]), ya[seen_a][:most]).predict(_column(to))
            near[seen_b] = through(at, ya[seen_a], to)
        else:
            assert x.codes is not None
            mean[seen_b], near[seen_b] = _level_values(x.codes[a[seen_a]], ya[seen_a], x.codes[b[seen_b]])
    low, high = np.quantile(labels.y[labels.known], SPREAD)
    spread = float(high - low) or float(np.ptp(labels.y[labels.known]))
    right = np.abs(near - yb) <= CLOSE * spread
    values, counts = np.unique(ya, return_counts=True)
    common = values[counts.argmax()] if counts.max() >= ATOM * len(ya) else np.nan
    strata = [s for s in (yb == common, yb != common) if s.any()]
    hits = np.array([int(right[s].sum()) for s in strata])
    r2 = 1 - float(np.mean((yb - mean) ** 2)) / max(float(np.var(yb)), 1e-300)
    return Lone(name, max(r2, 0.0), partial(float, _r2_floor(mean, yb)), hits, np.array([int(s.sum()) for s in strata]))


def through(x: F64, y: F64, at: F64) -> F64:
    """y at ``at`` on a line through the medians of y over sorted x (windows of five where x hardly repeats)."""
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    own, start, count = np.unique(x, return_index=True, return_counts=True)
    middle = y[start + count // 2]
    if len(own) >= 20 and np.median(count) < FEW:
        windows = np.lib.stride_tricks.sliding_window_view(middle, 5)
        slope = np.gradient(np.median(windows, axis=1)) if len(windows) > 2 else np.zeros(len(windows))
        bent = np.abs(middle[2:-2] - np.median(windows, axis=1)) > 4 * np.abs(slope) + 1e-12
        middle[2:-2] = np.where(bent, np.median(windows, axis=1), middle[2:-2])
    return np.asarray(np.interp(at, own, middle), np.float64)


def _level_values(codes: I32, y: F64, at: I32) -> tuple[F64, F64]:
    levels = int(max(codes.max(initial=-1), at.max(initial=-1))) + 1
    count = np.bincount(codes, minlength=levels)
    mean = (np.bincount(codes, weights=y, minlength=levels) + y.mean()) / (count + 1)
    order = np.lexsort((y, codes))
    start = np.concatenate(([0], np.cumsum(count)[:-1]))
    median = y[order][np.minimum(start + count // 2, len(y) - 1)]
    return mean[at], np.where(count >= FEW, median, np.inf)[at]


def _r2_floor(predicted: F64, y: F64) -> float:
    """Lower bound of the squared correlation of prediction and truth (Fisher 1921)."""
    if len(y) < 10 or np.ptp(predicted) == 0 or np.ptp(y) == 0:
        return 0.0
    r = float(np.clip(np.corrcoef(predicted, y)[0, 1], -1 + 1e-12, 1 - 1e-12))
    low = np.tanh(np.arctanh(r) - 3.0902 / np.sqrt(len(y) - 3))
    return float(max(low, 0.0) ** 2)
