"""Graph inputs as a table in the columns' own types, with the rows that such types cannot hold made missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE


def table_of(model: Model, feed: dict[str, np.ndarray]) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """The rows with their number in ``row_no``, and the feed as the table holds it."""
    feed = dict(feed)
    columns = {"row_no": pa.array(np.arange(len(next(iter(feed.values())))))}
    for i in model._schema.inputs:
        values = feed[i.input][:, 0]
        if i.is_text:
            columns[i.column] = pa.array([None if v == NULL_CODE else v for v in values], pa.string())
            continue
        if i.kind == "date":
            held = np.isfinite(values) & (np.abs(values) < 1e11)
            values = np.where(held, np.floor(np.where(held, values, 0.0)), np.nan)
            columns[i.column] = pa.array([None if v != v else int(v) * 10**6 for v in values], pa.timestamp("us"))
        elif i.kind == "bool":
            values = np.where(np.isin(values, (0, 1)), values, np.nan)
            columns[i.column] = pa.array([None if v != v else bool(v) for v in values], pa.bool_())
        else:
            columns[i.column] = pa.array(values)
        feed[i.input] = values.reshape(-1, 1)
    return pa.table(columns), feed
