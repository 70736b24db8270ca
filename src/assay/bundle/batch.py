"""Scoring tables larger than memory: the source is streamed, every batch is kept, the output appears whole.

The answers are those of ``Model.score_table`` on the whole table, row for row in its order, whatever the size of the
batches and however often the work was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.addresses import is_database, shown
from assay.core.errors import InputError, OutputError, SettingsError, did_you_mean, is_interrupt
from assay.core.table import Column
from assay.tables import databases, outputs
from assay.tables.direct import DirectText, open_direct
from assay.tables.duck_table import DuckTable
from assay.tables.engines import duck
from assay.tables.spool import Spool, folder_for

from .model import Model

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, EXPLAINED = 50_000, 5_000  # rows of a batch; with reasons every row is asked many times
Told = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Scores:
    """What is written of every row; see ``Model.score_table``."""

    reasons: int = 0
    coverage: float | None = None
    interval: bool = False
    columns: tuple[str, ...] = ()  # of the source, that stand before the prediction
    number: bool = False  # the row's place in the source, as column ``row``


@dataclass(frozen=True, slots=True)
class Source:
    """Rows: a path or glob, ``-``, or the address of a database with a query or a table."""

    place: str
    query: str | None = None
    table: str | None = None
    cache: bool = False  # keep a landed copy of a text file for the next try


@dataclass(frozen=True, slots=True)
class Target:
    """Where the rows go: a file, or the table of a database."""

    place: str
    table: str | None = None
    append: bool = False

    def check(self) -> None:
        """See before any work whether it can be written.

        Raises:
            AssayError: one sentence that says what is in the way.
        """
        if is_database(self.place):
            if not self.table:
                raise SettingsError(f"rows for {shown(self.place)} need the table that they go into: --into TABLE")
            outputs.check_database(self.place, self.table, append=self.append)
        elif Path(self.place).suffix.lower() not in outputs.SUFFIXES:
            raise OutputError(
                f"the output's name must end in {', '.join(outputs.SUFFIXES)}; got {Path(self.place).name!r}"
            )

    def work(self) -> Path:
        """The folder in which the work is kept until it is done."""
        return folder_for(Path.cwd() / str(self.table) if is_database(self.place) else Path(self.place))

    def write(self, rows: pa.RecordBatchReader, work: Path) -> None:
        if is_database(self.place):
            outputs.write_database(rows, self.place, str(self.table), append=self.append)
        else:
            outputs.write_file(rows, Path(self.place), work)


class Stretch:
    """Some rows of a table, as ``feed_from`` takes a table: with what is known of the whole table's columns."""

    digest = ""

    def __init__(self, rows: pa.Table, columns: Sequence[Column], first: int) -> None:
        self.rows, self.columns, self.first = rows, columns, first

    def arrow(self) -> pa.Table:
        return self.rows


def score(
    model: Model, source: Source, target: Target, scores: Scores | None = None, *, resume: bool = False,
    size: int | None = None, told: Told | None = None,
) -> tuple[int, tuple[str, ...]]:  # fmt: skip
    """Score every row of ``source`` into ``target``; rows written, and notes on how the source was read.

    Args:
        resume: take up what an interrupted run of the same left.
        size: rows of a batch. Memory grows with it, answers do not change.
        told: gets what is done, with the time left where it is known, and the share done.

    Raises:
        AssayError: as ``Model.score_table``, or the source or the target cannot be used. Nothing half-written appears.
    """
    scores, told = scores or Scores(), told or (lambda what, share: None)
    target.check()
    _kept_apart(source, target)
    asked = {
        "model": model.digest, "variant": model.variant, "source": _print_of(source, resume),
        "columns": list(scores.columns), "reasons": scores.reasons,
        "coverage": scores.coverage, "interval": scores.interval, "number": scores.number,
        "output": shown(target.place) if is_database(target.place) else str(Path(target.place).resolve()),
        "table": target.table,
    }  # fmt: skip
    spool = Spool(target.work(), asked, resume=resume)
    keep = False
    try:
        told("reading the rows", 0.0)
        table = _opened(source, spool, resume, model, scores)
        told("predicting", 0.1)
        _run(model, table, scores, spool, size or (EXPLAINED if scores.reasons else ROWS), told)
        told("writing", 0.95)
        target.write(spool.reader(), spool.folder)
    except BaseException as error:
        keep = spool.rows > 0 and (isinstance(error, OutputError) or is_interrupt(error))
        if is_interrupt(error):
            raise KeyboardInterrupt from None
        raise
    finally:
        if keep:
            spool.close()
        else:
            spool.remove()
    return spool.rows, table.notes


