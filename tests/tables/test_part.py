"""A part of a table is what a filtered copy is, and its halves are cut between moments."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.table import Ask, SampleSpec
from assay.tables import open_table
from assay.tables.part import halves


@pytest.fixture(params=["memory", "parquet"])
def table(request, tmp_path):
    rng = np.random.default_rng(0)
    n = 5000
    rows = pa.table(
        {
            "x": rng.normal(size=n),
            "c": rng.choice(["p", "q", "ü r"], n),
            "k": pa.array(np.where(rng.random(n) < 0.1, None, rng.integers(0, 9, n)).tolist(), pa.int64()),
            "where": rng.choice(["here", "there"], n),
        }
    )
    if request.param == "memory":
        return open_table(rows, name="t")
    pq.write_table(rows, tmp_path / "t.parquet", row_group_size=700)
    return open_table(str(tmp_path / "t.parquet"), cache=False)


def test_a_part_is_a_filtered_copy(table):
    keep = np.random.default_rng(1).random(table.n_rows) < 0.3
    part = table.part("some", lambda: keep, ["where"])
    copy = table.derive(table.arrow().filter(pa.array(keep)).drop_columns(["where"]))
    assert part.n_rows == copy.n_rows == int(keep.sum())
    assert [c.name for c in part.columns] == ["x", "c", "k"]
    assert part.arrow().equals(copy.arrow())
    assert part.digest == copy.digest
    assert (part.row_hashes(("x", "c")) == copy.row_hashes(("c", "x"))).all()
    asks = [Ask("top", ("c",), args=(5,)), Ask("moments", ("x",)), Ask("holes", ("k",)), Ask("distinct", ("k",))]
    mine, theirs = part.facts(asks), copy.facts(asks)
    for ask in asks[:2] + asks[3:]:
        assert mine[ask] == theirs[ask]
    assert mine[asks[2]].n == theirs[asks[2]].n
    a, b = (t.with_ids([]).sample(SampleSpec(n=200)) for t in (part, copy))
    assert (a.row_id == b.row_id).all()
    assert (a.content == b.content).all()
    assert a.arrow.equals(b.arrow)


def test_the_mask_is_made_when_it_is_needed(table):
    def never():
        raise AssertionError("asked too early")

    part = table.part("some", never)
    assert len(part.columns) == 4
    assert part.name == "some"


@pytest.mark.parametrize(
    ("when", "first"),
    [([1, 2, 3, 4], 2), ([1, 1, 1, 2], 3), ([1, 2, 2, 2], 1), ([1, np.nan, 2, np.nan], 1), ([1, 1, 2, 2, 2, 3], 2)],
)
def test_halves_keep_a_moment_whole(when, first):
    made = halves(np.array(when, float))
    assert made is not None
    assert [int(m.sum()) for m in made] == [first, int(np.isfinite(when).sum()) - first]
    assert not (made[0] & made[1]).any()


@pytest.mark.parametrize("when", [[], [1.0], [2.0, 2.0], [np.nan, np.nan]])
def test_no_halves_of_one_moment(when):
    assert halves(np.array(when, float)) is None


def test_a_part_of_a_table_with_a_column_more_is_scanned():
    """What ``assay split`` wrote has a column more; a check looks at parts of it on connections of their own."""
    whole = open_table({"x": np.arange(6.0)}, cache=False)
    twice = whole.with_column("side", pa.array(list("aabbcc"))).with_column("other", pa.array(list("uvwxyz")))
    part = twice.part("b", lambda: np.array([False, False, True, True, False, True]))
    assert part.arrow().to_pydict() == {"x": [2.0, 3.0, 5.0], "side": ["b", "b", "c"], "other": ["w", "x", "z"]}
