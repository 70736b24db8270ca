"""Rows as they come over the wire, strictly by the schema, straight into the arrays that the graph takes.

Text becomes a number by the reader of ``bundle.feed``, so that a row gives the same answer here as from
``Model.predict``. What is refused: an absent column, a value of another type than schema.json says, numbers that are
not finite or beyond what a float32 can hold (the graph would make them infinite). Null is a missing value. A row may
hold more than the model's columns unless told otherwise; what it holds beyond them is not read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.bundle.feed import Feed, reader_of
from assay.bundle.nodes import NULL_CODE
from assay.bundle.schema import Input, Schema
from assay.core.errors import did_you_mean
from assay.core.table import F64

from .http import FieldError, Refused
from .odd import Odd, far_of, oddities

SHAPES = ("--", "::")  # what stands between the parts of a date and of a time
EPOCH = dt.datetime(1970, 1, 1)
LARGEST = float(np.finfo(np.float32).max)
MOST_FIELDS = 20  # reasons in one refusal
NUMBERS = frozenset((float, int, type(None)))
BOOLS = frozenset((bool, type(None)))
DATES = frozenset((float, int, str, type(None)))
TEXTS = frozenset((str, type(None)))
TYPES = {"bool": (BOOLS, "true or false"), "date": (DATES, "an ISO date or seconds since 1970-01-01 UTC")}
NOTHING_ODD: Mapping[int, list[Odd]] = MappingProxyType({})
GIVEN = {bool: "true or false", str: "text", dict: "an object", list: "a list", int: "a number", float: "a number"}


class Batch:
    """Decoded rows: (n, k) ``numbers`` and (n, m) ``texts`` of the inputs ``numeric`` and ``textual``, and why a row
    cannot be real, by its position.

    ``values``, where there are any, are rows of ``Decoder.one``: arrays are made of them when they are asked for, which
    is once for all rows that go through the graph together.
    """

    __slots__ = ("_numbers", "_texts", "n", "numeric", "odd", "textual", "values")

    def __init__(
        self,
        numbers: F64 | None,
        texts: NDArray[np.object_] | None,
        n: int,
        numeric: Sequence[str] = (),
        textual: Sequence[str] = (),
        odd: Mapping[int, list[Odd]] = NOTHING_ODD,
        values: list[list[Any]] | None = None,
    ) -> None:
        self._numbers, self._texts, self.n = numbers, texts, n
        self.numeric, self.textual, self.odd, self.values = numeric, textual, odd, values

    @property
    def numbers(self) -> F64 | None:
        if self._numbers is None and self.values is not None and self.numeric:
            k = len(self.numeric)
            self._numbers = np.array([row[:k] for row in self.values] if self.textual else self.values, np.float64)
        return self._numbers

    @property
    def texts(self) -> NDArray[np.object_] | None:
        if self._texts is None and self.values is not None and self.textual:
            k = len(self.numeric)
            self._texts = np.array([[NULL_CODE if v is None else v for v in row[k:]] for row in self.values], object)
        return self._texts

    @property
    def feed(self) -> Feed:
        """One (n, 1) array for each input of the graph."""
        both = (self.numbers, self.numeric), (self.texts, self.textual)
        return {n: v[:, j : j + 1] for v, names in both if v is not None for j, n in enumerate(names)}


class Decoder:
    """Reads rows of one schema. Columns are kept in the order: numbers (as the graph takes them), then text.

    ``order`` names the inputs in this order, as ``numeric`` and ``textual`` of ``bundle.session.Session`` do.
    """

    def __init__(
        self, schema: Schema, most_rows: int = 10_000, unknown: str = "ignore", order: Sequence[str] = ()
    ) -> None:
        place = {name: j for j, name in enumerate(order or [i.input for i in schema.inputs])}
        self.inputs = sorted(schema.inputs, key=lambda i: (i.is_text, place[i.input]))
        self.columns = tuple(i.column for i in self.inputs)
        self.most_rows, self.strict = most_rows, unknown == "refuse"
        self.place = {c: j for j, c in enumerate(self.columns)}
        self.aliases = {i.column: i.input for i in self.inputs if i.column != i.input}
        self.numeric = sum(not i.is_text for i in self.inputs)
        self.types = [TYPES.get(i.kind, (TEXTS, "text") if i.is_text else (NUMBERS, "a number")) for i in self.inputs]
        self.dates = [(j, self._reader(i)) for j, i in enumerate(self.inputs) if i.kind == "date"]
        ends = map(far_of, self.inputs[: self.numeric])
        self.far = [(max(low, -LARGEST), min(high, LARGEST)) for low, high in ends]
        self.low, self.high = (np.array([e[k] for e in self.far]) for k in (0, 1))
        self.allowed = [allowed for allowed, _ in self.types]
        self.number_inputs = [i.input for i in self.inputs[: self.numeric]]
        self.text_inputs = [i.input for i in self.inputs[self.numeric :]]
        self.clocks = [j for j, i in enumerate(self.inputs) if i.kind == "clock"]
        self.closed = [(j, frozenset(i.categories)) for j, i in enumerate(self.inputs) if i.is_text and closed(i)]

    @staticmethod
    def _reader(i: Input) -> Callable[[Any], float]:
        read = reader_of(i, i.storage)
        return read if i.storage.startswith("VARCHAR (") and i.storage != "VARCHAR (iso)" else quick(read)

    def rows(self, rows: Sequence[Any]) -> Batch:
        """Records: one object a row.

        Raises:
            Refused: 422 with a reason for every field that is wrong (at most 20), or 413 for too many rows.
        """
        self.count(len(rows))
        if len(rows) == 1 and (one := self.one(rows[0])) is not None:
            return Batch(None, None, 1, self.number_inputs, self.text_inputs, values=[one])
        try:
            table: list[Any] = [[row[c] for row in rows] for c in self.columns]
        except (KeyError, TypeError):
            raise self._lacking(rows) from None
        if self.strict:
            self._only_known(rows)
        return self.table(table, len(rows))

    def one(self, row: Any) -> list[Any] | None:
        """The values of a single row, numbers first; None where anything about it needs a closer look (``rows``)."""
        try:
            values = [row[c] for c in self.columns]
        except (KeyError, TypeError):
            return None
        if self.strict and len(row) > len(values):
            return None
        for v, allowed in zip(values, self.allowed, strict=True):
            if v.__class__ not in allowed:
                return None
        for j, read in self.dates:
            if values[j].__class__ is str:
                values[j] = read(values[j])
        for v, (low, high) in zip(values, self.far, strict=False):  # of numbers only: text comes behind them
            if v is not None and not low <= v <= high and v == v:
                return None
        for j in self.clocks:
            if (v := values[j]) is not None and v % 100 >= 60:
                return None
        for j, levels in self.closed:
            if values[j] not in levels and values[j] is not None:
                return None
        return values

    def by_column(self, columns: Mapping[str, Any]) -> Batch:
        """Columns: a list a column, all of one length.

        Raises:
            Refused: as ``rows``.
        """
        wrong = [FieldError(None, c, self._absent(c, columns)) for c in self.columns if c not in columns]
        wrong += [
            FieldError(None, c, f"must be a list of values; got {says(columns[c])}")
            for c in self.columns
            if c in columns and not isinstance(columns[c], list)
        ]
        if self.strict:
            wrong += [FieldError(None, c, self._strange(c)) for c in columns if c not in self.place]
        if wrong:
            raise refusal(wrong)
        n = len(columns[self.columns[0]]) if self.columns else 0
        self.count(n)
        if wrong := [
            FieldError(None, c, f"has {len(columns[c]):,} values; {self.columns[0]!r} has {n:,}")
            for c in self.columns
            if len(columns[c]) != n
        ]:
            raise refusal(wrong)
        return self.table([columns[c] for c in self.columns], n)

    def table(self, table: list[Any], n: int) -> Batch:
        """Values by column in the order of ``columns``: lists of JSON values, or float64 arrays that may hold NaN.

        Raises:
            Refused: 422 with the reasons.
        """
        for values, (allowed, _) in zip(table, self.types, strict=True):
            if type(values) is list and not allowed.issuperset(map(type, values)):
                raise self._unfit(table)
        numbers = texts = None
        odd: dict[int, list[Odd]] = {}
        if self.numeric:
            for j, read in self.dates:
                if type(table[j]) is list and str in set(map(type, table[j])):
                    table[j] = self._read_dates(table, j, read)
            numbers = np.ascontiguousarray(np.array(table[: self.numeric], np.float64).reshape(self.numeric, n).T)
            outside = (numbers < self.low) | (numbers > self.high)
            for j in self.clocks:
                outside[:, j] |= np.mod(numbers[:, j], 100) >= 60
            if outside.any():
                self._too_large(numbers)
                oddities(odd, numbers, outside, self.inputs)
        if self.text_inputs:
            texts = np.empty((n, len(self.text_inputs)), object)
            for j, values in enumerate(table[self.numeric :]):
                texts[:, j] = [NULL_CODE if v is None else v for v in values]
        for j, levels in self.closed:
            if not levels.issuperset(table[j]):
                for r, value in enumerate(table[j]):
                    if value not in levels and value is not None and value != NULL_CODE:
                        reason = f"{value[:40]!r} is none of the {len(levels)} categories that training saw"
                        odd.setdefault(r, []).append(Odd(self.columns[j], reason))
        return Batch(numbers, texts, n, self.number_inputs, self.text_inputs, odd)

    def count(self, n: int) -> None:
        if n == 0:
            raise Refused(422, "at least one row is needed; got none")
        if n > self.most_rows:
            raise Refused(
                413, f"at most {self.most_rows:,} rows are taken in one request; got {n:,}: send them in parts"
            )

    def _read_dates(self, table: list[Any], j: int, read: Callable[[Any], float]) -> list[Any]:
        out = [v if v.__class__ is not str else read(v) for v in table[j]]
        if float("inf") in out:
            raise self._unfit(table)
        return out

    def _too_large(self, numbers: F64) -> None:
        if (bad := np.argwhere(np.abs(numbers.T) > LARGEST)).size:
            raise refusal(
                FieldError(int(r), self.columns[j], f"must be finite and at most {LARGEST:.6g}; got {numbers[r, j]:g}")
                for j, r in bad[:MOST_FIELDS]
            )

    def _lacking(self, rows: Sequence[Any]) -> Refused:
        wrong = []
        for r, row in enumerate(rows):
            if not isinstance(row, dict):
                wrong.append(FieldError(r, None, f"a row must be an object of columns; got {says(row)}"))
            else:
                wrong += [FieldError(r, c, self._absent(c, row)) for c in self.columns if c not in row]
            if len(wrong) >= MOST_FIELDS:
                break
        return refusal(wrong)

    def _absent(self, column: str, there: Mapping[str, Any]) -> str:
        strange = [c for c in there if c not in self.place]
        near = did_you_mean(column, strange)
        return f"is absent: a row must have it, null where it is not known{near.replace('did you mean', 'is it')}"

    def _only_known(self, rows: Sequence[Any]) -> None:
        wrong = [FieldError(r, c, self._strange(c)) for r, row in enumerate(rows) for c in row if c not in self.place]
        if wrong:
            raise refusal(wrong[:MOST_FIELDS])

    def _strange(self, column: str) -> str:
        return f"is no column of the model{did_you_mean(column, self.columns)}"

    def _unfit(self, table: Sequence[Any]) -> Refused:
        wrong = []
        readers = dict(self.dates)
        for j, (values, (allowed, what)) in enumerate(zip(table, self.types, strict=True)):
            if type(values) is not list:
                continue
            for r, v in enumerate(values):
                bad_date = j in readers and type(v) is str and readers[j](v) == float("inf")
                if type(v) not in allowed or bad_date:
                    wrong.append(FieldError(r, self.columns[j], f"must be {what} or null; got {says(v)}"))
                if len(wrong) >= MOST_FIELDS:
                    return refusal(wrong)
        return refusal(wrong)


def quick(read: Callable[[Any], float]) -> Callable[[Any], float]:
    """The same reader of ISO dates, faster where a text is written YYYY-MM-DD HH:MM:SS to the letter."""

    def quickly(text: Any) -> float:
        if text.__class__ is str and len(text) == 19 and text[10] in " T" and (text[4:8:3], text[13:17:3]) == SHAPES:
            try:
                return (dt.datetime.fromisoformat(text) - EPOCH).total_seconds()
            except ValueError:
                pass
        return read(text)

    return quickly


def closed(i: Input) -> bool:
    """Whether training saw no other category than those that the file names."""
    return (
        i.kind == "category"
        and bool(i.shares)
        and sum(i.shares) + i.holes > 1 - 1e-9
        and set(i.bins) <= {*i.categories}
    )


def says(value: Any) -> str:
    """What came, short enough for a message."""
    if value is None:
        return "null"
    what = GIVEN.get(type(value), type(value).__name__)
    return f"{what} ({str(value)[:40]!r})" if isinstance(value, str) else what


def refusal(wrong: Any) -> Refused:
    """Field errors as one refusal."""
    fields = tuple(wrong)[:MOST_FIELDS]
    first = fields[0]
    row = f"row {first.row}: " if first.row is not None else ""
    column = f"column {first.column!r} " if first.column is not None else ""
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return Refused(422, f"{row}{column}{first.reason}{more}", fields)
