"""Known truths of the developer tables for K05: people who come back, and that it does not help to know them."""

from __future__ import annotations

from collections.abc import Sequence

from truth import Finding, Truth
from truths_old import DIABETES, WISCONSIN


def overlap(findings: Sequence[Finding]) -> bool:
    return any(f["evidence"]["kind"] == "overlap" for f in findings)


def inflation(findings: Sequence[Finding]) -> bool:
    return any(f["evidence"]["kind"] == "inflation" for f in findings)


TRUTHS = [
    Truth("diabetes_130.csv.gz", "K05", "30 % of encounters are repeat patients", overlap, DIABETES),
    Truth("breast_cancer_wisconsin.csv", "K05", "54 repeated ids", overlap, WISCONSIN),
    Truth("diabetes_130.csv.gz", "K05", "knowing the patient adds nothing", inflation, DIABETES, silent=True),
    Truth("breast_cancer_wisconsin.csv", "K05", "knowing the id adds nothing", inflation, WISCONSIN, silent=True),
]
