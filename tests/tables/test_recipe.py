"""Each op of the closed vocabulary, on text, numbers, clocks, dates, nulls and NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import SettingsError
from assay.core.remedy import Op
from assay.core.table import SampleSpec
from assay.tables import open_table, recipe
from assay.tables.sample import ArrowSample

CLOCK = [None, 5, 59, 100, 2359, 2400]


@pytest.fixture(scope="module")
def sample() -> ArrowSample:
    filler = [h * 100 + m for h in range(24) for m in range(0, 60, 7)]
    n = len(filler)
    table = open_table(
        pa.table(
            {
                "at": range(6 + n),
                "t": pa.array(["1", " 2.5 ", "x", " N/A ", None, "İ"] + ["1"] * n),
                "x": pa.array([1.5, -999.0, None, 0.0, 2.0**53, 7.0] + [3.0] * n),
                "c": CLOCK + filler,
                "d": pa.array(
                    ["31/12/2020", "30/02/2020", None, "?", "01/01/2021", "5/6/2021 10:30"] + ["01/02/2021"] * n
                ),
                "b": pa.array([True, False, None, True, True, False] + [True] * n),
            }
        )
    )
    whole = table.sample(SampleSpec(10**6))
    return whole.take(np.argsort(whole.position)[:6])


def run(sample: ArrowSample, name: Any, column: str, **args: Any) -> ArrowSample:
    return recipe.apply([Op(name, (column,), args)], sample)


def cells(sample: ArrowSample, name: str) -> list[Any]:
    return sample.arrow[name].to_pylist()


def test_cast(sample: ArrowSample) -> None:
    out = run(sample, "cast", "t", to="number")
    assert cells(out, "t") == [1.0, 2.5, None, None, None, None]
    assert out.column("t").kind == "number"
    assert cells(run(sample, "cast", "x", to="text"), "x") == ["1.5", "-999", None, "0", str(2**53), "7"]
    assert cells(run(sample, "cast", "b", to="text"), "b") == ["true", "false", None, "true", "true", "false"]


def test_map_and_fold(sample: ArrowSample) -> None:
    out = run(sample, "map_values", "t", mapping={"x": "X", "1": None})
    assert cells(out, "t") == [None, " 2.5 ", "X", " N/A ", None, "İ"]
    out = run(sample, "fold_rare", "t", keep=["1"], other="other")
    assert cells(out, "t") == ["1", "other", "other", "other", None, "other"]


def test_null_if(sample: ArrowSample) -> None:
    assert cells(run(sample, "null_if", "t", values=["n/a", "X"]), "t") == ["1", " 2.5 ", None, None, None, "İ"]
    out = run(sample, "null_if", "x", values=[-999, "0"])
    assert cells(out, "x") == [1.5, None, None, None, 2.0**53, 7.0]
    clocks = run(sample, "null_if", "c", values=[59])
    assert cells(clocks, "c")[2] is None and clocks.column("c").kind == "clock"


def test_numbers(sample: ArrowSample) -> None:
    assert cells(run(sample, "null_outside", "x", lo=0, hi=7), "x") == [1.5, None, None, 0.0, None, 7.0]
    assert cells(run(sample, "null_outside", "x", lo=None, hi=2), "x") == [1.5, -999.0, None, 0.0, None, None]
    assert cells(run(sample, "scale", "x", by=10, lo=0, hi=7), "x") == [15.0, -999.0, None, 0.0, 2.0**53, 70.0]
    assert cells(run(sample, "clip", "x", lo=0, hi=7), "x") == [1.5, 0.0, None, 0.0, 7.0, 7.0]


def test_indicator_rename_drop(sample: ArrowSample) -> None:
    out = recipe.apply(
        [
            Op("indicator", ("x",), {"name": "x was null"}),
            Op("rename", ("x",), {"name": "z"}),
            Op("drop_column", ("t", "gone")),
        ],
        sample,
    )
    assert cells(out, "x was null") == [False, False, True, False, False, False]
    assert "t" not in out.names and "x" not in out.names
    assert cells(out, "z")[0] == 1.5
    assert out.row_id is sample.row_id and out.content is sample.content
    assert "x" in sample.names and "t" in sample.names


def test_dates_and_clocks(sample: ArrowSample) -> None:
    out = run(sample, "parse_date", "d", format="dmy")
    assert out.numbers("d")[[0, 4, 5]].tolist() == [1609372800.0, 1609459200.0, 1622889000.0]
    assert np.isnan(out.numbers("d")[1:4]).all()
    assert sample.column("c").kind == "clock"
    minutes = run(sample, "clock_to_minutes", "c")
    assert cells(minutes, "c") == [None, 5.0, 59.0, 60.0, 1439.0, 1440.0]
    assert minutes.column("c").kind == "number"
    assert np.array_equal(minutes.numbers("c"), sample.numbers("c"), equal_nan=True)


def test_ops_on_absent_columns_are_passed_over(sample: ArrowSample) -> None:
    assert run(sample, "clip", "nope", lo=0, hi=1).names == sample.names


@pytest.mark.parametrize(
    "op",
    [
        Op("cast", ("t",)),
        Op("cast", ("t",), {"to": "date"}),
        Op("explode", ("t",)),  # type: ignore[arg-type]
        Op("parse_date", ("d",), {"format": "ymd"}),
        Op("rename", ("t",), {"name": "x"}),
    ],
)
def test_unreadable_steps_are_one_sentence(sample: ArrowSample, op: Op) -> None:
    with pytest.raises(SettingsError) as caught:
        recipe.apply([op], sample)
    assert len(str(caught.value).splitlines()) == 1
