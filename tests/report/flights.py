# ruff: noqa: E501 - a table of data, read by column
"""A report with the shape and roughly the numbers of the flights demo, built by hand from core types."""

from __future__ import annotations

import numpy as np

from assay.core.claim import About, Basis, Claim, Effect, Impact, ImpactKind
from assay.core.finding import Finding, Outcome, Severity, Verdict
from assay.core.remedy import Op, Proof, Remedy
from assay.core.result import ColumnCard, Cost, Score, SubjectInfo, Trial
from assay.core.rows import Rows
from assay.core.settings import Question, Settings
from assay.report.document import Report

ROWS = 336_776
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def drop(column: str, why: str) -> Remedy:
    return Remedy("columns", "unsafe", "honesty", f"drop {column}: {why}", (Op("drop_column", (column,)),))


def finding(
    code: str, name: str, severity: Severity, kind: ImpactKind, columns: tuple[str, ...], value: float, unit: str,
    materiality: float, basis: Basis, says: str, remedy: Remedy | None = None, *, ask: bool = False, n: int = 50_000,
    interval: tuple[float, float] | None = None, rows: Rows | None = None, impact: float | None = None,
    proof: Proof | None = None, chart: dict[str, object] | None = None,
) -> Finding:  # fmt: skip
    claim = Claim(
        About(columns, rows), Effect(value, unit, materiality), basis, says, n, p=1.2345678912e-12 if basis == "test" else None,
        ask=ask, evidence={"chart": chart, "train_rows": 202_066} if chart else {},
    )  # fmt: skip
    felt = (
        Impact(kind, impact, None, "AUC")
        if impact is not None
        else Impact(kind, why_unmeasured="needs a refit to measure")
    )
    return Finding(code, name, claim, interval, severity, felt, says, remedy, proof)


