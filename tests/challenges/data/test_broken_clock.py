"""D15: gaps and repeats of a series are counted, events and closing days are left alone, ways of writing are told."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import broken_clock as d15
from assay.stats.grids import find_grid
from assay.testing import bare_subject
from tests.challenges.real import real, said, stands

HOUR, DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")
START = np.datetime64("2023-01-02T00:00:00", "us")  # a Monday


def subject(when: object, **more: object):
    n = len(when)  # type: ignore[arg-type]
    return bare_subject(
        pa.table({"when": when, "x": np.arange(n) * 1.7, "outcome": np.resize(["no", "yes"], n)} | more)
    )


@pytest.mark.slow  # large real tables; a generated twin is in every run
def test_truths() -> None:
    assert "165 of 17,544 hours" in said(d15, real("bike_hour.csv.gz", "cnt", order="dteday"))
    (claim,) = stands(d15, real("air_quality.csv.gz", "CO_GT", order="Date"))
    assert "Date is written day first" in claim.says
    assert claim.evidence["ambiguous"] == 3294
    assert not stands(d15, real("taxis.csv.gz", "tip", order="pickup"))
    assert not stands(d15, real("compas.csv.gz", "two_year_recid"))


def test_generated_twin_of_the_bike_hours() -> None:
    slot = np.delete(np.arange(24 * 200), [50, 51, 52, 1000, 2000, 3000])
    day, hour = slot // 24, slot % 24
    table = subject((START + day * DAY), hr=hour)
    (claim,) = stands(d15, table)
    assert claim.about.columns == ("when", "hr")
    assert claim.evidence["missing"] == 6


def test_events_nights_weekends_and_months_are_no_gaps() -> None:
    rng = np.random.default_rng(0)
    events = START + np.sort(rng.integers(0, 90 * 86_400, 3000)) * np.timedelta64(1, "s")
    assert not stands(d15, subject(events))
    orders = START + np.sort(rng.integers(0, 400, 900)) * DAY  # two a day, some days none
    assert not stands(d15, subject(orders))
    slot = np.arange(24 * 70)
    open_ = slot[(slot % 24 >= 6) & (slot // 24 % 7 < 5)]
    assert not stands(d15, subject(START + open_ * HOUR))
    months = np.arange("2001-01", "2011-01", dtype="datetime64[M]").astype("datetime64[us]")
    assert not stands(d15, subject(months))
    (claim,) = stands(d15, subject(np.delete(months, [30, 31])))
    assert claim.evidence["missing"] == 2 and "months" in claim.says


def test_a_gap_in_open_hours_counts_and_closed_ones_do_not() -> None:
    slot = np.arange(24 * 70)
    open_ = slot[(slot % 24 >= 6) & (slot // 24 % 7 < 5)]
    gone = np.setdiff1d(open_, open_[[100, 101, 300]])
    (claim,) = stands(d15, subject(START + gone * HOUR))
    assert claim.evidence["missing"] == 3
    assert claim.evidence["closed"] > 500


def test_repeats_and_summer_time() -> None:
    slot = np.sort(np.concatenate([np.arange(500), [20, 30, 40]]))
    (claim,) = stands(d15, subject(START + slot * HOUR))
    assert "3 of 503 rows stand at an hour" in claim.says
    local = np.arange("2022-01-01T00", "2024-01-01T00", dtype="datetime64[h]")
    local = local[~np.isin(local, np.array(["2022-03-27T02", "2023-03-26T02"], "datetime64[h]"))]
    twice = np.array(["2022-10-30T02", "2023-10-29T02"], "datetime64[h]")
    local = np.sort(np.concatenate([local, twice])).astype("datetime64[us]")
    assert "looks like local time: in 4 of 4 nights" in said(d15, subject(local))


def test_ways_of_writing() -> None:
    iso = [f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(400)]
    mixed = [f"{t[8:]}/{t[5:7]}/{t[:4]}" if i % 10 == 0 else t for i, t in enumerate(iso)]
    assert "40 of 400 dates in when are not written as the others" in said(d15, subject(mixed))
    zones = [f"{t}T10:00:00" + ("Z" if i % 4 == 0 else "") for i, t in enumerate(iso)]
    assert "100 of 400 dates" in said(d15, subject(zones))
    assert not stands(d15, subject(iso))
    fractions = [f"{t} 10:00:00" + (".250" if i % 4 == 0 else "") for i, t in enumerate(iso)]
    assert not stands(d15, subject(fractions))


@pytest.mark.parametrize("step", [1, 60, 900, 3600, 86_400, 604_800])
def test_grid_finds_the_step_and_the_gaps(step: int) -> None:
    rng = np.random.default_rng(step)
    slot = np.setdiff1d(np.arange(1000), rng.choice(np.arange(1, 999), 20, replace=False))
    grid = find_grid(1.7e9 // 604_800 * 604_800 + slot * float(step), np.ones(len(slot), np.int64))
    assert grid is not None
    assert (grid.step, grid.missing, grid.slots) == (step, 20, 1000)


def test_a_poisson_log_has_no_grid_whatever_its_rate() -> None:
    rng = np.random.default_rng(1)
    for rate in (0.05, 0.5, 1.5, 3.0, 10.0):
        at, rows = np.unique(rng.integers(0, 2000, rng.poisson(2000 * rate)) * 60.0, return_counts=True)
        assert find_grid(at, rows) is None, rate
