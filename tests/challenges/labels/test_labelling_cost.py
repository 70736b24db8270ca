"""L06: labels pay where the curve still falls; rows are torn and apart; full or nearly full targets are left alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from assay.audit.opening import open_subject
from assay.challenges.labels import labelling_cost as l06
from assay.core.settings import Question, Settings
from assay.testing import judge
from tests.challenges.real import real


def half_told(n: int, labelled: int, noise: float = 0.0, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = np.where(x @ [2.0, -2.0, 1.0] + noise * rng.normal(size=n) > 0, "a", "b").astype(object)
    y[labelled:] = None
    return pa.table({"u": x[:, 0], "v": x[:, 1], "w": x[:, 2], "y": pa.array(y.tolist())})


def test_labels_pay() -> None:
    subject = open_subject(half_told(3000, 300), target="y", roles={"positive": "a"})
    made = judge(l06, subject, Settings(question=Question(cost_false_alarm=1.0, cost_miss=4.0)))
    assert made.decision.verdict == "found"
    (claim,) = made.run.claims
    assert claim.about.rows is not None
    assert (claim.about.rows.positions >= 300).all()
    assert claim.evidence["costs"]["a_label_saves"] > 0
    assert claim.evidence["loss"] == sorted(claim.evidence["loss"], reverse=True)
    x = np.column_stack([subject.table.arrow()[c].to_numpy() for c in "uvw"])
    near = np.abs(x @ [2.0, -2.0, 1.0])
    assert np.median(near[claim.about.rows.positions]) < np.median(near[300:]) / 1.5


def test_noise_does_not_pay() -> None:
    assert judge(l06, open_subject(half_told(3000, 1500, noise=60.0), target="y")).decision.verdict != "found"


def test_full_and_nearly_full_targets_are_left_alone() -> None:
    made = judge(l06, open_subject(half_told(600, 600), target="y"))
    assert made.run.not_applicable == "every row has a label"
    made = judge(l06, open_subject(half_told(600, 550), target="y"))
    assert made.run.not_applicable == "only 8.3 % of the rows have no label"


def test_chosen_rows_are_torn_and_apart() -> None:
    share = np.column_stack((np.repeat([0.5, 0.9], [40, 960]), np.repeat([0.5, 0.1], [40, 960])))
    space = np.zeros((1000, 2))
    space[:40] = np.repeat([[0, 0], [0, 5], [5, 0], [5, 5]], 10, axis=0)
    chosen = l06.torn_and_apart(share, space, 4)
    assert set(chosen // 10) == {0, 1, 2, 3}


def test_real() -> None:
    assert judge(l06, real("german_credit.csv", "risk")).run.not_applicable == "every row has a label"
