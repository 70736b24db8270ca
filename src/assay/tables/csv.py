"""Delimited text: landed once as text, counted, then cast."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from assay.core.errors import InputError

from .duck_table import DuckTable
from .engines import duck
from .files import _reason, parquet
from .names import unique_names

BATCH = 50


class Folder:
    """A private folder that goes with its table, or at exit."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="assay-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def open_csv(paths: list[Path], label: str, *, cache: bool) -> DuckTable:
    con = duck.connect()
    listed = ", ".join(duck.literal(str(p)) for p in paths)
    folder = Folder()
    raw = folder.path / "raw.parquet"
    try:
        rel = f"read_csv([{listed}], all_varchar=true, header=true)"
        con.execute(f"COPY (SELECT * FROM {rel}) TO {duck.literal(str(raw))} (FORMAT parquet)")
    except Exception as error:
        raise InputError(f"{label} must be delimited text, but {_reason(error)}") from None
    source = f"read_parquet({duck.literal(str(raw))})"
    described = [r[0] for r in duck.rows(con, f"DESCRIBE SELECT * FROM {source}")]
    names, notes = unique_names(described)
    picked = []
    for at in range(0, len(names), BATCH):
        part = described[at : at + BATCH]
        sql = []
        for c in part:
            q = duck.quote(c)
            num = duck.number_of_text(q)
            clean = f"CASE WHEN lower({q}) IN ('', 'na', 'nan', 'null') THEN NULL ELSE {q} END"
            sql.append(
                f"count({clean}), count(CASE WHEN {clean} IS NOT NULL THEN {num} END), "
                f"count(*) FILTER ({q} IS NOT NULL AND {num} = floor({num}) AND abs({num}) < 9e18 AND NOT regexp_matches({q}, '[.eE]')), "
                f"count(*) FILTER (regexp_matches({q}, '^[+-]?0[0-9]')), count(*) FILTER (lower({q}) IN ('true', 'false'))"
            )
        row = duck.rows(con, f"SELECT {', '.join(sql)} FROM {source}")[0]
        for i, c in enumerate(part):
            n, numeric, whole, zeros, boolean = row[5 * i : 5 * i + 5]
            q = duck.quote(c)
            num = duck.number_of_text(q)
            if n and numeric == n and not zeros:
                cast = f"CAST({num} AS {'BIGINT' if whole == n else 'DOUBLE'})"
            elif n and boolean == n:
                cast = f"try_cast({q} AS BOOLEAN)"
            else:
                cast = q
            picked.append(f"{cast} AS {duck.quote(names[at + i])}")
    final = folder.path / "landed.parquet"
    con.execute(f"COPY (SELECT {', '.join(picked)} FROM {source}) TO {duck.literal(str(final))} (FORMAT parquet)")
    raw.unlink()
    return parquet([final], label, tuple(notes), keep=folder)
