"""Rows in memory: Arrow columns beside row ids, content hashes, source positions and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError, did_you_mean
from assay.core.table import F64, I32, I64, U64, Column, Mask

from . import values

if TYPE_CHECKING:
    import pyarrow as pa

    from .duck_table import DuckTable


class ArrowSample:
    """Rows sorted by ``row_id``. See ``core.table.Sample``; arrays are cached, so treat them as read-only."""

    def __init__(
        self,
        arrow: pa.Table,
        columns: tuple[Column, ...],
        row_id: U64,
        content: U64,
        position: I64,
        weight: F64,
        source: DuckTable | None = None,
        touched: frozenset[str] = frozenset(),
    ) -> None:
        self._arrow = arrow
        self._columns = {c.name: c for c in columns}
        self.row_id, self.content, self.position, self.weight = row_id, content, position, weight
        self._source, self._touched = source, touched
        self._numbers: dict[str, F64] = {}
        self._codes: dict[str, tuple[I32, tuple[str, ...]]] = {}

    @property
    def n(self) -> int:
        return len(self.row_id)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self._columns.values())

    @property
    def arrow(self) -> pa.Table:
        return self._arrow

    def column(self, name: str) -> Column:
        if name not in self._columns:
            raise InputError(f"the sample has no column {name!r}{did_you_mean(name, self._columns)}")
        return self._columns[name]

    def numbers(self, name: str) -> F64:
        if name not in self._numbers:
            column = self.column(name)
            self._numbers[name] = values.floats(self._arrow[name], column)
        return self._numbers[name]

    def codes(self, name: str) -> tuple[I32, tuple[str, ...]]:
        if name not in self._codes:
            self.column(name)
            self._codes[name] = values.levels(self._arrow[name])
        return self._codes[name]

    def null(self, name: str) -> Mask:
        self.column(name)
        return values.nulls(self._arrow[name])

    def recorded(self, name: str) -> F64:
        """Numbers as the source has them, whatever ``replace`` changed: what splits by time go by."""
        if self._source is None or (name in self._columns and name not in self._touched):
            return self.numbers(name)
        return self._source.numbers(name)[self.position]

    def recorded_codes(self, name: str) -> tuple[I32, tuple[str, ...]]:
        """Codes as the source has them: what splits by group go by."""
        if self._source is None or (name in self._columns and name not in self._touched):
            return self.codes(name)
        codes, names = self._source.codes(name)
        return codes[self.position], names

    def take(self, index: NDArray[Any]) -> ArrowSample:
        at = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index, np.int64)
        ids = (self.row_id[at], self.content[at], self.position[at], self.weight[at])
        out = ArrowSample(self._arrow.take(at), self.columns, *ids, self._source, self._touched)
        out._numbers = {k: v[at] for k, v in self._numbers.items()}
        return out

    def replace(self, columns: Mapping[str, Any]) -> ArrowSample:
        import pyarrow as pa

        from .kinds import column_of

        arrow, known = self._arrow, dict(self._columns)
        for name, given in columns.items():
            array = given if isinstance(given, (pa.Array, pa.ChunkedArray)) else pa.array(given, from_pandas=True)
            if len(array) != self.n:
                raise InputError(f"column {name!r} must have {self.n} values, one per row; got {len(array)}")
            known[name] = column_of(name, array, self._columns.get(name))
            at = arrow.schema.get_field_index(name)
            arrow = arrow.append_column(name, array) if at < 0 else arrow.set_column(at, name, array)
        return self._rebuilt(arrow, known, set(columns))

    def select(self, names: tuple[str, ...], columns: Mapping[str, Column] | None = None) -> ArrowSample:
        """The same rows with only these columns, in this order."""
        known = {n: (columns or self._columns)[n] for n in names}
        return self._rebuilt(self._arrow.select(list(names)), known, set())

    def _rebuilt(self, arrow: pa.Table, known: Mapping[str, Column], changed: set[str]) -> ArrowSample:
        ids = (self.row_id, self.content, self.position, self.weight)
        out = ArrowSample(arrow, tuple(known.values()), *ids, self._source, self._touched | changed)
        out._numbers = {k: v for k, v in self._numbers.items() if k in known and k not in changed}
        out._codes = {k: v for k, v in self._codes.items() if k in known and k not in changed}
        return out
