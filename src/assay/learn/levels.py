"""Target means of levels: shrunk to the overall mean, and cross-fitted for the rows that made them.

Source: Micci-Barreca, SIGKDD Explorations 3 (2001) 27; cross fitting as in scikit-learn's TargetEncoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.table import F64, I32, U64

from .target import Labels

INNER_FOLDS = 5
MOST_MEANS = 256  # over all columns: classes times columns of many levels would outgrow the table


def fewer(parts: Sequence[tuple[str, F64]], columns: int) -> list[tuple[str, F64]]:
    """The most frequent classes, where all of them would make too many means; in their order."""
    most = max(1, MOST_MEANS // max(1, columns))
    if len(parts) <= most:
        return list(parts)
    kept = np.sort(np.argsort([-float(y.sum()) for _, y in parts], kind="stable")[:most])
    return [parts[i] for i in kept]


def mean_name(column: str, label: str) -> str:
    return f"{column} (mean of {label})" if label else f"{column} (mean)"


def target_parts(target: Labels) -> list[tuple[str, F64]]:
    """The columns whose level means are features: the value, the positive class, or all classes but the last."""
    if target.task == "regression":
        return [("", target.y)]
    if target.task == "binary":
        return [(target.classes[1], target.y)]
    return [(name, (target.y == i).astype(np.float64)) for i, name in enumerate(target.classes[:-1])]


def level_means(codes: I32, y: F64, size: int) -> F64:
    """Means by level shrunk to the overall mean with weight n / (n + m), m = variance within / variance between."""
    use = codes >= 0
    c, v = codes[use], y[use]
    count = np.bincount(c, minlength=size).astype(np.float64)
    total = np.bincount(c, weights=v, minlength=size)
    prior = float(v.mean()) if len(v) else 0.0
    raw = np.divide(total, count, out=np.full(size, prior), where=count > 0)
    levels = int((count > 0).sum())
    within = float(((v - raw[c]) ** 2).sum()) / max(len(v) - levels, 1)
    spread = float((count * (raw - prior) ** 2).sum()) - (levels - 1) * within
    effective = len(v) - float((count**2).sum()) / max(len(v), 1)
    between = spread / effective if effective > 0 else 0.0
    m = float(np.clip(within / between, 1.0, 1000.0)) if between > 0 else 1000.0
    return (total + m * prior) / (count + m)


def inner_folds(key: U64, k: int = INNER_FOLDS) -> NDArray[np.int64]:
    """Fold of each row from a 64-bit key, so that equal keys share a fold."""
    mixed = key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(33)) % np.uint64(k)).astype(np.int64)


def cross_fitted(codes: I32, y: F64, fold: NDArray[np.int64], size: int) -> F64:
    out = np.full(len(codes), np.nan)
    for k in range(INNER_FOLDS):
        inside, outside = fold == k, fold != k
        if not inside.any() or not outside.any():
            continue
        means = level_means(codes[outside], y[outside], size)
        means[np.bincount(codes[outside & (codes >= 0)], minlength=size) == 0] = np.nan
        out[inside] = np.append(means, np.nan)[codes[inside]]
    return out
