"""The runtime around a graph: one thread, no spinning, quiet, made from bytes that passed the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError

from .packed import packed
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
        numeric = [i.input for i in schema.inputs if not i.is_text]
        form = packed(graph, numeric)
        try:
            self.native = ort.InferenceSession(
                form.graph if form else graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise BundleError(f"the graph does not load: {str(error).splitlines()[0][:200]}") from None
        self.main = "value" if schema.task == "regression" else "probabilities"
        self.matrix = form.name if form else ""
        self.numeric = form.order if form else tuple(numeric)  # columns of a matrix, in this order
        given = {i.name: i.type for i in self.native.get_inputs()}
        if form and given.pop(form.name, None):
            given |= dict.fromkeys(form.order, "tensor(double)")
        want = {i.input: "tensor(string)" if i.is_text else "tensor(double)" for i in schema.inputs}
        named = {o.name for o in self.native.get_outputs()}
        needed = {self.main, "set"} | ({"cell"} if schema.cells else set()) | ({"band"} if schema.band else set())
        if given != want or not needed <= named:
            raise BundleError("the graph's inputs and outputs are not those of its schema")

    def outputs(
        self, names: Sequence[str], numbers: NDArray[np.float64] | None, texts: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """Several outputs for rows whose numbers are one (N, k) matrix in the order of ``numeric``.

        Raises:
            BundleError: the graph failed on these inputs.
        """
        feed = dict(texts)
        if numbers is not None and self.matrix:
            feed[self.matrix] = numbers
        elif numbers is not None:
            feed |= {name: numbers[:, j : j + 1] for j, name in enumerate(self.numeric)}
        try:
            # Beneath its Python wrapper, which looks again at what is known to fit, for a third of a small run's time.
            native = getattr(self.native, "_sess", self.native)
            made: list[NDArray[Any]] = native.run(names, feed, None)
        except Exception as error:
            raise BundleError(f"the graph failed: {str(error).splitlines()[0][:200]}") from None
        return made

    def run(self, feed: Mapping[str, NDArray[Any]], output: str | None = None) -> NDArray[Any]:
        """One output (the main one by default) for all rows, in batches; ``feed`` has one (N, 1) array a column.

        Raises:
            BundleError: the graph failed on these inputs.
        """
        names = [output or self.main]
        n = len(next(iter(feed.values()))) if feed else 0
        numbers, texts = self.split(feed)
        parts = [
            self.outputs(
                names,
                None if numbers is None else numbers[at : at + BATCH],
                {k: v[at : at + BATCH] for k, v in texts.items()},
            )[0]
            for at in range(0, n, BATCH)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def split(self, feed: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64] | None, dict[str, NDArray[Any]]]:
        """One (N, 1) array a column as a matrix of the numbers, and the texts."""
        numbers = [feed[name] for name in self.numeric]
        texts = {name: v for name, v in feed.items() if name not in set(self.numeric)}
        return np.concatenate(numbers, axis=1) if numbers else None, texts
