"""Features keep what float32 could lose, mark what is missing, and never show a row its own label."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.encoder import MOST_LEVELS, encode, encode_training, fit_encoder, left_out
from assay.learn.target import labels
from assay.stats.auc import auc
from assay.tables import open_table


def sample(**columns):
    table = open_table(pa.table(columns), cache=False)
    return table.sample(SampleSpec(n=table.n_rows))


def fitted(rows, features, task=None, index=None, order=None):
    target = labels(rows, Roles(target=Role(("y",)), task=task))
    index = np.arange(rows.n) if index is None else index
    return fit_encoder(rows, features, target, index=index, order=order), target


def by_name(spec, X, name):
    return X[:, [f.name for f in spec.features].index(name)]


def test_large_whole_numbers_stay_apart():
    rng = np.random.default_rng(0)
    ids = 1_700_000_000 + rng.permutation(2000)
    rows = sample(x=ids, y=rng.integers(0, 2, 2000))
    spec, _ = fitted(rows, ["x"])
    X = encode(spec, rows)
    assert spec.features[0].shift != 0
    assert len(np.unique(X)) == 2000
    np.testing.assert_array_equal(X[:, 0].astype(np.float64) + spec.features[0].shift, rows.numbers("x"))
    assert len(np.unique(rows.numbers("x").astype(np.float32))) < 2000  # what would be lost without the shift


def test_small_numbers_are_not_shifted():
    rows = sample(x=np.linspace(-5, 90, 200), y=np.tile([0, 1], 100))
    assert fitted(rows, ["x"])[0].features[0].shift == 0.0


def test_codes_follow_frequency_and_unseen_is_missing():
    text = ["b"] * 5 + ["a"] * 3 + ["c"] * 3 + [None]
    rows = sample(x=pa.array(text), y=[0, 1] * 6)
    spec, _ = fitted(rows, ["x"])
    assert spec.features[0].levels == ("b", "a", "c")
    assert spec.categorical == (0,)
    fresh = sample(x=pa.array(["c", "new", None, "b"]), y=[0, 1, 0, 1])
    X = encode(spec, fresh)[np.argsort(fresh.position), 0]
    np.testing.assert_array_equal(X, np.array([2, np.nan, np.nan, 0], np.float32))


def test_infinite_and_null_are_missing():
    rows = sample(x=[1.0, float("inf"), None, -float("inf"), 1e300], y=[0, 1, 0, 1, 0])
    spec, _ = fitted(rows, ["x"])
    X = encode(spec, rows)[np.argsort(rows.position), 0]
    assert np.isnan(X).tolist() == [False, True, True, True, True]


def test_target_means_of_training_rows_do_not_know_their_own_label():
    rng = np.random.default_rng(1)
    n = 3000
    noise = [f"k{i:04}" for i in rng.integers(0, 600, n)]
    rows = sample(x=noise, y=rng.integers(0, 2, n))
    spec, target = fitted(rows, ["x"])
    mean = next(i for i, f in enumerate(spec.features) if "mean" in f.name)
    blind = encode(spec, rows)[:, mean]
    crossed = encode_training(spec, rows, target, index=np.arange(n))[:, mean]
    seen = np.isfinite(crossed)
    assert seen.mean() > 0.9
    assert auc(target.y, blind) > 0.65  # the plain mean reads labels off pure noise
    assert abs(auc(target.y[seen], crossed[seen]) - 0.5) < 0.04


def test_target_means_carry_real_effects():
    rng = np.random.default_rng(2)
    level = rng.integers(0, 200, 6000)
    y = (rng.normal(size=200)[level] + rng.normal(size=6000) > 0).astype(int)
    rows = sample(x=[f"k{i:03}" for i in level], y=y)
    spec, target = fitted(rows, ["x"])
    X = encode_training(spec, rows, target, index=np.arange(rows.n))
    mean = next(i for i, f in enumerate(spec.features) if "mean" in f.name)
    assert auc(target.y, np.nan_to_num(X[:, mean], nan=0.5)) > 0.7


def test_more_classes_give_one_mean_each_but_the_last():
    rng = np.random.default_rng(3)
    n = 2000
    rows = sample(x=[f"k{i:03}" for i in rng.integers(0, MOST_LEVELS + 30, n)], y=rng.choice(["a", "b", "c"], n))
    spec, _ = fitted(rows, ["x"])
    assert [f.name for f in spec.features] == ["x (mean of a)", "x (mean of b)", "x (count)"]


def test_dates_give_hours_and_weekdays_and_absolute_time_only_where_it_is_not_the_order():
    start = datetime(2024, 1, 1)  # a Monday
    when = [start + timedelta(hours=7 * i) for i in range(400)]
    rows = sample(t=pa.array(when), y=[0, 1] * 200)
    spec, _ = fitted(rows, ["t"])
    X = encode(spec, rows)[np.argsort(rows.position)]
    np.testing.assert_allclose(by_name(spec, X, "t (hour)"), [w.hour for w in when])
    np.testing.assert_allclose(by_name(spec, X, "t (weekday)"), [w.weekday() for w in when])
    assert len(np.unique(by_name(spec, X, "t"))) == 400
    assert [f.how for f in fitted(rows, ["t"], order="t")[0].features] == ["hour", "weekday", "day"]


def test_what_cannot_be_learned_from_is_left_out_with_its_reason():
    rng = np.random.default_rng(4)
    n = 500
    rows = sample(
        one=[3] * n,
        none=pa.nulls(n, pa.float64()),
        words=[f"remark number {i}" for i in range(n)],
        fine=rng.normal(size=n),
        step=np.arange(n),
        y=rng.integers(0, 2, n),
    )
    why = left_out(rows, ["one", "none", "words", "fine", "step"], index=np.arange(n), order="step")
    assert set(why) == {"one", "none", "words", "step"}
    assert why["one"] == "one value"
    assert "500 different values" in why["words"]
    assert "later values" in why["step"]
    spec, _ = fitted(rows, ["one", "none", "words", "fine", "step"], order="step")
    assert [f.column for f in spec.features] == ["fine"]


def test_order_of_rows_and_columns_does_not_matter():
    rng = np.random.default_rng(5)
    n = 800
    columns = {
        "b": rng.normal(size=n),
        "a": np.array([f"k{i:03}" for i in rng.integers(0, 100, n)]),
        "y": rng.integers(0, 2, n),
    }
    shuffle = rng.permutation(n)
    one = sample(**columns)
    two = sample(**{c: columns[c][shuffle] for c in reversed(list(columns))})
    (spec_one, target_one), (spec_two, target_two) = fitted(one, ["b", "a"]), fitted(two, ["a", "b"])
    assert spec_one.features == spec_two.features
    index = np.arange(n)
    np.testing.assert_array_equal(
        encode_training(spec_one, one, target_one, index=index), encode_training(spec_two, two, target_two, index=index)
    )
