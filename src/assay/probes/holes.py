"""Which columns have holes in the same rows, and whether another column records them already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.core.subject import Subject
from assay.core.table import Ask, Facts, Mask, Sample

from .missing_words import folded, is_text
from .stand_ins import WORDS

Unit = tuple[tuple[str, ...], Mask]  # columns whose holes are in the same rows, and these rows of the sample
NEARLY = 0.9


def hollow(subject: Subject, facts: Facts, name: str) -> int:
    """Cells without a value: null, or a word that stands for missing."""
    worded = sum(facts[Ask("tokens", (name,), args=WORDS)].values()) if is_text(subject, name) else 0
    return int(facts[Ask("holes", (name,))].n + worded)


def written(subject: Subject, rows: Sample, name: str) -> list[str]:
    """The words for missing that the column uses, in the sample."""
    if not is_text(subject, name):
        return []
    used = {v.strip().casefold() for v in rows.codes(name)[1]}
    return [w for w in WORDS if w in used]


def together(subject: Subject, facts: Facts, rows: Sample, empty: Mapping[str, int]) -> list[Unit]:
    """Columns whose holes are in the same rows, or nearly: most holes first, with its holes in the sample."""
    same: dict[Any, tuple[list[str], Mask]] = {}
    for name, cells in empty.items():
        words = written(subject, rows, name)
        flag = rows.null(name)
        for word in words:
            flag = flag | folded(rows, name, word)
        key = (cells, flag.tobytes()) if words else (cells, facts[Ask("holes", (name,))].fingerprint)
        same.setdefault(key, ([], flag))[0].append(name)
    units: list[tuple[list[str], Mask]] = []
    for names, flag in sorted(same.values(), key=lambda unit: (-empty[unit[0][0]], unit[0][0])):
        size = int(flag.sum())
        near = (u for u in units if size and alike(flag, u[1]) and alike(~flag, ~u[1]))
        home = next(near, None)
        if home is None:
            units.append((list(names), flag))
        else:
            home[0].extend(names)
    return [(tuple(names), flag) for names, flag in units]


def alike(a: Mask, b: Mask) -> bool:
    return bool((a & b).sum() >= NEARLY * (a | b).sum())


def recorded(subject: Subject, rows: Sample, flag: Mask) -> bool:
    """A column of two values says already which rows have the hole."""
    for column in subject.table.columns:
        if column.kind == "bool" and flag.any():
            values = rows.numbers(column.name)
            if np.array_equal(values == 1, flag) or (np.array_equal(values == 0, flag) and not np.isnan(values).any()):
                return True
    return False
