"""Effects along a column: true to a known function where columns correlate, aggregates only, with bands that hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from assay.core.table import F64, Sample, SampleSpec
from assay.fit.effects import BINS, LEAST, effect, ends
from assay.tables import open_table

N = 600


@dataclass(frozen=True)
class Formula:
    """x + z / 2, and 50 where x and z are far apart, which they are in no row."""

    classes: tuple[str, ...] = ()
    trained_on: str | None = None
    refitted: bool = False

    def predict_rows(self, rows: Sample) -> F64:
        x, z = rows.numbers("x"), rows.numbers("z")
        return np.where(np.abs(x - z) > 2.5, 50.0, x + 0.5 * z)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    table = pa.table({
        "x": x, "z": x + 0.2 * rng.normal(size=N), "town": rng.choice(["a", "b", "c"], N),
        "few": rng.integers(0, 3, N), "rare": ["only"] * (N - 3) + ["r1", "r2", "r3"],
        "when": pa.array((1.6e9 + 86400 * rng.integers(0, 100, N)).astype("int64") * 1_000_000, pa.timestamp("us")),
    })  # fmt: skip
    return open_table(table, cache=False).sample(SampleSpec(n=N))


class Later(Formula):
    """What depends on the date and on a whole number."""

    def predict_rows(self, rows: Sample) -> F64:
        return rows.numbers("when") / 86400 + rows.numbers("few")


def along(rows, column, moved=None, model=None):
    pick, unit = np.zeros(rows.n, np.int64), np.arange(rows.n)
    return effect(model or Formula(), rows, column, pick, unit, moved, ("value", "change"))


def test_ale_is_the_column_s_own_effect_where_partial_dependence_asks_for_impossible_rows(rows):
    made = along(rows, "x")
    x, y = np.array(made["chart"]["x"]), np.array(made["chart"]["y"])
    slope = np.polyfit(x, y, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.02) and made["monotone"] and made["direction"] == "up"
    # the same question by partial dependence, for comparison: every row at every value
    curve = [Formula().predict_rows(rows.replace({"x": pa.array(np.full(rows.n, v))})).mean() for v in x]
    assert np.ptp(curve) > 5 * np.ptp(y)


def test_the_curve_is_centred_on_the_rows(rows):
    chart = along(rows, "x")["chart"]
    value = np.interp(rows.numbers("x"), chart["x"], chart["y"])
    assert abs(value.mean()) < 0.15


def test_bands_hold_the_true_curve(rows):
    class Noisy(Formula):
        def predict_rows(self, rows: Sample) -> F64:
            x, z = rows.numbers("x"), rows.numbers("z")
            return x * (1 + np.sin(40 * z))

    held = []
    for k in range(30):
        rng = np.random.default_rng(k)
        x, z = rng.normal(size=N), rng.normal(size=N)
        some = open_table(pa.table({"x": x, "z": z}), cache=False).sample(SampleSpec(n=N))
        chart = effect(Noisy(), some, "x", np.zeros(N, np.int64), np.arange(N), None, ("v", "c"))["chart"]
        at, y = np.array(chart["x"]), np.array(chart["y"])
        true = at * 1.0  # the mean over z of 1 + sin(40 z) is 1
        slack = np.average(y - true)
        lo, hi = np.array(chart["lo"]) - slack, np.array(chart["hi"]) - slack
        held.append(((lo <= true) & (true <= hi)).mean())
    assert np.mean(held) >= 0.85


def test_every_bin_and_end_stands_for_five_rows(rows):
    made = along(rows, "x")
    value = np.sort(rows.numbers("x"))
    assert made["least"] >= LEAST and len(made["chart"]["x"]) <= BINS + 1
    assert made["chart"]["x"][0] >= value[LEAST - 1] and made["chart"]["x"][-1] <= value[-LEAST]


@pytest.mark.parametrize("values", [[0.0] * 300, [0.0, 1.0] * 150, list(range(300)), [0.0] * 290 + list(range(10)),
                                    [1.0] * 7, []])  # fmt: skip
def test_ends_hold_five_rows_a_bin_or_there_are_none(values):
    x = np.sort(np.array(values, float))
    place = ends(x)
    if len(place):
        within = x[(x >= x[place[0]]) & (x <= x[place[-1]])]
        inside = np.clip(np.searchsorted(x[place], within, side="left"), 1, len(place) - 1) - 1
        assert np.bincount(inside, minlength=len(place) - 1).min() >= LEAST and (np.diff(x[place]) > 0).all()


def test_levels_of_fewer_than_five_rows_are_not_shown(rows):
    codes, names = rows.codes("town")
    moved = np.array([1.0, 0.0, -1.0])[codes]
    made = along(rows, "town", moved)
    assert made["high"] == names[0] and made["low"] == names[2]
    assert made["chart"]["x"] == ["a", "b", "c"] and made["chart"]["lo"] == pytest.approx(made["chart"]["y"])
    assert along(rows, "rare", np.zeros(rows.n)) is None


def test_dates_are_written_as_dates_and_whole_numbers_stay(rows):
    assert along(rows, "when", model=Later())["chart"]["x"][0].startswith("2020-")
    few = along(rows, "few", model=Later())
    assert few is None or set(few["chart"]["x"]) <= {0.0, 1.0, 2.0}


def test_units_that_err_together_widen_the_band(rows):
    pick = np.zeros(rows.n, np.int64)

    class Rough(Formula):
        def predict_rows(self, rows: Sample) -> F64:
            return rows.numbers("x") * rows.numbers("few")

    alone, grouped = (
        effect(Rough(), rows, "x", pick, unit, None, ("v", "c"))
        for unit in (np.arange(rows.n), rows.numbers("few").astype(int))
    )
    wide = [np.mean(np.array(e["chart"]["hi"]) - np.array(e["chart"]["lo"])) for e in (alone, grouped)]
    assert wide[1] > 2 * wide[0]


def test_a_column_along_which_the_answer_never_moves_has_no_chart(rows):
    assert along(rows, "when") is None
    assert along(rows, "x") is not None
