"""Splits that follow the roles: forward in time, whole groups, and repeated rows never on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError
from assay.core.subject import Roles
from assay.core.table import F64, I64, NUMERIC, U64, Sample
from assay.tables.rowid import common

Fold = tuple[I64, I64]


def order_values(sample: Sample, roles: Roles) -> F64 | None:
    """What time splits go by: the order column as a number, or the source position for ``@row``; None without order."""
    if roles.order is None:
        return None
    if roles.order.column == "@row":
        return sample.position.astype(np.float64)
    kind = next(c.kind for c in sample.columns if c.name == roles.order.column)
    if kind in NUMERIC:
        return sample.numbers(roles.order.column)
    codes, _ = sample.codes(roles.order.column)
    return np.where(codes < 0, np.nan, codes).astype(np.float64)


def unit_keys(sample: Sample, roles: Roles) -> U64:
    """(n,) the key of the unit that a row belongs to: its group, else its features, so that copies share it.

    Groups bind where the split goes by them. In time they do not: the same group comes back in later rows, and what is
    known of it may be used.
    """
    if roles.group is None or roles.folded != "group":
        return together(sample)
    return level_keys(sample, roles.group.column)


def level_keys(sample: Sample, column: str) -> U64:
    """(n,) the hash of what a column says; rows where it says nothing go singly."""
    codes, levels = sample.codes(column)
    digest = [int.from_bytes(hashlib.blake2b(v.encode("utf-8", "replace"), digest_size=8).digest()) for v in levels]
    return np.where(codes < 0, sample.row_id, np.array([*digest, 0], dtype=np.uint64)[codes])


def together(sample: Sample) -> U64:
    """(n,) keys that copies share; rows too common to be copies go singly (``tables.rowid.common``)."""
    return np.where(np.isin(sample.content, common(sample.content)), sample.row_id, sample.content)


def cv_folds(sample: Sample, roles: Roles, index: I64, k: int, *, y: F64 | None = None, seed: int = 0) -> list[Fold]:
    """At most ``k`` (train, valid) pairs of positions in ``sample``, over the rows ``index``.

    They go by what the split goes by (``Roles.folded``). In time the folds go forward: k + 1 blocks of equal row count,
    each of the last k predicted from all before it (rows of one moment never fall on both sides). By site each fold is
    whole sites, about as many rows in each. Otherwise units (groups, else repeated rows) are dealt to k folds, by label
    where ``y`` (of all rows of the sample) is given, so that rare classes are spread.
    """
    order = order_values(sample, roles) if roles.folded == "time" else None
    if order is not None:
        local = _forward(order[index], k)
    elif roles.folded == "site" and roles.site is not None:
        local = _by_site(level_keys(sample, roles.site.column)[index], k, seed)
    else:
        local = _dealt(unit_keys(sample, roles)[index], k, None if y is None else y[index], seed)
    return [(index[a], index[b]) for a, b in local]


def _forward(order: F64, k: int) -> list[Fold]:
    moment = np.unique(np.nan_to_num(order, nan=-np.inf), return_inverse=True)[1]
    first = np.searchsorted(np.sort(moment), moment, side="left")  # rows strictly before the moment of each row
    block = np.minimum(first * (k + 1) // max(len(order), 1), k)
    pairs = [(np.flatnonzero(block < b), np.flatnonzero(block == b)) for b in range(1, k + 1)]
    return [(a, b) for a, b in pairs if len(a) and len(b)]


def _dealt(key: U64, k: int, y: F64 | None, seed: int) -> list[Fold]:
    _, start, unit = np.unique(key, return_index=True, return_inverse=True)
    mixed = _mix(key[start], seed)
    label = np.zeros(len(start)) if y is None else _strata(y)[start]
    rank = np.lexsort((mixed, label))
    fold_of_unit = np.empty(len(start), dtype=np.int64)
    fold_of_unit[rank] = np.arange(len(start)) % k
    fold = fold_of_unit[unit]
    pairs = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(k)]
    return [(a, b) for a, b in pairs if len(a) and len(b)]


def _by_site(key: U64, k: int, seed: int) -> list[Fold]:
    """The largest site first, each to the fold that has least; ties by a hash."""
    site, unit, rows = np.unique(key, return_inverse=True, return_counts=True)
    held, fold_of_site = np.zeros(k, dtype=np.int64), np.empty(len(site), dtype=np.int64)
    for i in np.lexsort((_mix(site, seed), -rows)):
        fold_of_site[i] = held.argmin()
        held[fold_of_site[i]] += rows[i]
    fold = fold_of_site[unit]
    pairs = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(k)]
    return [(a, b) for a, b in pairs if len(a) and len(b)]


def _strata(y: F64) -> F64:
    """Class indices as they are; values cut at their deciles."""
    if len(np.unique(y)) <= 100:
        return y
    return np.searchsorted(np.quantile(y, np.linspace(0.1, 0.9, 9)), y).astype(np.float64)


def _mix(key: U64, seed: int) -> U64:
    """SplitMix64 (Steele et al. 2014): the order of equal-label units depends on the seed and on nothing else."""
    z = key + np.uint64((0x9E3779B97F4A7C15 * (seed + 1)) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class HonestSplit:
    """A scikit-learn cross-validation splitter that a leak cannot slip through.

    Args:
        n_splits: number of folds.
        time: column of X (name or position) that rows are ordered by, or ``"@row"`` for the order they stand in;
            each fold is then predicted from earlier rows only.
        group: column of X whose values must not be on both sides; ``groups=`` of the caller does the same.
        site: column of X that says where a row comes from: each fold is whole sites, and every site is judged once by
            a model that never saw it.
        seed: deals units to folds; unused with ``time``.

    Repeated rows of X fall together, unless more than half of the rows are repeats: columns are then too coarse to
    tell a copy from a coincidence. Usable wherever scikit-learn takes ``cv=``.

    Raises:
        InputError: a named column is missing, there are fewer units than folds, or two of ``time``, ``group`` and
            ``site`` are given.

    >>> import numpy as np
    >>> X = np.repeat(np.arange(60.0), 2).reshape(-1, 1)
    >>> all(set(X[a, 0]).isdisjoint(X[b, 0]) for a, b in HonestSplit(3).split(X))
    True
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        time: str | int | None = None,
        group: str | int | None = None,
        site: str | int | None = None,
        seed: int = 0,
    ) -> None:
        self.n_splits, self.time, self.group, self.site, self.seed = n_splits, time, group, site, seed

    def __repr__(self) -> str:
        given = {"n_splits": self.n_splits, "time": self.time, "group": self.group, "site": self.site}
        said = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return f"HonestSplit({', '.join([*said, *([f'seed={self.seed}'] if self.seed else [])])})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        if self.n_splits < 2:
            raise InputError(f"n_splits must be at least 2; got {self.n_splits}")
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        named = [w for w, c in (("time", self.time), ("group", self.group), ("site", self.site)) if c is not None]
        if len(named) > 1:
            raise InputError(f"a split goes by one of time, group and site; got {' and '.join(named)}")
        if self.site is not None:
            key = np.unique(_text(_column(X, self.site)), return_inverse=True)[1].astype(np.uint64)
            folds = _by_site(key, self.n_splits, self.seed)
        elif self.time is not None:
            order = np.arange(n) if self.time == "@row" else _column(X, self.time)
            folds = _forward(np.unique(order, return_inverse=True)[1].astype(np.float64), self.n_splits)
        else:
            units = groups if groups is not None else _column(X, self.group) if self.group is not None else None
            key = _row_keys(X, n)
            if units is not None:
                key = np.unique(_text(np.asarray(units)), return_inverse=True)[1].astype(np.uint64)
            labels = None if y is None else np.unique(np.asarray(y), return_inverse=True)[1].astype(np.float64)
            folds = _dealt(key, self.n_splits, labels, self.seed)
        if len(folds) < self.n_splits:
            raise InputError(f"{self.n_splits} folds need as many different rows, groups or moments; there are fewer")
        yield from folds


def _column(X: Any, name: str | int) -> NDArray[Any]:
    if hasattr(X, "columns"):
        if name not in list(X.columns):
            raise InputError(f"X must have the column {name!r}")
        return np.asarray(X[name])
    if not isinstance(name, int):
        raise InputError(f"X has no column names, so the column must be a position; got {name!r}")
    return np.asarray(X)[:, name]


def _text(values: NDArray[Any]) -> NDArray[Any]:
    """Values that can be sorted: objects, which may be of several types or missing, as text."""
    return values.astype(str) if values.dtype == object else values


def _row_keys(X: Any, n: int) -> U64:
    """The number of each distinct row; columns are coded one by one so that any type can be compared."""
    columns = [np.asarray(X[c]) for c in X.columns] if hasattr(X, "columns") else list(np.asarray(X).reshape(n, -1).T)
    key = np.zeros(n, dtype=np.int64)
    for value in columns:
        key = np.unique(key * (n + 1) + np.unique(_text(value), return_inverse=True)[1], return_inverse=True)[1]
    own = key.astype(np.uint64)
    return np.where(np.isin(own, common(own)), np.arange(n, n * 2).astype(np.uint64), own)
