"""A table that was drawn at random and is held in memory: ``core.table.Table`` without an engine.

Proofs of levels need a hundred thousand tables, and what they prove is the statistics of the challenges, not the
engine that counts. ``tests/audit/test_null_numbers.py`` holds the two equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from assay.core.facts import Holes
from assay.core.table import U64, Ask, Column, Sample, SampleSpec, Table
from assay.tables import open_table
from assay.tables.sample import ArrowSample

MIX = np.uint64(0x9E3779B97F4A7C15)


class Held:
    """Rows in random order of ``row_id``; no two rows are equal unless ``content`` says so."""

    def __init__(self, columns: Mapping[str, Any], rng: np.random.Generator, name: str = "drawn") -> None:
        self.table = pa.table(dict(columns))
        self.n_rows, self.name, self.notes = self.table.num_rows, name, ()
        self.ids: tuple[str, ...] = ()
        self.row_id: U64 = np.sort(rng.integers(0, 2**64, self.n_rows, np.uint64))
        self.digest = hashlib.blake2b(self.row_id.tobytes() + name.encode(), digest_size=16).hexdigest()
        self.place = rng.permutation(self.n_rows)
        self.columns = tuple(Column(f.name, *kind_of(f.type)) for f in self.table.schema)

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def facts(self, asks: Iterable[Ask]) -> dict[Ask, Any]:
        return {ask: self.fact(ask) for ask in asks}

    def fact(self, ask: Ask) -> Any:
        null = self.null(ask.columns[0])
        if ask.fact == "tokens":
            words = self.table[ask.columns[0]].drop_null().unique().to_pylist()
            assert not set(ask.args) & {w.strip().casefold() for w in words}, "drawn tables hold no word for missing"
            return dict.fromkeys(ask.args, 0)
        assert ask.fact == "holes", f"a drawn table counts holes and words only, not {ask.fact}"
        if not ask.by:
            mark = int.from_bytes(hashlib.blake2b(null.tobytes(), digest_size=8).digest(), "big")
            return Holes(int(null.sum()), self.n_rows, mark)
        by = np.asarray(self.table[ask.by[0]].to_pylist())
        return {str(v): (int(null[by == v].sum()), int((by == v).sum())) for v in np.unique(by)}

    def null(self, name: str) -> np.ndarray:
        return np.asarray(self.table[name].is_null().to_numpy())

    def sample(self, spec: SampleSpec) -> Sample:
        take = np.sort(np.argsort(self.row_id * MIX)[: spec.n]) if spec.n < self.n_rows else np.arange(self.n_rows)
        names = tuple(spec.columns) or self.table.column_names
        arrow, at, ids = self.table.select(list(names)), self.place[take], self.row_id[take]
        weight = np.full(len(at), self.n_rows / max(1, len(at)))
        return ArrowSample(arrow.take(at), tuple(self.column(c) for c in names), ids, ids, at, weight)

    def codes(self, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """In source order, as a table of the engine gives them."""
        sample = self.sample(SampleSpec(self.n_rows))
        codes, levels = sample.codes(name)
        out = np.empty(self.n_rows, np.int32)
        out[sample.position] = codes
        return out, levels

    def content_hashes(self) -> U64:
        """In source order: every row is its own."""
        out = np.empty_like(self.row_id)
        out[self.place] = self.row_id
        return out

    def row_hashes(self, columns: Sequence[str]) -> U64:
        """Numbers by their bits, texts by their level."""
        out = np.zeros(self.n_rows, np.uint64)
        for name in sorted(columns or self.table.column_names):
            column = self.table[name].combine_chunks()
            if pa.types.is_string(column.type):
                column = column.dictionary_encode().indices
            bits = np.ascontiguousarray(column.to_numpy(zero_copy_only=False), np.float64).view(np.uint64)
            out = (out ^ bits ^ (bits >> np.uint64(29))) * MIX + np.uint64(1)
        return out

    def numbers(self, name: str) -> np.ndarray:
        return np.asarray(self.table[name].to_numpy(zero_copy_only=False), np.float64)

    def arrow(self) -> pa.Table:
        return self.table

    def derive(self, arrow: pa.Table) -> Table:
        return open_table(arrow, name=self.name)


def kind_of(of: pa.DataType) -> tuple[str, str]:
    if pa.types.is_string(of):
        return "category", "VARCHAR"
    return ("number", "BIGINT") if pa.types.is_integer(of) else ("number", "DOUBLE")
