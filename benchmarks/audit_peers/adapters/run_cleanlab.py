"""cleanlab: Datalab on encoded, scaled features and 5-fold out-of-fold probabilities, as its tabular tutorial does."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from frame import main, words


def run(job):
    import pandas as pd
    from cleanlab import Datalab
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import cross_val_predict
    from sklearn.preprocessing import StandardScaler

    frame, roles = job.whole(), job.roles
    target = roles.get("target")
    if target not in frame:
        return []
    frame = frame[frame[target].notna()]
    X = frame.drop(columns=[target])
    for c in X.columns:
        if str(X[c].dtype).startswith("datetime"):
            X[c] = X[c].astype("int64").astype(float)
    low = [c for c in X if not (words(X[c]) and X[c].nunique() > 100)]
    X = pd.get_dummies(X[low]).astype(float)
    X = StandardScaler().fit_transform(X.fillna(X.mean()).fillna(0))
    y = frame[target]
    regression = roles.get("task") == "regression"
    with contextlib.redirect_stdout(io.StringIO()):
        if regression:
            lab = Datalab(data={"y": y.to_numpy()}, label_name="y", task="regression", verbosity=0)
            lab.find_issues(features=X)
        else:
            codes = np.unique(y.astype(str), return_inverse=True)[1]
            probs = cross_val_predict(ExtraTreesClassifier(random_state=0), X, codes, cv=5, method="predict_proba")
            lab = Datalab(data={"y": codes}, label_name="y", verbosity=0)
            lab.find_issues(pred_probs=probs, features=X)
    summary = lab.get_issue_summary()
    return [(r.issue_type, f"{r.num_issues} rows") for r in summary.itertuples() if r.num_issues > 0]


main(run)
