"""Rows by what a column says of them: the parts of a split column, or of sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.subject import BUILD, CHOOSE, Partition
from assay.core.table import Sample

from .partition import recorded_codes


@dataclass(frozen=True)
class ValuePartition:
    """Values that are not in ``parts``, and null, build; of what builds, ``inner`` may give some to choose."""

    column: str
    parts: dict[str, int]
    inner: Partition | None
    says: str

    def part(self, sample: Sample) -> NDArray[np.int8]:
        codes, names = recorded_codes(sample, self.column)
        part = np.array([*(self.parts.get(n, BUILD) for n in names), BUILD], np.int8)[codes]
        if self.inner is None:
            return part
        return np.where((part == BUILD) & (self.inner.part(sample) != BUILD), np.int8(CHOOSE), part).astype(np.int8)
