"""Order of rows and columns, and the number of threads, change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import InputError
from assay.core.subject import Role, Roles
from assay.core.table import Ask, SampleSpec
from assay.tables import guess_roles, make_partition, open_table, rowid, sampling
from assay.tables.duck_table import DuckTable

N = 6_000
FACTS = ("holes", "range", "moments", "distinct", "top", "bins", "quantiles", "tokens", "parses")
ARGS: dict[str, tuple[Any, ...]] = {"top": (7,), "bins": (16,), "quantiles": (0.1, 0.5), "tokens": ("?", "-1")}


@pytest.fixture(scope="module")
def arrow() -> pa.Table:
    rng = np.random.default_rng(3)
    few = rng.integers(0, 5, N)
    return pa.table(
        {
            "x": pa.array(rng.normal(1e5, 1, N), mask=rng.random(N) < 0.1),
            "few": few,
            "s": pa.array([None if v == 3 else f"k{v}" for v in few]),
            "g": [f"g{v}" for v in rng.integers(0, 300, N)],
            "rare": np.where(np.arange(N) < 30, "yes", "no"),
            "when": [f"2020-{1 + v // 28:02d}-{1 + v % 28:02d}" for v in rng.integers(0, 300, N)],
        }
    )


@pytest.fixture(scope="module")
def pair(arrow: pa.Table) -> tuple[DuckTable, DuckTable]:
    rng = np.random.default_rng(9)
    mixed = arrow.take(rng.permutation(N)).select(["when", "g", "x", "rare", "few", "s"])
    return open_table(arrow), open_table(mixed)


def asks(table: DuckTable) -> list[Ask]:
    names = sorted(c.name for c in table.columns)
    many = [Ask(f, (c,), (), ARGS.get(f, ())) for f in FACTS for c in names]
    return [
        *many,
        Ask("crosstab", ("s", "g"), (), (9,)),
        Ask("block_ranges", ("x", "when"), (), (5,)),
        Ask("holes", ("x",), ("s",)),
    ]


def test_facts_and_digest(pair: tuple[DuckTable, DuckTable]) -> None:
    one, two = pair
    assert one.digest == two.digest
    a, b = one.facts(asks(one)), two.facts(asks(two))
    assert {k: repr(v) for k, v in a.items()} == {k: repr(v) for k, v in b.items()}


def test_bytes_do_not_depend_on_threads(arrow: pa.Table) -> None:
    big = pa.concat_tables([arrow] * 40)
    got = []
    try:
        for threads in (1, 2, 7):
            table = open_table(big)
            table._con.execute(f"SET threads = {threads}")
            rows = table.sample(SampleSpec(500)).row_id.tolist()
            got.append([rows, {k: repr(v) for k, v in table.facts(asks(table)).items()}])
    finally:
        table._con.execute("RESET threads")
    assert got[0] == got[1] == got[2]


@pytest.mark.parametrize(
    "spec",
    [
        SampleSpec(N),
        SampleSpec(500),
        SampleSpec(10**9),
        SampleSpec(700, "group", key="g"),
        SampleSpec(400, strata="rare"),
        SampleSpec(5, columns=("x", "s")),
    ],
)
def test_samples_and_partitions(pair: tuple[DuckTable, DuckTable], spec: SampleSpec) -> None:
    one, two = (t.sample(spec) for t in pair)
    assert (np.diff(one.row_id.astype(object)) > 0).all()
    assert one.row_id.tolist() == two.row_id.tolist()
    assert one.content.tolist() == two.content.tolist()
    assert one.weight.tolist() == two.weight.tolist()
    for name in one.names:
        assert one.arrow[name].to_pylist() == two.arrow[name].to_pylist(), name
    for roles in (Roles(), Roles(group=Role(("g",))), Roles(order=Role(("when",)))):
        a, b = (make_partition(t, roles, seed=4).part(s) for t, s in zip(pair, (one, two), strict=True))
        assert a.tolist() == b.tolist()


def test_samples_are_close_to_what_was_asked(pair: tuple[DuckTable, DuckTable]) -> None:
    table = pair[0]
    grouped = table.sample(SampleSpec(700, "group", key="g"))
    assert 550 <= grouped.n <= 700
    counts = dict(zip(*np.unique(table.codes("g")[0], return_counts=True), strict=True))
    seen = dict(
        zip(
            *np.unique([table.codes("g")[1].index(v) for v in grouped.arrow["g"].to_pylist()], return_counts=True),
            strict=True,
        )
    )
    assert all(counts[k] == v for k, v in seen.items())
    rare = table.sample(SampleSpec(400, strata="rare"))
    codes, levels = rare.codes("rare")
    assert rare.n == 400 and (codes == levels.index("yes")).sum() == 30
    assert rare.weight.sum() == pytest.approx(N)
    assert rare.weight[codes == levels.index("yes")].tolist() == [1.0] * 30
    with pytest.raises(InputError, match="few values"):
        table.sample(SampleSpec(50, strata="x"))
    with pytest.raises(InputError, match="needs the column"):
        table.sample(SampleSpec(50, "group"))


def test_a_small_fetch_equals_a_large_one(pair: tuple[DuckTable, DuckTable]) -> None:
    table = pair[0]
    at = np.array([5, 17, 3, 2999, 5999, 0])
    streamed = sampling.fetch(table, ("x", "s"), at)
    assert streamed.to_pylist() == table.arrow(("x", "s")).take(at).to_pylist()


def test_sampled_positions_are_source_positions(arrow: pa.Table) -> None:
    sample = open_table(arrow).sample(SampleSpec(50))
    assert arrow["g"].take(sample.position).to_pylist() == sample.arrow["g"].to_pylist()


def test_partition_shares_and_units(pair: tuple[DuckTable, DuckTable]) -> None:
    table = pair[0]
    whole = table.sample(SampleSpec(N))
    by_content = make_partition(table, Roles()).part(whole)
    # 6,000 rows: three standard errors of a share are below .02.
    assert np.abs(np.bincount(by_content) / N - [0.6, 0.2, 0.2]).max() < 0.02
    by_group = make_partition(table, Roles(group=Role(("g",)))).part(whole)
    codes, _ = whole.codes("g")
    assert all(len(set(by_group[codes == c])) == 1 for c in range(50))
    by_time = make_partition(table, Roles(order=Role(("when",))))
    part, when = by_time.part(whole), whole.numbers("when")
    assert when[part == 0].max() < when[part == 1].min() <= when[part == 1].max() < when[part == 2].min()
    assert np.abs(np.bincount(part) / N - [0.6, 0.2, 0.2]).max() < 0.02
    assert "earliest 60 %" in by_time.says and "when" in by_time.says
    rows = make_partition(table, Roles(order=Role(("@row",)))).part(whole)
    assert np.bincount(rows).tolist() == [3600, 1200, 1200]
    assert whole.position[rows == 2].min() == 4800


def test_partition_differs_by_seed_and_from_the_sample(pair: tuple[DuckTable, DuckTable]) -> None:
    table = pair[0]
    small = table.sample(SampleSpec(1_000))
    first, second = (make_partition(table, Roles(), seed=s).part(small) for s in (0, 1))
    assert (first != second).mean() > 0.3
    assert 0.5 < (first == 0).mean() < 0.7


def test_partition_holds_on_derived_samples_and_tables(pair: tuple[DuckTable, DuckTable]) -> None:
    table = pair[0]
    by_time = make_partition(table, Roles(order=Role(("when",))))
    by_group = make_partition(table, Roles(group=Role(("g",))))
    whole = table.sample(SampleSpec(N))
    changed = whole.replace({"x": np.zeros(N), "when": ["2019-01-01"] * N, "g": ["one"] * N})
    assert by_time.part(changed).tolist() == by_time.part(whole).tolist()
    assert by_group.part(changed).tolist() == by_group.part(whole).tolist()
    without = table.sample(SampleSpec(N, columns=("x",)))
    assert by_time.part(without).tolist() == by_time.part(whole).tolist()
    assert by_group.part(without.take(np.arange(10))).tolist() == by_group.part(whole)[:10].tolist()
    planted = table.derive(table.arrow().append_column("new", pa.array(np.arange(N))))
    rows = planted.sample(SampleSpec(N))
    order = np.argsort(rows.position)
    assert by_time.part(rows)[order].tolist() == by_time.part(whole)[np.argsort(whole.position)].tolist()


def test_exact_duplicates_share_content_and_part_but_not_row_id() -> None:
    table = open_table({"customer_id": list(range(40)), "a": [1, 1] * 20, "b": [i // 2 for i in range(40)]})
    sample = table.sample(SampleSpec(40))
    assert table.ids == ("customer_id",)
    assert len(set(sample.row_id.tolist())) == 40 and len(set(sample.content.tolist())) == 20
    part = make_partition(table, guess_roles(table)).part(sample)
    for c in set(sample.content.tolist()):
        assert len(set(part[sample.content == c])) == 1
    assert len(set(table.with_ids(()).sample(SampleSpec(40)).content.tolist())) == 40


def test_ordinals_and_ids() -> None:
    hashes = np.array([5, 7, 5, 5, 9, 7], np.uint64)
    assert rowid.ordinals(hashes).tolist() == [0, 0, 1, 2, 0, 1]
    assert len(set(rowid.row_ids(hashes).tolist())) == 6
    assert rowid.repeated(hashes).tolist() == [True, True, True, True, False, True]


def test_null_counts_as_a_value_in_row_hashes() -> None:
    table = open_table({"a": [1, None, None, 1], "b": ["x", "x", "x", None]})
    hashes = table.row_hashes(("a", "b"))
    assert hashes[1] == hashes[2] and len(set(hashes.tolist())) == 3
    assert hashes.tolist() == table.row_hashes(("b", "a")).tolist()


def test_derive_keeps_kinds_where_name_and_type_stay() -> None:
    clock = [h * 100 + m for h in range(24) for m in range(0, 60, 7)]
    table = open_table({"t": clock, "y": [i % 2 for i in range(len(clock))]})
    assert table.column("t").kind == "clock"
    few = table.derive(table.arrow().slice(0, 5))
    assert few.column("t").kind == "clock"
    assert few.sample(SampleSpec(9)).numbers("t").max() == 28.0
