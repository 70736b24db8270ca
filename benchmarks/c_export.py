"""One row in C against onnxruntime: the exported model of real flights, its size, its speed, and its difference.

    python benchmarks/c_export.py [--trees 300] [--rounds 40] [--rows 4096] [--tables]

A LightGBM model (31 leaves a tree) of arr_delay > 15 minutes, from the raw row (text, clock, date) to probabilities,
label and set; as ``assay export c`` writes it, compiled with gcc -O2. The rows are 4,096 later flights, all different,
one after another, so that no branch is remembered from the row before. Prints microseconds a row: the median and the
lowest of the rounds (on a busy machine read the lowest); the size of the object and the source; the time to compile.
``--tables`` measures the small layout of the trees beside the fast one.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from assay.bundle.exports import c, c_trees
from assay.bundle.exports.c_text import literal
from assay.bundle.feed import feed_from
from assay.bundle.model import Model
from assay.bundle.nodes import NULL_CODE
from graph import fitted, flights

DRIVER = """\
#define _POSIX_C_SOURCE 199309L
#include "late.h"
#include <math.h>
#include <stdio.h>
#include <time.h>
static const late_row rows[] = {
#include "rows.inc"
};
int main(int argc, char **argv)
{
    int n = (int)(sizeof rows / sizeof rows[0]), r, i;
    volatile float kept = 0;
    late_result result;
    (void)argv;
    if (argc > 1) {
        for (i = 0; i < n; i++) { late_predict(rows + i, &result); printf("%.9g\\n", result.probabilities[1]); }
        return 0;
    }
    for (r = 0; r < ROUNDS; r++) {
        struct timespec a, b;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        for (i = 0; i < n; i++) { late_predict(rows + i, &result); kept += result.probabilities[1]; }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        printf("%.4f\\n", ((b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) * 1e-3) / n);
    }
    return 0;
}
"""


def cells(model: Model, rows: pa.Table) -> str:
    feed, n = feed_from(rows, model._schema)
    columns = []
    for i in model._schema.inputs:
        values = feed[i.input][:, 0].tolist()
        if i.is_text:
            columns.append(["0" if v == NULL_CODE else literal(v) for v in values])
        else:
            columns.append(["NAN" if v != v else repr(v) for v in values])
    return "".join(f"{{{', '.join(column[k] for column in columns)}}},\n" for k in range(n))


def measured(model: Model, rows: pa.Table, rounds: int, flag: str, variant: str | None = None) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, data in c.files(model, "late", variant).items():
            (place / name).write_bytes(data)
        (place / "rows.inc").write_text(cells(model, rows), "utf-8")
        (place / "driver.c").write_text(DRIVER, "utf-8")
        start = time.process_time()
        before = sum(_children())
        _run(place, f"gcc -std=c99 {flag} -c late.c -o late.o")
        compiling = sum(_children()) - before
        _run(place, f"gcc -std=c99 -O2 -DROUNDS={rounds} driver.c late.o -o driver -lm")
        sizes = _run(place, "size late.o").splitlines()[1].split()
        spent = np.array(_run(place, "./driver").split(), np.float64)
        got = np.array(_run(place, "./driver values").split(), np.float64)
        want = model._session.run(feed_from(rows, model._schema)[0])[:, 1].astype(np.float64)
        del start
        return {
            "median": float(np.median(spent)), "lowest": float(spent.min()), "object KB": int(sizes[3]) / 1024,
            "source KB": (place / "late.c").stat().st_size / 1024, "compile s": compiling,
            "difference": float(np.abs(got - want).max()),
        }  # fmt: skip


def _children() -> tuple[float, float]:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime, used.ru_stime


def _run(place: Path, command: str) -> str:
    done = subprocess.run(command.split(), cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr[:500]}")
    return done.stdout


def runtime(model: Model, rows: pa.Table, rounds: int) -> tuple[float, float]:
    feed, n = feed_from(rows, model._schema)
    ones = [model._session.split({k: v[i : i + 1] for k, v in feed.items()}) for i in range(n)]
    run, spent = model._session.outputs, []
    for _ in range(max(3, rounds // 8)):
        start = time.process_time_ns()
        for one in ones:
            run(["probabilities"], *one)
        spent.append((time.process_time_ns() - start) / 1e3 / n)
    return float(np.median(spent)), float(min(spent))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trees", type=int, default=300)
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--rows", type=int, default=4_096)
    options.add_argument("--tables", action="store_true")
    options.add_argument("--model", help="an .assay file from --save instead of a fit")
    options.add_argument("--save", help="where the fitted model goes")
    given = options.parse_args()
    model, rows = Model.load(given.model) if given.model else fitted(given.trees), flights()
    if given.save:
        model.save(given.save)
    rows = rows.slice(rows.num_rows - 20_000, given.rows)
    print(f"onnxruntime {version('onnxruntime')}, Python {platform.python_version()}, {given.rows:,} rows")
    layouts = [("conditions, -O2", "-O2", 1 << 60), ("conditions, -Os", "-Os", 1 << 60)]
    layouts += [("tables, -O2", "-O2", 0)] if given.tables else []
    for name, flag, most in layouts:
        c_trees.MOST_CODE = most
        told = measured(model, rows, given.rounds, flag)
        print(f"C, {name}: " + ", ".join(f"{k} {v:.3g}" for k, v in told.items()))
    median, lowest = runtime(model, rows, given.rounds)
    print(f"onnxruntime: median {median:.3g}, lowest {lowest:.3g} (feed ready, probabilities only)")


if __name__ == "__main__":
    main()
