"""What a user waits for: ``assay check`` on flights, ``import assay``, and the whole demo. Whole processes.

    python benchmarks/check.py [--repeats 3] [--demo]

Prints wall and CPU seconds (median of the repeats) and peak memory of each process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measured(command: list[str], folder: Path) -> tuple[float, float, float, int]:
    """Wall s, CPU s, peak MB and exit code of one process (children included)."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--demo", action="store_true", help="the whole demo too, once")
    args = parser.parse_args()
    bin_folder = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_flights(folder / "flights.parquet")
        verb = [str(bin_folder / "assay"), "check", "flights.parquet", "--target", "late"]
        asked = ["--asked-at", "sched_dep_time", "--time", "time_hour", "--quiet", "-o", "report.json"]
        jobs = {
            "import assay": ([sys.executable, "-c", "import assay"], args.repeats),
            "python -c pass": ([sys.executable, "-c", "pass"], args.repeats),
            "assay check flights": ([*verb, *asked], args.repeats),
            "assay check flights, HTML report": ([*verb, *asked[:-1], "report.html"], args.repeats),
        }
        if args.demo:
            jobs["assay demo --flights"] = ([str(bin_folder / "assay"), "demo", "--flights"], 1)
        print("| command | wall s | CPU s | peak MB | exit |\n|---|---|---|---|---|")
        for label, (command, repeats) in jobs.items():
            runs = [measured(command, folder) for _ in range(repeats)]
            wall, cpu, peak = (statistics.median(r[i] for r in runs) for i in range(3))
            print(f"| {label} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {runs[0][3]} |", flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f}")


def write_flights(path: Path) -> None:
    import pyarrow.parquet as pq

    from assay.cli.demo import flights_table

    pq.write_table(flights_table(), path)


if __name__ == "__main__":
    main()
