"""What separates the rows that judge: the roles choose in one order, the user's word overrides, and nothing leaks."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import RoleError
from assay.core.subject import BUILD, CHOOSE, JUDGE, Role, Roles
from assay.core.table import SampleSpec
from assay.learn.splits import cv_folds
from assay.tables import make_partition, open_table
from assay.tables.partition_column import parts_said


def parts(columns, roles, seed=0, ids=()):
    table = open_table(pa.table(columns), cache=False).with_ids([*ids, "y"])
    rows = table.sample(SampleSpec(n=table.n_rows))
    made = make_partition(table, roles, seed)
    return made, rows, made.part(rows)


def columns(n=600, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "t": np.arange(n),
        "who": [f"p{i:03}" for i in rng.integers(0, 60, n)],
        "site": rng.choice(["berlin", "kyoto", "lima", "oslo", "paris", "quito", "riga"], n),
        "set": rng.choice(["train", "train", "train", "test"], n),
        "x": rng.normal(size=n),
        "y": rng.integers(0, 2, n),
    }


EVERY = {"order": Role(("t",)), "group": Role(("who",)), "site": Role(("site",)), "split": Role(("set",))}


def test_the_first_role_that_there_is_decides():
    says = []
    for without in ((), ("split",), ("split", "order"), ("split", "order", "group")):
        roles = Roles(target=Role(("y",)), **{k: v for k, v in EVERY.items() if k not in without})
        says.append(parts(columns(), roles)[0].says)
    assert [s.split()[0] + " " + s.split()[1] for s in says] == ["as the", "by time", "by group", "at random"]


def test_what_is_called_test_judges_and_the_latest_of_train_chooses():
    given_ = columns()
    roles = Roles(target=Role(("y",)), split=Role(("set",)), order=Role(("t",)))
    made, rows, part = parts(given_, roles)
    said = np.array(rows.arrow["set"].to_pylist())
    assert ((part == JUDGE) == (said == "test")).all()
    when = rows.numbers("t")
    assert when[part == BUILD].max() < when[part == CHOOSE].min()
    assert abs((part == CHOOSE).sum() / (said == "train").sum() - 0.25) < 0.01
    assert "test judges and teaches nothing" in made.says


def test_group_members_stay_together_where_choose_comes_out_of_train():
    roles = Roles(target=Role(("y",)), split=Role(("set",)), group=Role(("who",)))
    _, rows, part = parts(columns(), roles)
    who = np.array(rows.arrow["who"].to_pylist())
    assert (part == CHOOSE).any()
    assert not set(who[part == BUILD]) & set(who[part == CHOOSE])


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("set", ["TRAIN", "Val.", "Test"], [BUILD, CHOOSE, JUDGE]),
        ("set", ["training", "validation"], [BUILD, JUDGE]),
        ("set", ["train", "dev", "test"], [BUILD, CHOOSE, JUDGE]),
        ("sample", ["development", "out-of-time"], [BUILD, JUDGE]),
        ("is_test", ["false", "true"], [BUILD, JUDGE]),
        ("in_train", ["1", "0"], [BUILD, JUDGE]),
    ],
)
def test_usual_spellings(column, values, expected):
    said = parts_said(column, values)
    assert said is not None and [said[v] for v in values] == expected


@pytest.mark.parametrize(
    ("column", "values"),
    [("fold", ["1", "2", "3"]), ("set", ["train"]), ("set", ["test", "valid"]), ("flag", ["0", "1"]),
     ("train_test", ["0", "1"]), ("set", ["train", "elsewhere"])],
)  # fmt: skip
def test_what_does_not_say_it_is_not_guessed(column, values):
    assert parts_said(column, values) is None


def test_a_split_column_that_says_nothing_is_refused_in_one_sentence():
    fold = columns() | {"set": np.arange(600) % 3}
    with pytest.raises(RoleError, match=r"must say which rows train, validate and test.*it says 0, 1 and 2"):
        parts(fold, Roles(target=Role(("y",)), split=Role(("set",))))


@pytest.mark.parametrize("by", ["column", "time", "group", "site"])
def test_a_split_without_its_role_is_refused(by):
    with pytest.raises(RoleError, match=f"split by {by} needs the"):
        parts(columns(), Roles(target=Role(("y",)), split_by=by))


def test_what_an_override_ignores_is_said_and_the_default_says_nothing():
    roles = Roles(target=Role(("y",)), order=Role(("t",)), group=Role(("who",)))
    assert "ignored" not in parts(columns(), roles)[0].says
    said = {"target": Role(("y",)), "order": Role(("t",)), "group": Role(("who",))}
    loud = parts(columns(), Roles(**said, split_by="random"))[0]
    assert "time (t) is ignored" in loud.says and "rows of one who stand on both sides" in loud.says
    grouped = parts(columns(), Roles(target=Role(("y",)), order=Role(("t",)), group=Role(("who",)), split_by="group"))[
        0
    ]
    assert "time (t) is ignored" in grouped.says and "both sides" not in grouped.says


@pytest.mark.parametrize("seed", range(4))
def test_sites_that_judge_taught_nothing(seed):
    roles = Roles(target=Role(("y",)), site=Role(("site",)), split_by="site")
    made, rows, part = parts(columns(), roles, seed)
    site = np.array(rows.arrow["site"].to_pylist())
    by = [set(site[part == p]) for p in (BUILD, CHOOSE, JUDGE)]
    assert all(by) and not by[0] & by[1] and not by[0] & by[2] and not by[1] & by[2]
    assert 0.1 < (part == JUDGE).mean() <= 0.3
    assert all(name in made.says for name in by[2])
    index = np.flatnonzero(part == BUILD)
    folds = cv_folds(rows, roles, index, 3, y=rows.numbers("y"), seed=seed)
    assert len(folds) == 3 and sorted(np.concatenate([v for _, v in folds])) == sorted(index)
    for train, valid in folds:
        assert not set(site[train]) & set(site[valid])


def test_two_sites_leave_one_to_judge_and_one_site_is_refused():
    roles = Roles(target=Role(("y",)), site=Role(("site",)), split_by="site")
    two = columns() | {"site": np.where(np.arange(600) % 3 == 0, "north", "south")}
    _, rows, part = parts(two, roles)
    site = np.array(rows.arrow["site"].to_pylist())
    assert set(site[part == JUDGE]) == {"north"} and set(site[part == CHOOSE]) == {"south"}
    with pytest.raises(RoleError, match="at least two sites"):
        parts(columns() | {"site": ["north"] * 600}, roles)


@given(
    copies=st.lists(st.integers(0, 120), min_size=150, max_size=300),
    by=st.sampled_from(["random", "group", "site"]),
    seed=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None)
def test_copies_groups_and_sites_never_stand_on_both_sides(copies, by, seed):
    x = np.array(copies)
    roles = Roles(target=Role(("y",)), group=Role(("g",)), site=Role(("s",)), split_by=by)
    given_ = {"x": x, "g": [f"g{v % 40}" for v in x], "s": [f"s{v % 5}" for v in x], "y": np.arange(len(x)) % 2}
    if len(set(given_["s"])) < 2:
        return
    made, rows, part = parts(given_, roles, seed)
    key = {"random": rows.content, "group": rows.codes("g")[0], "site": rows.codes("s")[0]}[by]
    common = make_partition.__globals__["rowid"].common(rows.content) if by == "random" else []
    for value in np.unique(key):
        if by == "random" and value in common:
            continue
        here = set(part[key == value])
        assert len(here) == 1 or (by == "site" and here == {BUILD, CHOOSE})
    for train, valid in cv_folds(rows, roles, np.arange(rows.n), 3, seed=seed):
        both = set(key[train]) & set(key[valid])
        assert not both - set(common)
    again = made.part(rows.take(np.arange(rows.n)[::-1]))
    np.testing.assert_array_equal(again[::-1], part)


def rare(n, few, seed):
    rng = np.random.default_rng(seed)
    y = np.zeros(n, np.int64)
    y[rng.permutation(n)[:few]] = 1
    return {"x": rng.normal(size=n), "y": y}


def test_a_rare_class_is_in_every_part_where_chance_would_leave_it_out():
    roles = Roles(target=Role(("y",)), task="binary", classes=("0", "1"))
    dealt, plain = [], []
    for seed in range(12):
        made, rows, part = parts(rare(300, 6, seed), roles)
        here = np.bincount(part[rows.numbers("y") == 1], minlength=3)
        dealt.append(here)
        plain.append(parts(rare(300, 6, seed), Roles(target=Role(("y",))))[2][rows.numbers("y") == 1])
        if "class is dealt out by itself" in made.says:
            assert abs((part == JUDGE).mean() - 0.2) < 0.01 and tuple(here) == (4, 1, 1)
    assert np.min(dealt) >= 1
    assert min(np.bincount(p, minlength=3).min() for p in plain) == 0  # what chance does


def test_classes_with_many_rows_and_numbers_are_left_to_the_hash():
    roles = Roles(target=Role(("y",)), task="binary", classes=("0", "1"))
    assert "dealt out by itself" not in parts(columns(), roles)[0].says
    number = Roles(target=Role(("x",)), task="regression")
    assert "dealt out by itself" not in parts(columns(), number, ids=("x",))[0].says


def test_copies_of_different_label_stay_together_where_classes_are_dealt_out():
    few = rare(200, 5, 3)
    twice = {"x": np.concatenate((few["x"], few["x"])), "y": np.concatenate((few["y"], 1 - few["y"]))}
    roles = Roles(target=Role(("y",)), task="binary", classes=("0", "1"))
    _, rows, part = parts(twice, roles)
    for value in np.unique(rows.content):
        assert len(set(part[rows.content == value])) == 1
