"""Findings that were wrong or empty on public tables nobody had seen, as generated twins of those tables."""

from __future__ import annotations

import warnings

import numpy as np
import pyarrow as pa

import assay
from assay.core.settings import Settings
from assay.probes.identities import best_pairs


def check(table: pa.Table, *codes: str, target: str | None = None, time: str | None = None):
    return assay.check(table, target=target, time=time, settings=Settings(select=codes), cache=False)


def days(n: int) -> np.ndarray:
    return np.arange(np.datetime64("1980-01-02"), np.datetime64("1980-01-02") + n)


def test_days_and_years_written_as_numbers_are_no_keys():
    text = np.char.replace(days(600).astype(str), "-", "")
    for digits in (text, np.char.lstrip([t[2:] for t in text], "0")):
        table = pa.table({"date": digits.astype(np.int64), "x": np.random.default_rng(0).normal(size=600)})
        assert check(table, "D10")["D10"].verdict != "found"
    table = pa.table({"Year": np.arange(1789, 2022), "pieces": np.random.default_rng(0).normal(size=233)})
    report = check(table, "D10")
    assert report["D10"].verdict != "found"
    assert "id" not in report.info.roles or "Year" not in report.info.roles["id"]["columns"]


def test_numbers_without_gap_that_are_no_years_stay_keys():
    table = pa.table({"case": np.arange(1789, 2022), "pieces": np.random.default_rng(0).normal(size=233)})
    assert check(table, "D10")["D10"].verdict == "found"


def test_a_month_is_not_frozen_because_the_day_of_the_year_moves():
    when = days(5_000)
    month = when.astype("datetime64[M]").astype(int) % 12 + 1
    day = (when - when.astype("datetime64[Y]")).astype(int) + 1
    table = pa.table({"date": when.astype("datetime64[s]"), "month": month, "day_of_year": day})
    assert check(table, "D09", time="date")["D09"].verdict != "found"


def test_repeats_that_chance_gives_are_advice():
    rng = np.random.default_rng(1)
    table = pa.table({"school": rng.integers(8, 17, 3_000), "grade": rng.integers(0, 25, 3_000)})
    found = [f for f in check(table, "D07").findings if f.code == "D07"]
    wide = pa.table({f"q{i}": rng.integers(0, 4, 2_000) for i in range(5)})
    found += [f for f in check(wide, "D07").findings if f.code == "D07"]
    assert all(f.severity == "advice" for f in found)


def test_answers_on_a_few_coarse_questions_are_no_overlap_of_a_split():
    rng = np.random.default_rng(2)
    table = pa.table({f"q{i}": rng.integers(0, 2, 2_500) for i in range(5)})
    assert check(table, "K04")["K04"].verdict != "found"


def test_what_is_empty_where_the_outcome_is_is_asked():
    rng = np.random.default_rng(3)
    gone = rng.random(400) < 0.2
    drug = pa.array(np.where(rng.random(400) < 0.5, "a", "b"), mask=gone)
    table = pa.table({"gender": pa.array(rng.integers(1, 3, 400), mask=gone), "x": rng.normal(size=400), "drug": drug})
    found = [f for f in check(table, "K02", target="drug").findings if f.code == "K02"]
    assert [f.columns for f in found] == [("gender",)]
    assert found[0].claim.ask and "ASK" in found[0].message


def test_unknown_outcomes_that_are_words_get_no_shares_by_category():
    rng = np.random.default_rng(4)
    method = np.where(rng.random(800) < 0.05, "unspecified", rng.choice(["a", "b", "c"], 800))
    table = pa.table({"died": rng.choice(["yes", "no"], 800), "x": rng.normal(size=800), "method": method})
    messages = [f.message for f in check(table, "D01", target="method").findings if f.code == "D01"]
    assert messages and not any("0.0 % to 0.0 %" in m for m in messages)


def test_a_length_named_tail_is_no_group():
    rng = np.random.default_rng(5)
    tail = pa.table({"Tail": rng.integers(100, 250, 900), "x": rng.normal(size=900)})
    number = pa.table({"tailnum": rng.integers(100, 250, 900), "x": rng.normal(size=900)})
    assert "group" not in check(tail, "K05").info.roles
    assert check(number, "K05").info.roles["group"]["columns"] == ["tailnum"]


def test_each_site_has_its_own_people():
    rng = np.random.default_rng(8)
    site = np.repeat(["A", "B"], 300)
    person = np.repeat(np.arange(60), 10)
    table = pa.table({"site": site, "subject": person, "x": rng.normal(size=600), "y": rng.choice(["a", "b"], 600)})
    report = assay.check(table, target="y", roles={"site": "site"}, settings=Settings(select=("S02",)), cache=False)
    assert report.info.roles["group"]["columns"] == ["subject"]
    assert report["S02"].verdict in ("clear", "undecided")


def test_a_column_without_values_beside_a_sum_is_no_warning():
    X = np.full((40, 3), np.nan)
    X[:, :2] = np.random.default_rng(6).normal(size=(40, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert best_pairs(X[:, 0] + X[:, 1], X, 3)[0] == (0, 1)


def test_a_marathon_among_sprints_is_no_stand_in():
    near = np.repeat([0.1, 0.2, 0.4, 0.8, 1.5, 1.609, 3.0, 5.0], 25)
    for far, verdict in ((42.195, "no-sign"), (99.9, "found"), (999.0, "found")):
        table = pa.table({"distance": np.append(near, [far] * 20), "time": np.random.default_rng(7).normal(size=220)})
        assert check(table, "D02")["D02"].verdict == verdict, far
