"""Rows on their way to a file: kept batch by batch beside it, so that a killed run can go on where it was.

A working folder beside the output holds ``rows`` (an Arrow stream) and ``state.json``. A batch counts once the state
says so: its bytes are on the disk before. What lies behind them is cut off when the work is taken up again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import InputError, OutputError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
ROWS, STATE, LOCK = "rows", "state.json", "lock"
BLOCK = 65_536  # rows that are handed on together, however they came in


def folder_for(output: Path) -> Path:
    """The working folder beside an output."""
    return output.with_name(f".{output.name}.assay-work")


class Spool:
    """Rows kept so far. ``asked`` says of what: work is taken up only where it is the same.

    Raises:
        InputError: what ``resume`` would take up is of something else. OutputError: another process works on the same
            output, or the folder cannot be written.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any], *, resume: bool = False) -> None:
        self.folder, self.asked = folder, {"format": FORMAT, **asked}
        self.rows = self.bytes = 0
        self.schema: pa.Schema | None = None
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = _hold(folder / LOCK)
            try:
                self._begin(resume)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise _failed(folder, error) from None

    def _begin(self, resume: bool) -> None:
        state = self._state() if resume else None
        if state is None:
            for name in (ROWS, STATE):
                (self.folder / name).unlink(missing_ok=True)
        elif (before := state["asked"]) != self.asked:
            differs = [k for k in sorted({*before, *self.asked}) if before.get(k) != self.asked.get(k)]
            raise InputError(
                f"the work that was begun was of another {' and '.join(differs)}: leave --resume out to begin again"
            )
        else:
            self.rows, self.bytes = state["rows"], state["bytes"]
        self._out = (self.folder / ROWS).open("r+b" if state else "w+b")
        self._out.truncate(self.bytes)
        self._out.seek(self.bytes)

    def _state(self) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads((self.folder / STATE).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        whole = (self.folder / ROWS).is_file() and (self.folder / ROWS).stat().st_size >= int(state["bytes"])
        return state if whole else None

    def add(self, table: pa.Table, consumed: int) -> None:
        """Keep a batch, made of ``consumed`` more rows of the source. On the disk when this returns.

        Raises:
            OutputError: the disk is full; what was kept before stays, for another try.
        """
        parts = table.combine_chunks().to_batches()
        try:
            if self.bytes == 0:
                self._out.write(memoryview(table.schema.serialize()))
            for part in parts:
                self._out.write(memoryview(part.serialize()))
            self._out.flush()
            os.fsync(self._out.fileno())
            self.rows += consumed
            self.bytes = self._out.tell()
            said = json.dumps({"asked": self.asked, "rows": self.rows, "bytes": self.bytes})
            beside = self.folder / f"{STATE}.new"
            beside.write_text(said, "utf-8")
            beside.replace(self.folder / STATE)
        except OSError as error:
            raise _failed(self.folder, error) from None

    def reader(self) -> pa.RecordBatchReader:
        """All rows in blocks of ``BLOCK``, the same blocks however they were added; read as they are asked for."""
        import pyarrow as pa

        self._out.flush()
        source = pa.ipc.open_stream(pa.OSFile(str(self.folder / ROWS)))
        return pa.RecordBatchReader.from_batches(source.schema, blocks(source, source.schema))

    def remove(self) -> None:
        """Take the working folder away."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        with suppress(AttributeError, OSError):
            self._out.close()
        with suppress(AttributeError, OSError):
            os.close(self._lock)


def blocks(batches: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Record batches cut and joined to ``BLOCK`` rows each, the last with what is left."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows >= BLOCK:
            joined = pa.Table.from_batches(held, schema).combine_chunks()
            yield joined.slice(0, BLOCK).combine_chunks().to_batches()[0]
            held, rows = joined.slice(BLOCK).to_batches(), rows - BLOCK
    if rows:
        yield pa.Table.from_batches(held, schema).combine_chunks().to_batches()[0]


def _hold(path: Path) -> int:
    """A lock that goes with the process, so that two runs never write the same output."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    if os.name != "nt":
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise OutputError(f"another process writes this output now: its work is in {path.parent}") from None
    return handle


def _failed(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder} could not be written ({error.strerror or error}); what was done is kept for --resume")
