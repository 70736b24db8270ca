"""Columns to float32 features: one description that training, replay and the graph all follow.

number, bool, clock   the value less a shift. The shift is zero unless float32 would blur the column (values beyond
                      2^24, or an offset far larger than the spread): then it is the floor of the median, so that
                      whole numbers and epoch seconds near it stay exact. Infinite values count as missing.
category, mixed, text up to 64 levels: codes, ordered by frequency (ties by text), split as sets by the trees;
                      above: smoothed target mean, one feature per class but the last, and the count of the level.
                      Where that makes more than 256 means over all columns, for the most frequent classes only, as
                      many for each column. Where more than half of the texts differ: words, if they share any
                      (``prose``).
date                  hour of day and weekday, and places in the month and the year (``calendar``); also the number,
                      unless rows are ordered in time: absolute time only grows, and no learner here can say anything
                      about values that it never saw.

Null stays NaN; a value that was not seen in training is missing too. The target mean of a training row is made
without that row (``encode_training``), else the learner would read the label off it (Micci-Barreca 2001; cross
fitting as in scikit-learn's TargetEncoder).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I32, NUMERIC, U64, Column, Sample

from .calendar import PARTS, calendar_part, date_features
from .forms import EncoderSpec, Feature
from .levels import cross_fitted, fewer, inner_folds, level_means, mean_name, target_parts
from .prose import MOST_TEXTS, MOST_WORDS, is_prose, presence, word_features
from .target import Labels

MOST_LEVELS = 64  # native set splits above this over-fit and make large graphs (notes: one third of AUC lost)
EXACT = float(2**24)  # float32 keeps whole numbers exact up to here
OFFSET = 1024.0  # |median| / spread above which float32 would leave the spread fewer than 2^14 steps
FREE_TEXT = 0.5  # distinct share above which text is free text: no level comes back often enough to learn from
F32 = NDArray[np.float32]


class _View:
    """Some rows of a sample, read through the arrays that the whole sample has already made."""

    def __init__(self, sample: Sample, index: NDArray[Any]) -> None:
        self.sample, self.index = sample, index
        self.n = len(index)
        self.columns = {c.name: c for c in sample.columns}

    def numbers(self, name: str) -> F64:
        return np.asarray(self.sample.numbers(name)[self.index])

    def codes(self, name: str) -> tuple[I32, tuple[str, ...]]:
        codes, levels = self.sample.codes(name)
        return codes[self.index], levels

    def texts(self, name: str) -> list[str]:
        """The texts of the first rows that have one: as many as words are looked for in."""
        codes, levels = self.codes(name)
        return [levels[i] for i in codes[codes >= 0][:MOST_TEXTS].tolist()]

    def null(self, name: str) -> NDArray[np.bool_]:
        return np.asarray(self.sample.null(name)[self.index])


def left_out(
    sample: Sample, columns: Sequence[str], *, index: NDArray[Any], order: str | None = None
) -> dict[str, str]:
    """Columns that cannot feed a learner, with the reason in plain words. ``index``: the rows that training sees."""
    rows = _View(sample, index)
    return {c: why for c in columns if (why := _unfit(rows, rows.columns[c], c == order))}


def _unfit(rows: _View, column: Column, is_order: bool, *, look: bool = True) -> str:
    """Why a column cannot feed a learner. Without ``look``, whether free text is prose is left to its words."""
    present = ~rows.null(column.name)
    n = int(present.sum())
    if n == 0:
        return "no values in the rows of training"
    if column.kind in NUMERIC:
        value = rows.numbers(column.name)
        value = value[np.isfinite(value)]
        if len(value) == 0:
            return "no finite values"
        if n == rows.n and value.min() == value.max():
            return "one value"
        if is_order and column.kind != "date":
            return "the order column: later values were never seen in training"
        return ""
    codes, _ = rows.codes(column.name)
    counts = np.bincount(codes[codes >= 0])
    distinct = int((counts > 0).sum())
    if distinct == 1 and n == rows.n:
        return "one value"
    if is_order:
        return "the order column: later values were never seen in training"
    if look and _is_free(distinct, n) and not is_prose(rows.texts(column.name)):
        return f"free text or an identifier: {distinct:,} different values in {n:,} rows"
    return ""


def _is_free(distinct: int, n: int) -> bool:
    return distinct > MOST_LEVELS and distinct > FREE_TEXT * n


def fit_encoder(
    sample: Sample,
    features: Sequence[str],
    labels: Labels,
    *,
    index: NDArray[Any],
    order: str | None = None,
    key: U64 | None = None,
) -> EncoderSpec:
    """Fit an encoder on the rows ``index`` (positions in ``sample``, all with a known target).

    Columns that ``left_out`` names give no feature. Features come in the order of the sorted column names. ``key`` (n,)
    says which rows of the sample are of one unit: a word is kept only where enough units hold it.
    """
    rows, target = _View(sample, index), labels.take(index)
    made: list[Feature] = []
    used: list[tuple[str, str]] = []
    fit = [name for name in sorted(features) if not _unfit(rows, rows.columns[name], name == order, look=False)]
    parts = fewer(target_parts(target), sum(_many(rows, rows.columns[name]) for name in fit))
    most = max(1, MOST_WORDS // max(1, sum(_free(rows, rows.columns[name]) for name in fit)))
    for name in fit:
        column = rows.columns[name]
        unit = (sample.row_id if key is None else key)[index]
        said = _words(rows, column, target, unit, most)
        new = _features(rows, column, parts, order is not None) if said is None else said
        made += new
        if new:
            used.append((name, column.kind))
    return EncoderSpec(tuple(used), tuple(made))


def _free(rows: _View, column: Column) -> bool:
    """Whether a column holds texts of which hardly any comes back."""
    if column.kind in NUMERIC:
        return False
    codes, _ = rows.codes(column.name)
    known = codes[codes >= 0]
    return _is_free(int((np.bincount(known) > 0).sum()), len(known))


def _words(rows: _View, column: Column, target: Labels, unit: U64, most: int) -> list[Feature] | None:
    """Word features of a column of free text, None for any other column; an empty text has no word."""
    if not _free(rows, column):
        return None
    known = rows.codes(column.name)[0] >= 0
    classes = 0 if target.task == "regression" else target.outputs
    return word_features(column.name, rows.texts(column.name), target.y[known], classes, unit[known], most)


def _many(rows: _View, column: Column) -> bool:
    """Whether a column has too many levels to be a set."""
    if column.kind in NUMERIC:
        return False
    codes, _ = rows.codes(column.name)
    known = codes[codes >= 0]
    distinct = int((np.bincount(known) > 0).sum())
    return distinct > MOST_LEVELS and not _is_free(distinct, len(known))


def _features(rows: _View, column: Column, parts: Sequence[tuple[str, F64]], ordered: bool) -> list[Feature]:
    name = column.name
    if column.kind in NUMERIC:
        value = rows.numbers(name)
        value = value[np.isfinite(value)]
        if column.kind != "date":
            return [Feature(name, name, "number", shift=_shift(value))]
        made = date_features(name, value)
        if not ordered:
            made.append(Feature(name, name, "number", shift=_shift(value)))
        return made
    codes, levels = rows.codes(name)
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    seen = np.flatnonzero(counts)
    if len(seen) <= MOST_LEVELS:
        order = seen[np.lexsort((seen, -counts[seen]))]  # levels are sorted by text, so the index breaks ties
        return [Feature(name, name, "codes", levels=tuple(levels[i] for i in order))]
    texts = tuple(levels[i] for i in seen)
    made = []
    for label, y in parts:
        means = level_means(codes, y, len(levels))[seen]
        made.append(Feature(mean_name(name, label), name, "target-mean", levels=texts, values=tuple(means.tolist())))
    frequency = tuple(counts[seen].astype(np.float64).tolist())
    made.append(Feature(f"{name} (count)", name, "target-mean", levels=texts, values=frequency))
    return made


def _shift(value: F64) -> float:
    top = float(np.abs(value).max())
    low, middle, high = (float(q) for q in np.quantile(value, (0.25, 0.5, 0.75), method="lower"))
    blurred = top > EXACT or (high > low and abs(middle) > OFFSET * (high - low))
    return float(np.floor(middle)) if blurred else 0.0


def encode(spec: EncoderSpec, sample: Sample, index: NDArray[Any] | None = None) -> F32:
    """Features of every row, or of the rows ``index``: float32 (n, features). Null, unseen and infinite are NaN."""
    rows = _View(sample, np.arange(sample.n) if index is None else index)
    out = np.empty((rows.n, len(spec.features)), dtype=np.float32)
    before: tuple[str, tuple[str, ...]] = ("", ())
    place = np.empty(0, np.int64)
    for column in dict.fromkeys(f.column for f in spec.features if f.how == "word"):
        at = [i for i, f in enumerate(spec.features) if f.how == "word" and f.column == column]
        out[:, at] = _held([spec.features[i] for i in at], rows)
    for i, f in enumerate(spec.features):
        if f.how == "word":
            continue
        if f.how == "codes" or f.how == "target-mean":
            if (f.column, f.levels) != before:  # the means of one column stand side by side
                before, place = (f.column, f.levels), _place(f, rows)
            value = np.asarray(f.values if f.how == "target-mean" else range(len(f.levels)), dtype=np.float64)
            out[:, i] = np.append(value, np.nan)[place]
        else:
            out[:, i] = _column(f, rows)
    return out


def _held(features: Sequence[Feature], rows: _View) -> F32:
    """Which of the words of one column each row's text holds; NaN for null."""
    codes, levels = rows.codes(features[0].column)
    seen, back = np.unique(codes, return_inverse=True)
    known = seen >= 0
    each = np.full((len(seen), len(features)), np.nan, np.float32)
    each[known] = presence(features, [levels[i] for i in seen[known].tolist()])
    return each[back.ravel()]


