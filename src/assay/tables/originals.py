"""The rows of a source as they are written, so that a repaired file differs from it in the repaired cells only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bytes import as_text, form_of, plain
from .cache import Folder
from .delimited import raw_rows
from .dialect import sniff
from .engines import duck
from .files import ending
from .names import unique_names


@dataclass(frozen=True)
class Originals:
    """``select(names)`` is SQL for the columns as the source has them; ``text`` where they come as written text."""

    con: Any
    source: str
    given: dict[str, str]  # our name -> the source's
    text: bool
    delimiter: str = ","
    keep: object = None  # a folder that must live as long as the rows are read

    def stream(self, names: Sequence[str], size: int) -> Iterator[Any]:
        listed = ", ".join(f"{duck.quote(self.given[n])} AS {duck.quote(n)}" for n in names)
        return chunks(duck.stream(self.con, f"SELECT {listed} FROM {self.source}", size), size)


def originals(paths: Sequence[Path]) -> Originals | None:
    """The rows of delimited text or Parquet files as they are; None for other forms (their values are rewritten)."""
    forms = {form_of(p, ending(p)) for p in paths}
    if forms == {"parquet"}:
        keep = Folder()
        listed = ", ".join(duck.literal(str(plain(p, keep.path, i))) for i, p in enumerate(paths))
        con = duck.connect()
        source = f"read_parquet([{listed}], union_by_name={'true' if len(paths) > 1 else 'false'})"
        names = [row[0] for row in duck.rows(con, f"DESCRIBE SELECT * FROM {source}")]
        return Originals(con, source, dict(zip(unique_names(names)[0], names, strict=True)), False, keep=keep)
    if forms != {"text"}:
        return None
    keep = Folder()
    texts = [as_text(p, keep.path, i) for i, p in enumerate(paths)]
    dialects = [d for t in texts if (d := sniff(t.path)) is not None]
    con = duck.connect()
    source, _ = raw_rows(con, texts, dialects, [p.name for p in paths], keep.path)
    names = [row[0] for row in duck.rows(con, f"DESCRIBE SELECT * FROM {source}")]
    return Originals(con, source, {n: n for n in names}, True, dialects[0].delimiter, keep)


def chunks(reader: Any, size: int) -> Iterator[Any]:
    """Arrow tables of exactly ``size`` rows, the last one shorter, however the reader cuts its batches."""
    import pyarrow as pa

    held: list[Any] = []
    n = 0
    for batch in reader:
        held.append(batch)
        n += batch.num_rows
        while n >= size:
            whole = pa.Table.from_batches(held)
            yield whole.slice(0, size)
            held, n = whole.slice(size).to_batches(), n - size
    if n:
        yield pa.Table.from_batches(held)
