"""Scoring a table larger than memory: rows a CPU second and peak memory, beside the floors it cannot go under.

    python benchmarks/batch_predict.py                 # 5,000,000 rows x 20 columns
    python benchmarks/batch_predict.py --rows 500000

Makes a table of numbers, whole numbers, categories and a date, fits a small model to its first 20,000 rows, and scores
the whole as Parquet and as CSV with ``assay predict``, each in a process of its own. The floors: *scan* reads the same
columns into Arrow batches and does nothing; *graph* runs the model on the same rows, already in memory as its inputs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUMBERS, WHOLE, CATEGORIES = 12, 4, 3


def make(folder: Path, rows: int) -> None:
    import duckdb

    numbers = ", ".join(f"round(random() * {10 ** (k % 5)}, {k % 4 + 1}) AS n{k}" for k in range(NUMBERS))
    whole = ", ".join(f"CAST(random() * {10 ** (k + 1)} AS BIGINT) AS i{k}" for k in range(WHOLE))
    colours = "['red', 'green', 'blue', 'violet'][1 + CAST(floor(random() * 4) AS INT)]"
    categories = ", ".join(
        f"{colours} || CAST(floor(random() * {5**k}) AS INT) AS c{k}" for k in range(1, CATEGORIES + 1)
    )
    at = "TIMESTAMP '2026-01-01' + INTERVAL (CAST(random() * 1e7 AS BIGINT)) SECOND AS at"
    with duckdb.connect() as con:
        con.execute("SET threads = 1; SELECT setseed(0.5)")
        picked = f"SELECT {numbers}, {whole}, {categories}, {at} FROM range({rows})"
        con.execute(f"COPY ({picked}) TO '{folder / 'big.parquet'}' (FORMAT parquet)")
        con.execute(f"COPY (FROM '{folder / 'big.parquet'}') TO '{folder / 'big.csv'}' (FORMAT csv, HEADER)")
        late = "CASE WHEN n0 + i0 / 10 + (c1[1] = 'r')::INT + random() > 1.6 THEN 'yes' ELSE 'no' END AS late"
        con.execute(
            f"COPY (SELECT *, {late} FROM '{folder / 'big.parquet'}' LIMIT 20000) TO '{folder / 'fit.parquet'}'"
        )


def fit(folder: Path) -> None:
    import assay

    settings = assay.Settings(budget=30)
    assay.fit(str(folder / "fit.parquet"), target="late", settings=settings, cache=False).save(folder / "m.assay")


def scan(folder: Path, form: str) -> None:
    """The floor of reading: DuckDB to Arrow batches of the same columns, nothing done with them."""
    import duckdb

    import assay

    columns = ", ".join(f'"{c}"' for c in assay.load(folder / "m.assay").columns)
    started("scan")
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        for batch in con.sql(f"SELECT {columns} FROM '{folder / f'big.{form}'}'").to_arrow_reader(50_000):
            assert batch.num_rows


def graph(folder: Path, rows: int) -> None:
    """The floor of predicting: the graph alone, on inputs that are ready, again and again."""
    import duckdb

    import assay
    from assay.bundle.feed import feed_from

    model = assay.load(folder / "m.assay")
    table = duckdb.sql(f"SELECT * FROM '{folder / 'big.parquet'}' LIMIT 50000").to_arrow_table()
    feed, n = feed_from(table, model._schema)
    started("graph")
    for _ in range(max(1, rows // n)):
        model._session.run(feed)


def predict(folder: Path, form: str, out: str) -> None:
    from assay.cli.app import run

    started("predict")
    code = run(["predict", str(folder / "m.assay"), str(folder / f"big.{form}"), "-o", str(folder / out), "--quiet"])
    assert code == 0


BEGAN: list[float] = []


def started(what: str) -> None:
    BEGAN[:] = [time.process_time(), time.perf_counter()]


def main() -> None:
    read = argparse.ArgumentParser()
    read.add_argument("--rows", type=int, default=5_000_000)
    read.add_argument("--one", nargs="*", help="used by the command itself: one measurement")
    read.add_argument("--keep", type=Path, help="a folder for the tables, so that they are made once")
    said = read.parse_args()
    if said.one:
        measure(said.one, said.rows)
        return
    with tempfile.TemporaryDirectory() as made:
        folder = said.keep or Path(made)
        folder.mkdir(exist_ok=True)
        if not (folder / "m.assay").exists():
            make(folder, said.rows)
            fit(folder)
        print(f"{said.rows:,} rows x {NUMBERS + WHOLE + CATEGORIES + 1} columns")
        print("| what | CPU s | wall s | rows a CPU s | x floors | peak MB |\n|---|---|---|---|---|---|")
        floor: dict[str, float] = {}
        for what in (["scan", "parquet"], ["scan", "csv"], ["graph", ""], ["predict", "parquet", "out.parquet"],
                     ["predict", "csv", "out.parquet"], ["predict", "parquet", "out.csv"]):  # fmt: skip
            got = json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--rows", str(said.rows), "--one", what[0], str(folder), *what[1:]],
                    check=True, capture_output=True, text=True,
                ).stdout.splitlines()[-1]
            )  # fmt: skip
            floor[" ".join(what[:2]).strip()] = got["cpu"]
            name = {"scan": f"scan of {what[1]} alone", "graph": "graph alone"}.get(
                what[0], f"predict, {what[1]} to {what[-1].split('.')[-1]}"
            )
            ratio = ""
            if what[0] == "predict":
                ratio = f"{got['cpu'] / (floor[f'scan {what[1]}'] + floor['graph']):.2f}"
            print(
                f"| {name} | {got['cpu']:.1f} | {got['wall']:.1f} | {said.rows / got['cpu']:,.0f} | {ratio} | "
                f"{got['peak']:.0f} |", flush=True,
            )  # fmt: skip


def measure(what: list[str], rows: int) -> None:
    kind, folder, *more = what
    if kind == "scan":
        scan(Path(folder), more[0])
    elif kind == "graph":
        graph(Path(folder), rows)
    else:
        predict(Path(folder), more[0], more[1])
    cpu, wall = time.process_time() - BEGAN[0], time.perf_counter() - BEGAN[1]
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": peak()}))


def peak() -> float:
    """MB that this process held at most (Linux), its own start included."""
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
