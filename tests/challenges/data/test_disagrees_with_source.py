"""D18: cells are compared by value with a trusted table, rows paired by a key; the counts are exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from assay.audit.opening import open_subject
from assay.challenges.data import disagrees_with_source as d18
from assay.core.subject import Subject
from assay.tables import open_table
from assay.testing import judge
from tests.challenges.real import FOLDER, real, stands

N = 500


def ledger() -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table({
        "account": [f"A{k:05}" for k in range(N)], "amount": np.round(rng.gamma(2, 50, N), 2),
        "city": rng.choice(["Rome", "Oslo", "Ulm"], N), "paid": rng.random(N) < 0.5,
        "day": np.datetime64("2024-01-01") + rng.integers(0, 300, N).astype("timedelta64[D]"),
    })  # fmt: skip


def against(table: pa.Table, trusted: pa.Table, **roles: str) -> Subject:
    return open_subject(table, roles=roles, trusted=open_table(trusted, name="ledger"), cache=False)


def test_the_same_table_in_another_order_and_other_types_agrees() -> None:
    table = ledger()
    rng = np.random.default_rng(1)
    texts = table.set_column(1, "amount", pa.array([f" {v:.4f}" for v in table["amount"].to_pylist()]))
    texts = texts.set_column(4, "day", pa.array([str(v) for v in table["day"].to_pylist()]))
    texts = texts.set_column(2, "city", pa.array([f"{v} " for v in table["city"].to_pylist()]))
    mixed = texts.take(pa.array(rng.permutation(N))).select(["day", "city", "amount", "paid", "account"])
    made = judge(d18, against(mixed, table, id="account"))
    assert made.decision.verdict == "clear", [c.says for c, _ in made.decision.stands]
    assert all(c.effect.value == 0 for c in made.run.claims)


def test_cells_and_rows_are_counted() -> None:
    table = ledger()
    amount, city = table["amount"].to_pylist(), table["city"].to_pylist()
    amount[3], amount[8], city[8], city[9] = 1.0, None, "ROME", ""
    changed = table.set_column(1, "amount", pa.array(amount)).set_column(2, "city", pa.array(city)).slice(0, N - 5)
    extra = changed.slice(0, 2).set_column(0, "account", pa.array(["Z1", "Z2"]))
    claims = {c.says for c in stands(d18, against(pa.concat_tables([changed, extra]), table, id="account"))}
    assert claims == {
        "2 of 495 cells of amount (0.4 %) differ from ledger", "2 of 495 cells of city (0.4 %) differ from ledger",
        "2 of 497 rows (0.4 %) are not in ledger, by account",
        "5 of 500 rows (1.0 %) of ledger are not here, by account",
    }  # fmt: skip


def test_cells_stand_where_they_are() -> None:
    made = d18.plant(against(ledger(), ledger(), id="account"), 0.02, np.random.default_rng(0))
    (claim,) = stands(d18, made.subject)
    assert made.rows is not None
    assert claim.evidence["cells"] == {"amount": made.rows.positions.tolist()}
    assert claim.effect.value == made.true_effect == 0.02


def test_a_pair_of_codes_serves_as_key_where_no_id_is() -> None:
    rng = np.random.default_rng(2)
    grid = [(f"shop {a}", f"day {b}") for a in range(20) for b in range(25)]
    table = pa.table({"shop": [a for a, _ in grid], "day": [b for _, b in grid], "sold": rng.integers(0, 99, 500)})
    sold = table["sold"].to_numpy().copy()
    sold[:7] += 1
    (claim,) = stands(d18, against(table.set_column(2, "sold", pa.array(sold)), table))
    assert claim.evidence["key"] == ["day", "shop"]
    assert claim.evidence["differ"] == 7


def test_without_a_key_it_says_what_to_name() -> None:
    rng = np.random.default_rng(3)
    table = pa.table({"colour": rng.choice(["red", "blue"], N), "x": rng.normal(size=N)})
    made = judge(d18, against(table, table))
    assert made.run.not_applicable == (
        "no shared column tells the rows of the trusted table apart: name one with --role id=COLUMN"
    )
    other = ledger().set_column(0, "account", pa.array([f"B{k}" for k in range(N)]))
    assert "pairs fewer than half" in str(judge(d18, against(ledger(), other, id="account")).run.not_applicable)


def test_degenerate_sources_give_a_verdict() -> None:
    table = ledger()
    for trusted in (table.slice(0, 0), table.slice(0, 1), table.select(["account"]), table.select(["city"])):
        subject = replace(against(table, table, id="account"), evidence={"trusted": open_table(trusted)})
        assert judge(d18, subject).run.error is None


def test_truth() -> None:
    subject = real("beers_dirty.csv.gz", id="id")
    trusted = open_table(str(FOLDER / "beers_clean.csv.gz"), cache=False)
    claims = stands(d18, replace(subject, evidence={"trusted": trusted}))
    told = {c.about.columns[0]: c.evidence["differ"] for c in claims}
    assert told == {"ibu": 1005, "abv": 693, "city": 127, "state": 127}
