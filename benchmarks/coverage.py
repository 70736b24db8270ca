"""Realised coverage of 90 % sets by class, over seeds: adult, german credit, and diabetes by patient.

    python benchmarks/coverage.py --seeds 5

A run is a whole fit without the audit: race, choose, sets from choose rows (or cross-fitted where a class is small),
coverage on judge rows, which had no part in any of it. Each line is a class (or all rows): realised coverage of each
seed, in how many seeds its own 95 % interval holds .90, and the mean over seeds with a t interval, as splits differ.

The interval of one run is about this one model: its sets were calibrated on rows of which there are no more than those
that judge, and that error is not in it. Where calibration and judging have as many rows, an interval of 95 % holds the
promise in 83 % of runs, though the promise is kept: P(|Z| < 1.96 / sqrt 2).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from assay.audit.opening import open_subject
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.fit import fit
from assay.stats.means import mean_interval

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def adult() -> tuple[object, dict[str, object]]:
    """The published labels of the test half end in a dot; they are the same classes."""
    import pyarrow.compute as pc
    from pyarrow import csv

    table = csv.read_csv(DATA / "adult.csv.gz")
    at = table.column_names.index("income")
    table = table.set_column(at, "income", pc.utf8_rtrim(table["income"], "."))
    return table.drop_columns(["split", "fnlwgt"]), {"target": "income"}


def german() -> tuple[object, dict[str, object]]:
    return DATA / "german_credit.csv", {"target": "risk"}


def diabetes() -> tuple[object, dict[str, object]]:
    """Back in hospital within 30 days, judged on other patients than those it was made from."""
    import pyarrow.compute as pc
    from pyarrow import csv

    table = csv.read_csv(DATA / "diabetes_130.csv.gz")
    at = table.column_names.index("readmitted")
    soon = pc.if_else(pc.equal(table["readmitted"], "<30"), "soon", "not soon")
    table = table.set_column(at, "readmitted", soon)
    return table, {"target": "readmitted", "roles": {"group": "patient_nbr", "id": "encounter_id"}}


TASKS = {"german": (german, 8.0, 2), "adult": (adult, 15.0, 1), "diabetes": (diabetes, 25.0, 1)}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="runs a task (german credit: twice as many)")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    given = parser.parse_args(arguments)
    for name in given.tasks:
        make, budget, times = TASKS[name]
        source, how = make()
        found: dict[str, list[tuple[float, bool, int]]] = {}
        method, start = "", time.process_time()
        for seed in range(given.seeds * times):
            settings = Settings(seed=seed, budget=budget)
            subject = open_subject(source, target=how["target"], roles=how.get("roles") or {}, settings=settings)
            made = fit(subject, Recipe(), settings).conformal
            method = made.method
            for c in made.realised:
                holds = c.interval[0] <= 0.9 <= c.interval[1]
                found.setdefault(c.of, []).append((c.hits / c.n, holds, c.n))
        spent = time.process_time() - start
        print(f"\n{name}: {given.seeds * times} seeds, {budget:g} CPU s each, {method} ({spent:.0f} s in all)")
        for of, runs in found.items():
            share = np.array([r[0] for r in runs])
            lo, hi = mean_interval(share, 0.05)
            kept, n = sum(r[1] for r in runs), round(float(np.mean([r[2] for r in runs])))
            each = " ".join(f"{s:.3f}" for s in share)
            mean = f"mean {share.mean():.3f} ({lo:.3f} to {hi:.3f})"
            print(f"  {of:<28} n {n:>6,}  {mean}  .90 in {kept} of {len(runs)}  {each}")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
