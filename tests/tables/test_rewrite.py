"""A rewritten file differs from the old one in the repaired cells only, and every change is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.remedy import Op
from assay.tables import open_table, rewrite
from assay.tables.originals import chunks, originals
from assay.tables.recipe import apply
from assay.tables.rewrite import sample_of, texts

LINES = (
    'zip;size;paid;when;note\n01234;1.50;True;01/02/2024;"a;b"\n00001;?;False;03/02/2024;say ""hi""\n99999;2.0;True;;\n'
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "odd.csv"
    path.write_text(LINES.replace('say ""hi""', '"say ""hi"""'), "utf-8")
    return path


def test_cells_that_no_repair_touched_stay_as_they_were_written(written: Path, tmp_path: Path):
    table, own = open_table(str(written), cache=False), originals([written])
    assert own is not None
    out = tmp_path / "new.csv"
    ops = [[Op("null_if", ("size",), {"values": ["?"]})], [Op("cast", ("size",), {"to": "number"})]]
    told = rewrite.rewrite(table, ops, out, original=own, delimiter=own.delimiter)
    assert out.read_text("utf-8") == written.read_text("utf-8").replace("00001;?;", "00001;;")
    assert [c["size"].cells for c in told.changes] == [1, 0]
    assert told.changes[0]["size"].examples() == [{"was": "?", "now": None, "cells": 1}]
    assert not out.with_name("new.csv.parquet").exists()


def test_parquet_keeps_the_types_of_untouched_columns(tmp_path: Path):
    path = tmp_path / "a.parquet"
    rows = pa.table(
        {"i": pa.array([1, 2, 300], pa.int16()), "f": pa.array([1.5, None, 2.5], pa.float32()), "s": ["x", "y", "z"]}
    )
    pq.write_table(rows, path)
    out = tmp_path / "b.parquet"
    told = rewrite.rewrite(
        open_table(str(path), cache=False),
        [[Op("map_values", ("s",), {"mapping": {"x": "y"}})]],
        out,
        original=originals([path]),
    )
    got = pq.read_table(out)
    assert got.schema.field("i").type == pa.int16() and got.schema.field("f").type == pa.float32()
    assert got["s"].to_pylist() == ["y", "y", "z"] and got["f"].to_pylist() == [1.5, None, 2.5]
    assert told.undone == 1


def test_blocks_do_not_change_what_a_recipe_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rewrite, "BLOCK", 7)
    rng = np.random.default_rng(0)
    rows = pa.table({"x": rng.normal(size=50), "c": rng.choice(["a", "b ", "B"], 50)})
    ops = [Op("clip", ("x",), {"lo": -1.0, "hi": 1.0}), Op("map_values", ("c",), {"mapping": {"b ": "b", "B": "b"}}),
           Op("indicator", ("x",), {"name": "x was empty"}), Op("drop_column", ("c",))]  # fmt: skip
    table = open_table(rows)
    drop = np.zeros(50, bool)
    drop[[0, 8, 49]] = True
    out = tmp_path / "o.parquet"
    told = rewrite.rewrite(table, [ops], out, drop=drop)
    whole = apply(ops, sample_of(rows, table.columns)).arrow.filter(pa.array(~drop))
    assert pq.read_table(out).to_pydict() == whole.to_pydict()
    assert told.rows_out == 47
    positions = np.concatenate(told.was["x"][0])
    clipped = np.flatnonzero(np.abs(rows["x"].to_numpy()[~drop]) > 1)
    np.testing.assert_array_equal(positions, clipped)


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rewrite, "finish", full)
    with pytest.raises(OSError, match="space"):
        rewrite.rewrite(open_table(pa.table({"x": [1.0, 2.0]})), [], tmp_path / "o.csv")
    assert list(tmp_path.iterdir()) == []


def test_chunks_are_of_one_size_however_the_reader_cuts():
    rows = pa.table({"x": list(range(23))})
    cut = [b for start, n in ((0, 3), (3, 11), (14, 9)) for b in rows.slice(start, n).to_batches()]
    assert [c.num_rows for c in chunks(cut, 5)] == [5, 5, 5, 5, 3]
    assert pa.concat_tables(chunks(cut, 5)).equals(rows)


def test_texts_are_what_a_person_would_write():
    when = pa.array(np.array(["2024-01-02", "2024-01-02T03:04:05"], "datetime64[us]"))
    assert texts(when).to_pylist() == ["2024-01-02", "2024-01-02 03:04:05"]
    assert texts(pa.array([1.0, 2.5, None])).to_pylist() == ["1", "2.5", None]
    assert texts(pa.array([True, None])).to_pylist() == ["true", None]


def test_single_cells_are_replaced_where_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rewrite, "BLOCK", 4)
    rows = pa.table({"x": list(range(10)), "y": ["a"] * 10})
    out = tmp_path / "o.parquet"
    cells = rewrite.Cells("y", np.array([0, 5, 9]), ("b", "c", None))
    told = rewrite.rewrite(open_table(rows), [cells, rewrite.Cells("gone", np.array([1]), ("z",))], out)
    assert pq.read_table(out)["y"].to_pylist() == ["b", "a", "a", "a", "a", "c", "a", "a", "a", None]
    assert told.changes[0]["y"].cells == 3 and told.changes[1] == {}
