"""What a model costs to ship and to ask: bytes of its graph in the file, and microseconds for one row.

Both are measured on the graph that would be written, through the runtime that would serve it: one thread, one row with
its raw strings, prediction and set.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence

import numpy as np

from assay.core.remedy import Op
from assay.core.table import Sample
from assay.fit.footprints import Footprint
from assay.learn.forms import Assembly

from .feed import feed_from
from .graph import make_graph
from .schema import make_schema
from .session import Session

WARM, ROUNDS = 20, 9


def footprint(assembly: Assembly, ops: Sequence[Op], rows: Sample) -> Footprint:
    """Size and one-row latency; ``rows`` are raw rows that are asked one by one, each ``ROUNDS`` times.

    The latency is the median over rows of the fastest round of each: what other programs take on a busy machine is
    no part of the model.
    """
    graph = make_graph(assembly, ops)
    size = len(zlib.compress(graph, 6))  # as ``archive.pack`` writes it
    if rows.n == 0:
        return Footprint(size, float("nan"))
    schema = make_schema(assembly, _names(graph), None, target=None, trained_on=None)
    session = Session(graph, schema)
    feed = feed_from(rows, schema, "null")[0]
    single = [session.split({name: value[i : i + 1] for name, value in feed.items()}) for i in range(rows.n)]
    wanted, run = [session.main, "set"], session.outputs
    for k in range(WARM):
        run(wanted, *single[k % len(single)])
    took = np.empty((ROUNDS, len(single)))
    for k in range(ROUNDS):
        for i, row in enumerate(single):
            start = time.perf_counter_ns()
            run(wanted, *row)
            took[k, i] = time.perf_counter_ns() - start
    return Footprint(size, float(np.median(took.min(axis=0))) / 1e3)


def _names(graph: bytes) -> list[str]:
    import onnx

    return [i.name for i in onnx.load_model_from_string(graph).graph.input]
