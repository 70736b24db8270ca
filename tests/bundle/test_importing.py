"""Live models of other makers become bundles that answer as they do, on the rows given and on others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import assay
from assay.bundle.model import Model
from assay.bundle.verify import verify
from assay.core.errors import BundleError, InputError, SettingsError
from tests.bundle.test_published import validate

pd = pytest.importorskip("pandas")
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)  # fmt: skip
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

N = 500
NUMBERS = ["far", "few", "near", "stamp"]


def rows(seed=0, n=N, holes=True):
    """Numbers far from zero, few values, near values, whole numbers beyond float32; words, true and false."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "far": rng.normal(size=n) * 50 + 1000, "few": rng.integers(0, 9, n), "near": rng.random(n) * 1e-3,
        "stamp": 1.6e9 + rng.integers(0, 10**7, n), "colour": rng.choice(["red", "green", "blue"], n),
        "flag": rng.random(n) < 0.3,
    })  # fmt: skip
    score = (frame.far - 1000) / 50 + (frame.colour == "red") + frame.few / 5 + rng.normal(size=n) * 0.5
    if holes:
        frame.loc[rng.random(n) < 0.1, "far"] = np.nan
        frame.loc[rng.random(n) < 0.1, "colour"] = None
    two = np.where(score > 1, "yes", "no")
    return frame, two, np.digitize(score, [0.5, 1.5]), score.to_numpy()


def prepared(coder):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), coder)
    return ColumnTransformer([("n", numbers, NUMBERS), ("c", words, ["colour"])], remainder="passthrough")


