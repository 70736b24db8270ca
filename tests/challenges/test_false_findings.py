"""Findings that were wrong or empty on public tables nobody had seen, as generated twins of those tables."""

from __future__ import annotations

import warnings

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.audit.opening import open_subject
from assay.challenges.sampling import concept_shift as s04
from assay.core.settings import Settings
from assay.core.subject import Comparison
from assay.core.table import SampleSpec
from assay.learn.target import labels
from assay.probes.identities import best_pairs
from assay.probes.own_and_other import units
from assay.probes.sides import Side


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


def test_a_class_that_the_columns_hardly_tell_has_no_wrong_labels():
    rng = np.random.default_rng(1)
    fold = np.repeat(np.arange(8), 120)  # scores of eight like models, and which of them made the row
    kind = rng.integers(0, 90, len(fold))
    z = rng.normal(size=(90, 4))[kind] * 2 + rng.normal(size=(8, 90, 4))[fold, kind] * 0.02
    z += rng.normal(size=(len(fold), 1)) * 0.01 * rng.normal(size=4)
    share = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    table = pa.table({f"p{k}": share[:, k] for k in range(4)} | {"fold": [f"Fold{k}" for k in fold]})
    verdict = check(table, "L01", target="fold")["L01"]
    assert verdict.verdict == "not-applicable" and "too little" in verdict.reason


@pytest.mark.parametrize("task", ["regression", "classes"])
def test_rows_of_one_visit_share_a_fold_and_rows_of_one_day_need_not(task):
    rng = np.random.default_rng(9)
    when = days(120).astype("datetime64[s]")
    value = np.round(rng.normal(105, 6, 1_320), 1)
    value = value if task == "regression" else np.where(value > 110, "high", "fine")  # rare: rows agree by chance
    for outcome, kept in ((np.repeat(value[::11], 11), 120), (value, 1_320)):
        table = pa.table({"day": np.repeat(when, 11), "y": outcome, "x": rng.normal(size=1_320)})
        subject = open_subject(table, target="y", roles={"order": "day"}, cache=False)
        rows = subject.table.sample(SampleSpec(n=1_320))
        assert len(np.unique(units(subject, rows, labels(rows, subject.roles).y, "day"))) == kept


@pytest.mark.parametrize(("own", "other", "material"), [(0.001, 0.004, False), (0.001, 0.05, True), (0.5, 0.9, True)])
def test_many_times_next_to_nothing_is_nothing(own, other, material):
    pair = Comparison("first half against second half", None, None, "time")
    noise = np.random.default_rng(10).uniform(0.9, 1.1, 40)
    claim = s04.claim(Side(pair, None, None), s04.Compared(other * noise, own * noise, noise, 1_000, 500), 0.1)
    assert (claim.p < 1e-6) == material
    assert (claim.effect.interval(0.05)[0] > 0.1) == material


def test_earnings_of_two_years_are_no_twins():
    rng = np.random.default_rng(11)
    skill = rng.normal(size=600)
    pay = {f"re{year}": np.maximum(0, 2_000 + 5_000 * skill + rng.normal(0, 4_000, 600)) for year in (74, 75)}
    assert check(pa.table(pay), "D19")["D19"].verdict == "not-applicable"
    price = rng.normal(size=601).cumsum() + 100
    past = pa.table({"price": price[1:], "price_1": price[:-1]})
    assert check(past, "D19")["D19"].verdict == "not-applicable"


def test_twins_by_name_are_a_reading():
    rng = np.random.default_rng(12)
    heat = rng.normal(20, 4, 600)
    table = pa.table({f"temp_{k}": heat + rng.normal(0, 2.5, 600) for k in (1, 2)})
    found = [f for f in check(table, "D19").findings if f.code == "D19"]
    assert found and all(f.claim.basis == "heuristic" and "look like" in f.message for f in found)


def test_numbers_that_name_things_are_not_measured():
    rng = np.random.default_rng(13)
    child = rng.integers(280_000_000, 310_000_000, 200)[rng.integers(0, 200, 900)]
    child[:3] = 30_839_578_001
    assert check(pa.table({"childid": child, "x": rng.normal(size=900)}), "D05")["D05"].verdict != "found"
    assert check(pa.table({"size": child, "x": rng.normal(size=900)}), "D05")["D05"].verdict == "found"
    site = np.repeat(["A", "B", "C"], 150)
    fish = np.r_[np.arange(2, 152), np.arange(160, 310), np.arange(450, 600)]
    table = pa.table({"fish": fish, "site": site})
    report = assay.check(table, roles={"site": "site", "id": ""}, settings=Settings(select=("D05",)), cache=False)
    assert report["D05"].verdict != "found"


