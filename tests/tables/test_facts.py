"""Facts against numpy, on columns with few values and with many, hard numbers included."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import InputError
from assay.core.facts import Distinct, Range
from assay.core.table import Ask
from assay.tables import open_table, scans
from assay.tables.duck_table import DuckTable

N = 30_000
RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    return {
        "many": RNG.normal(1e6, 3.0, N),
        "heavy": np.r_[RNG.exponential(size=N - 1), 1e9],
        "few": RNG.integers(-3, 40, N).astype(float),
        "huge": RNG.normal(size=N) * 1e300,
        "tiny": RNG.normal(size=N) * 1e-290,
        "endless": np.where(np.arange(N) % 1000 == 0, np.inf, RNG.normal(size=N)),
        "whole": RNG.integers(0, 2**40, N),
    }


@pytest.fixture(scope="module")
def table(columns: dict[str, np.ndarray]) -> DuckTable:
    return open_table(pa.table(columns))


def one(table: DuckTable, fact: str, *names: str, by: tuple[str, ...] = (), args: tuple = ()) -> object:
    ask = Ask(fact, names, by, args)
    return table.facts([ask])[ask]


@pytest.mark.parametrize("name", ["many", "heavy", "few", "huge", "tiny", "endless", "whole"])
def test_moments_range_bins_and_quantiles(name: str, table: DuckTable, columns: dict[str, np.ndarray]) -> None:
    x = columns[name].astype(float)
    fine = x[np.isfinite(x)]
    scale = float(np.abs(fine).max())
    y = (fine / scale).astype(np.longdouble)
    mean = y.mean()
    c = y - mean
    got = one(table, "moments", name)
    assert got.n == len(fine) and got.infinite == len(x) - len(fine)
    assert got.mean == pytest.approx(float(mean) * scale, rel=1e-12, abs=1e-12 * scale)
    expected = float((c**2).sum() / (len(c) - 1)) * float(scale) * float(scale)  # infinite for "huge"
    assert got.variance == pytest.approx(expected, rel=1e-9) or (math.isinf(expected) and math.isinf(got.variance))
    assert got.skewness == pytest.approx(float((c**3).mean() / (c**2).mean() ** 1.5), rel=1e-8, abs=1e-9)
    assert got.kurtosis == pytest.approx(float((c**4).mean() / (c**2).mean() ** 2 - 3), rel=1e-8, abs=1e-9)
    assert (got.zeros, got.negatives) == ((x == 0).sum(), (x < 0).sum())
    assert one(table, "range", name) == Range(fine.min(), fine.max())
    bins = one(table, "bins", name, args=(20,))
    assert bins.counts.sum() == len(fine)
    assert bins.edges[0] == pytest.approx(fine.min(), rel=1e-12) and bins.edges[-1] == pytest.approx(
        fine.max(), rel=1e-12
    )
    # A value within rounding of an edge may fall to either side of it.
    assert np.abs(bins.counts - np.histogram(fine, bins.edges)[0]).sum() <= 4
    asked = (0.01, 0.25, 0.5, 0.75, 0.99)
    ranks = np.searchsorted(np.sort(fine), one(table, "quantiles", name, args=asked)) / len(fine)
    # 257 rungs from a pilot of 4,096: a rung holds about 1/256 of the rows.
    assert np.abs(ranks - asked).max() < 0.03 if name == "few" else np.abs(ranks - asked).max() < 0.008


def test_distinct_is_exact_where_it_is_near_the_rows(table: DuckTable, columns: dict[str, np.ndarray]) -> None:
    for name, x in columns.items():
        assert one(table, "distinct", name) == Distinct(len(np.unique(x)), True), name


def test_top_tokens_and_ties() -> None:
    table = open_table(
        {"s": ["b", "a", "b", "a", "c", None, " N/A ", "n/a", "", "  "], "i": [1, 1, 2, 2, 3, -9, -9, -9, None, 0]}
    )
    assert one(table, "top", "s", args=(3,)) == (("a", 2), ("b", 2), ("", 1))
    assert one(table, "top", "i", args=(2,)) == ((-9, 3), (1, 2))
    assert one(table, "tokens", "s", args=("N/A", "?", "")) == {"N/A": 2, "?": 0, "": 2}
    assert one(table, "tokens", "i", args=("-9", "999", 0)) == {"-9": 3, "999": 0, 0: 1}


def test_top_and_tokens_of_columns_with_many_values() -> None:
    values = [f"v{i}" for i in range(40_000)] + ["?"] * 9 + [" NULL"] * 3
    table = open_table({"s": values, "x": [float(i) for i in range(40_000)] + [-999.0] * 12})
    assert table.scanned.tables == {}
    assert one(table, "top", "s", args=(2,)) == (("?", 9), (" NULL", 3))
    assert one(table, "top", "x", args=(1,)) == ((-999.0, 12),)
    assert one(table, "tokens", "s", args=("?", "null", "-")) == {"?": 9, "null": 3, "-": 0}
    assert one(table, "tokens", "x", args=("-999", "n/a")) == {"-999": 12, "n/a": 0}
    assert "s" not in table.scanned.tables
    assert one(table, "parses", "s").n == 40_012


@pytest.mark.parametrize("extra", [0, 30_000])
def test_parses(extra: int) -> None:
    texts = ["1", " 2.5 ", "1e3", "x", "", "5%", "'7'", '"q"', "1,234", "2020-01-02", "31/12/2020", "30/02/2020", None]
    table = open_table({"t": texts + [f"u{i}" for i in range(extra)], "n": list(range(13 + extra))})
    got = one(table, "parses", "t")
    assert (got.n, got.blank, got.number, got.integer) == (12 + extra, 1, 3, 2)
    assert (got.date, got.percent, got.quoted, got.thousands) == (2, 1, 2, 1)
    assert len(got.example_bad) == 5
    assert one(table, "parses", "n") is None


def test_holes_by_group_and_their_fingerprints() -> None:
    n = 1_000
    a = [None if i % 7 == 0 else i for i in range(n)]
    b = [None if i % 7 == 0 else "x" for i in range(n)]
    c = [None if i % 7 == 1 else 1.0 for i in range(n)]
    d = [None if i % 14 == 0 else 1.0 for i in range(n)]
    g = ["u" if i % 2 else "v" for i in range(n)]
    table = open_table({"a": a, "b": b, "c": c, "d": d, "g": g})
    holes = {k: one(table, "holes", k) for k in "abcdg"}
    assert holes["a"].n == 143 and holes["g"].n == 0
    assert holes["a"].fingerprint == holes["b"].fingerprint
    assert len({holes[k].fingerprint for k in "acdg"}) == 4
    by = one(table, "holes", "d", by=("g",))
    assert by == {"u": (0, 500), "v": (72, 500)}


def test_duplicates_name_their_rows() -> None:
    table = open_table({"a": [1, 2, 1, 3, 1, 2], "b": ["x", "y", "x", None, "x", "z"]})
    got = one(table, "duplicates", "a", "b")
    assert (got.rows, got.extra, got.groups, got.largest) == (3, 2, 1, 3)
    assert got.where.positions.tolist() == [0, 2, 4]
    assert one(table, "duplicates", "a").rows == 5
    assert one(table, "duplicates").rows == 3
    assert len(set(got.where.ids.tolist())) == 3


def test_block_ranges_and_crosstab() -> None:
    table = open_table(
        {"t": [5, 3, 1, 2, 4, None], "x": [50.0, 30.0, None, 20.0, 40.0, 9.0], "g": ["a", "a", "b", None, "b", "b"]}
    )
    first, second = one(table, "block_ranges", "x", "t", args=(2,))
    assert (first.start, first.end, first.lo, first.hi, first.rows, first.nulls) == (1.0, 3.0, 20.0, 30.0, 3, 1)
    assert (second.start, second.end, second.lo, second.hi, second.rows, second.nulls) == (4.0, 5.0, 40.0, 50.0, 2, 0)
    assert len(one(table, "block_ranges", "x", "@row", args=(3,))) == 3
    crossed = one(table, "crosstab", "g", "t", args=(2,))
    assert crossed[("b", "1")] == 1 and (None, "2") in crossed and ("b", None) in crossed


def test_dates_are_numbers_in_epoch_seconds() -> None:
    days = [f"{d:02d}/{m:02d}/2020" for m in (1, 2) for d in range(1, 29)]
    table = open_table({"d": days, "iso": [f"2020-01-{i % 28 + 1:02d} 12:30" for i in range(56)]})
    assert {c.name: c.storage for c in table.columns} == {"d": "VARCHAR (dmy)", "iso": "VARCHAR (iso)"}
    span = one(table, "range", "d")
    assert (span.lo, span.hi) == (1577836800.0, 1577836800.0 + 58 * 86400.0)
    assert one(table, "moments", "iso").n == 56
    assert one(table, "bins", "d", args=(4,)).counts.sum() == 56


def test_queries_stay_narrow() -> None:
    wide = {f"c{i:03d}": RNG.normal(size=50) for i in range(180)} | {f"s{i:03d}": ["a", "b"] * 25 for i in range(120)}
    table = open_table(pa.table(wide))
    facts = ("holes", "range", "moments", "distinct", "top", "bins", "quantiles", "tokens", "parses")
    args = {"top": (5,), "bins": (10,), "quantiles": (0.5,), "tokens": ("?",)}
    asks = [Ask(f, (c,), (), args.get(f, ())) for f in facts for c in wide]
    assert len(table.facts(asks)) == len(asks)
    assert max(table.scanned.queries) <= scans.BATCH == 50
    before = len(table.scanned.queries)
    table.facts(asks)
    assert len(table.scanned.queries) == before


def test_wrong_asks_are_refused() -> None:
    table = open_table({"a": [1]})
    with pytest.raises(InputError, match="about 1 columns"):
        table.facts([Ask("holes", ("a", "a"))])
