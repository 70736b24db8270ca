"""Reading the log: its parts in order, the truth that came later, and what is missing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import InputError

from .block import decode
from .file import FORMAT


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one model that were written together, in the order of their sequence numbers.

    Arrays and lists hold one value a row: ``sequence`` of its request, ``row`` its place in that request, ``at`` in
    seconds since 1970, ``request_id``, ``caller``; ``asked`` the columns as they came, ``answered`` the outputs
    (``prediction``, ``p:<class>``, ``set`` or ``set_low`` and ``set_high``, ``decision``, ``odd``, ``id``, ``shadow:``
    and the same names).
    """

    file: int
    block: int
    source: str
    model: str
    sequence: NDArray[np.int64]
    row: NDArray[np.int64]
    at: NDArray[np.float64]
    request_id: list[str]
    caller: list[str]
    asked: Mapping[str, Any]
    answered: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.sequence)


@dataclass(frozen=True, slots=True)
class Truth:
    """What turned out to be true, of one row: found by request and row, or by the caller's own id."""

    file: int
    sequence: int
    at: float
    caller: str
    request_id: str | None
    row: int | None
    id: str | None
    label: Any


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequence numbers ``first`` to ``last`` among which ``requests`` were not written, and why."""

    file: int
    first: int
    last: int
    requests: int
    rows: int | None
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Log:
    """A folder of log files, or one of them."""

    files: Mapping[int, Path] = field(default_factory=dict)

    def parts(self, after: Mapping[int, int] | None = None) -> Iterator[Part]:
        """The parts, file by file, in the order in which they were written.

        Args:
            after: the last ``block`` of each file that has been read already.
        """
        for number, path in self.files.items():
            with _open(path) as db:
                sql = "SELECT id, source, model, asked, answered FROM block WHERE id > ? ORDER BY id"
                for block, source, model, asked, answered in db.execute(sql, ((after or {}).get(number, 0),)):
                    yield _part(number, block, source, model, asked, answered)

    def truths(self, after: Mapping[int, int] | None = None) -> Iterator[Truth]:
        """Labels in the order in which they were acknowledged; ``after`` as sequence numbers by file."""
        for number, path in self.files.items():
            with _open(path) as db:
                sql = "SELECT sequence, at, caller, request_id, row, own_id, label FROM label WHERE sequence > ? "
                found = db.execute(sql + "ORDER BY id", ((after or {}).get(number, 0),))
                for sequence, at, caller, request, row, own, label in found:
                    yield Truth(number, sequence, at, caller, request, row, own, json.loads(label))

    def gaps(self) -> list[Gap]:
        """What is missing: dropped because the queue or the disk was full, or lost when a process was killed."""
        out: list[Gap] = []
        for number, path in self.files.items():
            with _open(path) as db:
                sql = "SELECT first, last, requests, rows, at, reason FROM gap ORDER BY id"
                out += [Gap(number, *line) for line in db.execute(sql)]
        return out

    def columns(self) -> dict[str, list[Any]]:
        """Everything as columns, one value a row, in order of file and sequence, with the truth joined as ``label``.

        Columns asked are named ``x:<name>``. Where two labels are for one row, the later counts. For logs that fit in
        memory; ``parts`` streams.
        """
        by_row: dict[tuple[str, int], Any] = {}
        by_id: dict[str, Any] = {}
        for truth in sorted(_in_order(self.truths()), key=lambda t: t.at):
            if truth.id is not None:
                by_id[truth.id] = truth.label
            else:
                by_row[truth.request_id or "", truth.row or 0] = truth.label
        out: dict[str, list[Any]] = {}
        rows = 0
        for part in self.parts():
            n = len(part)
            ids = part.answered.get("id", [None] * n)
            own: dict[str, Any] = {
                "file": [part.file] * n, "sequence": part.sequence, "row": part.row, "at": part.at,
                "source": [part.source] * n, "model": [part.model] * n, "request_id": part.request_id,
                "caller": part.caller,
                "label": [by_row.get((q, int(r)), by_id.get(i) if i is not None else None)
                          for q, r, i in zip(part.request_id, part.row, ids, strict=True)],
            } | dict(part.answered) | {f"x:{name}": values for name, values in part.asked.items()}  # fmt: skip
            for name, values in own.items():
                plain = values.tolist() if isinstance(values, np.ndarray) else values
                out.setdefault(name, [None] * rows).extend(plain)
            rows += n
            for values in out.values():
                values.extend([None] * (rows - len(values)))
        return out


def _in_order(truths: Iterator[Truth]) -> Iterator[Truth]:
    """Labels with times that never fall within a file: a clock that was set back does not make a later label older."""
    latest: dict[int, float] = {}
    for truth in truths:
        latest[truth.file] = max(truth.at, latest.get(truth.file, truth.at))
        yield replace(truth, at=latest[truth.file])


def _part(number: int, block: int, source: str, model: str, asked: bytes, answered: bytes) -> Part:
    """The second half of ``answered`` is of requests: one value each, repeated for the rows of the request."""
    cut = int.from_bytes(answered[:4], "little")
    requests, answers = decode(answered[4 : 4 + cut]), decode(answered[4 + cut :])
    times = np.asarray(requests["rows"], np.int64)
    which = np.repeat(np.arange(len(times)), times)
    starts = np.cumsum(times) - times
    return Part(
        number, block, source, model,
        np.asarray(requests["sequence"], np.int64)[which],
        np.arange(len(which)) - starts[which],
        np.asarray(requests["at"], np.float64)[which],
        [requests["request_id"][k] for k in which], [requests["caller"][k] for k in which],
        decode(asked), answers,
    )  # fmt: skip


class _open:
    """A connection that only reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> sqlite3.Connection:
        try:
            self.db = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
            found = self.db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        except sqlite3.Error as error:
            raise InputError(f"the log {self.path} does not read ({error})") from None
        if found is None or found[0] != FORMAT:
            raise InputError(f"the log {self.path} is of another version; {FORMAT} was expected")
        return self.db

    def __exit__(self, *ignored: object) -> None:
        self.db.close()


def read_log(place: str | Path) -> Log:
    """The log in a folder (all its files), or one file of it. It may be written to meanwhile.

    Raises:
        InputError: there is none.
    """
    path = Path(place)
    if path.is_file():
        return Log({int(path.stem) if path.stem.isdigit() else 0: path})
    numbered = {int(p.stem): p for p in path.glob("*.db") if p.stem.isdigit()}
    if not numbered:
        raise InputError(f"there is no prediction log in {path}; the folder given to assay serve --log was expected")
    return Log(dict(sorted(numbered.items())))
