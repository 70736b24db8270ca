"""L02: conflicts are counted whatever names the row beside them; coarse columns conflict by nature."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from assay.audit.opening import open_subject
from assay.challenges.labels import conflicting_labels as l02
from assay.testing import bare_subject, judge
from tests.challenges.real import real, said, stands


def twice(n: int = 600, pairs: int = 20) -> dict[str, np.ndarray]:
    """``pairs`` rows stand twice, with another label the second time."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=n), rng.choice(["yes", "no"], n)
    x[:pairs], y[:pairs] = x[pairs : 2 * pairs], np.where(y[pairs : 2 * pairs] == "yes", "no", "yes")
    return {"x": x, "z": np.round(x * 5), "outcome": y}


def test_generated() -> None:
    (claim,) = stands(l02, bare_subject(pa.table(twice())))
    assert (claim.evidence["sets"], claim.evidence["floor"], claim.about.rows.total) == (20, 20, 40)
    assert set(claim.about.rows.positions) == set(range(40))
    assert claim.effect.value == 20 / 600


def test_row_number_id_and_moment_do_not_hide_them() -> None:
    columns = twice()
    more = {
        "row": np.arange(600),
        "key": [f"A{i:04}" for i in np.random.default_rng(1).permutation(600)],
        "when": np.datetime64("2024-01-01") + np.arange(600).astype("timedelta64[D]"),
    }
    subject = open_subject(pa.table(columns | more), target="outcome", roles={"order": "when", "id": "key"})
    (claim,) = stands(l02, subject)
    assert claim.evidence["floor"] == 20
    assert {"row", "key", "when"} <= set(claim.evidence["left_out"])


def test_a_leak_does_not_hide_them() -> None:
    columns = twice()
    leak = np.where(columns["outcome"] == "yes", "da", "nicht")
    (claim,) = stands(l02, open_subject(pa.table(columns | {"leak": leak}), target="outcome"))
    assert claim.evidence["floor"] == 20


def test_spelling_is_no_conflict_and_signs_are() -> None:
    x = np.repeat(np.random.default_rng(0).normal(size=150), 2)
    for pair, floor in ((["<=50K", "<=50K."], 0), (["<=50K", ">50K"], 150), (["'-1'", "'1'"], 150)):
        y = np.tile(np.array(pair, dtype=object), 150)
        y[:4] = ["other", "other", "other", "other"]
        claim = judge(l02, open_subject(pa.table({"x": x, "y": y.tolist()}), target="y")).run.claims[0]
        assert claim.evidence["floor"] == max(0, floor - 2)


def test_coarse_columns_conflict_by_nature() -> None:
    rng = np.random.default_rng(1)
    columns = {f"c{i}": rng.integers(0, 4, 2000) for i in range(5)}
    y = np.where(rng.random(2000) < 0.03, "yes", "no")
    made = judge(l02, bare_subject(pa.table(columns | {"outcome": y})))
    assert made.decision.verdict == "clear"
    assert "chance alone" in made.run.claims[0].says


def test_holes_in_the_target_are_no_label() -> None:
    columns = twice()
    y = [None if i < 20 else v for i, v in enumerate(columns["outcome"].tolist())]
    made = judge(l02, open_subject(pa.table(columns | {"outcome": y}), target="outcome"))
    assert made.run.claims[0].evidence["floor"] == 0


def test_truths() -> None:
    (claim,) = stands(l02, real("titanic.csv", "survived"))
    assert (claim.evidence["sets"], claim.evidence["floor"]) == (12, 12)
    for name, target in (("adult.csv.gz", "income"), ("german_credit.csv", "risk"), ("wine_quality.csv.gz", "quality")):
        assert said(l02, real(name, target)) == ""