def findings() -> tuple[Finding, ...]:
    honest = Proof("honesty", "kept", "AUC", 1.0, 0.568, -0.432, None, 0, "the lost score was never there")
    late_bins = {"kind": "bars", "title": "AUC of each column alone", "x": ["arr_delay", "dep_delay", "air_time", "dep_time"],
                 "y": [1.0, 0.898, 0.531, 0.664], "x_title": "", "y_title": "AUC alone"}  # fmt: skip
    by_carrier = {"kind": "bars", "title": "late unknown, by carrier", "x": ["9E", "EV", "MQ", "OO", "US", "WN", "AA", "UA"],
                  "y": [0.059, 0.055, 0.051, 0.095, 0.033, 0.016, 0.021, 0.012], "x_title": "carrier", "y_title": "share unknown"}  # fmt: skip
    months = {"kind": "line", "title": "share late by month", "x": list(MONTHS), "y_title": "share late",
              "y": [.22, .23, .22, .27, .21, .31, .31, .24, .15, .18, .17, .32], "x_title": ""}  # fmt: skip
    clock = {"kind": "hist", "title": "arr_time - sched_arr_time - arr_delay, minutes", "x": [-2, -1, 0, 1, 2],
             "y": [0, 0, 327346, 0, 0], "x_title": "minutes, modulo a day", "y_title": "rows"}  # fmt: skip
    holes = np.arange(9430, dtype=np.int64) * 35 + 471
    return (
        finding("K01", "target-copy", "critical", "inflates", ("arr_delay",), 1.0, "AUC alone", 0.98, "test",
                "arr_delay tells late from not late by itself: alone it scores AUC 1.000.", drop("arr_delay", "it is the answer"),
                interval=(0.9999, 1.0), impact=0.432, proof=honest, chart=late_bins),
        finding("K03", "target-in-parts", "critical", "inflates", ("arr_time", "sched_arr_time"), 1.0, "share of rows", 0.99, "test",
                "arr_time minus sched_arr_time, in minutes modulo a day, is arr_delay.", drop("arr_time", "with sched_arr_time it makes the answer"),
                interval=(0.99997, 1.0), impact=0.31, proof=honest, chart=clock),
        finding("K02", "future-columns", "critical", "inflates", ("dep_delay",), 0.898, "AUC alone", 0.75, "test",
                "dep_delay is filled only once the plane has left, and alone scores AUC 0.898.", drop("dep_delay", "known too late"),
                ask=True, interval=(0.896, 0.9), impact=0.22),
        finding("K02", "future-columns", "critical", "inflates", ("dep_time",), 0.664, "AUC alone", 0.6, "test",
                "dep_time is empty for the same rows as dep_delay.", drop("dep_time", "known too late"), ask=True, interval=(0.66, 0.668)),
        finding("K02", "future-columns", "critical", "inflates", ("air_time",), 1.0, "share of holes", 0.99, "exact",
                "air_time is empty exactly where arr_delay is (9,430 rows).", drop("air_time", "known too late"), ask=True),
        finding("K06", "time-shuffled", "critical", "inflates", ("day", "month"), -0.217, "AUC lost", -0.02, "test",
                "A model that may look at later flights scores AUC 0.217 more than one that may not.",
                Remedy("split", "safe", "honesty", "split forward on time_hour", options={"order": "time_hour"}),
                interval=(-0.221, -0.212), impact=0.217, chart=months, n=336_776,
                proof=Proof("honesty", "kept", "AUC", 0.785, 0.568, -0.217, (-0.221, -0.212), 67_355)),
        finding("D01", "missing-values", "warning", "costs", ("late",), 0.083, "share unknown, between carriers", 0.05, "test",
                "late is unknown for 1.2 % (UA) to 9.5 % (OO) of the flights: cancelled flights, about which a model will be silent.",
                interval=(0.03, 0.19), rows=Rows.at(holes), chart=by_carrier, n=ROWS),
        finding("D10", "identifier-columns", "advice", "tidy", ("tailnum",), 4043, "values", 1000, "heuristic",
                "tailnum looks like a key: 4,043 values of one shape."),
        finding("D09", "stuck-columns", "advice", "tidy", ("year",), 1.0, "share of rows", 0.995, "exact",
                "year has one value (2013).", Remedy("columns", "safe", "gain", "drop year: it has one value", (Op("drop_column", ("year",)),)),
                proof=Proof("gain", "kept", "loss", 0.5412, 0.5412, 0.0, (-0.0001, 0.0001), 13_471)),
    )  # fmt: skip


CATALOGUE: tuple[tuple[str, str, str, str, Verdict, str, int | None], ...] = (
    ("D01", "missing-values", "holes, and holes that mean something", "data", "found", "1 of 40 looked at", None),
    ("D02", "disguised-missing", "holes that look like values", "data", "no-sign", "no sign in 20 looked at", None),
    ("D03", "wrong-types", "numbers or dates kept as something else", "data", "clear", "20 looked at, all below what matters", None),
    ("D07", "duplicates", "the same row more than once", "data", "clear", "1 looked at, all below what matters", None),
    ("D09", "stuck-columns", "columns that say nothing", "data", "found", "1 of 20 looked at", None),
    ("D10", "identifier-columns", "keys posing as features", "data", "found", "1 of 20 looked at", None),
    ("L03", "class-imbalance", "one answer is rare", "data", "clear", "1 looked at, all below what matters", None),
    ("K01", "target-copy", "a column that is the answer", "data", "found", "1 of 19 looked at", None),
    ("K02", "future-columns", "columns known only afterwards", "data", "found", "3 of 19 looked at", None),
    ("K03", "target-in-parts", "columns that together make the answer", "data", "found", "1 of 171 looked at", None),
    ("K04", "split-overlap", "train and test share rows", "data", "not-applicable", "no split, test file or reference given", None),
    ("K06", "time-shuffled", "a shuffled split over a process that moves", "data", "found", "1 of 1 looked at", None),
    ("S02", "covariate-shift", "later rows look different", "data", "undecided", "2 of 17 could be above or below what matters (origin)", 612_000),
    ("M01", "overfitting", "learned by heart", "model", "not-applicable", "no model given", None),
    ("M05", "worse-than-naive", "a guess does as well", "model", "clear", "2 looked at, all below what matters", None),
    ("M07", "miscalibrated", "probabilities that do not come true", "model", "not-applicable", "no model given", None),
    ("M08", "under-covering", "sets that miss too often", "model", "not-applicable", "no model given", None),
)  # fmt: skip

