"""Folds follow the roles: nothing that belongs together, and nothing later, on the training side."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assay.core.errors import InputError
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.splits import HonestSplit, cv_folds
from assay.tables import open_table


def sample(**columns):
    table = open_table(pa.table(columns), cache=False)
    return table.sample(SampleSpec(n=table.n_rows))


def test_duplicates_fall_together_and_classes_are_spread():
    rng = np.random.default_rng(0)
    x = rng.permutation(np.repeat(np.arange(300), 2))
    y = (x % 10 == 0).astype(int)
    rows = sample(x=x, y=y)
    label = rows.numbers("y")
    folds = cv_folds(rows, Roles(target=Role(("y",))), np.arange(rows.n), 4, y=label)
    assert len(folds) == 4
    assert sorted(np.concatenate([v for _, v in folds]).tolist()) == list(range(600))
    for train, valid in folds:
        assert not set(rows.numbers("x")[train]) & set(rows.numbers("x")[valid])
        assert label[valid].sum() > 0


def test_coarse_columns_do_not_bind_rows_of_one_label():
    rng = np.random.default_rng(8)
    x = rng.integers(0, 10, 3000)
    y = (rng.random(3000) < 0.2 + x / 20).astype(int)
    rows = sample(x=x, y=y)
    label, value = rows.numbers("y"), rows.numbers("x")
    for train, valid in cv_folds(rows, Roles(target=Role(("y",))), np.arange(rows.n), 5, y=label):
        share = np.bincount(value[train].astype(int), weights=label[train]) / np.bincount(value[train].astype(int))
        assert np.corrcoef(share[value[valid].astype(int)], label[valid])[0, 1] > 0.15  # the true one is .29


def test_groups_fall_together():
    rng = np.random.default_rng(1)
    rows = sample(g=[f"p{i:02}" for i in rng.integers(0, 30, 500)], x=rng.normal(size=500), y=rng.integers(0, 2, 500))
    codes, _ = rows.codes("g")
    roles = Roles(target=Role(("y",)), group=Role(("g",)))
    for train, valid in cv_folds(rows, roles, np.arange(rows.n), 3, y=rows.numbers("y")):
        assert not set(codes[train]) & set(codes[valid])


@pytest.mark.parametrize("order", ["t", "@row"])
def test_time_goes_forward_and_moments_are_not_cut(order):
    rng = np.random.default_rng(2)
    t = np.sort(rng.integers(0, 40, 400))
    rows = sample(t=t, x=rng.normal(size=400), y=rng.integers(0, 2, 400))
    roles = Roles(target=Role(("y",)), order=Role((order,)))
    when = rows.position if order == "@row" else rows.numbers("t")
    folds = cv_folds(rows, roles, np.arange(rows.n), 4)
    assert len(folds) == 4
    for train, valid in folds:
        assert when[train].max() < when[valid].min()
    assert len(folds[-1][0]) > len(folds[0][0])


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    rows = sample(x=np.arange(200.0), y=np.tile([0, 1], 100))
    roles = Roles(target=Role(("y",)))
    index = np.arange(200)
    one, two, other = (cv_folds(rows, roles, index, 5, seed=s) for s in (0, 0, 1))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


def test_honest_split_in_cross_val_score():
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=150), "who": rng.integers(0, 25, 150)})
    X = pd.concat([X, X], ignore_index=True)
    y = np.tile(rng.integers(0, 2, 150), 2)
    model = KNeighborsClassifier(1)
    from sklearn.model_selection import KFold

    leaky = cross_val_score(model, X[["a"]], y, cv=KFold(5, shuffle=True, random_state=0)).mean()
    honest = cross_val_score(model, X[["a"]], y, cv=HonestSplit(5)).mean()
    assert leaky > 0.9  # its twin stands in the training rows
    assert abs(honest - 0.5) < 0.15
    for train, valid in HonestSplit(5, group="who").split(X, y):
        assert not set(X["who"][train]) & set(X["who"][valid])
    for train, valid in HonestSplit(3, time="@row").split(X, y):
        assert train.max() < valid.min()
    for train, valid in HonestSplit(3).split(X.to_numpy(), y, groups=X["who"]):
        assert not set(X["who"][train]) & set(X["who"][valid])


def test_honest_split_says_what_is_wrong():
    X = np.zeros((10, 1))
    with pytest.raises(InputError, match="folds need"):
        list(HonestSplit(3).split(X, groups=np.repeat([1, 2], 5)))
    with pytest.raises(InputError, match="at least 2"):
        list(HonestSplit(1).split(X))
    with pytest.raises(InputError, match="'when'"):
        list(HonestSplit(2, time="when").split(pd.DataFrame({"a": [1, 2, 3]})))


def by_site(n=240, seed=5):
    """A target that each site codes in its own way: what is learned of a site holds there and nowhere else."""
    rng = np.random.default_rng(seed)
    site = np.repeat(["berlin", "kyoto", "lima", "oslo", "paris", "quito"], n // 6)
    turned = np.isin(site, ["kyoto", "oslo", "quito"])
    a = rng.normal(size=n)
    return pd.DataFrame({"a": a, "turned": turned.astype(float) + rng.normal(0, 0.01, n), "site": site}), (
        (a > 0) ^ turned
    ).astype(int)


def test_honest_split_leaves_whole_sites_out():
    X, y = by_site()
    seen = []
    for train, valid in HonestSplit(3, site="site").split(X, y):
        assert not set(X["site"][train]) & set(X["site"][valid])
        assert abs(len(valid) - len(X) / 3) <= 40
        seen += list(valid)
    assert sorted(seen) == list(range(len(X)))
    with pytest.raises(InputError, match="folds need"):
        list(HonestSplit(7, site="site").split(X, y))
    with pytest.raises(InputError, match="one of time, group and site; got time and site"):
        list(HonestSplit(3, time="a", site="site").split(X, y))


@pytest.mark.parametrize(
    "split",
    [HonestSplit(3), HonestSplit(3, group="site"), HonestSplit(3, site="site"), HonestSplit(3, time="@row")],
    ids=["rows", "group", "site", "time"],
)
def test_honest_split_in_pipelines_and_searches(split):
    from sklearn.base import clone
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, check_cv, cross_val_predict, cross_validate
    from sklearn.pipeline import make_pipeline

    X, y = by_site()
    y = np.where(np.arange(len(y)) % 7 == 0, 1 - y, y)
    model = make_pipeline(make_column_transformer(("passthrough", ["a", "turned"])), LogisticRegression())
    assert check_cv(split) is split and split.get_n_splits(X, y) == 3
    assert len(cross_validate(model, X, y, cv=split)["test_score"]) == 3
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 10.0]}, cv=split).fit(X, y)
    assert search.n_splits_ == 3 and set(search.best_params_) == {"logisticregression__C"}
    if split.time is None:
        assert len(cross_val_predict(clone(model), X, y, cv=split)) == len(y)


def test_honest_split_says_what_it_does():
    assert repr(HonestSplit(3, site="hospital")) == "HonestSplit(n_splits=3, site='hospital')"
    assert repr(HonestSplit()) == "HonestSplit(n_splits=5)"
