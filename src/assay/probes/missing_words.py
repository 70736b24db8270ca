"""Words for missing, as a column of text has them."""

from __future__ import annotations

import numpy as np

from assay.core.subject import Subject
from assay.core.table import Mask, Sample


def is_text(subject: Subject, name: str) -> bool:
    return subject.table.column(name).storage.startswith("VARCHAR")


def spelled(rows: Sample, name: str, word: str) -> str:
    """The word as the column writes it most often."""
    codes, levels = rows.codes(name)
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    ways = [i for i, v in enumerate(levels) if v.strip().casefold() == word]
    return levels[max(ways, key=lambda i: (counts[i], -i))].strip() if ways else word


def folded(rows: Sample, name: str, word: str) -> Mask:
    codes, levels = rows.codes(name)
    same = np.array([v.strip().casefold() == word for v in levels] + [False])
    return same[codes]
