"""The whole fit on generated tables: what is promised about rows, candidates, scores and what is shipped."""

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import InputError, RoleError, SettingsError
from assay.core.remedy import Op, Proof, Recipe, Remedy
from assay.core.settings import Settings
from assay.core.subject import BUILD, CHOOSE, JUDGE, Role, Roles, Subject
from assay.core.table import SampleSpec
from assay.fit import fit
from assay.learn.encoder import encode
from assay.learn.replay import replay, replay_form
from assay.stats.auc import auc, auc_interval
from assay.tables import guess_roles, make_partition, open_table

AMPLE = Settings(budget=600.0)


def subject(columns, target="y", seed=0, **roles):
    table = open_table(pa.table(columns), cache=False)
    found = guess_roles(table, {"target": target} | roles)
    plain = Roles(target=found.target, task=found.task, classes=found.classes, positive=found.positive)
    named = {k: Role((v,)) for k, v in roles.items()}
    plain = Roles(**{f: getattr(plain, f) for f in ("target", "task", "classes", "positive")}, **named)
    return Subject(table, plain, make_partition(table, plain, seed), seed)


def binary(n=500, seed=0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    kind = rng.choice(["red", "green", "blue"], n)
    town = rng.integers(0, 80, n)
    effect = rng.normal(size=80)
    score = 1.2 * x + (kind == "red") + 0.7 * effect[town] + rng.logistic(size=n)
    return {
        "x": pa.array([None if hole else v for v, hole in zip(x, rng.random(n) < 0.1, strict=True)]),
        "z": z,
        "kind": kind,
        "town": [f"town {t:02}" for t in town],
        "y": np.where(score > 0.3, "yes", "no"),
    }


@pytest.fixture(scope="module")
def made():
    asked = subject(binary())
    return asked, fit(asked, Recipe(), AMPLE)


def test_candidates_cover_families_and_name_a_winner(made):
    _, fitted = made
    always = {"lightgbm", "linear", "extra-trees", "tree", "additive", "network", "xgboost"}
    assert {c.family for c in fitted.candidates} - {"catboost"} == always
    assert any(c.readable for c in fitted.candidates)
    assert fitted.winners
    assert sum(c.weight for c in fitted.candidates) == pytest.approx(1.0)
    assert fitted.finished and fitted.reproducible
    for c in fitted.candidates:
        assert c.state in ("won", "beaten")
        assert c.folds_done == c.folds or c.left_at[0] > 2.5 * c.left_at[1]


def test_parts_are_those_of_the_partition(made):
    asked, fitted = made
    rows = asked.table.sample(SampleSpec(n=asked.table.n_rows))
    p = fitted.predictions
    at = np.searchsorted(rows.row_id, p.row_id)
    np.testing.assert_array_equal(rows.row_id[at], p.row_id)
    np.testing.assert_array_equal(asked.partition.part(rows)[at], p.part)
    assert set(p.part) == {BUILD, CHOOSE, JUDGE}
    assert len(p.row_id) == rows.n
    np.testing.assert_array_equal(p.y, np.array([fitted.classes.index(v) for v in rows.arrow["y"].to_pylist()])[at])
    np.testing.assert_allclose(p.output.sum(axis=1), 1.0)


def test_the_headline_is_the_judged_models_score_on_judge(made):
    asked, fitted = made
    p = fitted.predictions
    judge = p.part == JUDGE
    assert fitted.headline.metric == "AUC"
    assert fitted.headline.value == pytest.approx(auc(p.y[judge], p.output[judge, 1]))
    assert fitted.headline.interval == pytest.approx(auc_interval(p.y[judge], p.output[judge, 1], 0.05))
    assert fitted.headline.interval[0] > 0.5
    assert fitted.naive.value == 0.5
    assert fitted.shuffled is None  # the split is a shuffled one already
    rows = asked.table.sample(SampleSpec(n=asked.table.n_rows))
    at = np.searchsorted(rows.row_id, p.row_id)[judge]
    X = encode(fitted.judged.spec, rows)[at]
    np.testing.assert_allclose(replay(fitted.judged, X), p.output[judge], atol=1e-6)


def test_forms_equal_natives_on_real_features(made):
    asked, fitted = made
    X = encode(fitted.assembly.spec, asked.table.sample(SampleSpec(n=500)))
    for m in fitted.assembly.members:
        if m.family == "lightgbm":
            np.testing.assert_allclose(replay_form(m.form, X)[:, 0], m.native.predict(X), atol=1e-6)


def test_a_small_table_ships_a_refit_that_says_so(made):
    asked, fitted = made
    assert fitted.shipped == "refit"
    assert "not itself tested" in fitted.label
    assert fitted.assembly is not fitted.judged
    kept = fit(asked, Recipe(), Settings(budget=600.0), ship="judged")
    assert kept.assembly is kept.judged
    assert kept.headline == fitted.headline


def test_coverage_is_reported_by_class(made):
    _, fitted = made
    record = fitted.conformal
    assert [c.of for c in record.realised] == ["no", "yes", "all rows"]
    assert record.realised[2].n == int((fitted.predictions.part == JUDGE).sum())
    assert record.realised[0].n + record.realised[1].n == record.realised[2].n
    assert all(c.interval[0] <= c.hits / c.n <= c.interval[1] for c in record.realised)
    judge = fitted.predictions.part == JUDGE
    inside = fitted.predictions.sets[judge][np.arange(judge.sum()), fitted.predictions.y[judge].astype(int)]
    assert inside.sum() == record.realised[2].hits
    assert record.realised[2].interval[1] > 0.9  # 90 % was promised


def test_row_and_column_order_do_not_matter_and_the_seed_does_not_wander(made):
    _, fitted = made
    columns = binary()
    order = np.random.default_rng(9).permutation(500)
    again = fit(subject({c: pa.array(columns[c]).take(order) for c in reversed(list(columns))}), Recipe(), AMPLE)
    np.testing.assert_array_equal(again.predictions.output, fitted.predictions.output)
    np.testing.assert_array_equal(again.predictions.row_id, fitted.predictions.row_id)
    assert again.judged.conformal == fitted.judged.conformal
    assert [(c.name, c.loss, c.state) for c in again.candidates] == [
        (c.name, c.loss, c.state) for c in fitted.candidates
    ]


def test_on_noise_no_part_knows_its_labels():
    rng = np.random.default_rng(4)
    n = 700
    columns = {
        "a": rng.normal(size=n),
        "word": [f"w{i:03}" for i in rng.integers(0, 150, n)],
        "c": rng.choice(["u", "v"], n),
        "y": rng.integers(0, 2, n),
    }
    p = fit(subject(columns), Recipe(), AMPLE).predictions
    for part in (BUILD, CHOOSE, JUDGE):
        rows = p.part == part
        lo, hi = auc_interval(p.y[rows], p.output[rows, 1], 0.001)
        assert lo <= 0.5 <= hi


def test_columns_left_out_stay_out():
    columns = binary(300)
    columns["leak"] = (np.asarray(columns["y"]) == "yes").astype(float)
    columns["id"] = [f"free text {i}" for i in range(300)]
    fitted = fit(subject(columns), Recipe(), AMPLE, left_out={"leak": "K01: the target in other words"})
    assert "leak" not in fitted.features
    assert fitted.left_out["leak"] == "K01: the target in other words"
    assert "free text" in fitted.left_out["id"]
    assert fitted.headline.value < 0.95
    assert all(name != "leak" for name, _ in fitted.assembly.spec.columns)
    only = fit(subject(columns), Recipe(), AMPLE, features=["x", "kind"])
    assert only.features == ("kind", "x")
    with pytest.raises(RoleError, match="'nothing'"):
        fit(subject(columns), Recipe(), AMPLE, features=["nothing"])


def test_the_recipe_is_part_of_the_model_and_raw_columns_feed_it():
    columns = binary(300)
    x = np.array([-99.0 if v is None else v for v in columns["x"].to_pylist()])
    columns["x"] = x
    ops = (Op("indicator", ("z",), {"name": "z was null"}), Op("null_if", ("x",), {"values": [-99]}))
    ops += (Op("rename", ("z",), {"name": "zed"}), Op("drop_column", ("town",)))
    remedy = Remedy("cells", "safe", "fidelity", "mend", ops)
    fitted = fit(subject(columns), Recipe((("D02", remedy, Proof("fidelity", "kept")),)), AMPLE)
    assert set(fitted.features) <= {"x", "zed", "kind", "z was null"}
    assert "zed" in fitted.features
    assert {name for name, _ in fitted.assembly.spec.columns} == {"kind", "x", "z"}
    assert "dropped" in fitted.left_out["town"]


def test_regression_over_time_is_judged_on_later_rows():
    rng = np.random.default_rng(5)
    n = 900
    t = np.arange(n)
    x = rng.normal(size=n)
    level = np.cumsum(rng.normal(size=n)) * 0.4  # a walk: neighbours in time tell each other's level
    columns = {"t": t, "x": x, "near": np.floor(t / 6.0), "y": x + level + rng.normal(size=n) * 0.3}
    fitted = fit(subject(columns, order="t"), Recipe(), AMPLE)
    p = fitted.predictions
    assert fitted.task == "regression"
    assert fitted.headline.metric == "R2"
    assert fitted.headline.label == "later rows"
    assert len(fitted.headline.blocks) > 3
    assert fitted.shuffled is not None
    assert fitted.shuffled.value > fitted.headline.value + 0.1
    assert "t" in fitted.left_out
    assert p.sets.shape == (len(p.row_id), 2)
    assert (p.sets[:, 1] > p.sets[:, 0]).all()


def test_groups_are_judged_on_other_groups():
    rng = np.random.default_rng(6)
    n, groups = 900, 60
    g = rng.integers(0, groups, n)
    effect = rng.normal(size=groups) * 2
    trait = rng.normal(size=groups)
    columns = {
        "g": [f"p{i:02}" for i in g],
        "trait": np.round(trait[g], 3),  # tells the group, and nothing about other groups
        "x": rng.normal(size=n),
    }
    columns["y"] = np.digitize(effect[g] + columns["x"] + rng.normal(size=n), [-1, 1]).astype(str)
    fitted = fit(subject(columns, group="g"), Recipe(), AMPLE)
    assert fitted.task == "multiclass"
    assert fitted.headline.metric == "log-loss"
    assert fitted.headline.label == "rows of other groups"
    assert fitted.shuffled.value < fitted.headline.value  # a loss: the shuffled split flatters
    assert "other groups" in fitted.left_out["g"]
    assert fitted.predictions.output.shape[1] == 3


@pytest.mark.parametrize("n", [6, 12, 30])
def test_tiny_tables_are_fitted_or_refused_in_a_sentence(n):
    rng = np.random.default_rng(n)
    columns = {"x": rng.normal(size=n), "y": np.tile([0, 1], n // 2)}
    fitted = fit(subject(columns), Recipe(), AMPLE)
    assert fitted.rows_known == n
    assert np.isfinite(fitted.predictions.output).all()


def test_bad_input_is_one_clear_sentence():
    good = binary(60)
    with pytest.raises(InputError, match="one value"):
        fit(Subject(*_with_target({"x": [1.0, 2, 3, 4, 5], "y": [1, 1, 1, 1, 1]})), Recipe(), AMPLE)
    with pytest.raises(InputError, match="at least 4 rows"):
        fit(Subject(*_with_target({"x": [1.0, 2, 3], "y": [1, None, 0]})), Recipe(), AMPLE)
    with pytest.raises(InputError, match="no column is left"):
        fit(subject({"x": [1.0] * 60, "y": good["y"]}), Recipe(), AMPLE)
    with pytest.raises(SettingsError, match="judged or refit"):
        fit(subject(good), Recipe(), AMPLE, ship="both")
    with pytest.raises(SettingsError, match="budget"):
        fit(subject(good), Recipe(), Settings(budget=0.0))
    plain = subject(good)
    with pytest.raises(RoleError, match="--target"):
        fit(Subject(plain.table, Roles(), plain.partition), Recipe(), AMPLE)


def _with_target(columns):
    table = open_table(pa.table(columns), cache=False)
    roles = Roles(target=Role(("y",)), task="binary", classes=("0", "1"), positive="1")
    return table, roles, make_partition(table, roles, 0)
