"""Scored rows as a table: what ``Model.score_table`` gives and ``assay predict`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .feed import Feed

if TYPE_CHECKING:
    import pyarrow as pa

    from .model import Model


def scored(model: Model, feed: Feed, rows: int, reasons: int, coverage: float | None, interval: bool) -> pa.Table:
    """One row for each of ``rows``; columns as ``Model.score_table`` says."""
    import pyarrow as pa

    output = model._output(feed)
    labels = model._labels(output)
    table = {"prediction": pa.array(labels, pa.string() if labels.dtype == object else None)}
    sets = model._sets(feed, output, coverage)
    for k, name in enumerate(model.classes):
        table[f"p_{name}"] = pa.array(output[:, k])
    if interval:
        chances = model._chances(output)
        table |= {"p_low": pa.array(chances[:, 0]), "p_high": pa.array(chances[:, 1])}
    ends = np.concatenate(([0], np.cumsum(sets.sum(1) if model.classes else np.full(rows, 2)))).astype(np.int32)
    held = np.array(model.classes, object)[np.nonzero(sets)[1]] if model.classes else sets.ravel()
    inner = pa.array(held, pa.string() if model.classes else pa.float64())
    if model._schema.costs is not None:
        table["decision"] = pa.array(model._decisions(output), pa.string())
    table["set"] = pa.ListArray.from_arrays(pa.array(ends), inner)
    if reasons:
        told = model._explain(feed, rows, reasons, pairs=16, exact=4).reasons  # many rows: fewer questions each
        for k in range(reasons):
            table[f"reason_{k + 1}"] = pa.array([r[k] if k < len(r) else None for r in told], pa.string())
    return pa.table(table)
