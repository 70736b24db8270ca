"""Run by ``label_errors.py`` in cleanlab's own environment: FOLDER with 0.npz ... and their number; writes out.json."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def main(folder: Path, count: int) -> None:
    from cleanlab.filter import find_label_issues  # type: ignore[import-not-found]
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    warnings.simplefilter("ignore")
    out = []
    for i in range(count):
        job = np.load(folder / f"{i}.npz")
        X, y, made = job["X"], job["y"], {}
        models = {
            "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=400)),
            "forest": RandomForestClassifier(100, random_state=0),
        }
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        for name, model in models.items() if X.size else ():
            start = time.process_time()
            share = cross_val_predict(model, X, y, cv=folds, method="predict_proba")
            flags = find_label_issues(y, share, n_jobs=1)
            made[name] = {"flags": flags.tolist(), "cpu": time.process_time() - start}
        start = time.process_time()
        flags = find_label_issues(y, job["pool"] / job["pool"].sum(1, keepdims=True), n_jobs=1)
        made["pool"] = {"flags": flags.tolist(), "cpu": time.process_time() - start}
        out.append(made)
    (folder / "out.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
