"""The runtime around a graph: one thread, no spinning, quiet, made from bytes that passed the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError

from .policy import check_graph
from .schema import Schema

BATCH = 100_000  # rows in one call: bounds memory


class Session:
    """Runs a graph. ``outputs`` names those that the task has."""

    def __init__(self, graph: bytes, schema: Schema) -> None:
        check_graph(graph, schema.imported)
        import onnxruntime as ort

        ort.disable_telemetry_events()  # for whoever loaded it before assay
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            self.native = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"the graph does not load: {str(error).splitlines()[0][:200]}") from None
        self.main = "value" if schema.task == "regression" else "probabilities"
        given = {i.name: i.type for i in self.native.get_inputs()}
        want = {i.input: "tensor(string)" if i.is_text else "tensor(double)" for i in schema.inputs}
        named = {o.name for o in self.native.get_outputs()}
        needed = {self.main, "set"} | ({"cell"} if schema.cells else set()) | ({"band"} if schema.band else set())
        if given != want or not needed <= named:
            raise BundleError("the graph's inputs and outputs are not those of its schema")

    def run(self, feed: Mapping[str, NDArray[Any]], output: str | None = None) -> NDArray[Any]:
        """One output (the main one by default) for all rows, in batches.

        Raises:
            BundleError: the graph failed on these inputs.
        """
        name = output or self.main
        n = len(next(iter(feed.values()))) if feed else 0
        try:
            parts = [
                self.native.run([name], {k: v[at : at + BATCH] for k, v in feed.items()})[0]
                for at in range(0, n, BATCH)
            ]
        except Exception as error:
            raise BundleError(f"the graph failed: {str(error).splitlines()[0][:200]}") from None
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