def answers(model, given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if hasattr(model, "predict_proba"):
            return model.predict_proba(given)
        return np.asarray(model.predict(given))


def held(model, given, others, **said):
    """Imported, checked and asked again on rows that the import did not see."""
    made = assay.import_model(model, given, **said)
    assert made.parity["max"] <= 1e-5
    want = answers(model, others)
    got = made.predict_proba(others) if made.classes else made.predict(others)
    far = np.abs(got - want).reshape(len(others), -1).max(axis=1) / (1.0 if made.classes else np.std(want))
    assert (far > 1e-4).mean() <= 0.01, "at a threshold a float32 may fall on the other side, and nowhere else"
    return made


CODERS = {
    "one-hot": lambda: OneHotEncoder(handle_unknown="ignore", drop="if_binary", sparse_output=False),
    "codes": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
}
PIPELINES = [
    ("one-hot", lambda: LogisticRegression(max_iter=300), 1),
    ("codes", lambda: LogisticRegression(max_iter=300), 2),
    ("one-hot", lambda: Ridge(), 3),
    ("codes", lambda: PoissonRegressor(), 3),
    ("codes", lambda: DecisionTreeClassifier(max_depth=6), 2),
    ("one-hot", lambda: RandomForestClassifier(8, n_jobs=1), 1),
    ("one-hot", lambda: ExtraTreesRegressor(8, n_jobs=1), 3),
    ("codes", lambda: GradientBoostingClassifier(n_estimators=8), 2),
    ("one-hot", lambda: HistGradientBoostingClassifier(max_iter=8), 1),
    ("codes", lambda: HistGradientBoostingRegressor(max_iter=8, loss="poisson"), 3),
]


@pytest.mark.parametrize("coder, make, target", PIPELINES, ids=[f"{c}-{type(m()).__name__}" for c, m, _ in PIPELINES])
def test_pipelines(coder, make, target):
    given, others = rows(), rows(1, 200)
    y = np.abs(given[3]) if target == 3 else given[target]
    model = make_pipeline(prepared(CODERS[coder]()), make()).fit(given[0], y)
    unknown = others[0].assign(colour=others[0].colour.where(others[0].index % 7 != 0, "mauve"))
    made = held(model, given[0], unknown, target="y")
    want = model.predict(given[0])
    assert made.task == "regression" or (made.predict(given[0]) == want).mean() > 0.99
    assert made.predict(given[0]).dtype.kind == np.asarray(want).dtype.kind.replace("U", "O")
    validate(made.to_bytes())


def test_what_the_file_says_of_itself():
    given, two, _, _ = rows(holes=False)
    model = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(given[NUMBERS], two)
    made = assay.import_model(model, given.assign(late=two), target="late", name="late", version="2.1.0")
    assert (made.name, made.version, made.target, made.columns) == ("late", "2.1.0", "late", tuple(NUMBERS))
    says = made.dossier["model"]["imported"]["says"]
    assert "neither fitted nor audited here" in says and "scikit-learn (Pipeline of LogisticRegression)" in says
    assert says in made._files["dossier/model_card.md"].decode().replace("\\_", "_")
    assert made.dossier["report"] is None and "scores" not in made.dossier["model"]
    assert made.predict_set(given).all(), "nothing was held out, so a set that holds anything less would be a claim"
    assert verify(made.to_bytes()).whole and Model.load(made.to_bytes()).digest == made.digest
    assert assay.import_model(model, given.assign(late=two), target="late", name="late", version="2.1.0").digest == \
        made.digest, "the same bytes"  # fmt: skip


def test_shares_of_trees_stay_between_0_and_1():
    """A forest whose 20 trees all say yes adds up 20 times 1 / 20, which is more than 1."""
    X = np.random.default_rng(0).normal(size=(300, 2))
    forest = RandomForestClassifier(20, random_state=0, n_jobs=1).fit(X, (X[:, 0] > 0).astype(int))
    made = assay.import_model(forest, X)
    p = made.predict_proba(pd.DataFrame(X, columns=["x0", "x1"]))
    assert p.min() >= 0.0 and p.max() <= 1.0 and made.predict_set(pd.DataFrame(X, columns=["x0", "x1"])).all()


def test_a_matrix_without_names():
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = (X[:, 0] > 0).astype(int)
    made = assay.import_model(RandomForestClassifier(5, random_state=0).fit(X, y), X)
    assert made.columns == ("x0", "x1", "x2") and made.classes == ("0", "1")
    assert made.predict([{"x0": 2.0, "x1": 0.0, "x2": 0.0}])[0] == 1


def test_categories_of_histogram_boosting():
    given, _, three, _ = rows()
    frame = given.assign(colour=given.colour.astype("category"))
    model = HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype").fit(frame, three)
    held(model, frame, frame.iloc[::-1])


@pytest.mark.parametrize("objective, target", [("binary", 1), ("multiclass", 2), ("l1", 3), ("gamma", 3)])
def test_lightgbm(objective, target):
    import lightgbm as lgb

    given = rows()
    frame = given[0].assign(colour=given[0].colour.astype("category"))
    y = np.abs(given[3]) + 0.1 if target == 3 else given[target]
    kind = lgb.LGBMRegressor if target == 3 else lgb.LGBMClassifier
    model = kind(objective=objective, n_estimators=10, n_jobs=1, verbose=-1).fit(frame, y)
    made = held(model, frame, frame.iloc[::-1])
    booster = assay.import_model(model.booster_, frame)
    assert booster._files["model/model.onnx"] == made._files["model/model.onnx"] or target < 3


@pytest.mark.parametrize("objective, target", [("binary:logistic", 1), ("multi:softprob", 2), ("count:poisson", 3)])
def test_xgboost(objective, target):
    xgb = pytest.importorskip("xgboost")
    given = rows()
    frame = given[0].assign(colour=given[0].colour.astype("category"))
    y = np.abs(given[3]) if target == 3 else np.unique(given[target], return_inverse=True)[1]
    kind = xgb.XGBRegressor if target == 3 else xgb.XGBClassifier
    model = kind(objective=objective, n_estimators=10, n_jobs=1, enable_categorical=True).fit(frame, y)
    made = held(model, frame, frame.iloc[::-1])
    booster = assay.import_model(model.get_booster(), frame)
    assert booster._files["model/model.onnx"] == made._files["model/model.onnx"]


def test_a_graph_that_differs_is_refused(monkeypatch):
    """The parity check is what stands between a wrong conversion and a file: break one, and nothing is written."""
    from assay.bundle.importing import features

    given, two, _, _ = rows(holes=False)
    model = RandomForestClassifier(5, random_state=0).fit(given[NUMBERS], two)
    monkeypatch.setattr(features, "_moved", lambda threshold, *rest: threshold + 1.0)
    with pytest.raises(BundleError, match=r"differ by .* at most 0\.0001 is shipped"):
        assay.import_model(model, given)


def test_what_is_refused_in_one_sentence():
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import PolynomialFeatures
    from sklearn.svm import SVC

    given, two, _, score = rows(holes=False)
    X = given[NUMBERS]
    for model, match in (
        (KNeighborsClassifier().fit(X, two), "KNeighborsClassifier of scikit-learn has no form here"),
        (make_pipeline(PolynomialFeatures(2), Ridge()).fit(X[["few"]], score), "PolynomialFeatures has no form here"),
        (make_pipeline(MinMaxScaler(clip=True), Ridge()).fit(X, score), "clip=True"),
        (Ridge(), "must be fitted"), (SVC().fit(X, two), "SVC"), (object(), "object of builtins"),
        (Ridge, "got the class Ridge"), ("model.pkl", "load it yourself"), (None, "got None"),
        (Ridge().fit(X[["few"]], np.column_stack((score, score))), "several targets"),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match=match) as caught:
            assay.import_model(model, X)
        assert "\n" not in str(caught.value)
    good = ExtraTreesRegressor(2).fit(X, score)
    for frame, match in (
        (X.drop(columns="few"), "'few', which the rows lack"), (X.iloc[:0], "checked on rows"),
        (X.to_numpy()[:, :2], "4 columns; the rows have 2"), (X.assign(few=pd.Timestamp("2020")), "timestamp"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=match):
            assay.import_model(good, frame)
    with pytest.raises(SettingsError, match="name"):
        assay.import_model(good, X, name="a b")


def test_gradient_boosting_with_other_losses():
    given, two, _, score = rows(holes=False)
    X = given[NUMBERS]
    held(GradientBoostingClassifier(loss="exponential", n_estimators=8).fit(X, two), X, X.iloc[::-1])
    held(GradientBoostingRegressor(loss="huber", n_estimators=8).fit(X, score), X, X.iloc[::-1])
