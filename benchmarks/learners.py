"""Test log-loss of ``assay.fit`` against LightGBM, CatBoost and HistGradientBoosting, on the same splits.

    python benchmarks/learners.py --budget 30 --seeds 5 [--only adult,bank] [--data ../shared/data] [--json out.json]

Peers run with their defaults and early stopping on 15 % of the training rows, categories handed over natively. Every
system sees the same columns and rows: adult without its sampling weight and split column, bank without the call's
duration (known only afterwards), wine without repeated rows. One fifth of the rows is the test set, stratified, one
split a seed. Ours is the model that would be shipped. Pass: over the seeds, the paired mean loss beyond the best peer
is at most one standard error of that mean. CPU seconds include everything from the data frame on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before any library reads it: waiting threads would be billed as work

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

FLOOR = 1e-7
ROUNDS, PATIENCE, HELD = 2000, 50, 0.15


def adult(folder):
    frame = pd.read_csv(folder / "adult.csv.gz").drop(columns=["fnlwgt", "split"])
    frame["income"] = frame["income"].str.rstrip(".")
    return frame, "income"


def bank(folder):
    return pd.read_csv(folder / "bank_marketing.csv.gz").drop(columns="duration"), "y"


def german(folder):
    return pd.read_csv(folder / "german_credit.csv"), "risk"


def wine(folder):
    return pd.read_csv(folder / "wine_quality.csv.gz").drop_duplicates(ignore_index=True), "quality"


TASKS = {"german": german, "wine": wine, "adult": adult, "bank": bank}


def log_loss(p, y):
    return -np.log(np.clip(p[np.arange(len(y)), y], FLOOR, 1.0))


def coded(train, test, target, classes):
    """Categories as integer codes learned on the training rows; what was not seen there is missing."""
    cats = [c for c in train.columns if c != target and not pd.api.types.is_numeric_dtype(train[c])]
    out = []
    for frame in (train, test):
        X = frame.drop(columns=target).copy()
        for c in cats:
            codes = pd.Categorical(frame[c], categories=sorted(train[c].dropna().unique())).codes.astype(float)
            X[c] = np.where(codes < 0, np.nan, codes)
        out.append((X.astype(float), np.searchsorted(classes, frame[target].astype(str))))
    return (*out, cats)


def wide(p, seen, k):
    full = np.zeros((len(p), k))
    full[:, seen] = p
    return full


def lightgbm(train, test, target, classes, seed, budget):
    import lightgbm as lgb

    (X, y), (T, _), cats = coded(train, test, target, classes)
    seen, y = np.unique(y, return_inverse=True)
    A, B, a, b = split(X, y, seed)
    model = lgb.LGBMClassifier(n_estimators=ROUNDS, random_state=seed, n_jobs=1, verbosity=-1)
    calls = [lgb.early_stopping(PATIENCE, verbose=False)]
    model.fit(A, a, eval_set=[(B, b)], categorical_feature=cats or "auto", callbacks=calls)
    return wide(model.predict_proba(T), seen, len(classes)), {}


def catboost(train, test, target, classes, seed, budget):
    from catboost import CatBoostClassifier

    (_, y), _, cats = coded(train, test, target, classes)
    X, T = (f.drop(columns=target).assign(**{c: f[c].astype(str) for c in cats}) for f in (train, test))
    seen, y = np.unique(y, return_inverse=True)
    A, B, a, b = split(X, y, seed)
    model = CatBoostClassifier(
        iterations=ROUNDS, random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False, cat_features=cats
    )
    model.fit(A, a, eval_set=(B, b), early_stopping_rounds=PATIENCE)
    return wide(model.predict_proba(T), seen, len(classes)), {}


def hist_gradient(train, test, target, classes, seed, budget):
    from sklearn.ensemble import HistGradientBoostingClassifier

    (X, y), (T, _), cats = coded(train, test, target, classes)
    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS, early_stopping=True, validation_fraction=HELD, random_state=seed,
        n_iter_no_change=PATIENCE, categorical_features=cats or None,
    )  # fmt: skip
    counts = np.bincount(y, minlength=len(classes))
    rare = np.isin(y, np.flatnonzero(counts < 2))  # it holds out by class itself and refuses a class of one row
    model.fit(X[~rare], y[~rare])
    return wide(model.predict_proba(T), model.classes_, len(classes)), {}


def ours(train, test, target, classes, seed, budget):
    from assay.core.remedy import Recipe
    from assay.core.settings import Settings
    from assay.core.subject import Subject
    from assay.fit import fit
    from assay.learn.encoder import encode
    from assay.learn.replay import calibrate, replay_form
    from assay.tables import guess_roles, make_partition, open_table

    table = open_table(train, cache=False)
    roles = guess_roles(table, {"target": target})
    plain = type(roles)(target=roles.target, task=roles.task, classes=roles.classes, positive=roles.positive)
    fitted = fit(
        Subject(table, plain, make_partition(table, plain, seed), seed), Recipe(), Settings(seed=seed, budget=budget)
    )
    rows = open_table(test, cache=False)
    from assay.core.table import SampleSpec

    sample = rows.sample(SampleSpec(n=len(test)))
    X = encode(fitted.assembly.spec, sample)
    p = 0.0
    for m in fitted.assembly.members:
        one = m.native.predict(X, num_threads=1) if m.family == "lightgbm" else replay_form(m.form, X)
        p = p + m.weight * (one.reshape(len(X), -1))
    if fitted.task == "binary":
        p = np.column_stack((1 - p[:, 0], p[:, 0]))
    p = calibrate(fitted.assembly.calibration, p)
    full = np.zeros((len(test), len(classes)))
    full[np.ix_(sample.position, np.searchsorted(classes, np.array(fitted.classes)))] = p
    note = {
        "members": [f"{c.name} {c.weight:.2f}" for c in fitted.winners],
        "finished": fitted.finished,
        "calibration": fitted.calibration.kept,
        "fit_cpu": round(fitted.cpu_seconds, 1),
        "says": fitted.notes[-2:],
        "race": [(c.name, c.folds_done, round(c.loss, 4), round(c.cpu_seconds, 2), c.state) for c in fitted.candidates],
    }
    return full, note


def split(X, y, seed):
    counts = np.bincount(y)
    strata = np.where(counts[y] < 8, -1, y)
    return train_test_split(X, y, test_size=HELD, random_state=seed, stratify=strata)


SYSTEMS = {"assay": ours, "lightgbm": lightgbm, "catboost": catboost, "histgb": hist_gradient}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=30.0, help="CPU seconds for each fit of ours")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default=",".join(TASKS))
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not args.data.is_dir():
        parser.error(f"the developer tables are not in {args.data}; name their folder with --data")
    warnings.simplefilter("ignore")
    failed, record = False, {}
    for name in args.only.split(","):
        frame, target = TASKS[name](args.data)
        classes = np.array(sorted(frame[target].astype(str).unique()))
        strata = frame[target].astype(str)
        strata = np.where(strata.map(strata.value_counts()) < 2, "rare", strata)
        loss = {s: [] for s in SYSTEMS}
        seconds = {s: [] for s in SYSTEMS}
        for seed in range(args.seeds):
            train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=strata)
            train, test = train.reset_index(drop=True), test.reset_index(drop=True)
            y = np.searchsorted(classes, test[target].astype(str))
            for system, run in SYSTEMS.items():
                start = time.process_time()
                p, note = run(train, test, target, classes, seed, args.budget)
                seconds[system].append(time.process_time() - start)
                loss[system].append(float(log_loss(p, y).mean()))
                figures = f"{loss[system][-1]:.4f} {seconds[system][-1]:6.1f} s"
                print(f"  {name} seed {seed} {system:9s} {figures} {note or ''}", flush=True)
        best = min((s for s in SYSTEMS if s != "assay"), key=lambda s: np.mean(loss[s]))
        gap = np.array(loss["assay"]) - np.array(loss[best])
        error = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else float("nan")
        good = not gap.mean() > error
        failed |= not good
        print(f"{name}: {len(frame):,} rows, {args.seeds} seeds")
        for s in SYSTEMS:
            spread = np.std(loss[s], ddof=1) / np.sqrt(args.seeds) if args.seeds > 1 else float("nan")
            figures = f"log-loss {np.mean(loss[s]):.4f} (standard error {spread:.4f})"
            print(f"  {s:9s} {figures}  {np.mean(seconds[s]):6.1f} CPU s")
        print(
            f"  {'pass' if good else 'FAIL'}: assay less {best} {gap.mean():+.4f}, standard error {error:.4f}",
            flush=True,
        )
        record[name] = {"loss": loss, "cpu_seconds": seconds, "best": best, "gap": gap.tolist(), "pass": bool(good)}
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
