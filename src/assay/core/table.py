"""A table as the rest of the house sees it: columns, facts and samples. Implemented in ``assay.tables``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["number", "category", "text", "date", "clock", "bool", "mixed"]
NUMERIC: tuple[Kind, ...] = ("number", "date", "clock", "bool")  # kinds whose values are ordered as numbers
Unit = Literal["row", "group", "time-block", "blocking-key"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``storage`` is the engine's type; ``kind`` is what the values mean."""

    name: str
    kind: Kind
    storage: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for one fact (vocabulary in ``core.facts``). Hashable, so that equal asks are made once."""

    fact: str
    columns: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """Which whole units to draw. ``columns`` empty means all; ``strata`` keeps every class of a rare target."""

    n: int
    unit: Unit = "row"
    columns: tuple[str, ...] = ()
    strata: str | None = None
    key: str | None = None  # the column whose values are the units, where unit is not "row"


class Sample(Protocol):
    """Rows in memory, sorted by ``row_id`` (so that order of rows in the source does not matter)."""

    @property
    def n(self) -> int: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def arrow(self) -> pa.Table: ...
    @property
    def row_id(self) -> U64:
        """Unique: hash of the source row and its ordinal among equals."""
        ...

    @property
    def content(self) -> U64:
        """Hash of the row's features (not of ids, target, weight or split): equal rows stay together in splits."""
        ...

    @property
    def position(self) -> I64:
        """0-based position in the source."""
        ...

    @property
    def weight(self) -> F64:
        """1 / inclusion probability, all ones where the sample is the table."""
        ...

    def numbers(self, name: str) -> F64:
        """Values as floats; NaN for null. bool 0/1, clock in minutes, date in epoch seconds, unparsable text NaN."""
        ...

    def codes(self, name: str) -> tuple[I32, tuple[str, ...]]:
        """Codes into levels (as text, sorted); -1 for null."""
        ...

    def null(self, name: str) -> Mask: ...
    def take(self, index: NDArray[Any]) -> Sample: ...
    def replace(self, columns: Mapping[str, Any]) -> Sample:
        """The same rows with some columns replaced or added (Arrow arrays or numpy), ids kept."""
        ...


class Facts(Protocol):
    """Facts already asked for, and any other on demand (which costs a scan of its own)."""

    def __getitem__(self, ask: Ask) -> Any: ...
    def declare(self, asks: Iterable[Ask]) -> None:
        """Make these in one plan, where they are not known yet."""
        ...


class Table(Protocol):
    """A source that can be scanned. Nothing here is changed in place."""

    @property
    def digest(self) -> str:
        """Hash of the content; order of rows and columns does not matter."""
        ...

    @property
    def name(self) -> str: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader had to do to read it (bad lines left out, encoding guessed, names made unique)."""
        ...

    def column(self, name: str) -> Column: ...
    def facts(self, asks: Iterable[Ask]) -> Mapping[Ask, Any]: ...
    def sample(self, spec: SampleSpec) -> Sample: ...
    def row_hashes(self, columns: Sequence[str]) -> U64:
        """One 64-bit hash a row over the named columns, in source order (null counts as a value)."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """Columns left out of ``Sample.content``: as set, else those that look like keys."""
        ...

    def with_ids(self, columns: Sequence[str]) -> Table:
        """The same table, whose ``Sample.content`` leaves these columns out."""
        ...

    def arrow(self) -> pa.Table:
        """The whole table in memory, in source order. For plants and small tables."""
        ...

    def derive(self, arrow: pa.Table) -> Table:
        """A new table of the same kind from changed rows; kinds are kept for columns that kept name and type."""
        ...
