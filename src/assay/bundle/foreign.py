"""An ONNX file that assay did not write, as a model to audit: how its inputs and outputs are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError, InputError
from assay.core.subject import Subject
from assay.core.table import F64, Sample
from assay.core.words import text_of

from .policy import check_foreign

BATCH = 10_000  # rows in one call: bounds memory; a graph of one fixed row is called row by row by its own shape
WHOLE = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
REAL = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class OnnxModel:
    """Inputs: one a column, by name (text, whole or real numbers); or a single matrix of all feature columns, in the
    order of the table. Outputs: shares as a matrix or as a list of maps (``ZipMap``), or one column of values.

    Text that is missing is an empty string and a number that is missing is NaN, as converters have it.
    """

    trained_on: str | None = None
    refitted = False

    def __init__(self, graph: bytes, name: str, subject: Subject) -> None:
        """
        Raises:
            BundleError: no ONNX graph, or one that reaches outside its file.  InputError: columns do not fit.
        """
        check_foreign(graph)
        import onnxruntime as ort

        ort.disable_telemetry_events()  # for whoever loaded it before assay
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self.native = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"{name} does not load: {str(error).splitlines()[0][:200]}") from None
        self.name, self.size = name, len(graph)
        self.inputs = {i.name: i for i in self.native.get_inputs()}
        by_place = [c.name for c in subject.table.columns]
        self.columns = tuple(sorted(subject.features, key=by_place.index))
        lost = [i for i in self.inputs if i not in by_place]
        self.matrix = len(self.inputs) == 1 and bool(lost)
        if lost and not self.matrix:
            raise InputError(f"{name} needs the column {lost[0]!r}, which {subject.table.name} does not have")
        if self.matrix:
            self._fits(subject)
        self._classes: tuple[str, ...] = ()
        self.named = subject.roles.classes

    def _fits(self, subject: Subject) -> None:
        (only,) = self.inputs.values()
        width = only.shape[1] if len(only.shape) == 2 else None
        if isinstance(width, int) and width != len(self.columns):
            raise InputError(
                f"{self.name} takes a matrix of {width} columns; {subject.table.name} has {len(self.columns)} features "
                f"({', '.join(self.columns[:6])}{' ...' if len(self.columns) > 6 else ''})"
            )
        kinds = {c.name: c.kind for c in subject.table.columns}
        words = [c for c in self.columns if kinds[c] in ("category", "text", "mixed")]
        if words and only.type in REAL | WHOLE:
            raise InputError(f"{self.name} takes a matrix of numbers; the column {words[0]!r} is text")

    @classmethod
    def load(cls, path: Path, subject: Subject) -> OnnxModel:
        try:
            return cls(path.read_bytes(), path.name, subject)
        except OSError as error:
            raise InputError(f"the model {path.name} cannot be read: {error.strerror}") from None

    @property
    def classes(self) -> tuple[str, ...]:
        """As the graph names them; known once it has predicted."""
        return self._classes

    def predict_rows(self, rows: Sample) -> F64:
        """(n, classes) shares or (n,) values.

        Raises:
            InputError: the graph fails on these rows, or gives no prediction for each of them.
        """
        feed = self._feed(rows)
        try:
            parts = [
                self.native.run(None, {k: v[at : at + BATCH] for k, v in feed.items()})
                for at in range(0, max(1, rows.n), BATCH)
            ]
        except Exception as error:
            raise InputError(f"{self.name} failed on rows of this table: {str(error).splitlines()[0][:200]}") from None
        outputs = [self._joined([p[i] for p in parts], rows.n) for i in range(len(parts[0]))]
        return self._read([o for o in outputs if o is not None], rows.n)

    def _feed(self, rows: Sample) -> dict[str, NDArray[Any]]:
        if self.matrix:
            (only,) = self.inputs.values()
            if only.type == "tensor(string)":
                values = np.column_stack([texts(rows, c) for c in self.columns]).astype(object)
            else:
                values = np.column_stack([rows.numbers(c) for c in self.columns])
            return {only.name: values.astype((REAL | WHOLE).get(only.type, object))}
        feed = {}
        for name, given in self.inputs.items():
            if given.type == "tensor(string)":
                column: NDArray[Any] = texts(rows, name)
            elif given.type in WHOLE:
                column = np.nan_to_num(rows.numbers(name)).astype(WHOLE[given.type])
            else:
                column = rows.numbers(name).astype(REAL.get(given.type, np.float32))
            feed[name] = column[:, None] if len(given.shape) == 2 else column
        return feed

    @staticmethod
    def _joined(parts: list[Any], n: int) -> NDArray[Any] | list[dict[Any, float]] | None:
        """One output over all batches; None where it has no value for each row."""
        if isinstance(parts[0], list):
            maps = [m for part in parts for m in part]
            return maps if len(maps) == n and maps and isinstance(maps[0], dict) else None
        if any(np.ndim(p) == 0 for p in parts):
            return None
        made = np.concatenate(parts)
        return made if len(made) == n and made.ndim <= 2 else None

    def _read(self, outputs: list[Any], n: int) -> F64:
        for given in outputs:
            if isinstance(given, list):
                keys = sorted({k for m in given for k in m}, key=str)
                self._classes = tuple(str(text_of(k)) for k in keys)
                return np.array([[m.get(k, 0.0) for k in keys] for m in given], np.float64)
        real = [o for o in outputs if np.issubdtype(o.dtype, np.floating)]
        wide = [o for o in real if o.ndim == 2 and o.shape[1] > 1]
        if wide and self.named:
            shares = np.asarray(wide[-1], np.float64)
            said = [o for o in outputs if o is not wide[-1] and o.reshape(n, -1).shape[1] == 1]
            self._classes = classes_from(said[0].reshape(-1), shares, self.named) if said else ()
            return shares
        if real:
            return np.asarray(real[-1].reshape(n, -1)[:, 0], np.float64)
        raise InputError(f"{self.name} gives no numbers for each row: shares of classes or values are needed")


def classes_from(said: NDArray[Any], shares: F64, known: tuple[str, ...]) -> tuple[str, ...]:
    """Which class each column of ``shares`` speaks of, read off the label that the graph gives beside it.

    A column that never has the largest share gets a class that is left over, in the order of ``known``. Nothing where
    the labels do not tell.
    """
    names, code = np.unique(np.array([str(text_of(v)) for v in said.tolist()]), return_inverse=True)
    largest = shares.argmax(1)
    table = np.zeros((shares.shape[1], len(names)), np.int64)
    np.add.at(table, (largest, code), 1)
    found = {k: str(names[table[k].argmax()]) for k in range(len(table)) if table[k].any()}
    if len(set(found.values())) != len(found):
        return ()
    rest = iter(c for c in known if c not in found.values())
    return tuple(found.get(k) or next(rest, f"class {k}") for k in range(len(table)))


def texts(rows: Sample, column: str) -> NDArray[Any]:
    """The column as text, empty where it is missing."""
    codes, levels = rows.codes(column)
    return np.array([*levels, ""], object)[codes]
