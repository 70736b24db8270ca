"""Precision of readings of meaning: counted from judgements that anyone can check, printed where it is claimed."""

from __future__ import annotations

import csv
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import assay
from assay.audit.catalogue import catalogue
from assay.audit.pages import drawer
from assay.audit.precision import ENOUGH, Precision, precision_of, precisions
from assay.cli.rule import as_json, as_page
from assay.core.settings import Settings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def judged() -> list[dict[str, str]]:
    with (BENCHMARKS / "precision_judged.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_counts_are_those_of_the_judgements():
    for code, kept in precisions().items():
        counted = [row for row in judged() if row["code"] == code and row["counts"] == "yes"]
        assert (kept.right, kept.judged) == (sum(r["verdict"] == "true" for r in counted), len(counted)), code
        assert len({row["table"] for row in counted}) <= kept.tables


def test_every_judgement_says_what_why_and_about_which_finding():
    seen = set()
    for row in judged():
        assert row["verdict"] in ("true", "false", "unclear") and row["reason"] and row["columns"]
        assert row["counts"] in ("yes", "no") and row["code"] in catalogue()
        key = (row["table"], row["code"], row["columns"])
        assert key not in seen
        seen.add(key)


def test_every_challenge_that_reads_meaning_has_its_counts():
    reads = {code for code, module in catalogue().items() if re.search(r'"heuristic"', inspect.getsource(module))}
    assert reads == set(precisions())


def test_fewer_than_ten_are_unmeasured():
    few = Precision("D02", ENOUGH - 1, ENOUGH - 1, 100, "")
    assert not few.measured and few.says().startswith("unmeasured") and few.to_json()["interval"] is None
    enough = Precision("D02", 8, ENOUGH, 100, "")
    assert enough.says() == "8 of 10 judged right on 100 tables not used to write it (44-97 %)"


def test_the_interval_is_clopper_and_pearsons():
    from scipy.stats import binomtest

    for right, n in ((0, 12), (7, 12), (12, 12)):
        exact = binomtest(right, n).proportion_ci(0.95, method="exact")
        assert Precision("D02", right, n, 50, "").interval == pytest.approx((exact.low, exact.high))


def test_pages_print_it_and_pages_of_counts_do_not():
    known = catalogue()
    for code, module in known.items():
        kept = precision_of(code)
        printed = " ".join(as_page(module).split())
        assert (kept is not None) == ("precision of its readings of meaning" in printed)
        assert kept is None or kept.says() in printed
        assert (as_json(module)["precision"] is not None) == (kept is not None) == ("precision" in drawer(module))


def test_the_drawer_of_a_reading_shows_it(tmp_path):
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(120, 15, 400), 1)
    x[:40] = -999
    twice = pa.table({"pressure": x, "y": np.tile(["a", "b"], 200)}).slice(0, 390)
    rows = pa.concat_tables([twice, twice.slice(0, 10)])
    report = assay.check(rows, settings=Settings(select=("D02", "D07")), cache=False)
    html = report.save(tmp_path / "r.html").read_text("utf-8")
    assert {f.code: f.claim.basis for f in report.findings} == {"D02": "heuristic", "D07": "exact"}
    assert html.count("<dt>Precision</dt>") == 1
    assert json.loads(json.dumps(report.to_json()["pages"]))["D02"]["precision"] == precisions()["D02"].says()
