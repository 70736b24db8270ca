"""The runtime around a graph: one thread, no spinning, quiet, made from bytes that passed the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError

from .packed import DOUBLE, STRING, packed
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
        self.numeric, self.textual = (tuple(i.input for i in schema.inputs if i.is_text is t) for t in (False, True))
        self._matrices: list[str] = []  # of numbers, of texts; empty where there is a tensor a column
        names: dict[str, str] = {}
        for kind, said in ((DOUBLE, "tensor(double)"), (STRING, "tensor(string)")):
            form = packed(graph, self.numeric if kind == DOUBLE else self.textual, kind)
            self._matrices.append(form.name if form else "")
            if form:
                graph = form.graph
                names |= dict.fromkeys(form.order, said)
                if kind == DOUBLE:
                    self.numeric = form.order
                else:
                    self.textual = form.order
        try:
            self.native = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"the graph does not load: {str(error).splitlines()[0][:200]}") from None
        self.main = "value" if schema.task == "regression" else "probabilities"
        given = {i.name: i.type for i in self.native.get_inputs() if i.name not in self._matrices} | names
        want = {i.input: "tensor(string)" if i.is_text else "tensor(double)" for i in schema.inputs}
        named = {o.name for o in self.native.get_outputs()}
        needed = {self.main, "set"} | ({"cell"} if schema.cells else set()) | ({"band"} if schema.band else set())
        if given != want or not needed <= named:
            raise BundleError("the graph's inputs and outputs are not those of its schema")

    def outputs(
        self, names: Sequence[str], numbers: NDArray[np.float64] | None, texts: NDArray[np.object_] | None
    ) -> list[NDArray[Any]]:
        """Several outputs for rows that come as (N, k) ``numbers`` in the order of ``numeric`` and as (N, m) ``texts``
        in that of ``textual``.

        Raises:
            BundleError: the graph failed on these inputs.
        """
        feed: dict[str, NDArray[Any]] = {}
        whole: tuple[NDArray[Any] | None, ...] = (numbers, texts)
        for values, matrix, columns in zip(whole, self._matrices, (self.numeric, self.textual), strict=True):
            if values is not None and matrix:
                feed[matrix] = values
            elif values is not None:
                feed |= {name: values[:, j : j + 1] for j, name in enumerate(columns)}
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
        parts = [
            self.outputs(names, *self.split({k: v[at : at + BATCH] for k, v in feed.items()}))[0]
            for at in range(0, n, BATCH)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def split(self, feed: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64] | None, NDArray[np.object_] | None]:
        """One (N, 1) array a column as a matrix of the numbers and one of the texts."""
        numbers, texts = ([feed[name] for name in names] for names in (self.numeric, self.textual))
        return np.concatenate(numbers, axis=1) if numbers else None, np.concatenate(texts, axis=1) if texts else None
