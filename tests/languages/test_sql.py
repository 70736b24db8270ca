"""The exported SELECT predicts what the graph predicts, in DuckDB always and in Postgres where there is one."""

from __future__ import annotations

import os

import duckdb
import numpy as np
import pytest

from assay.bundle.exports import sql
from assay.bundle.exports import sql_trees as limits
from assay.core.errors import SettingsError
from tests.bundle.conftest import CASES, Case

from .models import awkward, everything
from .tables import table_of

POSTGRES = os.environ.get("ASSAY_TEST_POSTGRES")
TYPES = {"string": "text", "timestamp[us]": "timestamp", "bool": "boolean", "double": "float8", "int64": "bigint"}
needs_postgres = pytest.mark.skipif(not POSTGRES, reason="ASSAY_TEST_POSTGRES names no server")


def in_duckdb(model, table):
    with duckdb.connect() as engine:
        engine.register("rows", table)
        return engine.sql(sql.to_sql(model)).to_arrow_table().to_pylist()


def in_postgres(model, table):
    import psycopg

    with psycopg.connect(POSTGRES, autocommit=True) as server:
        columns = ", ".join('"{}" {}'.format(f.name.replace('"', '""'), TYPES[str(f.type)]) for f in table.schema)
        server.execute(f'CREATE TEMPORARY TABLE "my rows" ({columns})')
        with server.cursor().copy('COPY "my rows" FROM STDIN') as copy:
            for row in table.to_pylist():
                copy.write_row(list(row.values()))
        made = server.execute(sql.to_sql(model, "postgres", '"my rows"'))
        names = [d.name for d in made.description]
        return [dict(zip(names, row, strict=True)) for row in made.fetchall()]


def check(model, feed, told):
    """The rows as the engine gives them against the graph, to 1e-6; the table's own columns come along."""
    told = sorted(told, key=lambda row: row["row_no"])
    assert [row["row_no"] for row in told] == list(range(len(told)))
    want = model._session.run(feed).astype(np.float64)
    sets = model._session.run(feed, "set")
    if not model.classes:
        got = np.array([[row["prediction"]] for row in told])
        ends = np.array([[row["set_low"], row["set_high"]] for row in told])
        np.testing.assert_allclose(ends, sets, rtol=1e-6, atol=1e-6)
    else:
        got = np.array([[row[f"p_{c}"] for c in model.classes] for row in told])
        near = np.ptp(np.sort(want, 1)[:, -2:], axis=1) < 1e-6
        labels = np.array([row["prediction"] for row in told], object)
        assert (labels == model._session.run(feed, "label"))[~near].all()
        assert (np.array([[row[f"set_{c}"] for c in model.classes] for row in told]) == sets).mean() > 0.9995
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_duckdb_predicts_what_the_graph_predicts():
    model = everything("binary", members="lightgbm")
    table, feed = table_of(model, awkward(model, 600))
    check(model, feed, in_duckdb(model, table))


@needs_postgres
def test_postgres_predicts_what_the_graph_predicts():
    model = everything("multiclass", spoken=False)
    table, feed = table_of(model, awkward(model, 1000))
    check(model, feed, in_postgres(model, table))


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("members", ["all", "linear", "network"])
def test_every_family_and_step_on_five_thousand_awkward_rows(task, members):
    model = everything(task, seed=3, members=members)
    table, feed = table_of(model, awkward(model, 5000, seed=4))
    check(model, feed, in_duckdb(model, table))
    if POSTGRES and members == "all":
        model = everything(task, seed=3, spoken=False)
        table, feed = table_of(model, awkward(model, 5000, seed=4))
        check(model, feed, in_postgres(model, table))


@pytest.mark.slow
@pytest.mark.parametrize(("task", "family"), [c for c in CASES if c[1] not in ("mix", "extra-trees")])
def test_trained_models(task, family):
    model = Case(task, family).build()
    table, feed = table_of(model, awkward(model, 2000, seed=5))
    check(model, feed, in_duckdb(model, table))
    if POSTGRES:
        check(model, feed, in_postgres(model, table))


def test_what_cannot_be_said_in_sql_is_refused_in_one_sentence(monkeypatch):
    model = everything("binary", members="lightgbm")
    with pytest.raises(SettingsError, match="must be duckdb or postgres; got 'oracle'"):
        sql.to_sql(model, "oracle")
    with pytest.raises(SettingsError, match="must be named as SQL names it"):
        sql.to_sql(model, table="rows; DROP TABLE rows")
    with pytest.raises(SettingsError, match="cannot be exported to postgres: it reads double as string"):
        sql.to_sql(model, "postgres")
    monkeypatch.setattr(limits, "MOST_LEAVES", 10)
    with pytest.raises(SettingsError, match="leaves, more than 10"):
        sql.to_sql(model)


def test_nothing_that_a_model_is_called_reaches_the_query_as_sql():
    import re

    model = everything("multiclass", members="lightgbm")
    made = sql.to_sql(model)
    assert '"p_c""\\"' in made or 'p_c""' in made  # a quote in a class is doubled
    comments = [line for line in made.splitlines() if line.startswith("--")]
    assert len(comments) == 4 and not re.search("[\x00-\x08]", made)