def _kept_apart(source: Source, target: Target) -> None:
    """
    Raises:
        OutputError: the output would take the place of the rows that are read.
    """
    from assay.tables.opening import expand

    if is_database(source.place) or is_database(target.place) or source.place == "-":
        return
    out = Path(target.place).resolve()
    if any(path.resolve() == out for path in expand(source.place)):
        raise OutputError(f"{target.place} is the table itself, which stays as it is: choose another name with -o")


def _opened(source: Source, spool: Spool, resume: bool, model: Model, scores: Scores) -> DuckTable | DirectText:
    from assay.tables import open_table
    from assay.tables.files import parquet

    if not is_database(source.place):
        numbers = [i.column for i in model._schema.inputs if i.kind in ("number", "clock", "bool")]
        dates = [i.column for i in model._schema.inputs if i.kind == "date" and not i.storage.startswith("VARCHAR (")]
        wanted = (*model.columns, *scores.columns)
        only = [c for c in numbers if c not in scores.columns]
        return open_direct(source.place, wanted, only, dates) or open_table(source.place, cache=source.cache)
    landed = spool.folder / "source.parquet"
    if not (resume and spool.rows and landed.is_file()):
        beside = spool.folder / "landing.parquet"
        databases.land(source.place, source.query, source.table, beside)
        beside.replace(landed)
    return parquet([landed], source.table or "the query")


def _read(table: DuckTable | DirectText, names: Sequence[str], size: int, first: int) -> Iterator[pa.Table]:
    """The columns ``names`` from row ``first`` on, ``size`` rows at a time."""
    import pyarrow as pa

    if isinstance(table, DirectText):
        yield from table.read(names, size, first)
        return
    sql = f"SELECT {', '.join(map(duck.quote, names)) or '1 AS nothing'} FROM t"
    for batch in table.stream(sql + (f" OFFSET {first}" if first else ""), size):
        yield pa.Table.from_batches([batch])
    if table.n_rows == 0:
        yield table.frame(f"{sql} LIMIT 0")


def _print_of(source: Source, resume: bool) -> Any:
    """What tells one source from another without reading it."""
    if is_database(source.place):
        return [shown(source.place), source.query, source.table]
    if source.place == "-":
        if resume:
            raise SettingsError("standard input cannot be read again: --resume needs a file or a database")
        return "-"
    from assay.tables.opening import expand

    files = []
    for path in expand(source.place):
        found = [path, *sorted(path.iterdir())] if path.is_dir() else [path]
        files += [[str(p.resolve()), s.st_size, s.st_mtime_ns] for p in found if p.exists() and (s := p.stat())]
    return files


def _run(model: Model, table: DuckTable | DirectText, scores: Scores, spool: Spool, size: int, told: Told) -> None:
    there = {c.name for c in table.columns}
    for name in scores.columns:
        if name not in there:
            raise InputError(f"{table.name} has no column {name!r}{did_you_mean(name, there)}")
    needed = [c for c in dict.fromkeys((*model.columns, *scores.columns)) if c in there]
    rows = first = spool.rows
    total, start = table.n_rows, time.monotonic()
    for part in _read(table, needed, size, rows):
        spool.add(_scored(model, part, table.columns, rows, scores), part.num_rows)
        rows += part.num_rows
        left = (time.monotonic() - start) / (rows - first) * (total - rows) if rows > first else 0.0
        told(f"{rows:,} of {total:,} rows; {in_words(left)}", 0.1 + 0.85 * rows / max(total, 1))
    if rows != total:
        raise InputError(f"{table.name} changed while it was read: it had {total:,} rows, and gave {rows:,}")


def in_words(left: float) -> str:
    return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"


def _scored(model: Model, part: pa.Table, columns: Sequence[Column], first: int, scores: Scores) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    out = model.score_table(
        Stretch(part, columns, first), reasons=scores.reasons, coverage=scores.coverage, interval=scores.interval
    )
    before = {"row": pa.array(np.arange(first, first + part.num_rows))} if scores.number else {}
    before |= {name: part[name] for name in scores.columns}
    if clash := outputs.names_clash(list(before), out.column_names):
        raise SettingsError(f"the scored rows have a column {clash[0]!r} of their own: --with cannot name it")
    return pa.table({**before, **{name: out[name] for name in out.column_names}})
