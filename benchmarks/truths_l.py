"""Known truths of the label family: wrong, conflicting and rare labels, and rows without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from truth import Finding, Truth, anything


def says(*words: str) -> Callable[[Sequence[Finding]], bool]:
    """True where some finding of the code says all of these."""
    return lambda findings: any(all(w in f["message"] for w in words) for f in findings)


TRUTHS = [
    Truth(
        "wine_quality.csv.gz", "L04", "class 9 has 5 rows, class 3 has 30", says("9 (5) and 3 (30)"),
        {"target": "quality"},
    ),
    Truth(
        "nsl_kdd.csv.gz", "L04", "19 of the 40 attack names have too few rows to test (spy 1, perl 2)",
        says("19 of 40 classes", "spy (1)"), {"target": "attack"},
    ),
    Truth(
        "titanic.csv", "L02", "12 sets of passengers who are alike but for their fate (43 rows; `alive` left out)",
        says("43 rows", "12 sets"), {"target": "survived"},
    ),
    Truth("oil_spill.csv", "L04", "41 positives suffice to test a recall", anything, {"target": "label"}, silent=True),
    Truth(
        "adult.csv.gz", "L02", "equal rows with other incomes are no more than coarse columns give, and a full stop "
        "after a label is no other label", anything, {"target": "income"}, silent=True,
    ),
    Truth(
        "compas.csv.gz", "L01", "outcomes are open, labels are not wrong", anything,
        {"target": "two_year_recid", "time": "compas_screening_date"}, silent=True,
    ),
    Truth("german_credit.csv", "L01", "outcomes are open, labels are not wrong", anything, {"target": "risk"},
          silent=True),
    Truth("pima_diabetes.csv", "L01", "outcomes are open, labels are not wrong", anything, {"target": "diabetes"},
          silent=True),
    Truth(
        "adult.csv.gz", "L01", "natural errors cannot be proven; two spellings of a class are one", anything,
        {"target": "income"}, silent=True,
    ),
    Truth("telco_churn.csv.gz", "L06", "every row has a label", anything, {"target": "Churn"}, silent=True),
]  # fmt: skip
