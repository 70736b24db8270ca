"""Some rows of a table as a table of its own, without a copy: one half in time, one site, one side of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import InputError, did_you_mean
from assay.core.table import U64, Ask, Column, Mask, SampleSpec

from . import rowid
from .duck_table import DuckTable
from .sample import ArrowSample

if TYPE_CHECKING:
    import pyarrow as pa


class Part:
    """See ``core.table.Table``. Rows of ``whole`` where ``keep()`` (whole.n_rows,) is true, less the columns
    ``without``; positions are those within the part.

    Hashes are those of the whole, so that they are made once; facts and samples scan the source beside the mask. Costs
    a byte a row of the whole from the moment that the mask is needed.
    """

    def __init__(self, whole: DuckTable, name: str, keep: Callable[[], Mask], without: Sequence[str] = ()) -> None:
        self.whole, self._name, self._make = whole, name, keep
        self._columns = {c.name: c for c in whole.columns if c.name not in set(without)}
        self._ids: tuple[str, ...] | None = None
        self._keep: Mask | None = None
        self._view: DuckTable | None = None

    @property
    def keep(self) -> Mask:
        """Which rows of the whole these are, in source order."""
        if self._keep is None:
            self._keep = self._make()
        return self._keep

    @property
    def name(self) -> str:
        return self._name

    @property
    def n_rows(self) -> int:
        return int(self.keep.sum())

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self._columns.values())

    @property
    def notes(self) -> tuple[str, ...]:
        return self.whole.notes

    @property
    def ids(self) -> tuple[str, ...]:
        known = self.whole.ids if self._ids is None else self._ids
        return tuple(c for c in known if c in self._columns)

    @property
    def digest(self) -> str:
        return rowid.table_digest(self.row_hashes(()), self.columns)

    def column(self, name: str) -> Column:
        if name not in self._columns:
            raise InputError(f"{self._name} has no column {name!r}{did_you_mean(name, self._columns)}")
        return self._columns[name]

    def row_hashes(self, columns: Sequence[str]) -> U64:
        names = tuple(columns or self._columns)
        for name in names:
            self.column(name)
        hashes: U64 = self.whole.row_hashes(names)[self.keep]
        return hashes

    def facts(self, asks: Iterable[Ask]) -> Mapping[Ask, Any]:
        return self.view().facts(asks)

    def sample(self, spec: SampleSpec) -> ArrowSample:
        return self.view().sample(spec)

    def arrow(self) -> pa.Table:
        return self.view().arrow()

    def derive(self, arrow: pa.Table) -> DuckTable:
        return self.view().derive(arrow)

    def with_ids(self, columns: Sequence[str]) -> Part:
        out = object.__new__(Part)
        out.__dict__.update(self.__dict__)
        out._ids, out._view = tuple(sorted(c for c in columns if self.column(c))), None
        return out

    def view(self) -> DuckTable:
        """The scan of the part, opened when it is first needed."""
        if self._view is None:
            con, source, shapes = self.whole.rows_where(self.keep, tuple(self._columns))
            self._view = PartView(
                con, source, shapes, name=self._name, notes=self.notes, given=self._columns, ids=self.ids, keep=self
            )
        return self._view


class PartView(DuckTable):
    """The table that scans a part; its hashes are looked up and not made again."""

    def _hashed(self, names: Sequence[str]) -> U64:
        part = self._keep[0]
        assert isinstance(part, Part)
        return part.row_hashes(names)


def halves(when: np.ndarray[Any, Any]) -> tuple[Mask, Mask] | None:
    """The rows before the median moment and the rest, as even as whole moments allow; None where there is but one.

    Args:
        when: (n,) moments; rows where it is not finite stand on neither side.
    """
    known = when[np.isfinite(when)]
    if len(known) < 2:
        return None
    middle = float(np.partition(known, len(known) // 2)[len(known) // 2])
    # All rows of one moment stay on one side: the cut lies before or after the median, whichever is more even.
    before, upto = int((known < middle).sum()), int((known <= middle).sum())
    first: Mask = when < middle if len(known) - 2 * before <= 2 * upto - len(known) else when <= middle
    second: Mask = np.isfinite(when) & ~first
    first = first & np.isfinite(when)
    return (first, second) if first.any() and second.any() else None
