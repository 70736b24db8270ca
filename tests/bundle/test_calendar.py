"""Parts of dates: Python's calendar is the oracle for numpy, and numpy for the graph; one cycle is no feature."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from assay.bundle.encode import lower_encoder
from assay.bundle.nodes import Builder, Wire
from assay.core.subject import Role, Roles
from assay.core.table import SampleSpec
from assay.learn.calendar import calendar_part, date_features
from assay.learn.encoder import encode, fit_encoder
from assay.learn.forms import EncoderSpec, Feature
from assay.learn.target import labels
from assay.tables import open_table

from .test_encode import run

EPOCH = dt.datetime(1970, 1, 1)
MOMENTS = st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2400, 12, 31, 23, 59, 59))
HOWS = ("hour", "weekday", "day", "month", "yearday")
SPEC = EncoderSpec((("d", "date"), ("e", "date")), tuple(Feature(f"{c} {h}", c, h) for c in "de" for h in HOWS[::-1]))


def seconds(moment):
    return (moment.replace(microsecond=0) - EPOCH).total_seconds()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(MOMENTS)
def test_every_part_is_pythons(moment):
    at = np.array([seconds(moment)])
    told = {how: float(calendar_part(how, at)[0]) for how in HOWS}
    assert told["hour"] == pytest.approx(moment.hour + moment.minute / 60 + moment.second / 3600)
    assert told["weekday"] == moment.weekday()
    assert (told["month"], told["day"]) == (moment.month, moment.day)
    assert told["yearday"] == moment.timetuple().tm_yday


@pytest.mark.parametrize("year", [1600, 1899, 1900, 1999, 2000, 2023, 2024, 2100, 2399, 2400])
def test_every_day_of_a_year(year):
    day, days = dt.datetime(year, 1, 1), []
    while day.year == year:
        days.append(day)
        day += dt.timedelta(days=1)
    at = np.array([seconds(d) for d in days])
    np.testing.assert_array_equal(calendar_part("yearday", at), np.arange(1, len(days) + 1))
    np.testing.assert_array_equal(calendar_part("month", at), [d.month for d in days])
    np.testing.assert_array_equal(calendar_part("day", at), [d.day for d in days])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.none() | MOMENTS, st.none() | MOMENTS), min_size=1, max_size=6))
def test_the_graph_says_what_numpy_says(rows):
    feed = {c: np.array([[np.nan if r[i] is None else seconds(r[i])] for r in rows]) for i, c in enumerate("de")}
    b = Builder()
    made = lower_encoder(b, {c: Wire(c, "date") for c in "de"}, SPEC)
    got = run(b, feed, made.name, TensorProto.FLOAT)[:, made.place]
    want = np.column_stack([calendar_part(f.how, feed[f.column][:, 0]) for f in SPEC.features]).astype(np.float32)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("days", "hows"),
    [(20, {"weekday"}), (60, {"weekday"}), (62, {"weekday", "day"}), (700, {"weekday", "day"}),
     (732, {"weekday", "day", "month", "yearday"})],
)  # fmt: skip
def test_a_cycle_must_come_back_before_it_is_a_feature(days, hows):
    made = date_features("d", np.arange(days) * 86_400.0)
    assert {f.how for f in made} == hows


def test_no_day_and_one_day():
    assert date_features("d", np.empty(0)) == []
    assert date_features("d", np.array([5.0])) == []


def test_a_season_is_learned_from_two_years():
    rng = np.random.default_rng(0)
    days = rng.integers(0, 1500, 600)
    when = pa.array((days * 86_400_000_000).astype("int64"), pa.timestamp("us"))
    month = np.array([(EPOCH + dt.timedelta(days=int(d))).month for d in days])
    table = open_table(
        pa.table({"when": when, "x": rng.normal(size=600), "y": (month == 7) * 1.0 + rng.normal(size=600)}), cache=False
    )
    rows = table.sample(SampleSpec(n=600))
    found = labels(rows, Roles(target=Role(("y",)), task="regression"))
    spec = fit_encoder(rows, ["when", "x"], found, index=np.arange(600))
    at = [f.name for f in spec.features].index("when (month)")
    july = np.asarray(encode(spec, rows)[:, at] == 7)
    assert found.y[july].mean() > found.y[~july].mean() + 0.5
