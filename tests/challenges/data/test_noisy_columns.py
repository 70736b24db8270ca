"""D19: noise is measured where a thing was measured twice, and nowhere else."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.data import noisy_columns as d19
from assay.core.subject import Role
from assay.testing import bare_subject, clean_subject, judge
from tests.challenges.real import real

RNG = np.random.default_rng


def twins(n: int, noise: float, seed: int = 0) -> pa.Table:
    """Two sensors of one heat, each with this share of noise, and a target that follows the heat."""
    heat = RNG([seed, 0]).normal(20, 4, n)
    sd = 4 * np.sqrt(noise / (1 - noise))
    columns = {f"temp_{k}": heat + RNG([seed, k]).normal(0, sd, n) for k in (1, 2)}
    hot = heat + RNG([seed, 3]).normal(0, 3, n) > 20
    return pa.table(columns | {"other": RNG([seed, 4]).normal(size=n), "outcome": np.where(hot, "yes", "no")})


def test_twin_sensors() -> None:
    made = judge(d19, bare_subject(twins(1500, 0.3)))
    assert made.decision.verdict == "found"
    for claim, _ in made.decision.stands:
        assert claim.basis == "heuristic" and "look like twins" in claim.says
        low, high = claim.effect.interval(0.05)
        assert low < 0.3 < high
        assert "their mean goes with outcome" in claim.says


def test_share_is_covered_and_level_held_at_the_boundary() -> None:
    hits = covered = total = 0
    for seed in range(60):
        for claim in judge(d19, bare_subject(twins(800, 0.1, seed))).run.claims:
            low, high = claim.effect.interval(0.1)
            total += 1
            covered += low <= 0.1 <= high
            hits += claim.effect.value > 0.1
    assert total == 120
    assert hits <= 6  # the 99.9 % point of 120 at .01
    assert covered >= 96


def test_good_sensors_are_clear() -> None:
    assert judge(d19, bare_subject(twins(1500, 0.03))).decision.verdict == "no-sign"


def test_difference_that_tells_something_is_no_noise() -> None:
    """Two readings of one thing at two moments: what lies between them decides the outcome."""
    before = RNG(0).normal(20, 4, 1500)
    after = before + RNG(1).normal(0, 2.5, 1500)
    outcome = np.where(after - before + RNG(2).normal(0, 1, 1500) > 0, "yes", "no")
    made = judge(d19, bare_subject(pa.table({"temp_1": before, "temp_2": after, "outcome": outcome})))
    assert made.decision.verdict == "not-applicable"


@pytest.mark.parametrize(("a", "b", "same"), [
    ("temp_1", "temp_2", True), ("temp.1", "temp", True), ("bp_a", "bp_b", True), ("height", "height repeat", True),
    ("score retest", "score", True), ("x", "y", False), ("sepal width", "petal width", False),
    ("mean radius", "worst radius", False), ("V1", "V2", True), ("width", "height", False), ("data", "datb", False),
])  # fmt: skip
def test_names_of_twins(a: str, b: str, same: bool) -> None:
    assert (d19.stem(a) == d19.stem(b)) == same


def test_repeated_measurements_of_a_group() -> None:
    people = np.repeat(np.arange(200), 4)
    level = RNG(0).normal(120, 12, 200)[people] + RNG(1).normal(0, 7, 800)
    table = pa.table({"person": people, "pressure": level, "outcome": np.where(RNG(2).random(800) < 0.5, "a", "b")})
    subject = bare_subject(table)
    from dataclasses import replace

    subject = replace(subject, roles=replace(subject.roles, group=Role(("person",))))
    made = judge(d19, subject)
    (claim,) = [c for c, _ in made.decision.stands]
    assert claim.effect.value == pytest.approx(49 / (49 + 144), abs=0.05)


def test_group_that_explains_nothing_is_no_repeat() -> None:
    assert judge(d19, clean_subject(2000, 0, ("group",))).decision.verdict in ("not-applicable", "clear", "undecided")


@pytest.mark.parametrize(("name", "target"), [("diamonds.csv.gz", "price"), ("air_quality.csv.gz", "CO_GT")])
def test_real_tables_have_no_twins(name: str, target: str) -> None:
    assert judge(d19, real(name, target)).decision.verdict == "not-applicable"
