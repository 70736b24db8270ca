"""Keys keep copies together, spread defaults, and cut evenly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from assay.core.table import SampleSpec
from assay.learn.splits import together
from assay.probes.halves import parts_of
from assay.tables import open_table


def test_parts_are_even_for_any_keys():
    for keys in (np.arange(30_000, dtype=np.uint64), np.arange(30_000, dtype=np.uint64) << np.uint64(40)):
        counts = np.bincount(parts_of(keys, 3), minlength=3)
        assert abs(counts - 10_000).max() < 400


def test_copies_share_a_key_and_a_default_row_does_not():
    x = np.round(np.random.default_rng(0).normal(size=1000), 6)
    x[100:103] = x[0]
    x[700:] = 0.0
    rows = open_table(pa.table({"x": x}), name="t").sample(SampleSpec(n=1000))
    keys = together(rows)
    value = rows.numbers("x")
    assert len(np.unique(keys[value == x[0]])) == 1
    assert len(np.unique(keys[value == 0.0])) == 300
