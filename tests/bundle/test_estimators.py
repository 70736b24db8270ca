"""The scikit-learn pair: in pipelines and cross-validation, on frames, and through scikit-learn's own checks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from assay.bundle.estimators import AssayClassifier, AssayRegressor
from assay.bundle.model import Model

QUICK = [
    "check_estimators_dtypes", "check_n_features_in_after_fitting", "check_dict_unchanged",
    "check_supervised_y_2d", "check_fit2d_1sample", "check_estimators_pickle",
]  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_some_of_scikit_learns_checks(name):
    getattr(estimator_checks, name)("AssayClassifier", AssayClassifier(budget=1.0))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [AssayClassifier, AssayRegressor])
def test_all_of_scikit_learns_checks(kind):
    results = estimator_checks.check_estimator(kind(), on_skip=None)
    assert {r["status"] for r in results} <= {"passed", "skipped"}
    assert [r["check_name"] for r in results if r["status"] == "skipped"] in ([], ["check_array_api_input"])


def test_pipeline_and_cross_validation():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    scores = cross_val_score(make_pipeline(StandardScaler(), AssayClassifier(budget=2.0)), X, names, cv=3)
    assert scores.mean() > 0.9  # linear discriminants reach .98 on iris; a broken class order would give .33


def test_frames_of_any_kind_predict_through_the_file(tmp_path):
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame({
        "colour": rng.choice(["red", "blue", None], n), "size": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
        "target": rng.random(n) > 0.5,
        "when": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 9999, n), "h"),
    })  # fmt: skip
    y = (frame["colour"] == "red") * 2.0 + frame["size"].fillna(0.5)
    fitted = AssayRegressor(budget=2.0).fit(frame, y)
    assert fitted.score(frame, y) > 0.8
    again = Model.load(fitted.model_.save(tmp_path / "m.assay"))
    assert np.array_equal(again.predict(frame), fitted.predict(frame))
    assert np.array_equal(fitted.predict(pl.from_pandas(frame)), fitted.predict(frame))
    assert list(fitted.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame.rename(columns={"size": "sise"}))
    assert clone(fitted).get_params() == fitted.get_params()


def test_one_class_and_short_tables():
    with pytest.raises(ValueError, match="one class"):
        AssayClassifier().fit(np.ones((9, 2)), ["a"] * 9)
    with pytest.raises(ValueError, match="minimum"):
        AssayClassifier().fit(pd.DataFrame({"a": [1, 2]}), [0, 1])
    with pytest.raises(ValueError, match="inconsistent"):
        AssayClassifier().fit(np.ones((9, 2)), [0, 1])
