"""What a prediction is compared with: rows made up from the schema's aggregates, since a file holds no training row.

``usual``: 16 rows in which every column takes the middle values of its bins (16 bins of equal counts; levels and holes
as often as they come), dealt to the rows independently of the other columns. Each column is as usual; what columns have
to do with each other is not in them. ``typical``: one row, of medians and commonest values: a column in which a row is
itself typical then contributes nothing by definition, however much the model goes by it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import SettingsError

from .golden import feed_of
from .nodes import NULL_CODE
from .schema import BINS, Input, Schema

Against = Literal["usual", "typical"]
Feed = dict[str, NDArray[Any]]


def background(schema: Schema, against: Against = "usual") -> Feed:
    """The rows that contributions start from, as graph inputs (1 or 16 rows).

    A file without bins (written by an earlier version) has the typical row alone.

    Raises:
        SettingsError: ``against`` is neither of the two.
    """
    if against not in ("usual", "typical"):
        raise SettingsError(f"against must be usual or typical; got {against!r}")
    if against == "typical" or not any(i.bins for i in schema.inputs):
        return feed_of([{i.column: i.typical for i in schema.inputs}], schema)
    rng = np.random.Generator(np.random.PCG64(len(schema.inputs)))
    return {i.input: rng.permutation(dealt(i)).reshape(-1, 1) for i in schema.inputs}


def dealt(i: Input) -> NDArray[Any]:
    """(16,) values of one column, as often as they are usual."""
    nothing: Any = NULL_CODE if i.is_text else np.nan
    if not i.bins:
        return np.full(BINS, nothing if i.typical is None else i.typical, object if i.is_text else np.float64)
    holes = min(BINS, round(BINS * i.holes))
    place = (np.arange(BINS - holes) + 0.5) / max(1, BINS - holes)
    if i.is_text:
        shares = np.cumsum(i.shares) / sum(i.shares)
        values = [i.bins[int(k)] for k in np.searchsorted(shares, place)]
    else:
        values = [i.bins[int(p * len(i.bins))] for p in place]
    return np.array([*values, *[nothing] * holes], object if i.is_text else np.float64)
