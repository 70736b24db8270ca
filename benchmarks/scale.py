"""The whole check as tables grow: flights resampled to 100k, 1M and 10M rows, and 200,000 rows of 500 columns.

    python benchmarks/scale.py [--rows 100000 1000000 10000000] [--no-wide] [--shapes]

Whole processes: wall and CPU seconds, peak memory, and how the cost grows for ten times the rows. Tables are made in
processes of their own, since a child begins with the memory of its parent, and its peak would be the maker's.
``--shapes``: wide tables with signal too - 30 classes, a number, and two classes on 2,000 columns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import facts
from check import measured

sys.path.append(str(Path(__file__).parent / "audit_peers"))
import tables

OUT = Path("out/scale")
SHAPES = ((100_000, 300, 30), (200_000, 500, 0), (50_000, 2_000, 2))  # rows, columns, classes; 0: a number


def signal_table(rows: int, columns: int, classes: int) -> Path:
    """Numbers with a fifth of texts; a tenth of the columns tell the target (``y``), each a little, and half of these
    only together with a second one."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = facts.FOLDER / f"signal-{rows}-{columns}-{classes}.parquet"
    if path.exists():
        return path
    facts.FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    y = rng.normal(size=rows) if not classes else rng.integers(0, classes, rows)
    centre = rng.normal(size=(max(classes, 1), columns // 10)).astype(np.float32)
    arrays: dict[str, Any] = {}
    for i in range(columns):
        if i % 5 == 4:
            arrays[f"s{i:04d}"] = pa.array(np.char.add("v", rng.integers(0, 2 + i, rows).astype(str)))
            continue
        value = rng.normal(size=rows).astype(np.float32)
        if i < columns // 10:
            value += 0.3 * (centre[y, i] if classes else y.astype(np.float32) * centre[0, i])
        elif i < columns // 5:
            value *= 1 + 0.3 * np.abs(centre[y, i - columns // 10] if classes else y)
        arrays[f"x{i:04d}"] = pa.array(value.astype(np.float64))
    arrays["y"] = pa.array(y if not classes else np.char.add("class ", y.astype(str)))
    part = path.with_suffix(".part")
    pq.write_table(pa.table(arrays), part, compression="zstd")
    part.replace(path)
    return path


def made(make: Callable[..., Path], *args: Any) -> Path:
    """The table that ``make`` writes, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(make, args).resolve()


def line(what: str, path: Path, more: list[str], folder: Path, before: float | None = None) -> float:
    """Check a table, print its line, and return its CPU seconds."""
    assay = str(Path(sys.executable).parent / "assay")
    wall, cpu, mb, code = measured([assay, "check", str(path), *more, "-q", "-o", "r.json"], folder)
    assert code in (0, 1), code
    grows = f"{cpu / before:.2f}" if before else ""
    print(f"| {what} | {wall:.1f} | {cpu:.1f} | {mb:,.0f} | {grows} |", flush=True)
    return cpu


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000])
    ask.add_argument("--no-wide", action="store_true")
    ask.add_argument("--shapes", action="store_true")
    said = ask.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    print("| table | wall s | CPU s | peak MB | times the CPU of a tenth of the rows |\n|---|---|---|---|---|")
    before, plain = None, []
    with tempfile.TemporaryDirectory() as folder:
        for rows in said.rows:
            path = made(tables.resampled_flights, rows, OUT / f"flights-{rows}.parquet")
            what = f"flights {rows:,} x 20"
            before = line(
                f"{what}, target late", path, ["--target", "late", "--time", "time_hour"], Path(folder), before
            )
            plain.append((what, path))
        if plain:
            line(f"{plain[-1][0]}, no target", plain[-1][1], [], Path(folder))
        if not said.no_wide:
            path = made(facts.wide_table, 200_000, 500)
            line("200,000 x 500, no target", path, [], Path(folder))
            line("200,000 x 500, target of 18 classes, no signal", path, ["--target", "s004"], Path(folder))
        for rows, columns, classes in SHAPES if said.shapes else ():
            path = made(signal_table, rows, columns, classes)
            kind = f"{classes} classes" if classes else "a number"
            line(f"{rows:,} x {columns:,}, target of {kind}", path, ["--target", "y"], Path(folder))


if __name__ == "__main__":
    main()
