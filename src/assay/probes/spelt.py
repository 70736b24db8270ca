"""Labels that differ in spelling alone are one class: D04 names the spelling, and others must not take it for more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.table import I64


def plain(label: str) -> str:
    """A label without case, quotes around it or a full stop after it; signs stay, since they carry meaning."""
    return " ".join(label.casefold().split()).strip("\"'` ").rstrip(".") or label


def one_class(labels: Sequence[str]) -> tuple[I64, tuple[str, ...]]:
    """For each label the index of its class, and the first spelling of each class."""
    place: dict[str, int] = {}
    names: list[str] = []
    index = np.empty(len(labels), np.int64)
    for i, label in enumerate(labels):
        index[i] = place.setdefault(plain(label), len(place))
        if index[i] == len(names):
            names.append(label)
    return index, tuple(names)
