"""Rows from Postgres and into it, against a real server; beside the registry's tests, whose server it shares."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from assay.bundle.batch import Scores, Source, Target, score
from assay.bundle.model import Model
from assay.core.errors import AssayError, InputError, OutputError
from assay.tables import databases

from .conftest import fresh


@pytest.fixture
def address(postgres: str) -> str:
    made = fresh(postgres)
    with psycopg.connect(made) as con:
        con.execute(
            "CREATE TABLE people (id int, x numeric, colour text, born date, seen timestamptz, member bool, score real)"
        )
        con.execute(
            "INSERT INTO people SELECT k, CASE WHEN k % 7 <> 0 THEN k / 100.0 - 1 END, CASE k % 3 WHEN 0 THEN 'red' "
            "WHEN 1 THEN '' END, date '2020-02-29', timestamptz '2026-03-29 03:30:00+02', k % 2 = 0, 0.5 FROM "
            "generate_series(1, 300) AS k"
        )
    return made


def test_types_and_missing_values_come_over(address: str, tmp_path: Path) -> None:
    databases.land(address, "SELECT * FROM people ORDER BY id LIMIT 7;", None, tmp_path / "rows.parquet")
    got = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [r["x"] for r in got] == [-0.99, -0.98, -0.97, -0.96, -0.95, -0.94, None]
    assert [r["colour"] for r in got[:3]] == ["", None, "red"] and got[0]["member"] is False and got[0]["id"] == 1
    assert str(got[0]["born"]) == "2020-02-29 00:00:00" and str(got[0]["seen"]) == "2026-03-29 01:30:00"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.parquet"]


def test_from_a_query_into_a_new_table(address: str, files: list[bytes], tmp_path: Path) -> None:
    model = Model.load(files[0])
    source = Source(address, query="SELECT id, x, colour FROM people ORDER BY id")
    out = tmp_path / "out.parquet"
    assert score(model, source, Target(str(out)), Scores(columns=("id",)), size=77)[0] == 300
    want = pq.read_table(out).to_pylist()
    target, scores = Target(address, "scored"), Scores(columns=("id",), number=True)
    score(model, source, target, scores, size=77)
    with psycopg.connect(address) as con:
        got = con.execute("SELECT row, id, prediction, p_no, p_yes, set FROM scored ORDER BY row").fetchall()
    assert got == [(k, w["id"], w["prediction"], w["p_no"], w["p_yes"], w["set"]) for k, w in enumerate(want)]
    with pytest.raises(InputError, match="is there already"):
        score(model, source, target, scores)
    score(model, source, Target(address, "scored", append=True), scores)
    with psycopg.connect(address) as con:
        assert con.execute("SELECT count(*) FROM scored").fetchone() == (600,)


def test_a_failure_leaves_no_table_and_no_password(
    address: str, files: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.tables import outputs

    model, place = Model.load(files[0]), address.replace("assay@", "assay:s3cr%40t@")
    filled, calls = outputs.fill, []

    def breaks(*given):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        filled(*given)

    monkeypatch.setattr(outputs, "fill", breaks)
    monkeypatch.setattr("assay.tables.spool.BLOCK", 100)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="No space"):
        score(model, Source(place, table="people"), Target(place, "scored"), size=100)
    monkeypatch.undo()
    with psycopg.connect(address) as con:
        assert con.execute("SELECT to_regclass('scored')").fetchone() == (None,)
    for source in (
        Source(place, query="SELECT nothing FROM people"), Source(place, query="SELECT 1; DROP TABLE people"),
        Source(place, table="nobody"), Source(place), Source("postgresql://me:s3cr@t@127.0.0.1:x1/d", "S"),
    ):  # fmt: skip
        with pytest.raises(AssayError) as error:
            score(model, source, Target(str(tmp_path / "out.csv")))
        assert "s3cr" not in str(error.value)
    with pytest.raises((InputError, OutputError), match="could not be used"):
        databases.land(
            address, "WITH gone AS (DELETE FROM people RETURNING id) SELECT * FROM gone", None, tmp_path / "r"
        )
    with psycopg.connect(address) as con:
        assert con.execute("SELECT count(*) FROM people").fetchone() == (300,)
    assert list(tmp_path.iterdir()) == []
