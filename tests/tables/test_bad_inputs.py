"""Bad input: one clear sentence each, never a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.errors import InputError, MissingExtra
from assay.tables import open_table


def _cut_parquet(folder: Path) -> bytes:
    pq.write_table(pa.table({"a": list(range(1000))}), folder / "whole.parquet")
    raw = (folder / "whole.parquet").read_bytes()
    return raw[: len(raw) // 2]


CASES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("e.csv", b"", "is empty"),
    "blank lines": ("b.csv", b"\n\n\n", "is empty"),
    "header only": ("h.csv", b"a,b\n", "no rows"),
    "binary": ("j.csv", bytes(range(256)) * 40, "binary"),
    "wrong widths": ("w.csv", b"a,b\n" + b"1,2,3\n" * 9, "same number of fields"),
    "open quote": ("q.csv", b'a,b\n"x,1\ny,2\n', "quotes"),
    "cut gzip": ("g.csv.gz", gzip.compress(b"a,b\n1,2\n" * 1000)[:40], "whole file"),
    "broken json": ("x.jsonl", b'{"a": 1}\n{"a": \n', "JSON"),
    "json of numbers": ("y.jsonl", b"1\n2\n", "JSON"),
    "not parquet": ("p.parquet", b"PAR1 and then nothing", "Parquet"),
    "not arrow": ("a.arrow", b"ARROW1 and then nothing", "Arrow"),
    "not excel": ("z.xlsx", b"PK\x03\x04 and then nothing", "workbook"),
}


@pytest.mark.parametrize("case", CASES)
def test_files(case: str, tmp_path: Path) -> None:
    name, data, says = CASES[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=says) as caught:
        open_table(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1


def test_cut_parquet(tmp_path: Path) -> None:
    (tmp_path / "c.parquet").write_bytes(_cut_parquet(tmp_path))
    with pytest.raises(InputError, match="whole Parquet file"):
        open_table(tmp_path / "c.parquet")


def test_missing_directory_and_glob(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_table(tmp_path / "no.csv")
    with pytest.raises(InputError, match="is a directory"):
        open_table(tmp_path)
    with pytest.raises(InputError, match="no file matches"):
        open_table(str(tmp_path / "*.csv"))


@pytest.mark.parametrize("source", [None, 5, {}, object(), {"a": [1], "b": [1, 2]}, pa.table({})])
def test_objects(source: object) -> None:
    with pytest.raises(InputError):
        open_table(source)


def test_workbook_sheets(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_excel(tmp_path / "b.xlsx", index=False, sheet_name="First")
    with pytest.raises(InputError, match="did you mean First"):
        open_table(tmp_path / "b.xlsx", sheet="Firts")


def test_workbook_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(MissingExtra, match="pip install"):
        open_table(tmp_path / "b.xlsx")


def test_unknown_columns_and_facts() -> None:
    from assay.core.table import Ask

    table = open_table({"alpha": [1, 2]})
    with pytest.raises(InputError, match="did you mean alpha"):
        table.facts([Ask("holes", ("alhpa",))])
    with pytest.raises(InputError, match="did you mean holes"):
        table.facts([Ask("hole", ("alpha",))])
