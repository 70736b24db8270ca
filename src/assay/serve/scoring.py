"""One loaded model ready to answer: decoded rows in, labels, probabilities, sets and decisions out."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.model import Model
from assay.core.aim import aim_of
from assay.core.errors import BundleError, SettingsError
from assay.core.table import F64

from .decode import Batch, Decoder
from .http import FieldError, Refused

if TYPE_CHECKING:
    from .gain import Gain

INLINE = 1_000.0  # predicted microseconds of a request above which it leaves the event loop
OUTPUTS = "probabilities", "label", "set", "decision"


@dataclass(slots=True)
class Scored:
    """What the model said of a batch: (n, classes) or (n, 1) ``output``, one label a row, (n, classes or 2) sets."""

    output: F64
    labels: NDArray[Any]
    sets: NDArray[Any]
    coverage: float
    decisions: NDArray[Any] | None = None
    by: str = ""  # "previous" or "naive" where the model itself did not answer


class Served:
    """A model, its reader of rows and what answers say of it. Nothing here changes after it is made."""

    def __init__(
        self,
        model: Model,
        name: str = "",
        version: str = "",
        *,
        most_rows: int = 10_000,
        unknown: str = "ignore",
    ) -> None:
        self.model, self.schema = model, model._schema
        self.name, self.version, self.digest = name or model.name, version or model.version, model.digest
        self.session = model._session
        self.decoder = Decoder(self.schema, most_rows, unknown, (*self.session.numeric, *self.session.textual))
        self.classes = self.schema.classes
        self.aim = model.aim or aim_of(self.schema.task)
        self.about = {"name": self.name, "version": self.version, "digest": self.digest}
        mark = f"{self.name}@{self.version};sha256={self.digest[:12]}"
        self.header = re.sub(r"[^ -~]", "?", mark).encode()  # a header's value: nothing that could end its line
        self.mark = ((b"x-assay-model", self.header),)  # the header that says which model answered
        self.gain: Gain | None = None  # what rows of several requests save together, once that was measured
        self.asked = [self.session.main, "set"]
        self.per_row, self.at_all = self._measured()

    def score(self, batch: Batch, coverage: float | None = None) -> Scored:
        """Run the graph.

        Raises:
            Refused: a coverage that was not calibrated. BundleError: the graph failed, or gave what is not finite.
        """
        output, sets = self.session.outputs(self.asked, batch.numbers, batch.texts)
        output = np.asarray(output, np.float64)
        if not math.isfinite(np.add.reduce(output, None)) and not np.isfinite(output).all():
            raise BundleError("the graph gave a number that is not finite")
        if coverage is None or coverage == self.schema.coverage:
            coverage = self.schema.coverage
        else:
            try:
                coverage, sets = self.model._quantiles(coverage)[0], self.model._sets(batch.feed, output, coverage)
            except SettingsError as error:
                raise Refused(400, f"{error}", [FieldError(None, "coverage", str(error))]) from None
        return Scored(output, self.labels(output), sets, coverage, self.decided(output))

    def labels(self, output: F64) -> NDArray[Any]:
        """(n,) classes as the target column held them, or values."""
        if not self.classes:
            return np.asarray(output[:, 0])
        return np.asarray(self.model._values[self.aim.decided(output)])

    def decided(self, output: F64) -> NDArray[Any] | None:
        return None if self.schema.costs is None else self.model._decisions(output)

    def documents(self, scored: Scored, batch: Batch) -> list[dict[str, Any]]:
        """One JSON object a row."""
        labels, sets = scored.labels.tolist(), scored.sets.tolist()
        if self.classes:
            names, out = self.classes, []
            for label, p, inside in zip(labels, scored.output.tolist(), sets, strict=True):
                held = [c for c, there in zip(names, inside, strict=True) if there]
                out.append({"prediction": label, "probabilities": dict(zip(names, p, strict=True)), "set": held})
        else:
            out = [{"prediction": v, "set": ends} for v, ends in zip(labels, sets, strict=True)]
        if scored.decisions is not None:
            for doc, decision in zip(out, scored.decisions.tolist(), strict=True):
                doc["decision"] = decision
        for r, why in batch.odd.items():
            out[r] |= {"odd": True, "odd_because": [o.as_doc() for o in why]}
        return out

    def explained(self, scored: Scored, batch: Batch, n: int) -> list[dict[str, Any]]:
        """Why, by row: what is usual, how far each column moved it, the ``n`` strongest in words."""
        e = self.model._explain({i.input: batch.feed[i.input] for i in self.schema.inputs}, batch.n, n)
        out = []
        for r, label in enumerate(scored.labels.tolist()):
            doc: dict[str, Any] = {
                "prediction": label,
                "output": float(e.output[r]),
                "usual": float(e.baseline[r]),
                "contributions": dict(zip(e.columns, e.contributions[r].tolist(), strict=True)),
                "reasons": list(e.reasons[r]),
            }
            out.append(doc | ({"of": e.of[r]} if e.of else {}))
        return out

    def cost(self, size: int) -> float:
        """Microseconds that a body of this many bytes is expected to take."""
        return self.at_all + self.per_row * max(1.0, size / self.row_bytes)

    def _measured(self) -> tuple[float, float]:
        """(microseconds a further row, microseconds at all), from the typical row; the first runs warm the graph up."""
        import orjson

        row = {i.column: usual(i) for i in self.schema.inputs}
        self.typical = row
        self.row_bytes = float(max(16, len(orjson.dumps(row))))
        times = []
        for n in (1, 64):
            body, best = orjson.dumps([row] * n), float("inf")
            for _ in range(3):
                start = time.perf_counter()
                batch = self.decoder.rows(orjson.loads(body)[: self.decoder.most_rows])
                orjson.dumps(self.documents(self.score(batch), batch))
                best = min(best, time.perf_counter() - start)
            times.append(best * 1e6)
        per = max((times[1] - times[0]) / 63, 0.1)
        return per, max(times[0] - per, 1.0)


def usual(i: Any) -> Any:
    """A usual value of a column as JSON: what the page's form and the printed request start from."""
    if i.typical is None:
        return None
    if i.kind == "bool":
        return bool(i.typical)
    if i.kind == "date":
        from assay.bundle.reasons import written

        return (
            written(i, i.typical)
            if i.storage in ("", "VARCHAR (iso)") or not i.storage.startswith("VARCHAR")
            else i.typical
        )
    if not i.is_text and float(i.typical).is_integer() and abs(i.typical) < 2**53:
        return int(i.typical)
    return i.typical


def one_of(models: Sequence[Served], name: str, version: str | None) -> Served | None:
    """The model of that name and, where one is asked for, that version."""
    for served in models:
        if served.name == name and version in (None, served.version):
            return served
    return None
