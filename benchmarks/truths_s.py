"""What sampling and the recording of labels are known to have done to the real tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from truth import Finding, Truth, anything


def says(*words: str) -> Callable[[Sequence[Finding]], bool]:
    """True where one finding's message holds all of these."""
    return lambda findings: any(all(w in f["message"] for w in words) for f in findings)


BANK: dict[str, Any] = {"target": "y", "time": "@row"}
MARGINS = {"marital": {"divorced": 5207, "married": 27214, "single": 12790}}
HEART: dict[str, Any] = {"target": "num"}
KDD: dict[str, Any] = {"target": "attack"}
AIR: dict[str, Any] = {"target": "NOx_GT", "time": "Date"}
AIR2: dict[str, Any] = {"target": "NO2_GT", "time": "Date"}
ELEC: dict[str, Any] = {"target": "class", "time": "@row"}
COMPAS: dict[str, Any] = {"target": "two_year_recid", "time": "compas_screening_date"}
TAXIS: dict[str, Any] = {"target": "tip", "time": "pickup"}

TRUTHS = [
    Truth("bank_marketing.csv.gz", "S01", "no divorced client, 11.5 % elsewhere", says("marital divorced", "no row"),
          {"target": "y", "population": MARGINS}),
    Truth("heart_disease_sites.csv", "S02", "features shift between sites", says("hungarian"), HEART),
    Truth("air_quality.csv.gz", "S02", "sensors drift", says("first half"), AIR),
    Truth("nsl_kdd.csv.gz", "S02", "test is not like train", says("train against test"), KDD),
    Truth("elec2.csv.gz", "S02", "vicprice, vicdemand and transfer come alive", says("transfer"), ELEC),
    Truth("heart_disease_sites.csv", "S03", "disease share .46, .36, .94, .75 by site", says("switzerland"), HEART),
    Truth("nsl_kdd.csv.gz", "S03", "shares of attacks differ", says("train against test"), KDD),
    Truth("air_quality.csv.gz", "S04", "a model of the sensors fitted before errs x9-12 after", anything, AIR),
    Truth("air_quality.csv.gz", "S04", "a model of the sensors fitted before errs x2.6-5.4 after", anything, AIR2),
    Truth("bank_marketing.csv.gz", "S04", "another relation later on", anything, BANK),
    Truth("nsl_kdd.csv.gz", "S05", "18 attacks with 3,752 rows only in test", says("18 values", "3,752"), KDD),
    Truth("heart_disease_sites.csv", "S06", "the site shows and moves the label", says("switzerland"), HEART),
    Truth("taxis.csv.gz", "L05", "tips of 1,812 cash trips are not recorded", says("cash (1,812 rows)"), TAXIS),
    Truth("compas.csv.gz", "L05", "998 rows from 2014-04-02 on: all positive", says("998 rows", "2014-04-02"), COMPAS),
    Truth("adult.csv.gz", "S02", "train and test are one population", anything, {"target": "income"}, silent=True),
    Truth("adult.csv.gz", "S05", "a dot after the label is no new class", anything, {"target": "income"}, silent=True),
    Truth("compas.csv.gz", "L07", "an open window is no new name", anything, COMPAS, silent=True),
    Truth("elec2.csv.gz", "L07", "drift is no new name", anything, ELEC, silent=True),
    Truth("bank_marketing.csv.gz", "L07", "more yes is no new name", anything, BANK, silent=True),
    Truth("diamonds.csv.gz", "L05", "the price is not capped", anything, {"target": "price"}, silent=True),
    Truth("ames_housing.csv.gz", "L05", "the price is not capped", anything, {"target": "SalePrice"}, silent=True),
]  # fmt: skip
