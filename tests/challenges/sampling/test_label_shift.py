"""S03: class shares of two tables; silent where only names or neighbours differ."""

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.sampling import label_shift as s03
from assay.core.finding import Finding
from assay.testing import judge
from tests.challenges.real import real, stands
from tests.challenges.sampling.pairs import dealt, pair


def rows(n: int, shares: list[float], seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    names = [f"class {i}" for i in range(len(shares))]
    return pa.table({"x": rng.normal(size=n), "y": rng.choice(names, n, p=shares)})


def test_truths() -> None:
    heart = stands(s03, real("heart_disease_sites.csv", "num"))
    assert {c.about.comparison for c in heart} >= {
        "site hungarian against the rest", "site switzerland against the rest", "site va against the rest"
    }  # fmt: skip
    assert stands(s03, real("nsl_kdd.csv.gz", "attack"))
    assert stands(s03, real("bank_marketing.csv.gz", "y", order="@row"))


@pytest.mark.parametrize("shares", [[0.6, 0.4], [0.5, 0.3, 0.1, 0.05, 0.05]])
def test_generated_twin(shares: list[float]) -> None:
    moved = [shares[0] - 0.3, shares[1] + 0.3, *shares[2:]]
    (claim,) = stands(s03, pair(rows(800, shares, 0), rows(800, moved, 1)))
    lo, hi = claim.effect.interval(0.05)
    assert lo <= 0.3 <= hi
    found = Finding("S03", "label-shift", claim, None, "warning", claim.impact, claim.says)
    ratio = s03.remedy(None, found).options["prior_ratio"]
    assert ratio["class 1"] == pytest.approx(moved[1] / shares[1], rel=0.25)


@pytest.mark.parametrize("seed", range(5))
def test_random_halves_are_alike(seed: int) -> None:
    subject = open_subject(rows(1500, [0.5, 0.3, 0.15, 0.05], seed), target="y", cache=False)
    assert judge(s03, dealt(subject, seed)).decision.verdict != "found"


def test_classes_that_one_side_lacks_are_not_its_business() -> None:
    a, b = rows(500, [0.5, 0.5], 0), rows(500, [0.5, 0.5], 1)
    renamed = b.set_column(1, "y", pa.array([v + "." for v in b["y"].to_pylist()]))
    assert judge(s03, pair(a, renamed)).decision.verdict != "found"


def test_neighbours_that_are_alike_do_not_testify_one_by_one() -> None:
    n, found = 4000, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        state = np.repeat(rng.random(40) < 0.5, 100)  # long runs of one class, no drift
        table = pa.table({"x": rng.normal(size=n), "t": np.arange(n), "y": np.where(state, "up", "down")})
        subject = open_subject(table, target="y", roles={"order": "t"}, cache=False)
        found += judge(s03, subject).decision.verdict == "found"
    assert found <= 2
