"""Known truths of D06 broken-rules and D18 disagrees-with-source, as the README of the data counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from truth import Finding, Truth, anything, named

HOSPITAL = "hospital_dirty.csv.gz"
BEERS = "beers_dirty.csv.gz"


def cells(column: str, least: int, most: int) -> Callable[[Sequence[Finding]], bool]:
    """True where a finding is about this column first, in so many rows."""
    return lambda findings: any(f["columns"][0] == column and least <= (f["rows"] or 0) <= most for f in findings)


def nothing_but(*columns: str) -> Callable[[Sequence[Finding]], bool]:
    return lambda findings: any(f["columns"][0] not in columns for f in findings)


TRUTHS = [
    # 23-39 wrong cells a column; what is alone in its column (state, type, score, sample) no rule can tell
    *(
        Truth(data=HOSPITAL, code="D06", says=f"{k} wrong cells of {c}", found=cells(c, round(0.7 * k), k + 2))
        for c, k in {
            "provider number": 28, "hospital name": 24, "address1": 31, "city": 33, "zip code": 30, "county name": 39,
            "phone number": 34, "hospital owner": 27, "emergency service": 27, "condition": 32, "measure code": 29,
            "measure name": 36, "stateavg": 27,
        }.items()
    ),
    Truth(data="hospital_clean.csv.gz", code="D06", says="its clean twin keeps all rules", found=anything, silent=True),
    Truth(data=BEERS, code="D06", says="state glued onto city in 127 rows", found=cells("city", 80, 130)),
    Truth(
        data="ames_housing.csv.gz", code="D06", says="one sale and one remodelling before the build",
        found=named("Yr Sold", "Year Built", "Year Remod/Add"), call={"target": "SalePrice"},
    ),
    *(
        Truth(data=data, code="D06", says="no rule is broken", found=anything, call=call, silent=True)
        for data, call in (
            ("adult.csv.gz", {"target": "income"}), ("german_credit.csv", {"target": "risk"}),
            ("diamonds.csv.gz", {"target": "price"}), ("titanic.csv", {"target": "survived"}),
            ("bike_hour.csv.gz", {"target": "cnt"}), ("nsl_kdd.csv.gz", {"target": "attack"}),
            ("taxis.csv.gz", {"target": "tip"}), ("elec2.csv.gz", {"target": "class"}),
            ("wine_quality.csv.gz", {"target": "quality"}), ("mammography.csv.gz", {"target": "label"}),
        )
    ),
    Truth(
        data="nsl_kdd.csv.gz", code="D06", says="su_attempted is 2 once the contract says 0 or 1",
        found=named("su_attempted"),
        call={"target": "attack", "contract": {
            "schema": "assay-contract-1", "columns": {"su_attempted": {"categories": [0, 1]}},
        }},
    ),
    *(
        Truth(data=BEERS, code="D18", says=f"{k} cells of {c} differ from the clean twin", found=cells(c, k, k),
              call={"roles": {"id": "id"}, "trusted": "beers_clean.csv.gz"})
        for c, k in {"ibu": 1005, "abv": 693, "city": 127, "state": 127}.items()
    ),
    Truth(data=BEERS, code="D18", says="no other column differs", found=nothing_but("ibu", "abv", "city", "state"),
          call={"roles": {"id": "id"}, "trusted": "beers_clean.csv.gz"}, silent=True),
    *(
        Truth(data=HOSPITAL, code="D18", says=f"{k} cells of {c} differ from the clean twin",
              found=cells(c, round(0.85 * k), k), call={"trusted": "hospital_clean.csv.gz"})
        for c, k in {"city": 33, "hospital type": 32, "score": 23, "sample": 31, "state": 26}.items()
    ),
]  # fmt: skip