def _place(f: Feature, rows: _View) -> NDArray[np.int64]:
    """Where each row's value stands among the levels; -1 for null and unseen."""
    codes, levels = rows.codes(f.column)
    place = {level: i for i, level in enumerate(f.levels)}
    return np.array([place.get(level, -1) for level in levels] + [-1], dtype=np.int64)[codes]


def _column(f: Feature, rows: _View) -> NDArray[Any]:
    if f.how == "indicator":
        return rows.null(f.column)
    number = rows.numbers(f.column)
    if f.how in PARTS:
        return calendar_part(f.how, number)
    with np.errstate(over="ignore", invalid="ignore"):
        number = (number - f.shift).astype(np.float32)
    return np.where(np.isfinite(number), number, np.float32(np.nan))


def encode_training(
    spec: EncoderSpec, sample: Sample, labels: Labels, *, index: NDArray[Any], key: U64 | None = None
) -> F32:
    """Features of the training rows ``index`` with target means cross-fitted in five folds.

    ``key`` (n,) keeps rows together that must share a fold (``splits.unit_keys``; default: every row is its own). It
    must not depend on the target: rows of one level and one label would leave together, and the mean of the rest would
    say the opposite.
    """
    rows, target = _View(sample, index), labels.take(index)
    out = encode(spec, sample, index)
    means = [(i, f) for i, f in enumerate(spec.features) if f.how == "target-mean" and f.name != f"{f.column} (count)"]
    if not means:
        return out
    fold = inner_folds((sample.row_id if key is None else key)[index])
    by_column: dict[str, list[int]] = {}
    for i, f in means:
        by_column.setdefault(f.column, []).append(i)
    parts = target_parts(target)
    for column, places in by_column.items():
        codes, levels = rows.codes(column)
        of = {mean_name(column, label): y for label, y in parts}
        for i in places:
            out[:, i] = cross_fitted(codes, of[spec.features[i].name], fold, len(levels))
    return out


def with_raw_columns(spec: EncoderSpec, columns: Sequence[tuple[str, str]]) -> EncoderSpec:
    """The same features, with the raw columns (before the recipe) that the graph takes as input."""
    return replace(spec, columns=tuple(columns))
