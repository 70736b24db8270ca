"""Forecasts of cost and score against what came: one booster, fold by fold, on tables of many sizes.

    python benchmarks/forecast.py

Each line: training rows, CPU seconds forecast with their interval and as they came, the loss likewise, and whether each
interval held what came. The prototype sees a sixteenth, an eighth and a quarter of the rows. Memory is forecast before
the fits and compared with the peak of the process after them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from assay.audit.opening import open_subject
from assay.core.remedy import Recipe
from assay.core.settings import Settings
from assay.fit.forecast import foresee
from assay.fit.material import prepare
from assay.fit.resources import peak_mb
from assay.learn.learners import Config, train

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TASKS = {
    "telco_churn.csv.gz": {"target": "Churn"},
    "bike_hour.csv.gz": {"target": "cnt"},
    "elec2.csv.gz": {"target": "class"},
    "bank_marketing.csv.gz": {"target": "y"},
    "adult.csv.gz": {"target": "income"},
    "diamonds.csv.gz": {"target": "price"},
    "nsl_kdd.csv.gz": {"target": "attack"},
    "diabetes_130.csv.gz": {"target": "readmitted", "roles": {"group": "patient_nbr", "id": "encounter_id"}},
}
BOOSTER = Config(
    "lightgbm", "lightgbm", {"learning_rate": 0.05, "min_data_in_leaf": 20, "feature_fraction": 0.8, "lambda_l2": 1.0}
)


def main() -> None:
    held = [0, 0]
    for name, how in TASKS.items():
        subject = open_subject(DATA / name, target=how["target"], roles=how.get("roles") or {}, settings=Settings())
        m = prepare(subject, Recipe(), 0, features=None, left_out=None)
        fold = m.folds(m.build, 5)[0]
        made = foresee(m, BOOSTER, fold, 0, 1)
        if made is None:
            print(f"{name:<24} {len(fold[0]):>7,} rows: too few for a forecast")
            continue
        spec, data = m.encoded(fold[0])
        X, start = m.encode(spec, fold[1]), time.process_time()
        output = train(BOOSTER, data, seed=0, threads=m.threads, valid=(X, m.y[fold[1]])).predict(X)
        seconds, loss = time.process_time() - start, float(m.losses(output, fold[1]).mean())
        cpu, lost, memory = made.lines[:3]
        kept = [cpu.lo <= seconds <= cpu.hi, lost.lo <= loss <= lost.hi]
        held = [h + k for h, k in zip(held, kept, strict=True)]
        print(
            f"{name:<24} {made.rows:>7,} rows: CPU {cpu.value:6.2f} s ({cpu.lo:.2f} to {cpu.hi:.2f}), "
            f"came {seconds:6.2f}; "
            f"loss {lost.value:.4g} ({lost.lo:.4g} to {lost.hi:.4g}), came {loss:.4g}; "
            f"memory {memory.value:.0f} MB, came {peak_mb():.0f}; held {kept[0]:d} {kept[1]:d}; cost {made.spent:.1f} s"
        )
        sys.stdout.flush()
    print(f"intervals that held what came: CPU {held[0]}, loss {held[1]} of {len(TASKS)} at most")


if __name__ == "__main__":
    main()
