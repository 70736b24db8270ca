"""An .assay file in memory, with everything that it says of itself: identity, schema, evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from assay.core.aim import Aim, read_aim
from assay.core.errors import BundleError, InputError
from assay.core.table import F64

from . import golden, schema
from .archive import contents, from_json, unpack, write_file
from .classes import typed
from .feed import Feed
from .layout import DOSSIER, GRAPH, LINEAGE, MANIFEST, NEEDED, OPENAPI, PARITY, SCHEMA
from .session import Session

MOST_FILE = 1 << 30


def _trusted(data: bytes, keys: tuple[bytes, ...]) -> bytes:
    if keys:
        from .signing import signed_by

        if signed_by(data, keys) is None:
            raise BundleError("the .assay file is not signed, and only a signed one is trusted here")
    return data


class Opened:
    """The checked contents of an .assay file, and its graph ready to run."""

    variant = ""  # which of the graphs in the file answers: the main one

    def __init__(self, data: bytes) -> None:
        """From the bytes of an .assay file: digests, graph policy and golden rows are checked first.

        Raises:
            BundleError: damaged, hostile, or of another version.
        """
        self._data = data
        self.manifest, self._files = unpack(data)
        for path in NEEDED:
            if path not in self._files:
                raise BundleError(f"the .assay file lacks {path!r}")
        self._schema = schema.from_doc(from_json(self._files[SCHEMA], SCHEMA))
        self._values = typed(self._schema.classes, self._schema.class_type)
        self._session = Session(self._files[GRAPH], self._schema)
        self.golden_difference = golden.replay(self._files, self._schema, self._session.main, self._raw)
        """The largest difference on the golden rows: 0.0 on the machine that wrote them."""

    @classmethod
    def load(cls, source: Any, *, trusted: Iterable[bytes] = ()) -> Self:
        """Load an .assay file from a path or from its bytes.

        Args:
            trusted: public keys in PEM, one of which must have signed the file; that is checked before all else.

        Raises:
            InputError: there is no such file. BundleError: it is damaged, hostile, or of another version; or it was not
                signed by a trusted key.
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            return cls(_trusted(bytes(source), tuple(trusted)))
        path = Path(source)
        try:
            if path.is_dir():
                raise InputError(f"{path} is a folder; an .assay file was expected")
            if path.stat().st_size > MOST_FILE:
                raise BundleError(f"{path} is larger than an .assay file may be ({MOST_FILE >> 30} GiB)")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): an .assay file was expected") from None
        return cls(_trusted(data, tuple(trusted)))

    def save(self, path: str | Path) -> Path:
        """Write the file: beside it first, then renamed, so that nothing half-written is ever there.

        Raises:
            OutputError: the place cannot be written.
        """
        write_file(Path(path), self._data)
        return Path(path)

    def to_bytes(self) -> bytes:
        return self._data

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        """Copies (``copy``, worker processes) are made from the file's bytes, with every check of a load."""
        return type(self), (self._data,)

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self._data).hexdigest()

    @property
    def content(self) -> str:
        """SHA-256 of the manifest, and so of all that it lists: the same with and without a signature."""
        return hashlib.sha256(contents(self._data)[MANIFEST]).hexdigest()

    @property
    def _graph(self) -> bytes:
        return self._files[GRAPH]

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

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
    def aim(self) -> Aim | None:
        """What a prediction is meant to be, where the user said so: ``core.aim``."""
        return read_aim(self._schema.predicts)

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
    def openapi(self) -> dict[str, Any]:
        """The frozen OpenAPI 3.1 document of the service that this model is served by."""
        return dict(self._doc(OPENAPI))

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
        """(n, classes) probabilities, or (n, 1) values.

        Raises:
            InputError: an imported graph gives no number for a row.
        """
        if not self._schema.imported:
            return self._raw(feed)
        try:
            made = self._raw(feed)
        except BundleError:
            made = np.full((len(next(iter(feed.values()))), 1), np.nan)
            for row in range(len(made)):  # which of the rows it is that the graph fails on
                with suppress(BundleError):
                    self._raw({k: v[row : row + 1] for k, v in feed.items()})
                    made[row] = 0.0
        if not np.isfinite(made).all():
            row = int(np.flatnonzero(~np.isfinite(made).all(axis=1))[0])
            raise InputError(
                f"the imported model gives no number for row {row}: it may not take missing values, or words that it "
                "has not seen"
            )
        return made

    def _raw(self, feed: Feed) -> F64:
        if not feed or len(next(iter(feed.values()))) == 0:
            return np.zeros((0, max(1, len(self.classes))))
        return np.asarray(self._session.run(feed), np.float64)
