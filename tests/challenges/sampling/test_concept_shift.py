"""S04: another relation is found; shifted features, shifted shares and noise alone are not."""

import numpy as np
import pyarrow as pa
import pytest

from assay.challenges.sampling import concept_shift as s04
from assay.testing import judge
from tests.challenges.real import real, stands
from tests.challenges.sampling.pairs import dealt, pair


@pytest.mark.parametrize("target", ["NOx_GT", "NO2_GT"])
def test_sensors_drift(target: str) -> None:
    (claim,) = stands(s04, real("air_quality.csv.gz", target, order="Date"))
    assert claim.effect.value > 1.0


def test_elec2() -> None:
    assert stands(s04, real("elec2.csv.gz", "class", order="@row"))


@pytest.mark.slow  # a real table; random halves of generated ones are in every run
def test_the_open_window_of_compas_is_not_another_relation() -> None:
    assert not stands(s04, real("compas.csv.gz", "two_year_recid", order="compas_screening_date"))


@pytest.mark.slow  # real tables; generated twins are in every run
@pytest.mark.parametrize(("name", "target"), [("pima_diabetes.csv", "diabetes"), ("german_credit.csv", "risk")])
def test_random_halves_are_alike(name: str, target: str) -> None:
    subject = real(name, target)
    assert sum(judge(s04, dealt(subject, seed)).decision.verdict == "found" for seed in range(6)) <= 1


def rows(n: int, seed: int, *, at: float = 0.0, tilt: float = 1.0, base: float = 0.0, noise: float = 1.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(at, 1, n), rng.normal(size=n)
    y = tilt * 2 * x + z + base + rng.logistic(0, noise, n) > 0
    return pa.table({"x": x, "z": z, "y": np.where(y, "yes", "no")})


def test_generated_twin() -> None:
    (claim,) = stands(s04, pair(rows(2500, 0), rows(2500, 1, tilt=-1)))
    assert claim.effect.interval(0.05)[0] > 0.1


@pytest.mark.parametrize(
    "other", [{"at": 1.0}, {"at": -1.5}, {}, {"noise": 1.0}], ids=["right", "left", "same", "noisy"]
)
def test_shifted_features_are_not_another_relation(other: dict[str, float]) -> None:
    found = [judge(s04, pair(rows(2500, 2 * s), rows(2500, 2 * s + 1, **other))).decision.verdict for s in range(3)]
    assert found.count("found") == 0


def test_shifted_shares_are_not_another_relation() -> None:
    a, b = rows(6000, 0), rows(6000, 1)
    yes = np.array(b["y"].to_pylist()) == "yes"
    keep = ~yes | (np.random.default_rng(2).random(len(yes)) < 0.15)
    assert judge(s04, pair(a, b.filter(pa.array(keep)))).decision.verdict != "found"
