"""``Model``: an .assay file in memory. It predicts from the very graph that it is saved as."""

from __future__ import annotations

import datetime as dt
import hashlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BundleError, InputError, SettingsError
from assay.core.table import F64, Sample
from assay.core.words import text_of

from . import golden, schema
from .archive import from_json, unpack, write_file
from .classes import typed
from .feed import Feed, OnBad, feed_from
from .graph import set_floor
from .nodes import NULL_CODE
from .session import Session
from .shapley import Explanation, contributions

if TYPE_CHECKING:
    import pyarrow as pa

GRAPH, SCHEMA, GOLDEN = "model/model.onnx", "schema.json", "golden.json"
DOSSIER, RECIPE, LINEAGE, PARITY = "dossier.json", "recipe.json", "lineage.json", "parity.json"
MOST_FILE = 1 << 30


class Model:
    """Predicts rows of any table: path, dict of arrays, list of dicts, pandas, polars, Arrow, or a Table.

    Made by ``assay.fit`` or ``Model.load``. Unknown columns are ignored; null, NaN and blanks are missing; text where
    a number belongs is an error (``on_bad="null"`` counts it as missing).
    """

    def __init__(self, data: bytes) -> None:
        """From the bytes of an .assay file: digests, graph policy and golden rows are checked first.

        Raises:
            BundleError: damaged, hostile, or of another version.
        """
        self._data = data
        self.manifest, self._files = unpack(data)
        for path in (GRAPH, SCHEMA, GOLDEN):
            if path not in self._files:
                raise BundleError(f"the .assay file lacks {path!r}")
        self._schema = schema.from_doc(from_json(self._files[SCHEMA], SCHEMA))
        self._values = typed(self._schema.classes, self._schema.class_type)
        self._session = Session(self._files[GRAPH], self._schema)
        self.golden_difference = golden.replay(from_json(self._files[GOLDEN], GOLDEN), self._schema, self._output)
        """The largest difference on the golden rows: 0.0 on the machine that wrote them."""

    @classmethod
    def load(cls, source: Any) -> Model:
        """Load an .assay file from a path or from its bytes.

        Raises:
            InputError: there is no such file. BundleError: it is damaged, hostile, or of another version.
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            return cls(bytes(source))
        path = Path(source)
        try:
            if path.is_dir():
                raise InputError(f"{path} is a folder; an .assay file was expected")
            if path.stat().st_size > MOST_FILE:
                raise BundleError(f"{path} is larger than an .assay file may be ({MOST_FILE >> 30} GiB)")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): an .assay file was expected") from None
        return cls(data)

    def save(self, path: str | Path) -> Path:
        """Write the file: beside it first, then renamed, so that nothing half-written is ever there.

        Raises:
            OutputError: the place cannot be written.
        """
        write_file(Path(path), self._data)
        return Path(path)

    def to_bytes(self) -> bytes:
        return self._data

    def __reduce__(self) -> tuple[type[Model], tuple[bytes]]:
        """Copies (``copy``, worker processes) are made from the file's bytes, with every check of a load."""
        return Model, (self._data,)

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self._data).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._data)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; empty for regression."""
        return self._schema.classes

    @property
    def task(self) -> str:
        return self._schema.task

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that a row must have."""
        return self._schema.columns

    @property
    def target(self) -> str | None:
        return self._schema.target

    @property
    def refitted(self) -> bool:
        """True where the shipped model was fitted again on all rows, so that no row of its table can judge it."""
        shipped = (self.dossier.get("model") or {}).get("shipped") or {}
        return bool(shipped.get("which") == "refit")

    @property
    def trained_on(self) -> str | None:
        """Digest of the table that the model was fitted to."""
        return self._schema.trained_on

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of one row, with assay's part under ``x-assay``."""
        return dict(self._doc(SCHEMA))

    @property
    def dossier(self) -> dict[str, Any]:
        """The evidence: what was found, tried, left out and measured."""
        return dict(self._doc(DOSSIER))

    @property
    def lineage(self) -> dict[str, Any]:
        return dict(self._doc(LINEAGE))

    @property
    def parity(self) -> dict[str, Any]:
        """The record of graph against trained model on held-out rows."""
        return dict(self._doc(PARITY))

    def _doc(self, path: str) -> Any:
        return from_json(self._files[path], path) if path in self._files else {}

    def _output(self, feed: Feed) -> F64:
        """(n, classes) probabilities, or (n, 1) values."""
        if not feed or len(next(iter(feed.values()))) == 0:
            return np.zeros((0, max(1, len(self.classes))))
        return np.asarray(self._session.run(feed), np.float64)

    def _scores(self, source: Any, on_bad: OnBad) -> F64:
        return self._output(feed_from(source, self._schema, on_bad)[0])

    def predict(self, source: Any, *, on_bad: OnBad = "error") -> NDArray[Any]:
        """(n,) classes as the target column held them (int64, float64, bool, or text), or values for regression.

        Raises:
            InputError: a column is missing or does not hold what it must.
        """
        return self._labels(self._scores(source, on_bad))

    def _labels(self, output: F64) -> NDArray[Any]:
        if self.task == "regression":
            return np.asarray(output[:, 0])
        return np.asarray(self._values[output.argmax(1)])

    def predict_proba(self, source: Any, *, on_bad: OnBad = "error") -> F64:
        """(n, classes) probabilities, in the order of ``classes``.

        Raises:
            SettingsError: the model predicts values, not classes. InputError: as ``predict``.
        """
        self._needs_classes("predict_proba")
        return self._scores(source, on_bad)

    def _needs_classes(self, what: str) -> None:
        if self.task == "regression":
            raise SettingsError(f"{what} needs a model of classes; this one predicts values: use predict")

    def predict_set(self, source: Any, *, coverage: float | None = None, on_bad: OnBad = "error") -> NDArray[Any]:
        """Prediction sets: (n, classes) booleans, or (n, 2) interval ends, at ``coverage`` (the file's own by default).

        A coverage between those that were calibrated takes the next larger one.

        Raises:
            SettingsError: a coverage beyond the largest calibrated one. InputError: as ``predict``.
        """
        return self._sets(self._scores(source, on_bad), coverage)

    def _sets(self, output: F64, coverage: float | None) -> NDArray[Any]:
        q = self._quantiles(coverage)
        if self.task == "regression":
            return np.asarray(output + np.array([-q[0], q[0]]))
        return np.asarray(output.astype(np.float32) >= set_floor(q))

    def _quantiles(self, coverage: float | None) -> tuple[float, ...]:
        wanted = self._schema.coverage if coverage is None else coverage
        enough = sorted((c, q) for c, q in self._schema.q if c >= wanted - 1e-12)
        if not 0 < wanted < 1 or not enough:
            most = max(c for c, _ in self._schema.q)
            raise SettingsError(
                f"a coverage must lie above 0 and be at most {most:g}, the largest calibrated; got {wanted:g}"
            )
        return enough[0][1]

    def predict_rows(self, rows: Sample) -> F64:
        """(n, classes) probabilities, or (n,) values, of a sample (``core.subject.Model``)."""
        output = self._scores(rows, "null")
        return output[:, 0] if self.task == "regression" else output

    def explain(self, source: Any, n: int = 3, *, on_bad: OnBad = "error") -> Explanation:
        """Which columns moved each prediction away from that of the typical row, strongest first (``shapley``).

        Contributions are to the probability of the positive class (two classes), of the predicted class (more), or to
        the value; those of a row add up to its output less the typical row's.
        """
        feed, rows = feed_from(source, self._schema, on_bad)
        return self._explain(feed, rows, n)

    def _explain(self, feed: Feed, rows: int, n: int) -> Explanation:
        base = golden.feed_of([{i.column: i.typical for i in self._schema.inputs}], self._schema)
        output = self._output(feed)
        pick = output.argmax(1) if self.task == "multiclass" else np.full(rows, output.shape[1] - 1)
        moved, start, full = contributions(feed, base, self._output, pick)
        values = np.empty((rows, len(feed)), object)
        for j, i in enumerate(self._schema.inputs):
            given = feed[i.input][:, 0]
            values[:, j] = given
            values[given == NULL_CODE if i.is_text else np.isnan(given), j] = None
        of = tuple(self.classes[k] for k in pick) if self.classes else ()
        inputs = self._schema.inputs
        order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, : max(0, n)]
        reasons = tuple(
            tuple(_reason(inputs[j], values[r, j], moved[r, j]) for j in order[r] if moved[r, j] != 0)
            for r in range(rows)
        )
        return Explanation(self.columns, moved, start, full, of, values, reasons)

    def score_table(
        self, source: Any, *, reasons: int = 0, coverage: float | None = None, on_bad: OnBad = "error"
    ) -> pa.Table:
        """Scored rows in Arrow: prediction (see ``predict``), p_<class>, set (class names or [low, high]), reason_k."""
        import pyarrow as pa

        feed, rows = feed_from(source, self._schema, on_bad)
        output = self._output(feed)
        labels = self._labels(output)
        table = {"prediction": pa.array(labels, pa.string() if labels.dtype == object else None)}
        sets = self._sets(output, coverage)
        for k, name in enumerate(self.classes):
            table[f"p_{name}"] = pa.array(output[:, k])
        ends = np.concatenate(([0], np.cumsum(sets.sum(1) if self.classes else np.full(rows, 2)))).astype(np.int32)
        held = np.array(self.classes, object)[np.nonzero(sets)[1]] if self.classes else sets.ravel()
        inner = pa.array(held, pa.string() if self.classes else pa.float64())
        table["set"] = pa.ListArray.from_arrays(pa.array(ends), inner)
        if reasons:
            told = self._explain(feed, rows, reasons).reasons
            for k in range(reasons):
                table[f"reason_{k + 1}"] = pa.array([r[k] if k < len(r) else None for r in told], pa.string())
        return pa.table(table)

    def __repr__(self) -> str:
        what = (
            "values"
            if self.task == "regression"
            else ", ".join(self.classes[:4]) + (" ..." if len(self.classes) > 4 else "")
        )
        return f"<Model of {self.target or 'a target'} ({what}) from {len(self.columns)} columns, {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        from assay.report.html import notebook

        return notebook(self.dossier) if self.dossier else f"<pre>{escape(repr(self)[1:-1])}</pre>"


def _reason(i: schema.Input, value: Any, moved: float) -> str:
    if value is None:
        said = "missing"
    elif isinstance(value, str):
        said = value if len(value) <= 60 else f"{value[:57]}..."
    elif i.kind == "bool":
        said = "true" if value else "false"
    elif i.kind == "date" and abs(value) < 2e11:
        said = text_of(dt.datetime(1970, 1, 1) + dt.timedelta(seconds=round(value))) or ""
    else:
        said = f"{value:.6g}" if i.kind != "clock" else f"{value:04.0f}"
    return f"{i.column} = {said} ({moved:+.3g})"
