"""S02: margins and witness, one finding a pair; halves of one table are alike."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assay.challenges.sampling import covariate_shift as s02
from assay.core.subject import Comparison, Subject
from assay.testing import bare_subject, judge
from tests.challenges.real import real, stands


def pair(subject: Subject, first: np.ndarray, name: str = "a against b") -> Subject:
    rows, mask = subject.table.arrow(), pa.array(first)
    parts = [subject.table.derive(rows.filter(m)) for m in (mask, pc.invert(mask))]
    return replace(subject, comparisons=(Comparison(name, *parts),))


@pytest.mark.slow  # large real tables; a generated twin is in every run
def test_truths() -> None:
    assert stands(s02, real("nsl_kdd.csv.gz", "attack"))
    heart = real("heart_disease_sites.csv", "num")
    site = np.array(heart.table.arrow()["site"].to_pylist())
    found = stands(s02, pair(heart, site == "hungarian", "hungarian against the rest"))
    assert found[0].about.comparison == "hungarian against the rest"
    for name, target in (("air_quality.csv.gz", "CO_GT"), ("elec2.csv.gz", "class")):
        subject = real(name, target)
        assert stands(s02, pair(subject, np.arange(subject.table.n_rows) < subject.table.n_rows // 2))


@pytest.mark.parametrize(("name", "target"), [("adult.csv.gz", "income"), ("wine_quality.csv.gz", "quality")])
def test_random_halves_are_alike(name: str, target: str) -> None:
    subject = real(name, target)
    if not subject.comparisons:
        subject = pair(subject, np.random.default_rng(0).random(subject.table.n_rows) < 0.5)
    assert judge(s02, subject).decision.verdict != "found"


def table(rng: np.random.Generator, n: int, joint: float = 0.0, shift: float = 0.0) -> pa.Table:
    x = rng.normal(size=n)
    y = np.where(rng.random(n) < 0.5 + joint, np.abs(rng.normal(size=n)) * np.sign(x), rng.normal(size=n))
    return pa.table(
        {"x": x + shift, "y": y, "c": rng.choice(["p", "q", "r"], n), "outcome": rng.choice(["no", "yes"], n)}
    )


def test_witness_sees_what_margins_miss() -> None:
    rng = np.random.default_rng(0)
    a, b = table(rng, 4000, -0.5), table(rng, 4000, 0.5)
    subject = bare_subject(a)
    subject = replace(subject, comparisons=(Comparison("a against b", subject.table, subject.table.derive(b)),))
    (claim,) = stands(s02, subject)
    assert claim.evidence["kind"] == "witness"


def test_columns_that_never_change_are_not_named() -> None:
    rng = np.random.default_rng(0)
    a, b = (table(rng, 4000, r).append_column("one", pa.array([1.0] * 4000)) for r in (-0.5, 0.5))
    subject = bare_subject(a)
    subject = replace(subject, comparisons=(Comparison("a against b", subject.table, subject.table.derive(b)),))
    (claim,) = stands(s02, subject)
    assert "one" not in claim.about.columns


def test_shift_is_named_once_and_by_its_column() -> None:
    rng = np.random.default_rng(1)
    subject = bare_subject(table(rng, 2000))
    moved = subject.table.derive(table(rng, 2000, 0.0, 1.0))
    (claim,) = stands(s02, replace(subject, comparisons=(Comparison("old against new", subject.table, moved),)))
    assert claim.about.columns == ("x",)
    assert claim.says.startswith("old against new")


def test_columns_that_tell_the_time_are_set_aside() -> None:
    rng = np.random.default_rng(2)
    n = 2000
    day = np.arange(n) // 4
    rows = pa.table(
        {
            "when": day.astype(float),
            "month": day // 30,
            "x": rng.normal(size=n),
            "outcome": rng.choice(["no", "yes"], n),
        }
    )
    subject = bare_subject(rows)
    from assay.core.subject import Role

    subject = replace(subject, roles=replace(subject.roles, order=Role(("when",))))
    made = judge(s02, pair(subject, np.arange(n) < n // 2))
    assert made.decision.verdict != "found"
    assert made.run.claims[0].evidence["tell_the_time"] == ["month"]
