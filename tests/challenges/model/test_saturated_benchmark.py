"""M13: few errors left, errors that are those of the labels, and what must stay silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.model import saturated_benchmark as m13
from assay.core.claim import Claim
from assay.core.subject import Predictions, Role, Roles, Subject
from assay.core.table import SampleSpec
from assay.tables import make_partition, open_table
from assay.testing import judge


def made(n: int, seed: int, errors: float, flips: float, order: bool = False) -> Subject:
    """Three numbers tell the class but for a hard share of rows; the model errs in ``errors`` of the rows, and
    ``flips`` of the labels are wrong, which no model could know."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    score = x.sum(1)
    truth = (score > 0).astype(float)
    recorded = np.where(rng.random(n) < flips, 1 - truth, truth)
    wrong = rng.random(n) < errors
    sure = 1 / (1 + np.exp(-6 * np.abs(score) - 3))
    said = np.where(wrong, 1 - truth, truth)
    p = np.where(said == 1, sure, 1 - sure)
    columns = {f"x{i}": x[:, i] for i in range(3)} | {"t": np.arange(n), "y": np.where(recorded == 1, "yes", "no")}
    table = open_table(pa.table(columns), name="t")
    roles = Roles(Role(("y",)), "binary", ("no", "yes"), "yes", order=Role(("t",)) if order else None)
    subject = Subject(table, roles, make_partition(table, roles, 0), 0)
    rows = table.sample(SampleSpec(n=n))
    at = rows.position
    output = np.column_stack((1 - p, p))[at]
    part = subject.partition.part(rows)
    return replace(subject, predictions=Predictions(rows.row_id, output, recorded[at], part, roles.classes))


def only(subject: Subject) -> tuple[Claim, str]:
    got = judge(m13, subject)
    assert got.run.error is None and len(got.run.claims) == 1
    return got.run.claims[0], got.decision.verdict


def test_a_model_with_errors_to_mend_is_no_saturation() -> None:
    claim, verdict = only(made(6000, 0, 0.1, 0.0))
    assert verdict == "clear" and claim.evidence["left_to_win"] == pytest.approx(0.1, abs=0.03)


def test_hardly_an_error_left() -> None:
    claim, verdict = only(made(6000, 1, 0.001, 0.0))
    assert verdict == "found" and claim.effect.value > 2


def test_errors_that_are_wrong_labels_are_not_left_to_win() -> None:
    """The model is all but perfect and errs in 4 % of the rows, nearly all of which carry a wrong label."""
    claim, verdict = only(made(8000, 2, 0.0005, 0.04))
    assert verdict == "found"
    assert claim.evidence["loss"] == pytest.approx(0.04, abs=0.012) and claim.evidence["left_to_win"] < 0.008
    assert "look like wrong labels" in claim.says


def test_more_rows_end_it() -> None:
    few, verdict = only(made(600, 3, 0.02, 0.0))
    many, later = only(made(24_000, 3, 0.02, 0.0))
    assert verdict in ("found", "undecided") and later == "clear" and few.effect.value > 1 > many.effect.value


def test_rows_in_time_blocks_are_counted_as_such() -> None:
    claim, verdict = only(made(6000, 4, 0.1, 0.0, order=True))
    assert verdict == "clear" and claim.evidence["units"] == "time blocks"


def test_the_difference_that_shows_is_found_four_times_in_five() -> None:
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(5)
    n, hits = 1000, 0
    for _ in range(400):
        apart = rng.choice([-1.0, 0.0, 1.0], n, p=(0.1, 0.8, 0.1))
        hits += ttest_1samp(apart + m13.detectable(apart), 0).pvalue <= 0.05
    assert hits / 400 == pytest.approx(0.8, abs=0.06)


def test_numbers_and_models_that_are_the_same() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=3000)
    y = x + rng.normal(size=3000)
    table = open_table(pa.table({"x": x, "y": y}), name="t")
    roles = Roles(Role(("y",)), "regression")
    subject = Subject(table, roles, make_partition(table, roles, 0), 0)
    rows = table.sample(SampleSpec(n=3000))
    at, part = rows.position, subject.partition.part(rows)
    given = Predictions(rows.row_id, x[at], y[at], part)
    claim, verdict = only(replace(subject, predictions=given))
    assert verdict == "clear" and claim.effect.value < 0.5
    exact = replace(subject, predictions=replace(given, output=given.y.copy()))
    assert judge(m13, exact).run.error is None
