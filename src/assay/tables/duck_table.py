"""A table that DuckDB scans: a view with canonical columns over Parquet files or an Arrow table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import InputError, did_you_mean
from assay.core.table import F64, I32, U64, Ask, Column, Mask, SampleSpec

from . import rowid, sampling, values
from .engines import duck
from .kinds import BATCH, Shape, decide, shape
from .sample import ArrowSample
from .scans import Scanned

if TYPE_CHECKING:
    import pyarrow as pa

    from .part import Part

KEEP = "_assay_keep"


class DuckTable:
    """See ``core.table.Table``. ``source`` is an Arrow table, or SQL to select from (``read_parquet(...)``).

    ``ids`` are the columns left out of ``Sample.content``, so that rows that differ only by a key count as equal.
    """

    def __init__(
        self,
        con: Any,
        source: Any,
        shapes: Sequence[Shape],
        *,
        name: str,
        notes: Sequence[str] = (),
        given: Mapping[str, Column] | None = None,
        census: Mapping[str, Mapping[str, int]] | None = None,
        ids: Sequence[str] | None = None,
        keep: object = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        self._con = con
        self._beside = dict(beside or {})  # relations that the source names, for whoever scans it on a new connection
        if not isinstance(source, str):
            self._beside["_source"] = source
        self._keep: list[object] = [keep]
        self._source = source
        if not isinstance(source, str):
            con.register("_source", source)
            self._keep.append(source)
            source = "_source"
        picked = ", ".join(f"{s.sql} AS {duck.quote(s.name)}" for s in shapes)
        con.execute(f"CREATE OR REPLACE TEMP VIEW t AS SELECT {picked} FROM {source}")
        self._shapes = tuple(shapes)
        kinds = dict(given or {})
        kinds |= {
            n: Column(n, "mixed", "VARCHAR") for n, types in (census or {}).items() if len(types) > 1 and n not in kinds
        }
        columns, counts = decide(con, "t", shapes, kinds)
        self._columns = {c.name: c for c in columns}
        self._n = int(duck.rows(con, "SELECT count(*) FROM t")[0][0])
        self._name, self._notes = name, tuple(notes)
        self.census = dict(census or {})
        self._hashes: dict[tuple[str, ...], U64] = {}
        self._values: dict[str, F64] = {}
        self._coded: dict[str, tuple[I32, tuple[str, ...]]] = {}
        self.scanned = Scanned(counts)
        unknown = len(shapes) - len(kinds)
        self.scanned.queries += [min(BATCH, unknown - at) for at in range(0, unknown, BATCH)]
        self._facts: dict[Ask, Any] = {}
        self._digest: str | None = None
        self._ids = tuple(sorted(ids)) if ids is not None else None

    @property
    def name(self) -> str:
        return self._name

    @property
    def n_rows(self) -> int:
        return self._n

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self._columns.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """Columns left out of ``content``: given, else unique and key-shaped."""
        if self._ids is None:
            from .roles import key_columns

            self._ids = key_columns(self)
        return self._ids

    @property
    def digest(self) -> str:
        if self._digest is None:
            self._digest = rowid.table_digest(self.row_hashes(()), self.columns)
        return self._digest

    def column(self, name: str) -> Column:
        if name not in self._columns:
            raise InputError(f"{self._name} has no column {name!r}{did_you_mean(name, self._columns)}")
        return self._columns[name]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A SELECT over the view ``t``: its rows, for aggregates."""
        return duck.rows(self._con, sql)

    def frame(self, sql: str) -> pa.Table:
        """A SELECT over the view ``t`` as Arrow, in source order."""
        return duck.frame(self._con, sql)

    def stream(self, sql: str, size: int) -> Any:
        """A SELECT over the view ``t`` as record batches, in source order."""
        return duck.stream(self._con, sql, size)

    def _hashed(self, names: Sequence[str]) -> U64:
        """Hash fifty columns a query, the parts mixed in order of name."""
        out = np.zeros(self._n, np.uint64)
        for at in range(0, len(names), BATCH):
            part = names[at : at + BATCH]
            self.scanned.queries.append(len(part))
            start = 0
            for batch in self.stream(f"SELECT hash({', '.join(map(duck.quote, part))}) AS h FROM t", 500_000):
                here = slice(start, start + batch.num_rows)
                hashes = np.asarray(batch.column(0).to_numpy(), np.uint64)
                out[here] = hashes if at == 0 else rowid.mix(out[here]) ^ hashes
                start += batch.num_rows
        return out

    def row_hashes(self, columns: Sequence[str]) -> U64:
        """One hash a row over the named columns (none named: all), in source order; the order of names is free."""
        names = tuple(sorted(columns or self._columns))
        for n in names:
            self.column(n)
        if names not in self._hashes:
            if len(self._hashes) >= 4:
                self._hashes.pop(next(iter(self._hashes)))
            self._hashes[names] = self._hashed(names)
        return self._hashes[names]

    def content_hashes(self) -> U64:
        """Row hashes over the columns that are no ids."""
        plain = tuple(c for c in self._columns if c not in self.ids)
        return self.row_hashes(plain)

    def facts(self, asks: Iterable[Ask]) -> Mapping[Ask, Any]:
        from .planner import answer

        wanted = tuple(dict.fromkeys(asks))
        fresh = [a for a in wanted if a not in self._facts]
        if fresh:
            self._facts.update(answer(self, fresh))
        return {a: self._facts[a] for a in wanted}

    def sample(self, spec: SampleSpec) -> ArrowSample:
        return sampling.draw(self, spec)

    def numbers(self, name: str) -> F64:
        """A whole column as floats in source order, as ``Sample.numbers`` gives them."""
        if name not in self._values:
            if len(self._values) >= 4:
                self._values.pop(next(iter(self._values)))
            column = self.column(name)
            self._values[name] = values.floats(self.arrow([name])[name], column)
        return self._values[name]

    def floats(self, name: str) -> F64:
        """As ``numbers``, and not kept: for one look at a long column."""
        kept = self._values.get(name)
        return values.floats(self.arrow([name])[name], self.column(name)) if kept is None else kept

    def stored_numbers(self, name: str) -> F64:
        """A whole column as floats in source order, clocks as stored (HHMM)."""
        column = self.column(name)
        if column.kind != "clock":
            return self.numbers(name)
        return values.floats(self.arrow([name])[name], Column(name, "number", column.storage))

    def codes(self, name: str) -> tuple[I32, tuple[str, ...]]:
        """A whole column as codes and levels, in source order."""
        if name not in self._coded:
            self._coded = {name: values.levels(self.arrow([name])[name])}
        return self._coded[name]

    def arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        listed = ", ".join(duck.quote(c) for c in (columns or self._columns))
        return duck.frame(self._con, f"SELECT {listed} FROM t")

    def derive(self, arrow: pa.Table) -> DuckTable:
        from .memory import table_from_arrow

        mine = {s.name: s.storage for s in self._shapes}
        return table_from_arrow(
            arrow,
            name=self._name,
            notes=self._notes,
            old=self._columns,
            storages=mine,
            ids=self.ids,
            census=self.census,
        )

    def part(self, name: str, keep: Callable[[], Mask], without: Sequence[str] = ()) -> Part:
        """Some rows of this table, less some columns: nothing is copied, and ``keep`` is asked when it is needed."""
        from .part import Part

        return Part(self, name, keep, without)

    def rows_where(self, keep: Mask, columns: Sequence[str]) -> tuple[Any, Any, list[Shape]]:
        """A connection, the source of the rows that ``keep`` (n_rows,) marks, and shapes: what a part is scanned by."""
        import pyarrow as pa

        con, source = self._again()
        con.register("_part", pa.table({KEEP: keep}))
        sql = f"(SELECT s.* FROM {source} s POSITIONAL JOIN _part k WHERE k.{KEEP})"
        return con, sql, [s for s in self._shapes if s.name in set(columns)]

    def with_column(
        self, name: str, values: Any, *, without: Sequence[str] = (), notes: Sequence[str] = ()
    ) -> DuckTable:
        """The same rows with one text column more (Arrow, in source order) and some less; rows are scanned in place."""
        import pyarrow as pa

        con, source = self._again()
        more, called = pa.table({name: values}), f"_more_{len(self._beside)}"
        con.register(called, more)
        sql = f"(SELECT s.*, k.{duck.quote(name)} FROM {source} s POSITIONAL JOIN {called} k)"
        shapes = [s for s in self._shapes if s.name not in set(without)]
        return DuckTable(
            con, sql, [*shapes, shape(name, "VARCHAR")], name=self._name, notes=[*self._notes, *notes],
            given={s.name: self._columns[s.name] for s in shapes}, census=self.census, keep=(self, more),
            beside=self._beside | {called: more},
        )  # fmt: skip

    def _again(self) -> tuple[Any, str]:
        """A connection of its own, and the source of the rows as SQL there."""
        con = duck.connect()
        for name, relation in self._beside.items():
            con.register(name, relation)
        return con, self._source if isinstance(self._source, str) else "_source"

    def hold(self, thing: object) -> None:
        """Keep something alive as long as the table: a temporary folder that it reads from."""
        self._keep.append(thing)

    def with_ids(self, columns: Sequence[str]) -> DuckTable:
        """The same table with other id columns, once the roles are known. Shares the scan; facts stay."""
        out = object.__new__(DuckTable)
        out.__dict__.update(self.__dict__)
        out._ids = tuple(sorted(c for c in columns if self.column(c)))
        return out
