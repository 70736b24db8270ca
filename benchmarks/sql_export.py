"""The exported SELECT on real flights: size, time to plan, rows a second, and its difference to the graph.

    python benchmarks/sql_export.py [--model FILE] [--rows 50000] [--postgres URL]

The model is that of benchmarks/c_export.py (``--save`` there, ``--model`` here, or fitted anew): 300 trees of 31 leaves
over text, times of day and dates. DuckDB on one thread, in CPU seconds; Postgres, where a server is named, in seconds.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from assay.bundle.exports.sql import to_sql
from assay.bundle.feed import feed_from
from assay.bundle.model import Model
from graph import fitted, flights


def in_duckdb(sql: str, rows: pa.Table) -> tuple[float, float, Any]:
    with duckdb.connect() as engine:
        engine.execute("SET threads = 1")
        engine.register("rows", rows.slice(0, 0))
        start = time.process_time()
        engine.execute(sql).fetchall()
        planned = time.process_time() - start
        engine.register("rows", rows)
        start = time.process_time()
        engine.execute(f"CREATE TABLE scored AS {sql}")
        spent = time.process_time() - start
        made = engine.sql("SELECT row_no, p_yes FROM scored").to_arrow_table()
        return planned, spent, made["p_yes"].to_numpy()[np.argsort(made["row_no"].to_numpy())]


def in_postgres(sql: str, rows: pa.Table, url: str) -> tuple[float, float, Any]:
    import psycopg

    kinds = {"string": "text", "large_string": "text", "int64": "bigint", "double": "float8"}
    with psycopg.connect(url) as server:
        columns = ", ".join(f"{f.name} {kinds.get(str(f.type), 'timestamp')}" for f in rows.schema)
        server.execute(f"CREATE TEMPORARY TABLE rows ({columns})")
        start = time.perf_counter()
        server.execute(sql).fetchall()
        planned = time.perf_counter() - start
        with server.cursor().copy("COPY rows FROM STDIN") as copy:
            for row in rows.to_pylist():
                copy.write_row(list(row.values()))
        start = time.perf_counter()
        made = server.execute(f"SELECT row_no, p_yes FROM ({sql}) AS scored ORDER BY row_no").fetchall()
        return planned, time.perf_counter() - start, np.array([row[1] for row in made])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model")
    options.add_argument("--rows", type=int, default=50_000)
    options.add_argument("--postgres")
    given = options.parse_args()
    model = Model.load(given.model) if given.model else fitted(300)
    rows = flights().slice(0, given.rows).drop_columns(["late"])
    rows = rows.append_column("row_no", pa.array(np.arange(rows.num_rows)))
    want = np.asarray(model._session.run(feed_from(rows, model._schema)[0])[:, 1], np.float64)
    for name in ("duckdb", *(["postgres"] if given.postgres else [])):
        sql = to_sql(model, name)
        plan, whole, got = in_duckdb(sql, rows) if name == "duckdb" else in_postgres(sql, rows, given.postgres)
        print(
            f"{name}: {len(sql) / 1e6:.2f} MB of SQL, {plan:.2f} s for no row, {rows.num_rows / whole:,.0f} rows/s, "
            f"difference {np.abs(got - want).max():.2g}"
        )
    print(f"duckdb {version('duckdb')}, {given.rows:,} rows, one thread")


if __name__ == "__main__":
    main()
