"""Delimited text read as it lies, without a landed copy: for a table that is read once, from front to end.

What a column holds is decided as landing decides it (``delimited``), so the same rows come out. Columns that are only
read as numbers need no decision: they are read batch by batch, and what is no number stays text, for whoever needs it
as a number to refuse by its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import InputError
from assay.core.patterns import BLANKS
from assay.core.table import Column

from .bytes import as_text
from .cache import Folder
from .delimited import BATCH, casts, csv_of, rejected
from .dialect import sniff
from .engines import duck
from .kinds import date_form
from .names import unique_names

if TYPE_CHECKING:
    import pyarrow as pa


class DirectText:
    """Text files of the same columns, in order.

    Args:
        numbers: columns that are wanted as numbers only. All others are typed as landing would type them.
        dates: columns of which it must be known how their text dates are written.
    """

    def __init__(
        self, paths: Sequence[Path], label: str, wanted: Sequence[str], numbers: Sequence[str], dates: Sequence[str]
    ) -> None:
        self.name, self._keep, self._con = label, Folder(), duck.connect()
        texts = [as_text(p, self._keep.path, i) for i, p in enumerate(paths)]
        found = [sniff(t.path) for t in texts]
        notes = [n for t in texts for n in t.notes]
        if found[0] is None or any(d != found[0] for d in found):
            raise NotAlike(f"the files of {label} must be written in the same way")
        names, renamed = unique_names(found[0].names)
        self._source = csv_of([t.path for t in texts], found[0], names)
        self._picked = {n: duck.quote(n) for n in names}
        known = [c for c in wanted if c in self._picked]
        self._numbers = [c for c in known if c in set(numbers)]
        typed = [c for c in known if c not in set(numbers)]
        self.n_rows = self._counted()
        if self.n_rows == 0:
            raise InputError(f"{label} has column names and no rows")
        lost = rejected(self._con, label, self.n_rows, len(names))
        for column, sql in zip(typed, self._typed(typed, notes), strict=True):
            self._picked[column] = sql
        for column in self._numbers:
            q = duck.quote(column)
            word = f"({q} > ':' OR {q} < '!') AND lower({duck.trimmed(q)}) IN ('na', 'nan', 'null')"
            self._picked[column] = f"CASE WHEN {word} THEN NULL ELSE {q} END"
        self.columns = tuple(Column(c, "text", self._storage(c, dates)) for c in names)
        self.notes = tuple(dict.fromkeys([*notes, *renamed, *lost]))

    def _scan(self, picked: str) -> str:
        self._con.execute("DROP TABLE IF EXISTS bad; DROP TABLE IF EXISTS bad_scans")
        return f"SELECT {picked} FROM {self._source}"

    def _counted(self) -> int:
        try:
            return int(duck.rows(self._con, self._scan("count(*)"))[0][0])
        except Exception as error:
            from .files import reason

            raise InputError(f"{self.name} must be delimited text, but {reason(error)}") from None

    def _typed(self, names: Sequence[str], notes: list[str]) -> list[str]:
        """The SQL of columns that are typed by all of their values. Most hold a word at once, and stay text."""
        if not names:
            return []
        words = ", ".join(
            f"bool_or({q} > ':' AND lower({q}) NOT IN ('na', 'nan', 'null', 'true', 'false', 'inf', 'infinity'))"
            for q in map(duck.quote, names)
        )
        plain = duck.rows(self._con, self._scan(words))[0]
        rest = [n for n, word in zip(names, plain, strict=True) if not word]
        made: dict[str, str] = {}
        for at in range(0, len(rest), BATCH):
            part = rest[at : at + BATCH]
            picked, told = casts(self._con, f"({self._scan(', '.join(map(duck.quote, part)))})", part)
            made |= {n: sql.removesuffix(f" AS {duck.quote(n)}") for n, sql in zip(part, picked, strict=True)}
            notes += told
        return [made.get(n, duck.quote(n)) for n in names]

    def _storage(self, column: str, dates: Sequence[str]) -> str:
        if column not in dates or self._picked[column] != duck.quote(column):
            return "VARCHAR"
        q = duck.quote(column)
        view = f"({self._scan(q)})"
        iso = f"strlen({q}) IN (10, 19) AND {q}[5] = '-' AND try_cast({q} AS TIMESTAMP) IS NOT NULL"
        n, plain = duck.rows(self._con, f"SELECT count({q}), count(*) FILTER ({iso}) FROM {view}")[0]
        form = "iso" if n and plain >= 0.95 * n else date_form(self._con, f"({self._scan(q)})", column, n)
        return f"VARCHAR ({form})" if form else "VARCHAR"

    def read(self, names: Sequence[str], size: int, first: int = 0) -> Iterator[pa.Table]:
        """The columns ``names`` from row ``first`` on, ``size`` rows at a time, in source order."""
        import pyarrow as pa

        listed = ", ".join(f"{self._picked[n]} AS {duck.quote(n)}" for n in names) or "1 AS nothing"
        sql = self._scan(listed) + (f" OFFSET {first}" if first else "")
        with duck.limited():
            for batch in duck.stream(self._con, sql, size):
                table = pa.Table.from_batches([batch])
                for name in (n for n in names if n in self._numbers):
                    table = table.set_column(table.schema.get_field_index(name), name, as_numbers(table[name]))
                yield table


def open_direct(place: str, wanted: Sequence[str], numbers: Sequence[str], dates: Sequence[str]) -> DirectText | None:
    """Delimited text as ``DirectText``; None for everything else, which ``open_table`` opens.

    Raises:
        InputError: as ``open_table``.
    """
    from .files import looked_at
    from .looks import card_of
    from .opening import expand

    if place == "-" or card_of(Path(place)) is not None:
        return None
    paths = expand(place)
    label, form = looked_at(paths, None)
    if form != "text":
        return None
    try:
        with duck.limited():
            return DirectText(paths, label, wanted, numbers, dates)
    except NotAlike:
        return None


class NotAlike(Exception):
    """The files differ in how they are written: they must be landed."""


def as_numbers(texts: Any) -> Any:
    """A column of texts as numbers where all of them are; else as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for trimmed in (False, True):
        try:
            numbers = pc.cast(pc.utf8_trim(texts, characters=BLANKS) if trimmed else texts, pa.float64())
        except pa.ArrowInvalid:
            continue
        return texts if pc.any(pc.is_nan(numbers)).as_py() else numbers
    return texts
