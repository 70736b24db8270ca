"""What practising with holes does: log-loss of boosted trees with and without the copies of ``learn.masking``.

    python benchmarks/holes.py [--data ../shared/data] [--folds 3] [--gone 0.1]

LightGBM, as the race trains it, on folds of one table without its repeated rows; each fold's rows are scored whole, and
once more with a share of the cells gone at random. The difference is paired by row; negative means that practising
helped.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from assay.core.table import SampleSpec
from assay.learn.calibration import row_losses
from assay.learn.encoder import encode, encode_training, fit_encoder
from assay.learn.learners import Config, Data, train
from assay.learn.target import labels
from assay.tables import guess_roles, open_table

TASKS = {
    "adult": ("adult.csv.gz", "income", ("fnlwgt", "split")),
    "bank": ("bank_marketing.csv.gz", "y", ("duration",)),
    "german": ("german_credit.csv", "risk", ()),
    "wine": ("wine_quality.csv.gz", "quality", ()),
}
MOST_ROWS = 20_000
CONFIG = Config("lightgbm", "lightgbm", {"learning_rate": 0.05, "min_data_in_leaf": 20})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--gone", type=float, default=0.1)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"the developer tables are not in {asked.data}; name their folder with --data")
    print(f"{'table':8} {'whole':>20} {f'{asked.gone:.0%} gone':>20}   change of log-loss, with copies less without")
    for name, (file, target, without) in TASKS.items():
        whole, holed = compare(asked.data / file, target, without, asked.folds, asked.gone)
        print(f"{name:8} {said(whole):>20} {said(holed):>20}", flush=True)


def compare(path: Path, target: str, without: tuple[str, ...], folds: int, gone: float):
    table = open_table(pd.read_csv(path).drop_duplicates(ignore_index=True), cache=False)
    rows = table.sample(SampleSpec(min(table.n_rows, MOST_ROWS)))
    found = labels(rows, guess_roles(table, {"target": target}))
    features = [c for c in rows.names if c != target and c not in without]
    at, whole, holed = np.arange(rows.n), [], []
    for fold in range(folds):
        held = at[fold::folds]
        built = np.setdiff1d(at, held)
        spec = fit_encoder(rows, features, found, index=built)
        X = encode_training(spec, rows, found, index=built)
        data = Data(X, found.y[built], found.task, found.outputs, spec.categorical)
        asked, y = encode(spec, rows, held), found.y[held]
        holes = np.where(np.random.default_rng(fold).random(asked.shape) < gone, np.nan, asked)
        losses = []
        for columns in ((), tuple(f.column for f in spec.features)):
            model = train(CONFIG, replace(data, columns=columns), seed=0, valid=(asked, y))
            losses.append([row_losses(model.predict(x), y, found.task) for x in (asked, holes)])
        whole.append(losses[1][0] - losses[0][0])
        holed.append(losses[1][1] - losses[0][1])
    return np.concatenate(whole), np.concatenate(holed)


def said(change) -> str:
    return f"{change.mean():+.4f} ± {change.std() / np.sqrt(len(change)):.4f}"


if __name__ == "__main__":
    main()
