"""K05: groups on both sides are counted; only a group effect that a random split pretends is an inflation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.audit.opening import open_subject
from assay.challenges.leakage import group_overlap as K05
from assay.testing import clean_subject, judge, planted
from tests.challenges.leakage.cases import give, subject
from tests.challenges.real import real, stands


def visits(effect: float, n: int = 1600, size: int = 4, seed: int = 0, regression: bool = False):
    """Rows of people: a trait names the person, whose own inclination is ``effect`` large."""
    rng = np.random.default_rng(seed)
    who = np.arange(n) // size
    x, trait, own = rng.normal(size=(n, 3)), rng.normal(size=n)[who], rng.normal(size=n)[who] * effect
    z = x @ [1.0, 0.5, 0.0] + own
    y = z + rng.normal(size=n) if regression else np.where(rng.random(n) < 1 / (1 + np.exp(-z)), "yes", "no")
    return {"who": [f"p{i}" for i in who], "a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "trait": trait, "y": y}


def kinds(claims):
    return {c.evidence["kind"] for c in claims}


@pytest.mark.parametrize("regression", [False, True])
def test_a_group_effect_is_an_inflation_and_none_is_not(regression):
    strong = stands(K05, subject(visits(4.0, regression=regression), group="who"))
    assert kinds(strong) == {"overlap", "inflation"}
    effect = next(c for c in strong if c.evidence["kind"] == "inflation").effect
    assert effect.value > 0.05 and effect.interval(0.05)[0] > 0.02
    plain = stands(K05, subject(visits(0.0, regression=regression), group="who"))
    assert kinds(plain) == {"overlap"}
    assert plain[0].impact.kind != "inflates"


def test_overlap_is_counted_exactly():
    made = subject(visits(0.0, n=400, size=2), group="who")
    claim = stands(K05, made)[0]
    assert claim.effect.value == pytest.approx(0.75)  # a row of two meets the other in training three times in four
    assert claim.about.rows.total == 400


def test_rows_without_a_group_are_their_own():
    table = visits(0.0, n=400, size=2)
    holes = np.arange(400) % 4 < 2
    made = subject({**table, "who": pa.array(table["who"], mask=holes)}, group="who")
    assert stands(K05, made)[0].effect.value == pytest.approx(0.375)


def test_groups_of_one_row_are_clear_and_cost_no_fit():
    made = judge(K05, clean_subject(2000, 0, ("group",)))
    assert made.decision.verdict == "clear"
    assert give(clean_subject(2000, 0, ("group",)), "grouped") is None


def test_a_split_that_keeps_groups_whole_is_clear_and_one_that_does_not_is_found():
    table = visits(4.0, n=800)
    whole = np.where(np.arange(800) // 4 % 4 == 0, "test", "train")
    torn = np.where(np.arange(800) % 4 == 0, "test", "train")
    kept, cut = (
        open_subject(pa.table({**table, "split": s}), target="y", roles={"group": "who", "split": "split"}, cache=False)
        for s in (whole, torn)
    )
    assert judge(K05, kept).decision.verdict == "clear"
    claims = {c.evidence["kind"]: c for c in stands(K05, cut)}
    assert claims["overlap"].effect.value == 1.0 and "train against test" in claims["overlap"].says


def test_without_a_target_the_overlap_is_still_counted():
    table = visits(0.0, n=400)
    made = open_subject(pa.table(table), roles={"group": "who"}, cache=False)
    assert made.roles.target is None
    assert kinds(stands(K05, made)) == {"overlap"}


def test_the_target_in_random_order_gives_no_inflation():
    table = visits(4.0)
    for seed in range(3):
        y = np.random.default_rng(seed).permutation(table["y"])
        assert kinds(stands(K05, subject({**table, "y": y}, group="who"))) == {"overlap"}


def test_the_plant_is_counted_and_inflates():
    for seed in range(3):
        made = planted(K05, seed)
        claims = {c.evidence["kind"]: c for c in stands(K05, made.subject)}
        assert set(claims) == {"overlap", "inflation"}
        assert claims["overlap"].effect.value == pytest.approx(made.true_effect, abs=1e-9)


def test_wisconsin_meets_again_and_gains_nothing():
    claims = stands(K05, real("breast_cancer_wisconsin.csv", "class", group="id"))
    assert kinds(claims) == {"overlap"}
    assert claims[0].about.rows.total == 100  # 46 ids that come twice or more


@pytest.mark.slow
def test_diabetes_meets_again_and_gains_nothing():
    claims = stands(K05, real("diabetes_130.csv.gz", "readmitted", group="patient_nbr", id="encounter_id"))
    assert kinds(claims) == {"overlap"}
    assert claims[0].effect.value == pytest.approx(0.404, abs=0.001)


@pytest.mark.slow
def test_the_level_at_the_boundary():
    """A group effect whose inflation is near the 0.02 that matters from below is not claimed more often than stated."""
    hits = 0
    for seed in range(60):
        made = judge(K05, subject(visits(1.7, n=1500, seed=seed), group="who"))
        hits += any(c.evidence["kind"] == "inflation" and c.p <= 0.05 for c in made.run.claims)
    assert hits <= 7  # 99 % point of a binomial count at 0.05