GALLERY = (
    ("air_time", "number", 0.028, 509, "20 to 695", (0.01, 0.09, 0.18, 0.12, 0.15, 0.2, 0.05, 0.02, 0.1, 0.05, 0.02, 0.01), ("K02",)),
    ("arr_delay", "number", 0.028, 577, "-86 to 1,272", (0.55, 0.25, 0.1, 0.05, 0.02, 0.01, 0.01), ("K01",)),
    ("arr_time", "clock", 0.026, 1411, "0:01 to 24:00", (0.01, 0.0, 0.05, 0.09, 0.1, 0.1, 0.11, 0.12, 0.14, 0.15, 0.13), ("K03",)),
    ("carrier", "category", 0.0, 16, "UA 58,665, B6 54,635, EV 54,173", (0.17, 0.16, 0.16, 0.14, 0.1, 0.08, 0.06, 0.05, 0.04), ()),
    ("day", "number", 0.0, 31, "1 to 31", (0.08,) * 12, ("K06",)),
    ("dep_delay", "number", 0.025, 527, "-43 to 1,301", (0.6, 0.2, 0.1, 0.04, 0.02, 0.01), ("K02",)),
    ("dest", "category", 0.0, 105, "ORD 17,283, ATL 17,215, LAX 16,174", (0.05, 0.05, 0.05, 0.04, 0.04, 0.04, 0.04, 0.03), ()),
    ("late", "bool", 0.028, 2, "false 249,704, true 77,642", (0.763, 0.237), ("D01",)),
    ("tailnum", "category", 0.0075, 4043, "N725MQ 575, N722MQ 513, N723MQ 507", (0.002,) * 12, ("D10",)),
    ("time_hour", "date", 0.0, 6936, "2013-01-01 to 2013-12-31", (0.08, 0.07, 0.09, 0.08, 0.09, 0.08, 0.09, 0.09, 0.08, 0.09, 0.08, 0.08), ()),
    ("year", "number", 0.0, 1, "2013", (1.0,), ("D09",)),
)  # fmt: skip


