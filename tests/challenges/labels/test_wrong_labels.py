"""L01: planted errors are found and told from open cases; hard but clean data is left alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.audit.ranking import finding
from assay.challenges.labels import wrong_labels as l01
from assay.core.settings import Settings
from assay.stats.label_noise import fit_noise, noise_above
from assay.testing import judge
from tests.challenges.real import real, said, stands


def ringed(n: int, rate: float, seed: int = 0, kind: str = "uniform") -> tuple[pa.Table, np.ndarray]:
    """Three classes in clusters that nearly touch, a share ``rate`` of the labels wrong: the twin of digits."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    angle = 2 * np.pi * y / 3
    x = 3 * np.column_stack((np.cos(angle), np.sin(angle))) + rng.normal(size=(n, 2))
    wrong = np.sort(rng.permutation(n if kind == "uniform" else np.flatnonzero(y == 0))[: round(rate * n)])
    made = y.copy()
    made[wrong] = (y[wrong] + (rng.integers(1, 3, len(wrong)) if kind == "uniform" else 1)) % 3
    columns = {"a": x[:, 0], "b": x[:, 1], "site": rng.choice(["north", "south"], n), "y": np.array(list("pqr"))[made]}
    return pa.table(columns), wrong


@pytest.mark.parametrize(("rate", "kind"), [(0.03, "uniform"), (0.15, "uniform"), (0.1, "class")])
def test_planted_rows_are_found(rate: float, kind: str) -> None:
    table, wrong = ringed(1500, rate, kind=kind)
    (claim,) = stands(l01, open_subject(table, target="y"))
    assert claim.about.rows is not None
    flagged = claim.about.rows.positions
    hits = len(np.intersect1d(flagged, wrong))
    assert hits / len(flagged) > 0.9
    assert hits / len(wrong) > 0.8
    assert claim.effect.value <= rate + 0.01


def test_evidence_names_class_group_and_remedy() -> None:
    table, wrong = ringed(1500, 0.1, kind="class")
    subject = open_subject(table, target="y", roles={"site": "site"})
    (claim,) = stands(l01, subject)
    by_class = {c["label"]: c for c in claim.evidence["by_class"]}
    assert by_class["q"]["mostly"] == "p"
    assert by_class["q"]["interval"][0] > 0.1 > by_class["r"]["interval"][1]
    assert {g["level"] for g in claim.evidence["by_group"]["site"]} == {"north", "south"}
    fix = finding(l01, claim, None, subject, Settings()).remedy
    assert fix is not None
    truth = table["y"].to_pylist()
    assert fix.safety == "unsafe"
    right = [fix.options["relabel"].get(str(i)) == "p" for i in wrong]
    assert np.mean(right) > 0.8
    assert all(truth[int(i)] != label for i, label in fix.options["relabel"].items())


def test_open_outcomes_are_not_wrong() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 3))
    y = rng.random(3000) < 1 / (1 + np.exp(-x @ [0.6, -0.5, 0.3] + 0.4))
    subject = open_subject(
        pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.where(y, "yes", "no")}), target="y"
    )
    assert judge(l01, subject).decision.verdict == "not-applicable"


def test_classes_that_columns_cannot_tell_are_not_misspelt() -> None:
    """A scale whose neighbours look alike: one class would else swallow the others as its errors."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2500, 2))
    grade = np.digitize(x @ [1.0, 0.6] + rng.normal(size=2500), [-2.0, -0.7, 0.7, 2.0])
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "y": np.array(list("pqrst"))[grade]})
    assert said(l01, open_subject(table, target="y")) == ""


def test_shuffled_target_is_silent() -> None:
    table, _ = ringed(1500, 0.05)
    y = np.random.default_rng(3).permutation(table["y"].to_numpy(zero_copy_only=False))
    assert said(l01, open_subject(table.set_column(3, "y", pa.array(y)), target="y")) == ""


def test_a_leak_does_not_hide_errors() -> None:
    table, wrong = ringed(1500, 0.05)
    subject = open_subject(table.append_column("told", pc_upper(table)), target="y")
    (claim,) = stands(l01, subject)
    assert claim.about.rows is not None
    assert len(np.intersect1d(claim.about.rows.positions, wrong)) > 0.8 * len(wrong)


def pc_upper(table: pa.Table) -> pa.ChunkedArray:
    """The labels in other words."""
    return pa.chunked_array([[f"is {v}" for v in table["y"].to_pylist()]])


@pytest.mark.slow  # many tables; the null numbers of L01 are measured by benchmarks/nulls.py
def test_level_at_the_boundary() -> None:
    """Half a percent of wrong labels, where the columns settle nearly every row, is not claimed at a report's level."""
    p = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        logit = rng.normal(0, 6, 2000)
        y = (rng.random(2000) < 1 / (1 + np.exp(-logit))).astype(int)
        wrong = rng.permutation(2000)[:10]
        y[wrong] = 1 - y[wrong]
        logs = np.stack([np.column_stack((-np.logaddexp(0, logit), -np.logaddexp(0, -logit)))])
        p.append(noise_above(logs, y, fit_noise(logs, y), 0.005)[0])
    assert np.mean(np.array(p) <= 0.05) <= 0.2
    assert min(p) > 0.001


def test_likelihood_reads_the_rate() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 5, 4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(-logit))).astype(int)
    wrong = rng.permutation(4000)[:200]
    y[wrong] = 1 - y[wrong]
    logs = np.stack([np.column_stack((-np.logaddexp(0, logit), -np.logaddexp(0, -logit)))])
    assert fit_noise(logs, y).rate == pytest.approx(0.05, abs=0.015)
    assert fit_noise(logs, (rng.random(4000) < 1 / (1 + np.exp(-logit))).astype(int)).rate < 0.01


COMPAS = ("sex", "age", "race", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count", "c_charge_degree",
          "decile_score")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target"), [("compas.csv.gz", "two_year_recid"), ("german_credit.csv", "risk"),
                         ("pima_diabetes.csv", "diabetes"), ("adult.csv.gz", "income")],
)  # fmt: skip
def test_hard_but_clean_data_is_left_alone(name: str, target: str) -> None:
    subject = real(name, target)
    if name.startswith("compas"):
        subject = open_subject(subject.table.arrow().select([*COMPAS, target]), target=target)
    assert said(l01, subject) == ""


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "precision", "recall"), [(0.03, 0.9, 0.8), (0.15, 0.92, 0.85)])
def test_digits(rate: float, precision: float, recall: float) -> None:
    from sklearn.datasets import load_digits

    digits, made = load_digits(), []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = digits.target.copy()
        wrong = rng.permutation(len(y))[: round(rate * len(y))]
        y[wrong] = (y[wrong] + rng.integers(1, 10, len(wrong))) % 10
        columns = {f"p{i:02}": digits.data[:, i] for i in range(64)} | {"y": [f"d{v}" for v in y]}
        (claim,) = stands(l01, open_subject(pa.table(columns), target="y"))
        hits = len(np.intersect1d(claim.about.rows.positions, wrong))
        made.append((hits / claim.about.rows.total, hits / len(wrong)))
    assert np.mean(made, axis=0)[0] >= precision
    assert np.mean(made, axis=0)[1] >= recall