def test_a_site_that_yields_more_is_in_no_other_unit():
    rng = np.random.default_rng(14)
    site = np.repeat(["A", "B", "C"], 400)
    level = np.repeat([11.0, 4.3, 3.0], 400)
    table = pa.table({"site": site, "yield": level * np.exp(rng.normal(0, 0.18, 1_200))})
    report = assay.check(table, roles={"site": "site"}, settings=Settings(select=("D05",)), cache=False)
    assert report["D05"].verdict != "found"


def test_study_days_short_years_and_numbers_of_visits_are_no_stand_ins():
    rng = np.random.default_rng(15)
    columns = {
        "VISITDY": rng.choice([-7, 1, 14, 28, 56, 84, 112], 500),
        "ISDY": rng.choice([-1, 1, 8, 29, 57, 85, 113], 500),
        "year": rng.choice([92, 95, 99], 500),
        "VISITNUM": np.r_[rng.integers(1, 14, 460), np.full(40, 201)],
    }
    for name, values in columns.items():
        assert check(pa.table({name: values, "x": rng.normal(size=500)}), "D02")["D02"].verdict != "found", name
    for name, value in (("VISITNUM", 999), ("waiting", -7)):
        values = np.r_[rng.integers(1, 14, 460), np.full(40, value)]
        assert check(pa.table({name: values, "x": rng.normal(size=500)}), "D02")["D02"].verdict == "found", name


def test_a_name_tag_is_no_time_of_day():
    hours = np.array([100 * h + m for h in range(1, 10) for m in range(1, 34)])
    draw = np.random.default_rng(16).choice(hours, 900)
    draw = np.where(draw < 900, draw, draw - 800)
    table = pa.table({"id": draw, "x": np.random.default_rng(17).normal(size=900)})
    assert check(table, "D03")["D03"].verdict != "found"
    assert check(table.rename_columns(["at", "x"]), "D03")["D03"].verdict == "found"


def test_grids_and_head_counts_are_no_keys():
    grid = np.r_[np.arange(0, 1_000), np.arange(1_000, 3_000, 5), np.arange(3_000, 9_000, 10)]
    people = np.round(np.exp(np.random.default_rng(18).normal(11, 1, 6_000))).astype(np.int64)
    for values in (grid, 20 * np.arange(900), people):
        table = pa.table({"v": values, "x": np.random.default_rng(19).normal(size=len(values))})
        assert check(table, "D10")["D10"].verdict != "found"
    holes = np.delete(np.arange(50_000, 52_000), np.random.default_rng(20).integers(0, 2_000, 500))
    table = pa.table({"v": holes, "x": np.random.default_rng(21).normal(size=len(holes))})
    assert check(table, "D10")["D10"].verdict == "found"


def test_two_parties_settle_nothing():
    rng = np.random.default_rng(22)
    first = rng.choice(["Democrat", "Republican"], 400)
    second = np.where(first == "Democrat", "Republican", "Democrat").astype(object)
    second[:14] = [f"Other {k // 3}" for k in range(14)]
    report = check(pa.table({"party1": first, "party2": second.astype(str)}), "D06")
    assert not any("party1, which settles it" in f.message for f in report.findings)


def test_people_who_come_back_are_advice_where_no_score_is_at_stake():
    who = np.repeat(np.arange(200), 4)
    table = pa.table({"patient": who, "x": np.random.default_rng(23).normal(size=800)})
    found = [f for f in check(table, "K05").findings if f.code == "K05"]
    assert [f.severity for f in found] == ["advice"]
    report = assay.check(table, group="patient", settings=Settings(select=("K05",)), cache=False)
    assert [f.severity for f in report.findings if f.code == "K05"] == ["advice"]


def test_names_of_later_rows_are_other_names():
    rng = np.random.default_rng(24)
    when = days(1_000)
    columns = {"day": when.astype("datetime64[s]"), "x": rng.normal(size=1_000)}
    columns |= {"poll_id": 70_000 + np.arange(1_000) + rng.integers(0, 300, 1_000)}
    columns |= {"USUBJID": np.char.add("01-", (np.arange(1_000) // 170 + rng.integers(0, 2, 1_000)).astype(str))}
    assert check(pa.table(columns), "S02", time="day")["S02"].verdict != "found"
    moved = columns | {"x": columns["x"] + (np.arange(1_000) > 500)}
    assert check(pa.table(moved), "S02", time="day")["S02"].verdict == "found"