def report(**changes: object) -> Report:
    """The flights report; keyword arguments replace its parts."""
    shuffled = tuple(zip(MONTHS, (.80, .79, .78, .80, .78, .80, .81, .79, .77, .77, .76, .80), strict=True))  # fmt: skip
    forward = tuple(zip(MONTHS[4:], (0.61, 0.56, 0.55, 0.58, 0.60, 0.57, 0.54, 0.55), strict=True))
    found = findings()
    parts: dict[str, object] = {
        "info": SubjectInfo(
            "flights.parquet", ROWS, 20, "9f2c1e07ab34d5518cc0", {
                "target": {"columns": ["late"], "source": "user", "why": ""},
                "order": {"columns": ["time_hour"], "source": "guess", "why": "the only date column"},
                "group": {"columns": ["tailnum"], "source": "guess", "why": "83 rows a value"},
                "asked_at": {"columns": ["sched_dep_time"], "source": "user", "why": ""},
            }, "late", "binary", "true", {"false": 249_704, "true": 77_642}, 9_430, ("later rows judge: from 2013-10-19 on",)),
        "question": Question(decides="whether passengers are told to expect a delay", asked_at="sched_dep_time"),
        "settings": Settings(),
        "findings": found,
        "outcomes": tuple(Outcome(c, n, t, s, v, r, 20, 5, need, 0.25) for c, n, t, s, v, r, need in CATALOGUE),
        "scores": (
            Score("all columns, shuffled", 1.0, "AUC", (0.9999, 1.0)),
            Score("honest columns, shuffled", 0.785, "AUC", (0.782, 0.788), blocks=shuffled),
            Score("honest columns, later flights", 0.568, "AUC", (0.561, 0.575), True, "expect this in production", forward),
        ),
        "trials": (
            *(Trial(f.code, f.remedy, f.proof) for f in found if f.remedy and f.proof),
            Trial("K06", Remedy("columns", "unsafe", "gain", "drop month and day: they name the block", (Op("drop_column", ("month", "day")),)),
                  Proof("gain", "recorded", "AUC", 0.568, 0.634, 0.066, (0.058, 0.074), 67_355, "it changes what is recorded, so it waits for your word")),
            Trial("D10", Remedy("columns", "unsafe", "gain", "drop tailnum: it looks like a key", (Op("drop_column", ("tailnum",)),)),
                  Proof("gain", "rejected", "AUC", 0.568, 0.561, -0.007, (-0.01, -0.004), 67_355)),
        ),
        "gallery": tuple(ColumnCard(*card) for card in GALLERY),
        "cost": Cost(9.8, 15.1, 812.0, 94, {"assay": "0.1.0", "duckdb": "1.4.2", "numpy": "2.3.5"}),
        "next_commands": (
            ("assay fit flights.parquet --target late -o late.assay", "without the leaks above"),
            ("assay rule K02", "the page of a challenge"),
            ("assay check flights.parquet --target late -o report.html", "everything, with charts"),
        ),
        "pages": {"K01": {"how": "AUC of each column alone, on rows that chose nothing.", "false_alarms": "A feature may simply be excellent.",
                          "sources": "Kaufman, Rosset, Perlich 2012, Leakage in data mining, ACM TKDD 6(4)."}},
        "made_at": "2026-01-05T10:00:00+00:00",
    }  # fmt: skip
    return Report(**(parts | changes))  # type: ignore[arg-type]


def dossier() -> dict[str, object]:
    """A dossier as fit writes it."""
    check = report().to_json()
    scores = check["summary"]["scores"]
    return {
        "kind": "fit", "report": check, "model": {
            "task": "binary", "classes": ["false", "true"], "features": ["carrier", "dest", "distance", "hour", "sched_dep_time"],
            "left_out": {"arr_delay": "K01: alone it scores AUC 1.000", "dep_delay": "K02, waiting for your word: filled only afterwards"},
            "scores": [scores[2], scores[1]],
            "candidates": [
                {"name": "lightgbm-31", "family": "lightgbm", "state": "done", "loss": 0.5123456, "se": 0.0021, "cpu_seconds": 12.4, "folds": 4},
                {"name": "linear", "family": "linear", "state": "done", "loss": 0.5311, "se": 0.0019, "cpu_seconds": 3.1, "folds": 4},
                {"name": "extra-trees", "family": "extra-trees", "state": "unfinished", "loss": None, "se": None, "cpu_seconds": 20.0, "folds": 1},
            ],
            "shipped": {"which": "judged", "label": "of the model in this file, trained on build and choose"},
            "calibration": {"kind": "platt", "a": 0.93, "b": -0.02, "gain": 0.0012},
            "coverage": {"nominal": 0.9, "by_class": [{"class": "false", "n": 50_000, "realised": 0.905, "lo": 0.9, "hi": 0.91},
                                                      {"class": "true", "n": 16_000, "realised": 0.88, "lo": 0.87, "hi": 0.89}]},
            "parity": {"max": 3.2e-7, "rows": 5000}, "rows": {"build": 196_408, "choose": 65_469, "judge": 65_469},
            "budget": {"cpu_seconds": 60, "used": 38.2},
            "findings": [f for f in check["findings"] if f["code"] == "D01"], "verdicts": [v for v in check["verdicts"] if v["code"] == "M05"],
        },
    }  # fmt: skip
