"""The facts of the ends of a column agree with numpy, from value tables and from scans, whatever is in the cells."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.core.table import Ask
from assay.tables import open_table


@pytest.mark.parametrize("n", [0, 1, 7, 5_000])
def test_extremes_and_within(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    x[: n // 10] = np.inf
    few = rng.integers(0, 9, n)
    hole = np.where(rng.random(n) < 0.2, np.nan, x)
    columns = {"x": x, "few": few, "hole": hole, "text": np.full(n, "a")}
    table = open_table(pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()}))
    for name in ("x", "few", "hole"):
        values = np.sort(columns[name][np.isfinite(columns[name])].astype(float))
        ask, inside = Ask("extremes", (name,), args=(5,)), Ask("within", (name,), args=(0.5, None))
        got = table.facts([ask, inside])
        assert got[ask] == (tuple(values[:5]), tuple(values[-5:]))
        assert got[inside].total == (columns[name] >= 0.5).sum()
        assert np.array_equal(got[inside].positions, np.flatnonzero(columns[name] >= 0.5))
    text = Ask("extremes", ("text",), args=(5,)), Ask("within", ("text",), args=(0, 1))
    got = table.facts(text)
    assert got[text[0]] is None
    assert got[text[1]].total == 0
