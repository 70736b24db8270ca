"""From a source to a subject: roles, comparisons, and a partition that keeps copies together and labels apart."""

from __future__ import annotations

import numpy as np
import pytest

from assay.audit import open_subject
from assay.core.errors import InputError, RoleError
from assay.core.table import SampleSpec
from assay.learn.target import labels


def parts(subject):
    rows = subject.table.sample(SampleSpec(n=max(1, subject.table.n_rows)))
    return rows, labels(rows, subject.roles), subject.partition.part(rows)


def test_coarse_columns_do_not_send_a_label_to_one_part():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 10, 3000)
    y = rng.random(3000) < 0.3 + 0.04 * x
    _, truth, part = parts(open_subject({"x": x, "y": y.astype(int)}, target="y"))
    shares = [truth.y[part == k].mean() for k in range(3)]
    assert max(shares) - min(shares) < 0.08
    assert np.abs(np.bincount(part) / 3000 - [0.6, 0.2, 0.2]).max() < 0.03


def test_copies_fall_together_even_with_another_label():
    rng = np.random.default_rng(1)
    x = np.tile(rng.normal(size=500), 2)
    rows, _, part = parts(open_subject({"x": x, "y": rng.integers(0, 2, 1000)}, target="y"))
    order = np.argsort(rows.numbers("x"), kind="stable")
    pairs = part[order].reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()


def test_the_users_id_is_no_part_of_what_a_row_is():
    x = np.repeat(np.arange(300.0) ** 1.5, 2)
    source = {"x": x, "ticket": np.arange(600) // 2 * 2 + np.tile([0, 7], 300), "y": np.tile([0, 1, 1], 200)}
    subject = open_subject(source, target="y", roles={"id": "ticket"})
    rows, _, part = parts(subject)
    order = np.argsort(rows.numbers("x"), kind="stable")
    pairs = part[order].reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert len(np.unique(rows.content)) == 300


def test_split_column_and_sites_are_compared_by_name():
    n = 200
    source = {
        "x": np.random.default_rng(2).normal(size=n),
        "split": np.array(["train", "test"])[np.arange(n) % 2],
        "site": np.array(["a", "b"])[np.arange(n) // 100],
        "y": np.arange(n) % 2,
    }
    subject = open_subject(source, target="y")
    names = [c.name for c in subject.comparisons]
    assert names == ["split: train against test", "site b against a"]
    assert [c.b.n_rows for c in subject.comparisons] == [100, 100]
    source["site"] = np.array(["a", "b", "c", "d"])[np.arange(n) // 50]
    names = [c.name for c in open_subject(source, target="y").comparisons]
    assert names[1:] == [f"site {site} against the rest" for site in "abcd"]


def test_halves_of_the_order_stand_between_split_and_sites():
    n = 200
    source = {
        "x": np.random.default_rng(2).normal(size=n),
        "day": np.arange(n) // 7,
        "split": np.array(["train", "test"])[np.arange(n) % 2],
        "site": np.array(["a", "b"])[np.arange(n) // 100],
        "y": np.arange(n) % 2,
    }
    subject = open_subject(source, target="y", roles={"order": "day"})
    assert [c.kind for c in subject.comparisons] == ["split", "time", "site"]
    half = subject.comparisons[1]
    assert half.name == "first half against second half of day"
    assert half.a.n_rows + half.b.n_rows == n
    days = [set(t.arrow()["day"].to_pylist()) for t in (half.a, half.b)]
    assert max(days[0]) < min(days[1])
    rows = open_subject(source, target="y", roles={"order": "@row"}).comparisons[1]
    assert rows.name == "first half against second half of the rows"
    assert (rows.a.n_rows, rows.b.n_rows) == (100, 100)


def test_tables_without_a_shared_column_are_refused():
    with pytest.raises(InputError, match="share"):
        open_subject({"x": [1, 2], "y": [0, 1]}, target="y", reference={"z": [1, 2]})


def test_a_mistyped_target_is_named():
    with pytest.raises(RoleError, match="did you mean outcome"):
        open_subject({"outcome": [0, 1, 0], "x": [1.0, 2.0, 3.0]}, target="outcom")
