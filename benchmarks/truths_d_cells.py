"""Known truths of the developer tables for D04 and D05: cells written otherwise, and numbers that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from truth import Finding, Truth, anything, named
from truths_old import ADULT, AIR, AMES, BIKE, DIAMONDS, PIMA, TAXIS, TITANIC


def rows(count: int, *columns: str) -> Callable[[Sequence[Finding]], bool]:
    """Some finding names these columns and so many rows."""
    return lambda found: any(set(columns) <= set(f["columns"]) and f["rows"] == count for f in found)


def stones(findings: Sequence[Finding]) -> bool:
    return any(f["evidence"].get("counts") == {"x": 8, "y": 7, "z": 20} for f in findings)


def typos(findings: Sequence[Finding]) -> bool:
    return sum(f["rows"] for f in findings if f["evidence"]["kind"] == "typo") >= 0.8 * 509


TRUTHS = [
    Truth("adult.csv.gz", "D04", "test labels end in a dot (16,281 rows)", rows(16_281, "income"), ADULT),
    Truth("hospital_dirty.csv.gz", "D04", "509 cells with a letter replaced by x: four in five or more", typos),
    Truth("hospital_clean.csv.gz", "D04", "the clean twin", anything, silent=True),
    Truth("beers_clean.csv.gz", "D04", "the clean twin", anything, silent=True),
    Truth("ames_housing.csv.gz", "D05", "Garage Yr Blt = 2207 (1 row)", rows(1, "Garage Yr Blt"), AMES),
    Truth(
        "ames_housing.csv.gz", "D05", "five homes over 4,000 sq ft are homes", named("Gr Liv Area"), AMES, silent=True
    ),
    Truth("diamonds.csv.gz", "D05", "20 stones with x, y or z = 0", stones, DIAMONDS),
    Truth("diamonds.csv.gz", "D05", "2 with y > 30 mm", rows(2, "y"), DIAMONDS),
    Truth("diamonds.csv.gz", "D05", "1 with z > 30 mm", rows(1, "z"), DIAMONDS),
    Truth("bike_hour.csv.gz", "D05", "hum = 0 for all 22 hours of 2011-03-10", rows(22, "hum"), BIKE),
    Truth("taxis.csv.gz", "D05", "51 trips of distance 0", rows(51, "distance"), TAXIS),
    Truth("titanic.csv", "D05", "free fares are fares", anything, TITANIC, silent=True),
    Truth("pima_diabetes.csv", "D05", "zeros are D02's", anything, PIMA, silent=True),
    Truth("air_quality.csv.gz", "D05", "-200 is D02's", anything, AIR, silent=True),
]
