"""The whole check as tables grow: flights resampled to 100k, 1M and 10M rows, and 200,000 rows of 500 columns.

    python benchmarks/scale.py [--rows 100000 1000000 10000000] [--no-wide]

Whole processes: wall and CPU seconds, peak memory, and how the cost grows for ten times the rows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import facts
from check import measured

sys.path.append(str(Path(__file__).parent / "audit_peers"))
import tables

OUT = Path("out/scale")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    ask.add_argument("--no-wide", action="store_true")
    said = ask.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    assay = str(Path(sys.executable).parent / "assay")
    print("| table | wall s | CPU s | peak MB | times the CPU of a tenth of the rows |\n|---|---|---|---|---|")
    before = None
    with tempfile.TemporaryDirectory() as folder:
        for rows in said.rows:
            path = tables.resampled_flights(rows, OUT / f"flights-{rows}.parquet").resolve()
            words = [assay, "check", str(path), "--target", "late", "--time", "time_hour", "-q", "-o", "r.json"]
            wall, cpu, mb, code = measured(words, Path(folder))
            assert code in (0, 1), code
            grows = f"{cpu / before:.2f}" if before else ""
            print(f"| flights {rows:,} x 20, target late | {wall:.1f} | {cpu:.1f} | {mb:,.0f} | {grows} |", flush=True)
            before = cpu
        if not said.no_wide:
            path = facts.wide_table(200_000, 500).resolve()
            for target in ([], ["--target", "s004"]):
                words = [assay, "check", str(path), *target, "-q", "-o", "r.json"]
                wall, cpu, mb, code = measured(words, Path(folder))
                assert code in (0, 1), code
                print(f"| 200,000 x 500 {' '.join(target)} | {wall:.1f} | {cpu:.1f} | {mb:,.0f} | |", flush=True)


if __name__ == "__main__":
    main()
