"""Predictions from a file: joined by position or id, refused with one sentence, and the same verdicts as in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.scored import read_predictions
from assay.cli.output import write_table
from assay.core.errors import InputError
from assay.core.settings import Settings
from assay.core.subject import Subject
from assay.tables import guess_roles, make_partition, open_table

N = 500


def subject(**words: str) -> Subject:
    rng = np.random.default_rng(0)
    y = np.where(rng.random(N) < 0.4, "yes", "no")
    table = open_table(pa.table({"key": [f"k{i:04}" for i in range(N)], "x": rng.normal(size=N), "y": y}), name="rows")
    roles = guess_roles(table, {"target": "y"} | words)
    return Subject(table, roles, make_partition(table, roles, 0), 0)


def scored(rows: Subject) -> pa.Table:
    y = np.array(rows.table.arrow()["y"].to_pylist()) == "yes"
    p = np.round(np.where(y, 0.8, 0.3) + np.arange(N) / (10 * N), 6)
    both = [["no", "yes"] if i % 2 else ["yes"] for i in range(N)]
    return pa.table({"prediction": np.where(p > 0.5, "yes", "no"), "p_no": 1 - p, "p_yes": p, "set": both})


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_by_position(suffix: str, tmp_path: Path) -> None:
    rows = subject()
    path = write_table(scored(rows), tmp_path / f"scored{suffix}")
    got = read_predictions(str(path), rows, Settings(), cache=False)
    whole = rows.table.arrow()
    place = {int(r): int(p) for r, p in zip(got.row_id, np.arange(N), strict=True)}
    from assay.core.table import SampleSpec

    sample = rows.table.sample(SampleSpec(n=N))
    at = np.array([place[int(r)] for r in sample.row_id])
    expected = np.asarray(scored(rows)["p_yes"].to_numpy())[sample.position]
    np.testing.assert_allclose(got.output[at, 1], expected, atol=1e-9)
    np.testing.assert_array_equal(got.y[at] == 1, np.array(whole["y"].to_pylist())[sample.position] == "yes")
    assert got.sets is not None
    np.testing.assert_array_equal(got.sets[at, 0], sample.position % 2 == 1)
    assert got.sets[:, 1].all()


def test_by_id_in_any_order_and_only_some(tmp_path: Path) -> None:
    rows = subject(id="key")
    some = scored(rows).append_column("key", rows.table.arrow()["key"]).take(pa.array([400, 3, 77]))
    got = read_predictions(some, rows, Settings())
    assert sorted(got.output[:, 1]) == sorted(some["p_yes"].to_pylist())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.slice(0, 10), "in order, or carry its id column; got 10 rows"),
        (lambda t: t.drop_columns(["p_no"]), "must have a column p_no"),
        (lambda t: t.set_column(1, "p_no", pa.array(np.full(N, 0.9))), "add up to 1"),
        (lambda t: t.set_column(2, "p_yes", pa.array([None] * N, pa.float64())), "must hold a number in every row"),
    ],
)
def test_what_does_not_fit_is_one_sentence(change: object, told: str) -> None:
    rows = subject()
    with pytest.raises(InputError, match=told):
        read_predictions(change(scored(rows)), rows, Settings())  # type: ignore[operator]
