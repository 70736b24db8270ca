"""What a fit says of its model: planted columns come out as planted, and every sentence is true to its number."""

from __future__ import annotations

import json
import re

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.core.settings import Settings
from assay.probes.same_thing import cramer, same_thing, signs
from assay.report import understanding as words
from assay.report.formats import render

N = 1500


def planted(seed: int = 0) -> pa.Table:
    """``heat`` drives, ``heat_f`` says it again, ``depot`` shifts, ``mood`` and ``odd`` are noise."""
    rng = np.random.default_rng(seed)
    heat = np.round(rng.normal(20, 6, N), 1)
    depot = rng.choice(["north", "south", "east"], N)
    z = 0.35 * (heat - 20) + 1.6 * (depot == "south") - 0.5 + rng.logistic(size=N)
    return pa.table({
        "heat": heat, "heat_f": np.round(heat * 1.8 + 32 + rng.normal(0, 1, N), 0), "depot": depot,
        "mood": rng.normal(size=N), "odd": rng.choice(list("uvwxyz"), N), "late": np.where(z > 0, "yes", "no"),
    })  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return assay.fit(planted(), target="late", settings=Settings(budget=2))


@pytest.fixture(scope="module")
def part(model):
    return model.dossier["model"]


@pytest.fixture(scope="module")
def made(part):
    return part["understanding"]


def test_planted_columns_come_out_as_planted(made):
    by_name = {tuple(e["columns"]): e for e in made["importance"]}
    assert made["groups"] == [["heat", "heat_f"]] and made["group_signs"] == [[1, 1]]
    first = made["importance"][0]
    assert first["columns"] == ["heat", "heat_f"] and first["above_chance"]
    assert by_name[("depot",)]["above_chance"]
    assert not by_name[("mood",)]["above_chance"] and not by_name[("odd",)]["above_chance"]
    assert sum(e["share"] for e in made["importance"]) == pytest.approx(1)
    assert all(e["interval"][0] <= e["size"] <= e["interval"][1] for e in made["importance"])
    assert made["gap"] <= 1e-9
    assert made["stability"]["agreement"] > 0.6 and made["stability"]["same_first"] == 1.0


def test_effects_have_the_planted_direction_and_only_columns_above_chance(made):
    by_name = {e["column"]: e for e in made["effects"]}
    assert not {"mood", "odd"} & set(by_name) and len(by_name) <= 6
    heat = by_name.get("heat") or by_name["heat_f"]
    assert heat["direction"] == "up" and heat["range"] > 0.2
    assert by_name["depot"]["high"] == "south"


def test_the_price_of_readability_stands_with_its_interval(part, made):
    r = made["readable"]
    assert r["shipped"] or all(m["interval"][0] <= m["value"] <= m["interval"][1] for m in r["models"])
    assert r["shipped"] or words.price_rows(part)[0] == ("model", "score", "price", "between")


def test_the_summary_is_short_and_true(part, made):
    told = words.summary(part)
    assert 3 <= len(told) <= 7 and all(s.endswith(".") for s in told)
    share = round(100 * made["importance"][0]["share"])
    assert f"heat with heat_f ({share} % of what moves its answers)" in told[0]
    assert "heat, heat_f" in " ".join(told) and "credit between them is arbitrary" in " ".join(told)
    chance = next(s for s in told if "chance" in s)
    assert "mood" in chance and "odd" in chance and "depot" not in chance
    jargon = re.compile(r"shap|permut|log-odds|bootstrap|antithetic|feature", re.I)
    assert not any(jargon.search(s) for s in told)


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_every_page_says_it(model, form):
    page = render(model.dossier, form)
    flat = " ".join(page.replace("\\", "").split())
    assert "hat the model goes by" in flat and "heat with heat_f" in flat and "no more than chance" in flat.lower()


def test_pictures_are_drawn_with_their_numbers_beside_them(model, made):
    page = render(model.dossier, "html")
    assert page.count("<figure>") >= 1 + len(made["effects"]) and '<th scope="col">between</th>' in page


def test_a_dossier_without_it_is_a_page_too(model):
    doc = json.loads(json.dumps(model.dossier))
    for given in ({}, None, {"why": "only 3 rows were judged"}):
        doc["model"]["understanding"] = given
        for form in ("text", "html", "markdown"):
            assert "goes mostly by" not in render(doc, form)
    doc["model"]["understanding"] = {"why": "only 3 rows were judged"}
    assert "only 3 rows were judged" in render(doc, "text")


def test_no_value_of_a_single_row_is_in_it(made):
    """Aggregates of five rows: effects say how few rows a bin holds."""
    assert all(e["least"] >= 5 for e in made["effects"])


def test_decisions_name_groups_and_add_up(model):
    rows = planted(1).slice(0, 6)
    e = model.explain(rows)
    assert e.groups == (("heat", "heat_f"),)
    assert np.allclose(e.baseline + e.contributions.sum(1), e.output, atol=1e-9)
    assert any("heat = " in r and "heat_f = " in r for line in e.reasons for r in line)


def test_columns_that_carry_the_same_thing():
    from assay.core.table import SampleSpec
    from assay.tables import open_table

    rng = np.random.default_rng(0)
    x, town = rng.normal(size=400), rng.choice(["a", "b", "c", "d"], 400)
    zone = np.array([{"a": "north", "b": "north2", "c": "south", "d": "south2"}[t] for t in town])
    table = pa.table({"x": x, "minus": -x + 0.1 * rng.normal(size=400), "town": town, "zone": zone,
                      "free": rng.normal(size=400), "other": rng.choice(list("abcd"), 400)})  # fmt: skip
    rows = open_table(table, cache=False).sample(SampleSpec(n=400))
    assert same_thing(rows, sorted(table.column_names)) == [("minus", "x"), ("town", "zone")]
    assert signs(rows, ("minus", "x")) == [1, -1] and signs(rows, ("town", "zone")) == [0, 0]
    codes = rows.codes("town")[0].astype(np.int64)
    assert cramer(codes, codes) == pytest.approx(1.0, abs=1e-6)
    assert cramer(codes, rows.codes("other")[0].astype(np.int64)) < 0.2


def test_a_target_that_nothing_tells_gives_no_confident_story():
    table = planted().drop_columns(["late"])
    rng = np.random.default_rng(5)
    noise = table.append_column("late", pa.array(rng.choice(["no", "yes"], N).tolist()))
    part = assay.fit(noise, target="late", settings=Settings(budget=1)).dossier["model"]
    made = part["understanding"]
    assert sum(bool(e["above_chance"]) for e in made["importance"]) <= 1
