"""Tables of any types and holes: a Table that answers everything, or one clear sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assay.core.errors import AssayError
from assay.core.table import Ask, SampleSpec
from assay.tables import guess_roles, make_partition, open_table
from assay.tables.delimited import _MISSING

FACTS = ("holes", "range", "moments", "distinct", "top", "bins", "quantiles", "tokens", "parses", "types")
ARGS: dict[str, tuple[Any, ...]] = {"top": (3,), "bins": (4,), "quantiles": (0.5,), "tokens": ("?", "", "-1")}

# the same tables in every run: a search that differs from run to run is for ``make prove``, not for a gate
FEW = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=12), st.binary(max_size=4),
    st.dates(), st.datetimes(), st.decimals(allow_nan=False), st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip
KINDS = (
    st.integers(-(2**63), 2**63 - 1), st.integers(0, 2400), st.floats(), st.booleans(), st.text(max_size=8),
    st.datetimes(),
    st.sampled_from(["?", "", " ", "N/A", "1", "2020-01-02", "31/01/2020", "5%"]), CELLS, st.none(),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    rows = draw(st.integers(0, 25))
    names = draw(st.lists(st.text(max_size=6), min_size=1, max_size=4, unique=True))
    out = {}
    for name in names:
        cell = draw(st.sampled_from(KINDS))
        out[name] = draw(st.lists(st.one_of(st.none(), cell), min_size=rows, max_size=rows))
    return out


def look_at(source: Any, target: str | None = None) -> None:
    table = open_table(source, cache=False)
    names = [c.name for c in table.columns]
    asks = [Ask(f, (c,), (), ARGS.get(f, ())) for f in FACTS for c in names]
    asks += [
        Ask("rows"),
        Ask("duplicates"),
        Ask("crosstab", (names[0], names[-1]), (), (3,)),
        Ask("holes", (names[0],), (names[-1],)),
    ]
    asks += [Ask("block_ranges", (c, "@row"), (), (3,)) for c in names]
    facts = table.facts(asks)
    assert facts[Ask("rows")] == table.n_rows
    sample = table.sample(SampleSpec(20))
    assert sample.n == min(20, table.n_rows) == len(sample.arrow)
    for c in table.columns:
        values, (codes, levels), gone = sample.numbers(c.name), sample.codes(c.name), sample.null(c.name)
        assert len(values) == len(codes) == len(gone) == sample.n
        assert ((codes < 0) == gone).all() and sorted(levels) == list(levels)
        holes = facts[Ask("holes", (c.name,))]
        assert 0 <= holes.n <= holes.rows == table.n_rows
        assert facts[Ask("distinct", (c.name,))].n <= table.n_rows - holes.n
        if table.n_rows <= 20:
            assert gone.sum() == holes.n
            assert len(levels) <= facts[Ask("distinct", (c.name,))].n
        moments = facts[Ask("moments", (c.name,))]
        if c.kind in ("number", "bool") and table.n_rows <= 20:
            assert moments.n + moments.infinite == table.n_rows - holes.n
        assert sum(n for _, n in facts[Ask("top", (c.name,), (), (3,))]) <= table.n_rows - holes.n
    roles = guess_roles(table, {"target": target} if target else None)
    part = make_partition(table, roles).part(sample)
    assert set(np.unique(part)) <= {0, 1, 2}
    assert table.digest == open_table(source, cache=False).digest


@settings(FEW, max_examples=30)
@given(tables())
@example({"a": [1.7976931348623157e308, -9.9792015476736e291]})
def test_any_dict_of_columns(columns: dict[str, list[Any]]) -> None:
    try:
        look_at(columns)
    except AssayError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.slow
@settings(FEW, max_examples=600, derandomize=False)
@given(tables())
def test_any_dict_of_columns_drawn_anew(columns: dict[str, list[Any]]) -> None:
    test_any_dict_of_columns.hypothesis.inner_test(columns)  # type: ignore[attr-defined]


@settings(FEW, max_examples=10)
@given(tables())
def test_any_target(columns: dict[str, list[Any]]) -> None:
    try:
        look_at(columns, open_table(columns).columns[0].name)
    except AssayError as error:
        assert len(str(error).splitlines()) == 1


@settings(FEW, max_examples=25)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_as_csv(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    path.write_bytes(data)
    try:
        look_at(path)
    except AssayError as error:
        assert len(str(error).splitlines()) == 1


FIELDS = st.sampled_from(["", "a", "1", "-2.5", "x,y", 'say "hi"', "two\nlines", " pad ", "é", "1e5", "true", "007"])


@settings(FEW, max_examples=25)
@given(st.lists(st.tuples(FIELDS, FIELDS, FIELDS), min_size=1, max_size=30))
def test_no_field_of_a_csv_is_lost(tmp_path_factory: Any, rows: list[tuple[str, str, str]]) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["name", "other name", "third"])
        writer.writerows(rows)
    table = open_table(path, cache=False)
    assert table.n_rows == len(rows) and table.notes == tuple(n for n in table.notes if "left out" not in n)
    got = table.arrow()
    for i, name in enumerate(["name", "other name", "third"]):
        for was, now in zip([r[i] for r in rows], got[name].to_pylist(), strict=True):
            if was == "":
                assert now is None
            elif isinstance(now, str):
                assert now == was
            elif now is None:
                assert was.lower() in _MISSING
            else:
                assert float(was) == float(now) if not isinstance(now, bool) else was == str(now).lower()


def test_five_hundred_columns_and_no_rows() -> None:
    for n in (0, 1):
        look_at(pa.table({f"c{i}": pa.array(range(n), pa.int64()) for i in range(500)}))
