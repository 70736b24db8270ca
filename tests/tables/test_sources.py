"""Every source gives the same table: files of all formats, frames, arrays, standard input."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.table import Ask, SampleSpec
from assay.tables import open_table
from assay.tables.cache import KEPT_SECONDS

FRAME = pa.table({"n": pa.array([1, 2, None], pa.int64()), "s": ["a", None, "b c"], "x": [0.5, 1.5, -2.0]})
TEXT = "n,s,x\n1,a,0.5\n2,,1.5\n,b c,-2.0\n"


def write(folder: Path, name: str, data: bytes | str) -> str:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def sources(folder: Path) -> dict[str, object]:
    frame = FRAME.to_pandas()
    pq.write_table(FRAME, folder / "f.parquet")
    with pa.OSFile(str(folder / "f.arrow"), "wb") as out, pa.ipc.new_file(out, FRAME.schema) as writer:
        writer.write_table(FRAME)
    with pa.output_stream(str(folder / "f.csv.zst"), compression="zstd") as out:
        out.write(TEXT.encode())
    frame.to_excel(folder / "f.xlsx", index=False)
    return {
        "csv": write(folder, "f.csv", TEXT),
        "path": Path(write(folder, "p.csv", TEXT)),
        "tsv": write(folder, "f.tsv", TEXT.replace(",", "\t")),
        "semicolon": write(folder, "f2.csv", TEXT.replace(",", ";")),
        "pipe": write(folder, "f3.txt", TEXT.replace(",", "|")),
        "crlf": write(folder, "f4.csv", TEXT.replace("\n", "\r\n")),
        "bom": write(folder, "f5.csv", b"\xef\xbb\xbf" + TEXT.encode()),
        "utf16": write(folder, "f6.csv", TEXT.encode("utf-16")),
        "gz": write(folder, "f.csv.gz", gzip.compress(TEXT.encode())),
        "zst": str(folder / "f.csv.zst"),
        "jsonl": write(
            folder, "f.jsonl", '{"n":1,"s":"a","x":0.5}\n{"n":2,"s":null,"x":1.5}\n{"s":"b c","x":-2.0,"n":null}\n'
        ),
        "parquet": str(folder / "f.parquet"),
        "arrow": str(folder / "f.arrow"),
        "excel": str(folder / "f.xlsx"),
        "pyarrow": FRAME,
        "pandas": frame,
        "polars": pl.from_arrow(FRAME),
        "lazy": pl.from_arrow(FRAME).lazy(),
        "dict": FRAME.to_pydict(),
    }


def test_every_source_gives_the_same_cells(tmp_path: Path) -> None:
    expected = FRAME.sort_by("x").to_pydict()
    for name, source in sources(tmp_path).items():
        table = open_table(source)
        got = table.arrow().sort_by("x").to_pydict()
        assert got == expected, name
        assert {c.name: c.kind for c in table.columns} == {"n": "number", "s": "category", "x": "number"}, name
        assert table.facts([Ask("holes", ("n",))])[Ask("holes", ("n",))].n == 1, name


def test_numpy_with_names_and_relations() -> None:
    import duckdb

    table = open_table((np.arange(6.0).reshape(3, 2), ["a", "b"]))
    assert table.arrow().to_pydict() == {"a": [0.0, 2.0, 4.0], "b": [1.0, 3.0, 5.0]}
    structured = np.array([(1, "x")], dtype=[("a", "i4"), ("b", "U3")])
    assert open_table(structured).arrow().to_pydict() == {"a": [1], "b": ["x"]}
    assert open_table(duckdb.sql("SELECT 1 AS a, 'x' AS b")).arrow().to_pydict() == {"a": [1], "b": ["x"]}


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    table = open_table("-")
    assert (table.name, table.n_rows) == ("stdin", 3)


def test_globs_are_one_table_in_name_order(tmp_path: Path) -> None:
    write(tmp_path, "part-2.csv", "a,b\n3,z\n")
    write(tmp_path, "part-1.csv", "a,b\n1,x\n2,y\n")
    table = open_table(str(tmp_path / "part-*.csv"))
    assert table.arrow().to_pydict() == {"a": [1, 2, 3], "b": ["x", "y", "z"]}


def test_a_late_bad_value_is_never_lost(tmp_path: Path) -> None:
    path = write(tmp_path, "late.csv", "a\n" + "1\n" * 60_000 + "oops\n")
    table = open_table(path)
    ask = Ask("parses", ("a",))
    found = table.facts([ask])[ask]
    assert (table.column("a").storage, found.n, found.number, found.example_bad) == (
        "VARCHAR",
        60_001,
        60_000,
        ("oops",),
    )


def test_ragged_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, "r.csv", "a,b\n" + "1,2\n" * 20 + "1\n1,2,3\n"))
    assert table.n_rows == 20
    assert any("2 of 22 lines left out" in n for n in table.notes)


def test_numbers_kept_as_text_where_a_cast_would_lose_something(tmp_path: Path) -> None:
    text = "zip,huge,number,na,flag\n00123,123456789012345678901,1e3,NA,true\n10001,2,2,5,False\n"
    table = open_table(write(tmp_path, "n.csv", text))
    storage = {c.name: c.storage for c in table.columns}
    assert storage == {"zip": "VARCHAR", "huge": "VARCHAR", "number": "DOUBLE", "na": "BIGINT", "flag": "BOOLEAN"}
    assert any("leading zeros" in n for n in table.notes)
    assert any("beyond 64 bits" in n for n in table.notes)
    assert any("1 NA, NaN or null read as missing" in n for n in table.notes)


def test_large_whole_numbers_stay_exact(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, "l.csv", f"a\n{2**53 + 1}\n{2**63 - 1}\n"))
    assert table.arrow()["a"].to_pylist() == [2**53 + 1, 2**63 - 1]


def test_file_without_column_names(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, "h.csv", "1,2,x\n3,4,y\n"))
    assert [c.name for c in table.columns] == ["column_1", "column_2", "column_3"]
    assert table.n_rows == 2
    assert any("no line of column names" in n for n in table.notes)


def test_years_that_count_on_are_names_and_counting_rows_are_not(tmp_path: Path) -> None:
    wide = open_table(write(tmp_path, "w.csv", "country,1960,1970,1971\nA,,1.5,2\nB,4,,6\nC,1970,1980,1975\n"))
    assert [c.name for c in wide.columns] == ["country", "1960", "1970", "1971"]
    assert wide.n_rows == 3
    rows = open_table(write(tmp_path, "r.csv", "x,2001,2002,2003\ny,2004,2005,2006\n"))
    assert rows.n_rows == 2


def test_a_hole_above_numbers_is_no_name_and_a_last_comma_no_column(tmp_path: Path) -> None:
    rows = open_table(write(tmp_path, "h.csv", "3,?,alfa,2.5\n1,104,audi,3\n2,99,bmw,2\n"))
    assert rows.n_rows == 3
    comma = open_table(write(tmp_path, "c.csv", "id,x,\n1,2\n3,4\n"))
    assert comma.arrow().to_pylist() == [{"id": 1, "x": 2}, {"id": 3, "x": 4}]


def test_carriage_returns_alone_end_lines(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, "mac.csv", b'a,b\r1,"x\ry"\r2,z\r'))
    assert table.arrow().to_pylist() == [{"a": 1, "b": "x\ny"}, {"a": 2, "b": "z"}]
    assert any("carriage return" in n for n in table.notes)
    quoted = open_table(write(tmp_path, "q.csv", b'a,"b\rc"\n1,x\n2,"y\rz"\n'))
    assert quoted.n_rows == 2


def test_latin_text_is_read_and_noted(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, "l1.csv", "name,v\ncafé,1\n".encode("latin-1")))
    assert table.arrow()["name"].to_pylist() == ["café"]
    assert any("Windows-1252" in n for n in table.notes)


def test_names_made_unique_and_noted() -> None:
    table = open_table(pa.Table.from_arrays([pa.array([1])] * 4, names=["a", "a", "", "A"]))
    assert [c.name for c in table.columns] == ["a", "a_2", "column_3", "A_3"]
    assert len(table.notes) == 3


def test_mixed_objects_have_an_exact_census() -> None:
    values = [1, "x", b"y", None, 2.5, True] * 2_000
    table = open_table(pd.DataFrame({"m": pd.Series(values, dtype=object)}))
    ask = Ask("types", ("m",))
    assert table.column("m").kind == "mixed"
    assert table.facts([ask])[ask] == {"bool": 2000, "bytes": 2000, "float": 2000, "int": 2000, "str": 2000}
    assert table.facts([Ask("holes", ("m",))])[Ask("holes", ("m",))].n == 2000


def test_odd_types_are_read_or_said() -> None:
    table = open_table(
        pa.table(
            {
                "u": pa.array([1, 2**64 - 1], pa.uint64()),
                "l": [[1], [2]],
                "h": pa.array([1, 2], pa.float16()),
                "d": pa.array(["x", "y"]).dictionary_encode(),
                "t": pa.array([1, 2], pa.time32("s")),
                "z": pa.nulls(2),
                "nan": [float("nan"), 1.0],
            }
        )
    )
    storage = {c.name: c.storage for c in table.columns}
    assert storage == {
        "u": "DOUBLE",
        "l": "VARCHAR",
        "h": "DOUBLE",
        "d": "VARCHAR",
        "t": "VARCHAR",
        "z": "VARCHAR",
        "nan": "DOUBLE",
    }
    assert len(table.notes) == 3
    assert table.sample(SampleSpec(9)).null("nan").sum() == 1


def test_the_cache_is_private_keyed_and_forgetful(tmp_path: Path, own_cache: Path) -> None:
    import os

    first = write(tmp_path, "one.csv", "a\n1\n")
    same = write(tmp_path, "two.csv", "a\n1\n")
    open_table(first), open_table(same)
    landed = list(own_cache.glob("*.parquet"))
    assert len(landed) == 1
    if os.name == "posix":
        assert landed[0].stat().st_mode & 0o777 == 0o600
    os.utime(landed[0], (0, landed[0].stat().st_mtime - KEPT_SECONDS - 9))
    open_table(write(tmp_path, "three.csv", "a\n2\n"))
    assert landed[0] not in list(own_cache.glob("*.parquet"))


def test_without_cache_nothing_stays(tmp_path: Path, own_cache: Path) -> None:
    table = open_table(write(tmp_path, "one.csv", "a\n1\n"), cache=False)
    assert table.n_rows == 1
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_sources_are_never_changed(tmp_path: Path) -> None:
    path = Path(write(tmp_path, "s.csv", TEXT))
    before = path.read_bytes()
    frame = FRAME.to_pandas()
    kept = frame.copy()
    table = open_table(path)
    table.sample(SampleSpec(2)), table.digest
    open_table(frame).facts([Ask("top", ("s",), (), (3,))])
    assert path.read_bytes() == before
    pd.testing.assert_frame_equal(frame, kept)
